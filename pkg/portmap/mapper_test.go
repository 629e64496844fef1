package portmap

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
)

// fakeGateway notes what is asked of it.
type fakeGateway struct {
	says string

	mu      sync.Mutex
	host    netip.Addr
	grants  time.Duration // 0 is a refusal
	slow    time.Duration
	entries map[Port]netip.AddrPort
	calls   []string
}

func (g *fakeGateway) name() string { return g.says }

func (g *fakeGateway) add(ctx context.Context, p Port, wanted netip.AddrPort, life time.Duration) (netip.AddrPort, time.Duration, error) {
	if err := g.call(ctx, fmt.Sprintf("add %s %d", p.Protocol, wanted.Port())); err != nil {
		return netip.AddrPort{}, 0, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.grants == 0 {
		return netip.AddrPort{}, 0, errors.New("fake: refused")
	}
	at, there := g.entries[p]
	if !there {
		at = netip.AddrPortFrom(g.host, wanted.Port()+1) // the wanted one is another's
		g.entries[p] = at
	}
	return at, g.grants, nil
}

func (g *fakeGateway) remove(ctx context.Context, m Mapping) error {
	if err := g.call(ctx, "remove "+string(m.Protocol)); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.entries, m.Port)
	return nil
}

func (g *fakeGateway) call(ctx context.Context, what string) error {
	g.mu.Lock()
	g.calls = append(g.calls, what)
	slow := g.slow
	g.mu.Unlock()
	select {
	case <-time.After(slow):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// becomes changes the gateway.
func (g *fakeGateway) becomes(grants, slow time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.grants, g.slow = grants, slow
}

// asked is what was asked of it.
func (g *fakeGateway) asked() []string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

func newFake(says string) *fakeGateway {
	return &fakeGateway{says: says, host: netip.MustParseAddr("198.51.100.7"), grants: time.Hour, entries: map[Port]netip.AddrPort{}}
}

func (g *fakeGateway) find(context.Context) (gateway, error) { return g, nil }

func nobody(ctx context.Context) (gateway, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// runMapper runs a mapper in simulated time, and ends it.
func runMapper(t *testing.T, finders []finder, f func(t *testing.T, m *Mapper, told func() []State)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var states []State
		m := New(Config{
			Ports: func() []Port { return []Port{{TCP, 5000}, {UDP, 6000}} },
			Changed: func(s State) {
				mu.Lock()
				defer mu.Unlock()
				states = append(states, s)
			},
		})
		m.finders = finders
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		synctest.Wait()
		f(t, m, func() []State {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(states)
		})
		end()
		begun := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > max(returnTime, searchTime) {
			t.Errorf("the end took %v", took)
		}
	})
}

// Ports are mapped by the best that answers, renewed in time, and given back.
func TestMapper(t *testing.T) {
	good, other := newFake("good"), newFake("other")
	runMapper(t, []finder{nobody, good.find, other.find}, func(t *testing.T, m *Mapper, told func() []State) {
		time.Sleep(searchTime)
		all := told()
		if len(all) != 1 || all[0].By != "good" || all[0].Problem != "" || len(all[0].Mappings) != 2 {
			t.Fatalf("told %+v", all)
		}
		if at := m.State().Mappings[1]; at.External != netip.MustParseAddrPort("198.51.100.7:6001") || at.Port != (Port{UDP, 6000}) || time.Until(at.Until) != time.Hour {
			t.Errorf("mapped %+v", at)
		}
		time.Sleep(3*time.Hour + time.Second)
		if c := m.Stats(); len(told()) != 1 || c != (Stats{Mapped: 2, Granted: 26, Searches: 1, Found: 1}) {
			t.Errorf("told %d times, %+v", len(told()), c)
		}
		if calls := good.asked()[:4]; !slices.Equal(calls, []string{"add TCP 5000", "add UDP 6000", "add TCP 5001", "add UDP 6001"}) {
			t.Errorf("asked %v", calls)
		}
		good.becomes(90*time.Second, 0) // from now on: renewed in half of it
		time.Sleep(mostRenew)
		n := len(good.asked())
		time.Sleep(45 * time.Second)
		if more := len(good.asked()) - n; more != 2 {
			t.Errorf("asked %d times in 45 s", more)
		}
	})
	if len(good.entries) != 0 || len(other.calls) != 0 {
		t.Errorf("left: %v; asked of the other: %v", good.entries, other.calls)
	}
}

// A gateway that refuses, or is gone, is followed by another, and looked for again.
func TestMapperRefused(t *testing.T) {
	strict, good := newFake("strict"), newFake("good")
	strict.grants = 0
	runMapper(t, []finder{strict.find, good.find}, func(t *testing.T, m *Mapper, told func() []State) {
		if s := m.State(); s.By != "good" || len(s.Mappings) != 2 {
			t.Fatalf("state %+v", s)
		}
		good.becomes(0, 0)
		time.Sleep(mostRenew)
		if all := told(); len(all) != 2 || all[1].Problem != "fake: refused" || len(all[1].Mappings) != 0 {
			t.Fatalf("told %+v", all)
		}
		good.becomes(time.Hour, 0)
		time.Sleep(retryAfter[0])
		if all := told(); len(all) != 3 || len(all[2].Mappings) != 2 {
			t.Errorf("told %+v", all)
		}
	})
}

// Where nobody answers, it is asked rarely; in another network at once.
func TestMapperAlone(t *testing.T) {
	there := newFake("there")
	var searches atomic.Int32
	var found atomic.Bool
	find := func(ctx context.Context) (gateway, error) {
		searches.Add(1)
		if found.Load() {
			return there, nil
		}
		return nobody(ctx)
	}
	runMapper(t, []finder{find}, func(t *testing.T, m *Mapper, told func() []State) {
		time.Sleep(24 * time.Hour)
		if n, all := searches.Load(), told(); len(all) != 1 || all[0].Problem == "" || n < 24 || n > 28 {
			t.Errorf("%d searches, told %+v", n, all)
		}
		found.Store(true)
		m.Again()
		if synctest.Wait(); len(m.State().Mappings) != 2 {
			t.Errorf("state %+v", m.State())
		}
	})
}

// Where no port is to be mapped any more, those that were are given back, and nobody is asked.
func TestMapperUnwanted(t *testing.T) {
	good := newFake("good")
	var unwanted atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{Ports: func() []Port {
			if unwanted.Load() {
				return nil
			}
			return []Port{{TCP, 5000}}
		}})
		m.finders = []finder{good.find}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		if synctest.Wait(); len(m.State().Mappings) != 1 {
			t.Fatalf("state %+v", m.State())
		}
		unwanted.Store(true)
		time.Sleep(24 * time.Hour)
		if calls := good.asked(); !slices.Equal(calls, []string{"add TCP 5000", "remove TCP"}) || m.State().By != "" {
			t.Errorf("asked %v, state %+v", calls, m.State())
		}
		end()
		<-done
	})
}

// What is mapped is given back also where the gateway is being looked for anew.
func TestMapperEndsLost(t *testing.T) {
	good := newFake("good")
	var slow atomic.Bool
	find := func(ctx context.Context) (gateway, error) {
		if slow.Load() {
			return nobody(ctx)
		}
		return good, nil
	}
	runMapper(t, []finder{find}, func(t *testing.T, m *Mapper, told func() []State) {
		slow.Store(true)
		m.Again()
		synctest.Wait()
	})
	if len(good.entries) != 0 {
		t.Errorf("left: %v", good.entries)
	}
}

// The end waits for no gateway that does not answer.
func TestMapperEnds(t *testing.T) {
	slow := newFake("slow")
	runMapper(t, []finder{slow.find}, func(t *testing.T, m *Mapper, told func() []State) {
		slow.becomes(time.Hour, time.Hour)
	})
	runMapper(t, []finder{nobody}, func(t *testing.T, m *Mapper, told func() []State) {})
	asking := newFake("asking")
	runMapper(t, []finder{asking.find}, func(t *testing.T, m *Mapper, told func() []State) {
		asking.becomes(time.Hour, time.Second)
		time.Sleep(mostRenew + time.Second/2)
	})
	if len(asking.entries) != 0 {
		t.Errorf("left: %v", asking.entries)
	}
}
