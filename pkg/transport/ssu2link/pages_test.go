package ssu2link

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// TestForgedPage: what one peer sends that is forged, or old, is not in the way of what another
// sends, whichever comes first; and what verifies stays.
func TestForgedPage(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	keys, err := i2p.GenerateRouter(draw.Seeded([32]byte{8}))
	if err != nil {
		t.Fatal(err)
	}
	made := func(at time.Time, forged bool) *routerinfo.RouterInfo {
		t.Helper()
		ri, err := routerinfo.Build(routerinfo.BuildConfig{
			Keys: keys, Published: i2p.DateOf(at), Options: map[string]string{"netId": "99", "router.version": "0.9.68", "caps": "LR"},
		})
		if err != nil {
			t.Fatal(err)
		}
		b := append([]byte(nil), ri.Bytes()...)
		if forged {
			b[len(b)-1] ^= 1
		}
		if ri, err = routerinfo.Parse(b); err != nil {
			t.Fatal(err)
		}
		return ri
	}
	old, honest, forged := made(now.Add(-time.Hour), false), made(now, false), made(now.Add(time.Second), true)
	alice, eve := i2p.Hash{1}, i2p.Hash{2}
	type put struct {
		by i2p.Hash
		ri *routerinfo.RouterInfo
	}
	for name, puts := range map[string][]put{
		"forged first":     {{eve, forged}, {alice, honest}},
		"forged later":     {{alice, honest}, {eve, forged}},
		"forged again":     {{eve, forged}, {alice, honest}, {eve, forged}},
		"old first":        {{eve, old}, {alice, honest}},
		"old later":        {{alice, honest}, {eve, old}},
		"forged, then old": {{eve, forged}, {eve, old}, {alice, honest}},
		"looked for":       {{i2p.Hash{}, old}, {alice, honest}, {eve, forged}},
	} {
		p := newPages()
		for _, x := range puts {
			p.put(now, x.by, x.ri)
		}
		if ri, _ := p.get(now, honest.Hash()); ri != honest {
			t.Errorf("%s: the honest one is not there", name)
		}
	}
}

// TestRecent: whoever comes from many addresses of one link of IPv6 hides no stranger, and who fills the table with many
// links none of IPv4.
func TestRecent(t *testing.T) {
	r, now := newRecent(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	v4, v6 := netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("2a00:1::1")
	for i := range 2 * mostRecent {
		r.add(now, netip.AddrFrom16([16]byte{0x2b, 14: byte(i >> 8), 15: byte(i)}))
	}
	if r.has(now, v4) || r.has(now, v6) || !r.has(now, netip.MustParseAddr("2b00::77")) || r.has(now.Add(holeLife), netip.MustParseAddr("2b00::77")) {
		t.Error("others are known for it, or the link is not")
	}
	for i := range 2 * mostRecent {
		r.add(now, netip.AddrFrom16([16]byte{0x2b, 5: 1, 6: byte(i >> 8), 7: byte(i)}))
	}
	r.add(now, netip.MustParseAddr("23.0.0.9"))
	if !r.has(now, v6) || r.has(now, v4) || !r.has(now, netip.MustParseAddr("23.0.0.9")) {
		t.Error("a full table tells of strangers that may be none, or of none of the other family")
	}
	if r.has(now.Add(holeLife), v6) {
		t.Error("for ever")
	}
}
