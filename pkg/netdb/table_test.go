package netdb

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// TestWalkOrder: no entry is closer than the one before, and none is left out.
func TestWalkOrder(t *testing.T) {
	var tab table
	r := rand.New(rand.NewChaCha8([32]byte{5}))
	var all []i2p.Hash
	for i := range 3000 {
		var h i2p.Hash
		binary.BigEndian.PutUint64(h[:], r.Uint64())
		if i%3 == 0 { // some deep crowds
			h = i2p.Hash{0xaa, 0xbb, 0xcc}
			binary.BigEndian.PutUint64(h[24:], r.Uint64())
		}
		e := &entry{}
		e.sum.Hash = h
		tab.insert(e)
		all = append(all, h)
	}
	for _, key := range []i2p.Hash{{}, {0xaa, 0xbb, 0xcc}, {0xff}, all[7]} {
		n := 0
		last := key
		tab.walk(key, func(e *entry) bool {
			if n > 0 && closer(key, e.sum.Hash, last) {
				t.Fatalf("entry %d is closer than the one before", n)
			}
			last = e.sum.Hash
			n++
			return true
		})
		if n != tab.n || n != len(all) {
			t.Fatalf("walked %d of %d", n, tab.n)
		}
	}
	for _, h := range all {
		tab.remove(h)
	}
	if tab.n != 0 {
		t.Fatal("not empty")
	}
}

func TestRoutingKey(t *testing.T) {
	key := i2p.HashOf([]byte("x"))
	want := i2p.HashOf(append(key[:], "20261122"...))
	if RoutingKey(key, testTime) != want {
		t.Fatal("not SHA-256 of key and date")
	}
	if RoutingKey(key, testTime.Add(12*time.Hour)) == want {
		t.Fatal("the same on the next day")
	}
	late := time.Date(2026, 11, 23, 1, 0, 0, 0, time.FixedZone("", 2*3600)) // still the 22nd in UTC
	if RoutingKey(key, late) != want {
		t.Fatal("the date is not UTC")
	}
}

func TestNoCrowdByChance(t *testing.T) {
	f, db := newForge(t), newDB(Config{})
	for range 500 {
		mustStore(t, db, FromReseed, f.router(t, routerConfig{}))
	}
	crowds := 0
	for i := range 2000 {
		if db.floodfills.crowdAt(i2p.HashOf([]byte{byte(i), byte(i >> 8)})) <= 256 {
			crowds++
		}
	}
	if crowds > 20 {
		t.Fatalf("%d of 2000 keys look crowded among honest floodfills", crowds)
	}
}
