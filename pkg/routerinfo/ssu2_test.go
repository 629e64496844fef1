package routerinfo

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"i2ptoolkit/pkg/i2p"
)

func TestSSU2Address(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	hash := i2p.Hash{9}
	address := func(style string, options map[string]string) Address {
		m, err := i2p.NewMapping(options)
		if err != nil {
			t.Fatal(err)
		}
		return Address{Style: style, Options: m}
	}
	for _, c := range []struct {
		style, v string
		want     bool
	}{{"SSU2", "2", true}, {"SSU", "2", true}, {"SSU2", "2,3", true}, {"SSU2", "3", false}, {"SSU", "", false}, {"NTCP2", "2", false}} {
		if got := address(c.style, map[string]string{"v": c.v}).IsSSU2(); got != c.want {
			t.Errorf("%s v=%s: %v", c.style, c.v, got)
		}
	}
	for v, want := range map[string]int{"": 1500, "1400": 1400, "100": 1280, "9000": 1500, "x": 1500} {
		if got := address("SSU2", map[string]string{"mtu": v}).MTU(); got != want {
			t.Errorf("mtu %q: %d", v, got)
		}
	}
	a := address("SSU2", map[string]string{
		"i": i2p.EncodeBase64(key), "caps": "4",
		"ih0": i2p.EncodeBase64(hash[:]), "itag0": "77", "iexp0": "1234",
		"ih1": "x", "itag1": "5",
		"ih2": i2p.EncodeBase64(hash[:]), "itag2": "0",
	})
	if got, ok := a.IntroKey(); !ok || !bytes.Equal(got[:], key) {
		t.Errorf("intro key %x, %v", got, ok)
	}
	if _, ok := address("SSU2", map[string]string{"i": i2p.EncodeBase64(key[:16])}).IntroKey(); ok {
		t.Error("NTCP2's IV is no intro key")
	}
	if diff := cmp.Diff([]Introducer{{hash, 77, 1234}}, a.Introducers()); diff != "" {
		t.Error(diff)
	}
}
