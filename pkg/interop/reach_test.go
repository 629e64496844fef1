//go:build linux

package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
)

// reachKinds are what may stand before a router, and what it has to find out.
var reachKinds = []struct {
	name  string
	nat   wan.NAT
	state control.ReachState
}{
	{"public", wan.Open, control.ReachOK},
	{"restricted", wan.Restricted, control.ReachFirewalled},
	{"symmetric", wan.Symmetric, control.ReachSymmetricNAT},
	{"firewall", wan.Firewall, control.ReachFirewalled},
}

// guidesOfReach is how many public routers there are, who test and introduce.
const guidesOfReach = 10

// reachSite is a wide-area network of public routers and of routers behind what there is.
type reachSite struct {
	*Network
	wan *wan.Network
}

func newReachSite(t *testing.T, ctx context.Context, releases []Release) *reachSite {
	t.Helper()
	w, err := wan.New(wan.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	line := wan.Distance(10 * time.Millisecond)
	n, err := NewNetwork(ctx, NetworkConfig{
		Releases: releases, SSU2Only: true, LogLevel: "debug",
		Far: &Far{WAN: w, First: 1, Up: line, Down: line, NAT: func(n int) wan.NAT {
			if n < guidesOfReach {
				return wan.Open
			}
			return reachKinds[(n-guidesOfReach)%len(reachKinds)].nat
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return &reachSite{n, w}
}

// TestDiagnosis: within a minute of its start our router knows how others reach it.
func TestDiagnosis(t *testing.T) {
	if err := wan.Missing(); err != nil {
		t.Skip(err)
	}
	ctx := gate(t, 5*time.Minute)
	s := newReachSite(t, ctx, sids(guidesOfReach))
	if err := s.AwaitMesh(ctx, time.Minute, guidesOfReach-2); err != nil {
		t.Fatal(err)
	}
	for _, k := range reachKinds {
		r := startRouter(t, ctx, s.Network, RouterConfig{Name: k.name, Finds: true, Knows: 4, LogLevel: "debug", TOML: "[ssu2]\nenabled = true\n"})
		err := Await(ctx, time.Minute, k.name+" finds out", func(ctx context.Context) error {
			st, err := r.Status(ctx)
			if err == nil && (len(st.Reach) == 0 || st.Reach[0].State != k.state) {
				err = fmt.Errorf("%+v", st.Reach)
			}
			return err
		})
		t.Logf("%s: %v after %v", k.name, err, time.Since(r.Started))
		if err != nil {
			t.Error(err)
		}
	}
}
