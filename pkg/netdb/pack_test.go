package netdb

import (
	"testing"
)

func TestPack(t *testing.T) {
	f := newForge(t)
	raw := f.router(t, routerConfig{}).Bytes()
	if p := pack(raw); len(p) != len(raw)-paddingLen+patternLen+1 {
		t.Fatalf("%d bytes of %d", len(p), len(raw))
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte("short"))
	f.Add(make([]byte, 500))
	f.Fuzz(func(t *testing.T, b []byte) {
		if string(unpack(pack(b))) != string(b) {
			t.Fatal("changed")
		}
	})
}
