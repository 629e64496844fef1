package simtest

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/routerinfo"
)

// TestNewcomer: a router that knows only one floodfill, and stores its
// RouterInfo there in a session that begins with it, is known at the others.
func TestNewcomer(t *testing.T) {
	const floodfills, newcomer = 4, 6
	adjust := func(i int, s *config.Config) { s.Floodfill = i < floodfills }
	simulate(t, worldConfig{routers: newcomer, seed: 17, adjust: adjust}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		w.add(t, worldConfig{seed: 17, adjust: adjust}, newcomer)
		n := w.nodes[newcomer]
		ended := make(chan error, 1)
		go func() { ended <- n.Run(t.Context()) }()
		defer func() {
			n.StopNow()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		ours, err := n.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		known, err := w.nodes[0].Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n.Learn([]*routerinfo.RouterInfo{known})
		time.Sleep(5 * time.Second)
		for i := range floodfills {
			if !slices.ContainsFunc(w.nodes[i].NetDB(control.KindRouterInfo), func(r control.Record) bool { return r.Hash == ours.Hash().String() }) {
				t.Errorf("floodfill %d does not know the newcomer", i)
			}
		}
	})
}
