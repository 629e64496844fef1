package netdb

import (
	"errors"
	"testing"

	"i2ptoolkit/pkg/origin"
)

// TestLookShare: routers of one look that nobody asked for have a share of the table.
func TestLookShare(t *testing.T) {
	const room = 400
	f, db := newForge(t), newDB(Config{MaxRouters: room})
	taken := 0
	for range room {
		switch _, err := db.StoreRouterInfo(testTime, FromStore, f.router(t, routerConfig{})); {
		case err == nil:
			taken++
		case !errors.Is(err, ErrCrowded):
			t.Fatal(err)
		}
	}
	if taken != room/lookShare {
		t.Errorf("%d of %d routers of one look were taken, want %d", taken, room, room/lookShare)
	}
	mustStore(t, db, FromStore, f.router(t, routerConfig{version: "0.9.67"}))
	mustStore(t, db, FromReply, f.router(t, routerConfig{})) // it was asked for
}

// TestAdmissionRates: each rate holds by itself, and who has used up one that is his own
// takes nothing from others.
func TestAdmissionRates(t *testing.T) {
	cfg := Config{Shared: NewShared()}
	many := func(of func(i int) bool) (n int) {
		for i := range newRoutersBurst + verifyBurst {
			if of(i) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		name string
		of   func(a *admission, i int) bool
		most int
	}{
		{"one look", func(a *admission, i int) bool { return a.newRouter(testTime, 0, 1) }, newLookBurst},
		{"one host", func(a *admission, i int) bool { return a.newRouter(testTime, 9<<16, uint32(i)) }, int(newFrom[0].burst)},
		{"hosts of one /24", func(a *admission, i int) bool { return a.newRouter(testTime, 9<<16+origin.Host(i%200), uint32(i)) }, int(newFrom[1].burst)},
		{"hosts of one /16", func(a *admission, i int) bool { return a.newRouter(testTime, 9<<16+origin.Host(i), uint32(i)) }, int(newFrom[2].burst)},
		{"all", func(a *admission, i int) bool { return a.newRouter(testTime, 0, uint32(i%500)) }, newRoutersBurst},
	} {
		a := newAdmission(&cfg)
		if n := many(func(i int) bool { return c.of(&a, i) }); n != c.most {
			t.Errorf("%s: %d taken at once, want %d", c.name, n, c.most)
		}
		for i := range 300 {
			if c.most < newRoutersBurst && !a.newRouter(testTime, origin.Host(1000+i)<<16, uint32(20_000+i)) {
				t.Fatalf("%s: another is refused as well", c.name)
			}
		}
	}
	a, ri := newAdmission(&cfg), newForge(t).router(t, routerConfig{})
	if n := many(func(int) bool { return a.verify(testTime, FromStore, ri) == nil }); n != verifyBurst {
		t.Errorf("%d signatures were checked at once, want %d", n, verifyBurst)
	}
	if err := a.verify(testTime, FromReply, ri); err != nil {
		t.Errorf("one that was asked for is refused as well: %v", err)
	}
}
