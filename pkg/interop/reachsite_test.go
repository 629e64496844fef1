//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
	"i2ptoolkit/pkg/routerinfo"
)

// missingNAT says what TestReach and TestNAT need and this machine lacks.
func missingNAT() error {
	if _, err := exec.LookPath("nft"); err != nil {
		return err
	}
	return wan.Missing()
}

// reachSite is a wide-area network of public routers, and of routers behind what there is.
type reachSite struct {
	*Network
	next   wan.NAT
	guides []*routerinfo.RouterInfo
	known  []router // of these, who is known to a router as it starts
}

// reachGuides are public routers.
type reachGuides struct {
	count int
	ours  bool // else i2pd's
	both  bool // ours publish addresses of both families
}

// newWAN is a wide-area network, which ends with the test.
func newWAN(t *testing.T) *wan.Network {
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
	return w
}

// newReachSite starts the public routers.
func newReachSite(t *testing.T, ctx context.Context, cfg NetworkConfig, g reachGuides) *reachSite {
	t.Helper()
	w := newWAN(t)
	line := wan.Distance(10 * time.Millisecond)
	s := new(reachSite)
	cfg.LogLevel = os.Getenv("I2P_REACH_LOG")
	cfg.Far = &Far{WAN: w, First: 1, Up: line, Down: line, NAT: func(int) wan.NAT { return s.next }}
	if !g.ours {
		cfg.Releases, cfg.Floodfills = sids(g.count), 3 // of i2pd 2.59 a floodfill introduces nobody
	}
	var err error
	if s.Network, err = NewNetwork(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range g.count {
		if g.ours {
			s.router(t, ctx, RouterConfig{Name: fmt.Sprintf("guide%d", i), Floodfill: true, Both: g.both, TOML: ssu2Alone})
		}
	}
	if err := s.AwaitMesh(ctx, 2*time.Minute, g.count-2); err != nil {
		t.Fatal(err)
	}
	s.awaitIntroducers(t, ctx, 3)
	s.known = s.all()[:knownGuides]
	for _, r := range s.all() {
		err := Await(ctx, 5*time.Second, "a whole RouterInfo", func(context.Context) error {
			ri, err := infoOf(r)
			if err == nil {
				s.guides = append(s.guides, ri)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// awaitIntroducers waits until so many of the public routers say that they introduce others.
func (s *reachSite) awaitIntroducers(t *testing.T, ctx context.Context, want int) {
	t.Helper()
	err := Await(ctx, 2*time.Minute, "public routers that introduce", func(context.Context) error {
		said, count := "", 0
		for i, r := range s.all() {
			ri, err := infoOf(r)
			if err != nil {
				return err
			}
			for _, a := range ri.SSU2() {
				said += fmt.Sprintf(" %d:%s", i, a.Caps())
				if strings.Contains(a.Caps(), "C") {
					count++
				}
			}
		}
		if count < want {
			return fmt.Errorf("%d of them, expected %d:%s", count, want, said)
		}
		t.Logf("public routers and the capabilities of their addresses:%s", said)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// router starts one of ours; its tunnels are not waited for.
func (s *reachSite) router(t *testing.T, ctx context.Context, cfg RouterConfig) *Router {
	t.Helper()
	cfg.LogLevel = os.Getenv("I2P_REACH_LOG")
	r, err := s.StartRouter(cfg)
	if err == nil {
		_, err = r.AwaitSocket(ctx)
	}
	if err == nil {
		err = Await(ctx, 10*time.Second, cfg.Name+" writes its RouterInfo", func(context.Context) error {
			_, err := r.RouterInfo()
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// infoOf reads a router's RouterInfo, which it may be writing.
func infoOf(r router) (*routerinfo.RouterInfo, error) {
	b, err := r.RouterInfo()
	if err != nil {
		return nil, err
	}
	return routerinfo.Parse(b)
}
