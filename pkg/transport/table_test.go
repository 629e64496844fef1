package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// fakeDriver reaches everybody, as it is told.
type fakeDriver struct {
	name  string
	bid   Bid
	fails bool
	takes time.Duration // to dial
	deaf  bool          // to being told to give up
	rtt   time.Duration // of its links
	local netip.Addr    // of its links
	far   netip.Addr    // of those that it dials
	ends  error         // of its links, once they have sent something
	holds bool          // what its links have taken never arrives
	host  *Host

	mu    sync.Mutex
	links []*fakeLink
	asked int // to dial
}

func (d *fakeDriver) Name() string { return d.name }
func (d *fakeDriver) Listen(_ context.Context, h *Host) ([]netip.AddrPort, error) {
	d.host = h
	return []netip.AddrPort{netip.MustParseAddrPort("23.0.0.1:7")}, nil
}
func (d *fakeDriver) Run(ctx context.Context) { <-ctx.Done() }
func (d *fakeDriver) Bids(*routerinfo.RouterInfo) []Bid {
	if d.far.IsValid() && !d.host.watch.reaches(d.far) {
		return nil
	}
	return []Bid{d.bid}
}
func (d *fakeDriver) Publish([]netip.Addr) []routerinfo.Address { return nil }
func (d *fakeDriver) Moved([]netip.Addr)                        {}
func (d *fakeDriver) Counters() []Counter                       { return nil }
func (d *fakeDriver) sent() (ids []uint32, dials int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		ids = append(ids, l.ids...)
	}
	return ids, len(d.links)
}

func (d *fakeDriver) dialled() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *fakeDriver) Dial(ctx context.Context, _ *routerinfo.RouterInfo, _ Bid, _ *draw.Source) (Link, error) {
	d.mu.Lock()
	d.asked++
	d.mu.Unlock()
	late := ctx.Done()
	if d.deaf {
		late = nil
	}
	select {
	case <-time.After(d.takes):
	case <-late:
		return nil, ctx.Err()
	}
	if d.fails {
		return nil, errors.New("fake: no way")
	}
	l := d.link()
	l.remote = netip.AddrPortFrom(d.far, 7)
	return l, nil
}

func (d *fakeDriver) link() *fakeLink {
	l := &fakeLink{d: d, wake: make(chan struct{}, 1), closed: make(chan Reason, 1)}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.links = append(d.links, l)
	return l
}

// fakeLink notes what it is to send.
type fakeLink struct {
	d       *fakeDriver
	wake    chan struct{}
	closed  chan Reason
	ids     []uint32
	aborted bool
	remote  netip.AddrPort
	yields  atomic.Bool
	held    []i2np.Message
}

func (l *fakeLink) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
func (l *fakeLink) Close(why Reason) { l.closed <- why }
func (l *fakeLink) Yield() {
	l.yields.Store(true)
	l.Wake()
}
func (l *fakeLink) Abort() { l.aborted = true }
func (l *fakeLink) State() LinkState {
	return LinkState{Remote: l.remote, Local: l.d.local, RTT: l.d.rtt, MaxMessage: l.d.bid.MaxMessage}
}

func (l *fakeLink) Run(s *Session) {
	defer func() { s.Return(l.held) }()
	for {
		work := s.Take(nil, 1<<20)
		l.d.mu.Lock()
		for _, m := range work.Messages {
			l.ids = append(l.ids, m.ID)
			if l.d.holds {
				l.held = append(l.held, m)
			} else {
				m.Release()
			}
		}
		l.d.mu.Unlock()
		if l.yields.Swap(false) {
			s.Return(l.held)
			l.held = nil
		}
		if l.d.ends != nil && len(work.Messages) > 0 {
			s.End(l.d.ends)
			return
		}
		select {
		case <-l.wake:
		case <-l.closed:
			return
		}
	}
}

// router is the RouterInfo of one to reach.
func router(t *testing.T, seed byte) *routerinfo.RouterInfo {
	t.Helper()
	ri, err := routerinfo.Build(routerinfo.BuildConfig{Keys: testKeys(t, seed), Published: i2p.DateOf(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	return ri
}

// runTable runs a transport over the drivers in simulated time; f is given it, and
// a router to reach.
func runTable(t *testing.T, drivers []Driver, change func(*Config), f func(*testing.T, *Transport, *routerinfo.RouterInfo)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		buftest.NoLeak(t)
		time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
		cfg := Config{
			Self: i2p.Hash{1}, Drivers: drivers, Network: &machine{}, OurInfo: func() *routerinfo.RouterInfo { return nil },
			Events: Events{Deliver: func(_ i2p.Hash, m i2np.Message) { m.Release() }},
		}
		if change != nil {
			change(&cfg)
		}
		tr, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ri := router(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- tr.Run(ctx) }()
		<-tr.Ready()
		f(t, tr, ri)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(tr.peers) != 0 || tr.gate.crowd.Len() != 0 || tr.held.crowd.Len() != 0 || tr.held.sessions != 0 || tr.held.dials != 0 {
			t.Errorf("after Run: %d peers, %d networks held, %d sessions, %d dials", len(tr.peers), tr.gate.crowd.Len()+tr.held.crowd.Len(), tr.held.sessions, tr.held.dials)
		}
	})
}

// machine has addresses, and nothing to reach from them.
type machine struct {
	Network
	mu    sync.Mutex
	addrs []netip.Addr
}

func (m *machine) Addrs() ([]netip.Addr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.addrs), nil
}

func (m *machine) move(to ...netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addrs = to
}

// The lowest bid is tried first, and the next where that comes to nothing.
func TestBids(t *testing.T) {
	near, far := &fakeDriver{name: "NEAR", bid: Bid{Cost: 1, MaxMessage: 1000}}, &fakeDriver{name: "FAR", bid: Bid{Cost: 9, MaxMessage: 5000}}
	drivers := []Driver{far, near}
	runTable(t, drivers, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		if err := tr.Send(ri, message(i2np.DataType, 1, 100)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if ids, _ := near.sent(); !slices.Equal(ids, []uint32{1}) {
			t.Errorf("the better bid carried %v", ids)
		}
		if p := tr.Peers(); len(p) != 1 || p[0].Transport != "NEAR" {
			t.Errorf("peers %+v", p)
		}
		if err := tr.Send(ri, message(i2np.DataType, 2, 2000)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a message that the link does not carry: %v", err)
		}
	})
	near, far = &fakeDriver{name: "NEAR", bid: Bid{Cost: 1, MaxMessage: 1000}, fails: true}, &fakeDriver{name: "FAR", bid: Bid{Cost: 9, MaxMessage: 5000}}
	runTable(t, []Driver{far, near}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		tr.Send(ri, message(i2np.DataType, 1, 100))
		synctest.Wait()
		if ids, _ := far.sent(); !slices.Equal(ids, []uint32{1}) {
			t.Errorf("the other bid carried %v", ids)
		}
	})
}

// Who does not carry messages of the size is not asked.
func TestBidForSize(t *testing.T) {
	near, far := &fakeDriver{name: "NEAR", bid: Bid{Cost: 1, MaxMessage: 1000}}, &fakeDriver{name: "FAR", bid: Bid{Cost: 9, MaxMessage: 5000}}
	runTable(t, []Driver{near, far}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		if err := tr.Send(ri, message(i2np.DataType, 1, 6000)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a message that nobody carries: %v", err)
		}
		if err := tr.Send(ri, message(i2np.DataType, 2, 2000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if ids, _ := far.sent(); !slices.Equal(ids, []uint32{2}) {
			t.Errorf("the driver for large messages carried %v", ids)
		}
		if s := tr.Drivers(); s[0].Dialed != 0 || s[1].Dialed != 1 || s[1].Sessions != 1 || tr.Stats().Dialed != 1 {
			t.Errorf("figures %+v", s)
		}
	})
}

// A visitor is counted against its source until it leaves, and its session after
// that; a link that comes too late is let go of.
func TestVisitors(t *testing.T) {
	d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
	limit := func(c *Config) { c.Limits.PendingPerSource, c.Limits.SessionsPerSource = 2, 1 }
	runTable(t, []Driver{d}, limit, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		from := netip.MustParseAddr("23.0.0.9")
		v, w := d.host.Admit(from, nil), d.host.Admit(from, nil)
		if v == nil || w == nil || d.host.Admit(from, nil) != nil {
			t.Fatal("the limit of handshakes does not hold")
		}
		w.Leave()
		w.Leave()
		d.host.Go(func() { d.host.Serve(v, d.link(), ri, false) })
		synctest.Wait()
		if p := tr.Peers(); len(p) != 1 || !p[0].Inbound {
			t.Fatalf("peers %+v", p)
		}
		if s := tr.Stats(); s.Sessions != 1 || s.Pending != 0 || s.Refused != 1 || s.Accepted != 1 {
			t.Errorf("figures %+v", s)
		}
		if d.host.Admit(from, nil) != nil {
			t.Error("the limit of sessions does not hold")
		}
	})
}

// A driver that finds itself reached otherwise has it published.
func TestReaddressed(t *testing.T) {
	d := &fakeDriver{name: "X"}
	told := 0
	runTable(t, []Driver{d}, func(c *Config) { c.Events.Readdressed = func() { told++ } }, func(t *testing.T, _ *Transport, _ *routerinfo.RouterInfo) {
		d.host.Readdressed()
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}

// When the machine moves, a link that depends on its address is made anew, and one
// that follows by itself goes on.
func TestMovesOfLinks(t *testing.T) {
	here, there := netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.0.2")
	for _, local := range []netip.Addr{here, {}} {
		d, m := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}, local: local}, &machine{addrs: []netip.Addr{here}}
		downs := 0
		change := func(c *Config) {
			c.Network, c.Events.Down = m, func(i2p.Hash, string, error) { downs++ }
		}
		runTable(t, []Driver{d}, change, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
			tr.Send(ri, message(i2np.DataType, 1, 100))
			synctest.Wait()
			m.move(there)
			time.Sleep(2 * addrsEvery)
			synctest.Wait()
			_, dials := d.sent()
			if want := map[bool]int{true: 2, false: 1}[local.IsValid()]; dials != want || downs != 0 || !tr.Connected(ri.Hash()) {
				t.Errorf("a link from %v: %d dials, expected %d; told %d times that the peer is down", local, dials, want, downs)
			}
		})
	}
}

// When the machine has lost all addresses of a family, a link that could go on from another of them is made anew
// over the other family; where the peer has none, it is left to what comes.
func TestFamilyGone(t *testing.T) {
	v4, v6 := netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("2a00::1")
	for _, c := range []struct{ both, adopted bool }{{true, false}, {true, true}, {false, false}} {
		four := &fakeDriver{name: "FOUR", bid: Bid{Cost: 1, MaxMessage: 1000}, far: netip.MustParseAddr("23.0.0.9")}
		six := &fakeDriver{name: "SIX", bid: Bid{Cost: 9, MaxMessage: 1000}, far: netip.MustParseAddr("2a00::9")}
		drivers := []Driver{four}
		if c.both {
			drivers = append(drivers, six)
		}
		m, downs := &machine{addrs: []netip.Addr{v4, v6}}, 0
		change := func(c *Config) {
			c.Network, c.Events.Down = m, func(i2p.Hash, string, error) { downs++ }
		}
		runTable(t, drivers, change, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
			dials := 1
			if c.adopted { // the driver has opened it for its own ends
				l := four.link()
				l.remote, dials = netip.AddrPortFrom(four.far, 7), 0
				if err := four.host.Adopt(l, ri); err != nil {
					t.Fatal(err)
				}
			} else {
				tr.Send(ri, message(i2np.DataType, 1, 100))
			}
			synctest.Wait()
			m.move(v6)
			time.Sleep(2 * addrsEvery)
			synctest.Wait()
			want := map[bool]string{true: "SIX", false: "FOUR"}[c.both]
			if p := tr.Peers(); len(p) != 1 || p[0].Transport != want || downs != 0 || four.dialled() != dials {
				t.Errorf("expected a session by %s: %+v; told %d times that the peer is down", want, p, downs)
			}
		})
	}
}

// A peer that refuses us is left alone for a while; one whose link just ended is not.
func TestRefusedAfter(t *testing.T) {
	for _, end := range []error{errors.New("fake: ended"), fmt.Errorf("fake: banned: %w", ErrRefused)} {
		d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}, ends: end}
		runTable(t, []Driver{d}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
			tr.Send(ri, message(i2np.DataType, 1, 100))
			synctest.Wait()
			err := tr.Send(ri, message(i2np.DataType, 2, 100))
			if refused := errors.Is(end, ErrRefused); errors.Is(err, ErrBackoff) != refused {
				t.Errorf("after %v: %v", end, err)
			}
			synctest.Wait()
		})
	}
}
