package routerinfo

import (
	"bytes"
	"errors"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
)

// TestHybridTakenAway: who hands on a RouterInfo can take the hybrid out of it, or name a weaker
// one, and it still reads well; but it is signed, and is refused.
func TestHybridTakenAway(t *testing.T) {
	keys, err := i2p.GenerateRouter(nil)
	if err != nil {
		t.Fatal(err)
	}
	options, err := i2p.NewMapping(map[string]string{"host": "192.0.2.1", "port": "12345", "pq": HybridOption(kem.MLKEM768, kem.MLKEM512)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Build(BuildConfig{Keys: keys, Addresses: []Address{{Style: StyleSSU2, Options: options}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	written := []byte("\x02pq=\x034,3;")
	length := options.AppendTo(nil)[:2]
	shorter := []byte{0, length[1] - byte(len(written))}
	for name, c := range map[string]struct {
		from, to []byte
		want     int // hybrids that are left
	}{
		"without":  {written, nil, 0},
		"weaker":   {written, []byte("\x02pq=\x033,3;"), 2},
		"renamed":  {written, []byte("\x02px=\x034,3;"), 0},
		"as it is": {written, written, 2},
	} {
		forged := bytes.Replace(r.Bytes(), c.from, c.to, 1)
		if c.to == nil {
			at := bytes.Index(forged, []byte("\x04host="))
			copy(forged[at-2:], shorter)
		}
		f, err := Parse(forged)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := f.Addresses()[0].Hybrids(); len(got) != c.want || f.Hash() != r.Hash() {
			t.Errorf("%s: hybrids %v", name, got)
		}
		if err := f.Verify(); (name == "as it is") != (err == nil) || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
