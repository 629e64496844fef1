package simtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// TestGracefulStop: a router that is told to stop gracefully says so at once, carries for others what it has
// promised to, and is gone once that has run out.
func TestGracefulStop(t *testing.T) {
	simulate(t, worldConfig{routers: 8, seed: 23}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		n := w.nodes[7]
		for begun := time.Now(); n.Status().Tunnels.Transit == 0; time.Sleep(time.Second) {
			if time.Since(begun) > 10*time.Minute {
				t.Fatal("no tunnel of another ever leads through the router")
			}
		}
		events, begun := n.Events(t.Context()), time.Now()
		n.StopGracefully()
		for e := range events {
			if e.Event == "router_state" {
				if e.Detail != string(control.StateStopping) || time.Since(begun) > time.Second {
					t.Errorf("after %v: %+v", time.Since(begun), e)
				}
				break
			}
		}
		if st := n.Status(); st.State != control.StateStopping || st.Tunnels.Transit == 0 {
			t.Errorf("it is %s, and carries %d tunnels", st.State, st.Tunnels.Transit)
		}
		ours, err := n.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if !slices.ContainsFunc(w.nodes[0].NetDB(control.KindRouterInfo), func(r control.Record) bool {
			ri, err := routerinfo.Parse(r.Data)
			return err == nil && ri.Hash() == ours.Hash() && strings.Contains(ri.Options().Get("caps"), "G")
		}) {
			t.Error("a floodfill does not know that the router takes on no tunnels")
		}
		<-w.ended[7]
		if d := time.Since(begun); d < time.Minute || d > tunnel.Lifetime+time.Minute+time.Second {
			t.Errorf("the router takes %v to stop", d)
		}
	})
}
