package netdb

import (
	"bytes"
	"errors"
	"testing"

	"i2ptoolkit/pkg/routerinfo"
)

// TestShared: DBs that share keep a RouterInfo once, and refuse what they would
// refuse alone.
func TestShared(t *testing.T) {
	f, shared := newForge(t), NewShared()
	good := f.router(t, routerConfig{})
	b := bytes.Clone(f.router(t, routerConfig{}).Bytes())
	b[len(b)-1] ^= 1
	bad, err := routerinfo.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	var dbs []*DB
	for _, s := range []*Shared{nil, shared, shared} {
		db := newDB(Config{Shared: s})
		dbs = append(dbs, db)
		mustStore(t, db, FromReply, good)
		if _, err := db.StoreRouterInfo(testTime, FromReply, bad); !errors.Is(err, ErrSignature) {
			t.Errorf("a bad signature: %v", err)
		}
		if ri := db.Router(good.Hash()); ri == nil || !bytes.Equal(ri.Bytes(), good.Bytes()) {
			t.Error("another RouterInfo came out than went in")
		}
	}
	raw := func(i int) *byte { return &dbs[i].records.of[good.Hash()].raw[0] }
	if raw(1) != raw(2) || raw(0) == raw(1) {
		t.Error("the wrong DBs share what is kept")
	}
}
