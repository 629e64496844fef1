package routerinfo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// realRouterInfos are records seen on the live network; they live outside the
// repository.
func realRouterInfos(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob("../../../shared/testdata/router*.dat")
	if len(files) == 0 {
		t.Skip("SKIPPED: no ../shared/testdata/router*.dat beside the repository: real RouterInfos are not tested")
	}
	out := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(f) == "router3.dat" {
			b = bytes.TrimSuffix(b, []byte("\n")) // the same editor's, see below
		}
		out[filepath.Base(f)] = b
	}
	return out
}

func TestRealRouterInfos(t *testing.T) {
	for name, b := range realRouterInfos(t) {
		r, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// router3 was edited before it was kept: seven bytes of its signature are the letter a.
		if err := r.Verify(); (err == nil) == (name == "router3.dat") {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(r.Bytes(), b) {
			t.Errorf("%s: bytes differ", name)
		}
		if r.NetID() != 2 || r.Version() == "" || r.Published().Time().Before(time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: netId %d, version %q, published %v", name, r.NetID(), r.Version(), r.Published().Time())
		}
		bad := bytes.Clone(b)
		bad[len(bad)-70] ^= 1
		if r, err := Parse(bad); err == nil && r.Verify() == nil {
			t.Errorf("%s: verifies with a bit flipped", name)
		}
		for i := range len(b) {
			if _, err := Parse(b[:i]); err == nil {
				t.Errorf("%s: parses when cut to %d bytes", name, i)
			}
		}
	}
}

func testInfo(t testing.TB) *RouterInfo {
	t.Helper()
	keys, err := i2p.GenerateRouter(nil)
	if err != nil {
		t.Fatal(err)
	}
	options, err := i2p.NewMapping(map[string]string{
		"host": "192.0.2.1", "port": "12345", "v": "2",
		"s": i2p.EncodeBase64(bytes.Repeat([]byte{7}, 32)), "i": i2p.EncodeBase64(bytes.Repeat([]byte{8}, 16)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Build(BuildConfig{
		Keys: keys, Published: 1_700_000_000_000,
		Addresses: []Address{{Cost: 3, Style: StyleNTCP2, Options: options}},
		Options:   map[string]string{"caps": "XfR", "netId": "2", "router.version": "0.9.68"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBuild(t *testing.T) {
	r := testInfo(t)
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	a := r.NTCP2()
	if len(a) != 1 || a[0].AddrPort().String() != "192.0.2.1:12345" {
		t.Fatalf("NTCP2 addresses: %v", a)
	}
	if s, ok := a[0].StaticKey(); !ok || s[0] != 7 {
		t.Errorf("static key %x, %v", s, ok)
	}
	if c := r.Caps(); !c.Floodfill || !c.Reachable || c.Bandwidth != 'X' || c.Congestion != 0 {
		t.Errorf("caps %+v", c)
	}
	again, err := Parse(r.Bytes())
	if err != nil || again.Hash() != r.Hash() {
		t.Fatalf("read back: %v", err)
	}
	if _, ok := r.EncryptionKey(); !ok {
		t.Error("no encryption key")
	}
	bad := bytes.Clone(r.Bytes())
	bad[len(bad)-1] ^= 1
	if f, err := Parse(bad); err != nil || !errors.Is(f.Verify(), ErrSignature) {
		t.Errorf("a forged signature: %v", err)
	}
}

func TestBuildRefuses(t *testing.T) {
	keys, err := i2p.GenerateRouter(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 256)
	for name, cfg := range map[string]BuildConfig{
		"17 addresses": {Addresses: make([]Address, MaxAddresses+1)},
		"long style":   {Addresses: []Address{{Style: long}}},
		"long address": {Addresses: []Address{{Options: i2p.Mapping{{Key: "host", Value: long}}}}},
		"long option":  {Options: map[string]string{"caps": long}},
	} {
		cfg.Keys = keys
		if _, err := Build(cfg); err == nil {
			t.Errorf("%s: built", name)
		}
	}
}

func TestAddress(t *testing.T) {
	key := i2p.EncodeBase64(bytes.Repeat([]byte{7}, 32))
	iv := i2p.EncodeBase64(bytes.Repeat([]byte{8}, 16))
	for _, c := range []struct {
		name, style, host, port, v, s, i string
		want                             string // AddrPort of NTCP2, "" where it is none
	}{
		{"plain", StyleNTCP2, "192.0.2.1", "1", "2", key, iv, "192.0.2.1:1"},
		{"IPv6", StyleNTCP2, "2001:db8::1", "65535", "2", key, iv, "[2001:db8::1]:65535"},
		{"IPv4 in IPv6", StyleNTCP2, "::ffff:192.0.2.1", "1", "2", key, iv, "192.0.2.1:1"},
		{"old style name", StyleNTCP, "192.0.2.1", "1", "2", key, iv, "192.0.2.1:1"},
		{"hybrid", StyleNTCP2, "192.0.2.1", "1", "2,3", key, iv, "192.0.2.1:1"},
		{"NTCP1", StyleNTCP, "192.0.2.1", "1", "", "", "", ""},
		{"another transport", StyleSSU2, "192.0.2.1", "1", "2", key, iv, ""},
		{"version 22", StyleNTCP2, "192.0.2.1", "1", "22", key, iv, ""},
		{"a name", StyleNTCP2, "example.org", "1", "2", key, iv, ""},
		{"a zone", StyleNTCP2, "fe80::1%eth0", "1", "2", key, iv, ""},
		{"no host", StyleNTCP2, "", "1", "2", key, iv, ""},
		{"port 0", StyleNTCP2, "192.0.2.1", "0", "2", key, iv, ""},
		{"port 65536", StyleNTCP2, "192.0.2.1", "65536", "2", key, iv, ""},
		{"no key", StyleNTCP2, "192.0.2.1", "1", "2", "", iv, ""},
		{"a short key", StyleNTCP2, "192.0.2.1", "1", "2", iv, iv, ""},
		{"a long IV", StyleNTCP2, "192.0.2.1", "1", "2", key, key, ""},
	} {
		options, err := i2p.NewMapping(map[string]string{"host": c.host, "port": c.port, "v": c.v, "s": c.s, "i": c.i})
		if err != nil {
			t.Fatal(err)
		}
		r := RouterInfo{addresses: []Address{{Style: c.style, Options: options}}}
		got := ""
		if a := r.NTCP2(); len(a) == 1 {
			got = a[0].AddrPort().String()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestParseCaps(t *testing.T) {
	for s, want := range map[string]Caps{
		"":        {},
		"XfR":     {Bandwidth: 'X', Floodfill: true, Reachable: true},
		"LU":      {Bandwidth: 'L', Unreachable: true},
		"OPR":     {Bandwidth: 'P', Reachable: true}, // P says O too, for old routers
		"PO":      {Bandwidth: 'P'},
		"NRD":     {Bandwidth: 'N', Reachable: true, Congestion: 'D'},
		"KHG":     {Bandwidth: 'K', Hidden: true, Congestion: 'G'},
		"?zF\x00": {},
	} {
		want.Text = s
		if got := ParseCaps(s); got != want {
			t.Errorf("%q: %+v", s, got)
		}
	}
}

func TestVersionAtLeast(t *testing.T) {
	r := testInfo(t)
	for _, c := range []struct {
		v    [3]int
		want bool
	}{{[3]int{0, 9, 58}, true}, {[3]int{0, 9, 68}, true}, {[3]int{0, 9, 69}, false}, {[3]int{1, 0, 0}, false}, {[3]int{0, 10, 0}, false}} {
		if got := r.VersionAtLeast(c.v[0], c.v[1], c.v[2]); got != c.want {
			t.Errorf("0.9.68 at least %v: %v", c.v, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(testInfo(f).Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			if r != nil {
				t.Fatal("a result beside an error")
			}
			return
		}
		if !bytes.Equal(r.Bytes(), b) {
			t.Fatal("other bytes than were parsed")
		}
		again := r.Identity().AppendTo(nil)
		again = binary.BigEndian.AppendUint64(again, uint64(r.Published()))
		again = append(again, byte(len(r.Addresses())))
		for _, a := range r.Addresses() {
			again = a.AppendTo(again)
			a.Host()
			a.AddrPort()
			a.IV()
			a.StaticKey()
			a.Caps()
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("identity and addresses are written back as %x", again)
		}
		if b[len(again)] == 0 { // no peers
			if again = r.Options().AppendTo(append(again, 0)); len(again) != r.signed || !bytes.HasPrefix(b, again) {
				t.Fatalf("written back as %x", again)
			}
		}
		r.NetID()
		r.EncryptionKey()
		_ = r.Verify()
		r.Caps()
		r.NTCP2()
		r.VersionAtLeast(0, 9, 58)
	})
}

func BenchmarkParse(b *testing.B) {
	raw := testInfo(b).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
