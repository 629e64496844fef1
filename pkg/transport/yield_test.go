package transport

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/routerinfo"
)

// comes has a peer open a session by a driver.
func (d *fakeDriver) comes(t *testing.T, ri *routerinfo.RouterInfo) {
	t.Helper()
	v := d.host.Admit(netip.MustParseAddr("23.0.0.9"), nil)
	if v == nil {
		t.Fatal("not let in")
	}
	d.host.Go(func() { d.host.Serve(v, d.link(), ri, false) })
	synctest.Wait()
}

// idsOf are the messages that the nth link of a driver was given.
func (d *fakeDriver) idsOf(n int) []uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n >= len(d.links) {
		return nil
	}
	return slices.Clone(d.links[n].ids)
}

// talkTo sends messages to a router.
func talkTo(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo, ids ...uint32) {
	t.Helper()
	for _, id := range ids {
		if err := tr.Send(ri, message(i2np.DataType, id, 100)); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

// TestYields: what a session has taken and its peer has not got goes over the one that carries on,
// before all else (SSU2, Multiple Sessions).
func TestYields(t *testing.T) {
	here, there := netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.0.2")
	for name, c := range map[string]struct {
		after  time.Duration // the newer session
		stalls bool
		moves  bool
		want   []uint32 // over the newer one
	}{
		"the peer comes again":    {after: 30 * time.Second, want: []uint32{1, 2, 3}},
		"both dial at once":       {after: time.Second, want: nil},
		"this machine moves":      {after: 30 * time.Second, moves: true, want: []uint32{1, 2, 3}},
		"the session has stalled": {after: 30 * time.Second, stalls: true, want: []uint32{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			d, m := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}, holds: true, local: here}, &machine{addrs: []netip.Addr{here}}
			change := func(cfg *Config) {
				cfg.Network = m
				cfg.Self[0] = 0 // the smaller hash: of two at once ours stays
			}
			runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
				talkTo(t, tr, ri, 1, 2)
				time.Sleep(c.after)
				switch {
				case c.moves:
					m.move(there)
					time.Sleep(2 * addrsEvery)
				case c.stalls:
					tr.everyone()[0].sessionsNow()[0].Stall(true)
				default:
					d.comes(t, ri)
				}
				synctest.Wait()
				talkTo(t, tr, ri, 3)
				if got := d.idsOf(1); !slices.Equal(got, c.want) {
					t.Errorf("over the newer session %v, expected %v", got, c.want)
				}
				if n := tr.Stats().Returned; (n == 2) != (c.want != nil) {
					t.Errorf("%d messages were returned", n)
				}
			})
		})
	}
}

// TestSpareCarriesOn: where a session stalls and there is another, that one sends at once.
func TestSpareCarriesOn(t *testing.T) {
	near, far := rivals()
	near.holds = true
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		talkTo(t, tr, ri, 1)
		far.comes(t, ri) // at once: it is the spare, or the other is
		ss := tr.everyone()[0].sessionsNow()
		if len(ss) != 2 {
			t.Fatalf("%d sessions", len(ss))
		}
		if ss[0].way.name != "NEAR" {
			t.Skip("the peer's session stays, by its hash")
		}
		ss[0].Stall(true)
		synctest.Wait()
		talkTo(t, tr, ri, 2)
		if got := far.idsOf(0); !slices.Equal(got, []uint32{1, 2}) {
			t.Errorf("over the spare %v", got)
		}
	})
}

// TestMoveBesideSpare: a peer has two sessions with us, and the machine moves: the one that depends on
// its address is opened anew although the other goes on, as the peer would not know; and the other
// is there afterwards.
func TestMoveBesideSpare(t *testing.T) {
	here, there := netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.0.2")
	bound := &fakeDriver{name: "BOUND", bid: Bid{Cost: 1, MaxMessage: 1000}, local: here, holds: true}
	free := &fakeDriver{name: "FREE", bid: Bid{Cost: 9, MaxMessage: 1000}}
	m := &machine{addrs: []netip.Addr{here}}
	runTable(t, []Driver{bound, free}, func(c *Config) { c.Network = m }, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		free.comes(t, ri)
		time.Sleep(time.Minute)
		bound.comes(t, ri)
		talkTo(t, tr, ri, 1)
		m.move(there)
		time.Sleep(2 * addrsEvery)
		synctest.Wait()
		talkTo(t, tr, ri, 2)
		if _, dials := bound.sent(); dials != 2 {
			t.Errorf("%d links that depend on the address", dials)
		}
		var over []string
		for _, p := range tr.Peers() {
			over = append(over, p.Transport)
		}
		if !slices.Equal(over, []string{"BOUND", "FREE"}) {
			t.Errorf("sessions over %v", over)
		}
		if all := append(free.idsOf(0), bound.idsOf(1)...); !slices.Contains(all, 1) || !slices.Contains(all, 2) {
			t.Errorf("over the sessions that are left %v", all)
		}
	})
}
