package presence

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// spoken is a Presence that can make a RouterInfo.
func spoken(t *testing.T, terms Terms, now func() time.Time) *Presence {
	t.Helper()
	keys, err := i2p.GenerateRouter(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{
		Keys: keys, NetID: 2, Version: "0.9.68", Now: now, Terms: func() Terms { return terms },
		Hosts:     func() []netip.Addr { return nil },
		Addresses: func([]netip.Addr) []routerinfo.Address { return nil },
	})
}

// TestKnown: a floodfill says how much it knows, and no other router does.
func TestKnown(t *testing.T) {
	for _, floodfill := range []bool{false, true} {
		ri, err := spoken(t, Terms{Floodfill: floodfill}, time.Now).RenewKnowing(Known{Routers: 5000, LeaseSets: 70})
		if err != nil {
			t.Fatal(err)
		}
		want := [2]string{}
		if floodfill {
			want = [2]string{"5000", "70"}
		}
		if got := [2]string{ri.Options().Get("netdb.knownRouters"), ri.Options().Get("netdb.knownLeaseSets")}; got != want {
			t.Errorf("floodfill %t: %q, want %q", floodfill, got, want)
		}
	}
}

// TestOutdated: a RouterInfo is to be made anew once it is old, or of the future as the clock was set back.
func TestOutdated(t *testing.T) {
	made := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]bool{
		0: false, time.Hour: false, 3 * time.Hour: true, 365 * 24 * time.Hour: true, -30 * time.Second: false, -10 * time.Minute: true,
	} {
		now := made
		p := spoken(t, Terms{}, func() time.Time { return now })
		if p.Outdated() {
			t.Error("outdated before there is one")
		}
		if _, err := p.Renew(); err != nil {
			t.Fatal(err)
		}
		now = made.Add(after)
		if got := p.Outdated(); got != want {
			t.Errorf("%v later: %t, want %t", after, got, want)
		}
		if _, err := p.Renew(); err != nil || p.Outdated() {
			t.Errorf("%v later: made anew, it is outdated, %v", after, err)
		}
	}
}
