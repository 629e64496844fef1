package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// rivals are two drivers, the first of which is the cheaper.
func rivals() (near, far *fakeDriver) {
	return &fakeDriver{name: "NEAR", bid: Bid{Cost: 3, MaxMessage: 5000}}, &fakeDriver{name: "FAR", bid: Bid{Cost: 8, MaxMessage: 5000}}
}

// meet sends something to a router that has no session, waits until it has one or
// the dial has come to nothing, and tells how long that took and by which transport.
func meet(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) (by string, took time.Duration) {
	t.Helper()
	begun := time.Now()
	if err := tr.Send(ri, message(i2np.DataType, 1, 100)); err != nil {
		t.Fatal(err)
	}
	for synctest.Wait(); tr.peer(ri.Hash()) != nil && len(tr.Peers()) == 0; synctest.Wait() {
		time.Sleep(10 * time.Millisecond)
	}
	for _, p := range tr.Peers() {
		by = p.Transport
	}
	return by, time.Since(begun)
}

// part ends all sessions.
func part(tr *Transport) {
	for _, p := range tr.everyone() {
		p.endAll(ReasonIdle)
	}
	synctest.Wait()
}

// An offer has the field to itself for a while, and then the next is tried beside
// it; the first that stands serves, and the other is given up before the peer has a
// session of it. One that fails has the next tried at once.
func TestRace(t *testing.T) {
	const rtt = 100 * time.Millisecond
	hole := time.Minute // longer than anybody waits
	for name, c := range map[string]struct {
		near, far time.Duration
		fails     bool // near
		by        string
		took      time.Duration
		asked     int // of far
		missed    uint64
	}{
		"the first is quick":   {near: rtt, far: rtt, by: "NEAR", took: rtt},
		"the first is deaf":    {near: hole, far: rtt, by: "FAR", took: roundTrips*commonRTT + rtt, asked: 1, missed: 1},
		"the first fails":      {near: rtt, far: rtt, fails: true, by: "FAR", took: 2 * rtt, asked: 1, missed: 1},
		"the second is slower": {near: time.Second, far: 2 * time.Second, by: "NEAR", took: time.Second, asked: 1},
		"the first fails late": {near: time.Second, far: time.Second, fails: true, by: "FAR", took: roundTrips*commonRTT + time.Second, asked: 1, missed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := rivals()
			near.takes, near.fails, far.takes = c.near, c.fails, c.far
			runTable(t, []Driver{far, near}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
				if by, took := meet(t, tr, ri); by != c.by || took != c.took {
					t.Errorf("by %q after %v, expected %q after %v", by, took, c.by, c.took)
				}
				time.Sleep(2 * hole)
				_, n := near.sent()
				_, f := far.sent()
				if s := tr.Drivers()[1]; n+f != 1 || far.dialled() != c.asked || s.DialsMissed != c.missed || tr.Stats().DialsFailed != 0 {
					t.Errorf("links %d and %d, asked %d times, missed %d", n, f, far.dialled(), s.DialsMissed)
				}
			})
		})
	}
}

// A link that a driver has made after all, when it was told to give up, is let go.
func TestRaceLate(t *testing.T) {
	near, far := rivals()
	near.takes, near.deaf, far.takes = time.Second, true, 100*time.Millisecond
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		if by, _ := meet(t, tr, ri); by != "FAR" {
			t.Fatalf("by %q", by)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(near.links) != 1 || !near.links[0].aborted || len(tr.Peers()) != 1 || tr.Stats().Dials != 0 {
			t.Errorf("%d links, sessions %+v", len(near.links), tr.Peers())
		}
	})
}

// A peer whom nothing reaches is told of once, after all that was tried has failed.
func TestRaceLost(t *testing.T) {
	near, far := rivals()
	near.takes, near.fails, far.takes, far.fails = 10*time.Second, true, time.Second, true
	told := 0
	change := func(c *Config) { c.Events.Failed = func(i2p.Hash, error) { told++ } }
	runTable(t, []Driver{near, far}, change, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		if by, took := meet(t, tr, ri); by != "" || took != 10*time.Second || told != 1 || tr.Stats().DialsFailed != 1 {
			t.Errorf("by %q after %v, told %d times, %+v", by, took, told, tr.Stats())
		}
	})
}

// Who stops does not wait for dials, and lets go of what they have made.
func TestRaceStopped(t *testing.T) {
	near, far := rivals()
	near.takes, far.takes, far.deaf = time.Hour, 5*time.Second, true
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		if err := tr.Send(ri, message(i2np.DataType, 1, 100)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	})
	if len(far.links) != 1 || !far.links[0].aborted {
		t.Errorf("%d links", len(far.links))
	}
}

// What has missed with a peer is tried last, until it is given another chance.
func TestLanesMissed(t *testing.T) {
	near, far := rivals()
	near.takes, near.fails = 5*time.Second, true
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		for i, want := range []time.Duration{roundTrips * commonRTT, 0, 0} {
			if by, took := meet(t, tr, ri); by != "FAR" || took != want {
				t.Errorf("%d: by %q after %v, expected %v", i, by, took, want)
			}
			part(tr)
		}
		time.Sleep(missLife)
		near.takes, near.fails = 0, false
		for range 2 {
			if by, _ := meet(t, tr, ri); by != "NEAR" {
				t.Errorf("later by %q", by)
			}
			part(tr)
		}
	})
}

// Where one transport misses with many peers, others are not kept waiting for it.
func TestLanesOfAllPeers(t *testing.T) {
	near, far := rivals()
	near.takes = time.Hour
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, _ *routerinfo.RouterInfo) {
		waited := 0
		for seed := range byte(8) {
			if _, took := meet(t, tr, router(t, 10+seed)); took > 0 {
				waited++
			}
			part(tr)
		}
		if waited != fewMisses+1 {
			t.Errorf("%d peers waited, expected %d", waited, fewMisses+1)
		}
	})
}

// A transport that is much quicker with a peer is tried first, and who is far away
// is given more time.
func TestLanesByRTT(t *testing.T) {
	near, far := rivals()
	near.takes, near.rtt, far.rtt = 10*time.Second, 500*time.Millisecond, 50*time.Millisecond
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		meet(t, tr, ri) // by far
		part(tr)
		near.takes = 0
		time.Sleep(missLife)
		if by, _ := meet(t, tr, ri); by != "NEAR" {
			t.Errorf("one that is not measured was not tried: by %q", by)
		}
		part(tr)
		if by, _ := meet(t, tr, ri); by != "FAR" {
			t.Errorf("the quicker was not tried first: by %q", by)
		}
		rs, at := &tr.records, lane{tr.ways[0], overIPv6}
		if p := rs.patience(ri.Hash(), offer{lane: lane{tr.ways[0], laneOf(tr.ways[0], netip.AddrPort{}).kind}}); p != roundTrips*near.rtt {
			t.Errorf("patience of %v", p)
		}
		rs.measured(ri.Hash(), at, time.Hour)
		if p := rs.patience(ri.Hash(), offer{lane: at}); p != mostPatience {
			t.Errorf("patience of %v", p)
		}
		rs.measured(ri.Hash(), at, time.Microsecond)
		if p := rs.patience(ri.Hash(), offer{lane: at}); p != leastPatience {
			t.Errorf("patience of %v", p)
		}
	})
}

// The memory of dials has an end, and is of the addresses that the machine has now.
func TestLanesBounded(t *testing.T) {
	rs, l := newRecords(), lane{kind: overIPv4}
	for i := range 2*maxRecords + 5 {
		rs.failed(i2p.Hash{byte(i), byte(i >> 8)}, []lane{l}, time.Now())
	}
	if len(rs.peers) == 0 || len(rs.peers) > maxRecords {
		t.Errorf("%d records", len(rs.peers))
	}
	near, far := rivals()
	m := &machine{addrs: []netip.Addr{netip.MustParseAddr("23.0.0.1")}}
	near.fails = true
	runTable(t, []Driver{near, far}, func(c *Config) { c.Network = m }, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		meet(t, tr, ri)
		if len(tr.records.peers) != 1 {
			t.Fatalf("%d records", len(tr.records.peers))
		}
		m.move(netip.MustParseAddr("23.0.0.2"))
		time.Sleep(2 * addrsEvery)
		synctest.Wait()
		if len(tr.records.peers) != 0 || len(tr.records.lanes) != 0 {
			t.Errorf("%d records of another address", len(tr.records.peers))
		}
	})
}

// severalDriver bids for more than one address.
type severalDriver struct {
	fakeDriver
	at []string
}

func (d *severalDriver) Bids(*routerinfo.RouterInfo) (bids []Bid) {
	for i, at := range d.at {
		b := d.bid
		b.Cost, b.At = b.Cost+i, netip.MustParseAddrPort(at)
		bids = append(bids, b)
	}
	return bids
}

// The addresses of a driver are offers of their own. There is an end to what a
// RouterInfo can have dialled, and no address is dialled twice.
func TestOffers(t *testing.T) {
	d := &severalDriver{at: []string{"[2a00::1]:7", "23.0.0.1:7", "23.0.0.1:7", "23.0.0.2:7", "23.0.0.3:7", "23.0.0.4:7", "23.0.0.5:7", "23.0.0.6:7"}}
	d.bid, d.takes = Bid{MaxMessage: 1000}, time.Hour
	runTable(t, []Driver{d}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		var at []string
		for _, o := range tr.bids(ri) {
			at = append(at, o.At.String())
		}
		if want := []string{d.at[0], d.at[1], d.at[3], d.at[4], d.at[5], d.at[6]}; !slices.Equal(at, want) {
			t.Errorf("offers %v, expected %v", at, want)
		}
		tr.Send(ri, message(i2np.DataType, 1, 100))
		time.Sleep(time.Minute)
		if n := d.dialled(); n != maxOffers {
			t.Errorf("asked %d times, expected %d", n, maxOffers)
		}
	})
}

// TestOvertakenByOurs: a driver has opened a session with a peer that is being dialled. The peer takes the newer one for
// it, so that the newer one is kept; where the peer's own came first, ours is not.
func TestOvertakenByOurs(t *testing.T) {
	for _, theirs := range []bool{false, true} {
		d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}, takes: 2 * time.Second}
		runTable(t, []Driver{d}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
			tr.Send(ri, message(i2np.DataType, 1, 100))
			time.Sleep(time.Second)
			first := d.link()
			if theirs {
				v := d.host.Admit(netip.MustParseAddr("23.0.0.9"), func() {})
				d.host.Go(func() { d.host.Serve(v, first, ri, false) })
			} else if err := d.host.Adopt(first, ri); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			d.mu.Lock()
			second := d.links[1]
			d.mu.Unlock()
			if second.aborted != theirs || !tr.Connected(ri.Hash()) {
				t.Errorf("the peer's own came first: %v; ours was given up: %v", theirs, second.aborted)
			}
		})
	}
}

// A peer that shakes hands with us is not dialled beside that, and does not learn of a dial that is under way,
// until it is done or has let much time pass.
func TestHearsOut(t *testing.T) {
	const ms = time.Millisecond
	host := netip.MustParseAddr("23.0.0.9")
	for name, c := range map[string]struct {
		from    netip.Addr
		silent  bool
		comes   time.Duration // after the dial has begun
		stands  time.Duration // after that; 0 is never
		leaves  time.Duration
		larger  bool // our hash
		inbound bool
		took    time.Duration
		asked   int
	}{
		"it stands":                {stands: 300 * ms, inbound: true, took: 300 * ms},
		"it fails":                 {leaves: 300 * ms, took: 500 * ms, asked: 1},
		"it dawdles":               {leaves: time.Minute, took: hearFor + 200*ms + hearRivalsFor, asked: 1},
		"it comes late":            {comes: 100 * ms, stands: 300 * ms, inbound: true, took: 400 * ms, asked: 1},
		"it comes too late":        {comes: 300 * ms, stands: 300 * ms, took: 200 * ms, asked: 1},
		"it comes late, and waits": {comes: 100 * ms, stands: time.Second, took: 200*ms + hearRivalsFor, asked: 1},
		"it comes late, we wait":   {comes: 100 * ms, stands: time.Second, larger: true, inbound: true, took: 1100 * ms, asked: 1},
		"it has shown nothing":     {silent: true, leaves: time.Minute, took: 200 * ms, asked: 1},
		"from elsewhere":           {from: netip.MustParseAddr("23.0.0.8"), leaves: time.Minute, took: 200 * ms, asked: 1},
		"from this machine":        {from: netip.MustParseAddr("127.0.0.1"), leaves: time.Minute, took: 200 * ms, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			from := c.from
			if !from.IsValid() {
				from = host
			}
			d := &fakeDriver{name: "X", takes: 200 * ms, bid: Bid{Cost: 1, MaxMessage: 1000, At: netip.AddrPortFrom(from, 9000)}}
			change := func(cfg *Config) {
				cfg.LocalAllowed = true
				cfg.Self[0] = 0
				if c.larger {
					cfg.Self[0] = 255
				}
			}
			if c.from.IsValid() && !from.IsLoopback() {
				d.bid.At = netip.AddrPortFrom(host, 9000)
			}
			runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
				visit := func() {
					time.Sleep(c.comes)
					v := d.host.Admit(netip.AddrFrom16(from.As16()), nil)
					if !c.silent {
						v.Proved()
					}
					if time.Sleep(cmp.Or(c.stands, c.leaves)); c.stands > 0 {
						d.host.Serve(v, d.link(), ri, false)
					}
					v.Leave()
				}
				d.host.Go(visit)
				synctest.Wait()
				if _, took := meet(t, tr, ri); took != c.took {
					t.Errorf("it took %v, expected %v", took, c.took)
				}
				synctest.Wait()
				if s := tr.everyone()[0].sessionsNow(); s[0].inbound != c.inbound || d.dialled() != c.asked {
					t.Errorf("of the peer's: %v, dialled %d times", s[0].inbound, d.dialled())
				}
				if ids := slices.Concat(d.idsOf(0), d.idsOf(1)); !slices.Equal(ids, []uint32{1}) {
					t.Errorf("sent: %v", ids)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
