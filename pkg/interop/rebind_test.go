//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
	"i2ptoolkit/pkg/routerinfo"
)

// TestRebind gives the hosts of both ends of a stream other addresses in the middle of 20 MB, 200 ms
// apart: the stream goes on in less than two seconds. The old addresses are dead: within 30 s
// floodfills have the new ones, and strangers reach the routers there.
func TestRebind(t *testing.T) {
	if err := wan.Missing(); err != nil {
		t.Skip("SKIPPED: no wide-area network: ", err)
	}
	for _, c := range []struct {
		name, settings string
		v6             bool
	}{{"SSU2", ssu2Alone, false}, {"NTCP2 and SSU2", "", false}, {"NTCP2 and SSU2 over IPv6", "", true}} {
		t.Run(c.name, func(t *testing.T) {
			ctx := gate(t, 6*time.Minute)
			site := startSite(t, ctx)
			line := wan.Distance(site.delay)
			n, open, err := farOurs(ctx, NetworkConfig{IPv6: c.v6, Far: &Far{WAN: site.wan, First: 1, Up: line, Down: line}}, farHosts, 3, c.settings)
			if n != nil {
				site.groups = append(site.groups, &farGroup{kind: c.name, first: 1, net: n, open: open})
			}
			if err != nil {
				t.Fatal(err)
			}
			rebindEnds(t, ctx, site, c.settings == "")
		})
	}
}

// rebindEnds moves the sender after a third of a transfer, and the receiver after two thirds.
func rebindEnds(t *testing.T, ctx context.Context, site *farSite, both bool) {
	g := site.groups[0]
	s, err := g.stream(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	f := &flow{last: time.Now()}
	moves := []struct {
		name string
		host int
		from int64
	}{{"sender", g.acceptor(), int64(bulk) / 3}, {"receiver", g.initiator(), int64(bulk) * 2 / 3}}
	var came atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- DownloadWatched(ctx, s, bulk, func(n int64) {
			came.Store(n)
			f.arrived(time.Now())
		})
	}()
	for _, m := range moves {
		err := Await(ctx, 3*time.Minute, "data comes", func(context.Context) error {
			if n := came.Load(); n < m.from {
				return fmt.Errorf("%d bytes have come", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f.mark()
		before := routerAt(g, m.host)
		old, err := infoOf(before)
		if err != nil {
			t.Fatal(err)
		}
		moved, from := time.Now(), came.Load()
		if from == bulk {
			t.Fatalf("all has come before the %s moves", m.name)
		}
		if err := site.wan.Rebind(m.host); err != nil {
			t.Fatal(err)
		}
		// The longest silence of what follows, until it flows again.
		err = Await(ctx, time.Minute, "data comes after the "+m.name+" has moved", func(context.Context) error {
			if n := came.Load(); n < min(from+500e3, int64(bulk)) {
				return fmt.Errorf("%d bytes have come, %d before", n, from)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		_, pause, _ := f.state()
		t.Logf("the %s's address changes: nothing comes for %v", m.name, pause.Round(time.Millisecond))
		if pause > 2*time.Second {
			t.Errorf("a pause of %v", pause)
		}
		published(t, ctx, site, m.host, old, moved, both)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// routerAt is the router of a host.
func routerAt(g *farGroup, host int) *Router {
	i := slices.IndexFunc(g.net.Routers, func(r *Router) bool { return r.Host == host })
	return g.net.Routers[i]
}

// published waits until a floodfill has the RouterInfo of a router that has moved, and dials by that.
func published(t *testing.T, ctx context.Context, site *farSite, host int, old *routerinfo.RouterInfo, moved time.Time, both bool) {
	t.Helper()
	g := site.groups[0]
	is, v6 := site.wan.Addrs(host)
	if g.net.v6 {
		is = v6
	}
	var ri *routerinfo.RouterInfo
	for _, floodfill := range g.net.Routers[:3] {
		err := Await(ctx, 30*time.Second-time.Since(moved), floodfill.Name+" has the new RouterInfo", func(ctx context.Context) error {
			b, err := floodfill.Tool(ctx, "i2p-netdb", "get", "--kind", "router", "--timeout", "2s", "-o", "-", old.Hash().String())
			if err != nil {
				return err
			}
			if ri, err = routerinfo.Parse(b); err != nil {
				return err
			}
			there := 0
			for _, a := range ri.Addresses() {
				if !a.AddrPort().IsValid() {
					continue // of the other family, which nobody tests here
				}
				there++
				if a.AddrPort().Addr() != is {
					return fmt.Errorf("it has %s at %v", a.Style, a.AddrPort())
				}
			}
			if there == 0 || len(ri.Addresses()) < len(old.Addresses()) {
				return errors.New("it has fewer addresses")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("all floodfills have its new RouterInfo after %v", time.Since(moved).Round(100*time.Millisecond))
	at, err := g.net.place()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(g.net.Dir, fmt.Sprintf("dialler-%d.log", host)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	dials := []bool{false}
	if both && !g.net.v6 { // who listens on nothing dials IPv4 by NTCP2
		dials = append(dials, true)
	}
	for _, ntcp2 := range dials {
		took, err := newDialler(t, at, log, nil, ntcp2).reach(ctx, ri, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("a stranger reaches it (NTCP2 %v) in %v", ntcp2, took.Round(time.Millisecond))
	}
	err = Await(ctx, 5*time.Second, "a session that others have opened since it moved", func(ctx context.Context) error {
		peers, err := routerAt(g, host).Peers(ctx)
		if err == nil && !slices.ContainsFunc(peers, func(p control.Peer) bool { return p.Direction == control.Inbound && p.Since.After(moved) }) {
			err = fmt.Errorf("%+v", peers)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
