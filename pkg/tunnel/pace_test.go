package tunnel

import (
	"testing"
	"time"
)

func TestBuildLimitIsShared(t *testing.T) {
	limit := NewBuildLimit(0, 5)
	var pools []*Pool[*pooled]
	for i := range 10 {
		cfg := quota(2)
		cfg.Limit, cfg.Rand = limit, seeded(byte(i))
		p := testPool(cfg)
		pools = append(pools, p)
	}
	builds := 0
	for i := range 100 {
		for _, p := range pools {
			for _, a := range p.Tick(epoch.Add(time.Duration(i) * 100 * time.Millisecond)) {
				if a.Kind == ActionBuild {
					builds++
				}
			}
		}
	}
	if builds != 5 {
		t.Errorf("%d builds in flight, 5 allowed", builds)
	}
	for _, p := range pools {
		p.Close()
	}
	if limit.inFlight != 0 {
		t.Errorf("%d in flight at the end", limit.inFlight)
	}
}

// TestBuildLimitBurst: after a pause a few builds start at once, for who has no
// tunnel more than for others; then the pace holds.
func TestBuildLimitBurst(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		limit := NewBuildLimit(0, 1000)
		now, burst, after := epoch, 0, 0
		for limit.take(now, urgent) {
			burst++
		}
		for ; now.Before(epoch.Add(10 * time.Second)); now = now.Add(10 * time.Millisecond) {
			if limit.take(now, urgent) {
				after++
			}
		}
		if want := map[bool]int{false: buildBurst, true: urgentBurst}[urgent]; burst != want || after < 39 || after > 40 {
			t.Errorf("urgent %v: %d builds at once, %d in 10 s after them", urgent, burst, after)
		}
	}
}

// TestUrgentBuilds: pools that come and go take up the pace, and the tunnels of
// one that stays are renewed all the same.
func TestUrgentBuilds(t *testing.T) {
	limit := NewBuildLimit(0, 0)
	pool := func(seed int) *Pool[*pooled] {
		cfg := quota(2)
		cfg.Limit, cfg.Rand = limit, seeded(byte(seed))
		p := testPool(cfg)
		return p
	}
	const step, buildTime = 50 * time.Millisecond, 2 * time.Second
	replies := map[time.Time][]func(){}
	tick := func(p *Pool[*pooled], now time.Time) {
		for _, a := range p.Tick(now) {
			switch a.Kind {
			case ActionBuild:
				at := now.Add(buildTime)
				replies[at] = append(replies[at], func() { p.Built(at, a.Tunnel) })
			case ActionTest:
				p.TestOK(now, a.Test)
			}
		}
	}
	steady, others, none := pool(0), []*Pool[*pooled](nil), time.Duration(0)
	for i := range int(time.Hour / step) {
		now := epoch.Add(time.Duration(i) * step)
		for _, reply := range replies[now] {
			reply()
		}
		delete(replies, now)
		if i%4 == 0 {
			others = append(others, pool(i))
		}
		if len(others) > 5 {
			others[0].Close()
			others = others[1:]
		}
		for _, p := range append([]*Pool[*pooled]{steady}, others...) { // in the order of their opening, as the router does
			tick(p, now)
		}
		if len(steady.direction(true).usable(now)) == 0 || len(steady.direction(false).usable(now)) == 0 {
			none += step
		}
	}
	if none > buildTime {
		t.Errorf("without tunnels for %v of an hour", none)
	}
}

// TestBareBuilds: tunnels without hops are built at once, however many pools there are, and take nothing of the pace.
func TestBareBuilds(t *testing.T) {
	limit := NewBuildLimit(0, 0)
	builds := 0
	for range 40 {
		p := testPool(PoolConfig{Inbound: Quota{Tunnels: 1}, Outbound: Quota{Tunnels: 1}, Limit: limit, Rand: seeded(1)})
		for _, a := range p.Tick(epoch) {
			if a.Kind == ActionBuild {
				builds++
				p.Built(epoch, a.Tunnel)
			}
		}
	}
	if builds != 80 || limit.inFlight != 0 || limit.next(false).After(epoch) {
		t.Errorf("%d builds, %d in flight, the next may begin at %v", builds, limit.inFlight, limit.next(false))
	}
}
