package presence

import (
	"net/netip"
	"testing"
	"time"
)

// someone is a router whose clock and terms a test moves.
type someone struct {
	now   time.Time
	terms Terms
	hosts []netip.Addr
}

func (s *someone) presence() *Presence {
	return New(Config{
		Now:   func() time.Time { return s.now },
		Terms: func() Terms { return s.terms },
		Hosts: func() []netip.Addr { return s.hosts },
	})
}

func TestCongestion(t *testing.T) {
	s := someone{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	p := s.presence()
	for i, step := range []struct {
		busy, congested, refused int
		lasts                    time.Duration
		level                    byte // at the end
	}{
		{20, 2, 0, 10 * time.Minute, none},
		{2, 2, 0, 10 * time.Minute, none}, // slow peers, not a slow router
		{20, 10, 0, time.Minute, none},    // a moment
		{20, 0, 0, time.Minute, none},
		{20, 10, 0, 3 * time.Minute, medium},
		{20, 19, 0, 3 * time.Minute, high},
		{20, 0, 0, 4 * time.Minute, high},
		{20, 19, 0, time.Minute, high},
		{20, 0, 0, 6 * time.Minute, none},
		{20, 0, 14, 3 * time.Minute, none},
		{20, 0, 15, 3 * time.Minute, medium}, // of those who asked for tunnels
		{20, 19, 15, 3 * time.Minute, high},
		{0, 0, 0, 6 * time.Minute, none},
	} {
		for end := s.now.Add(step.lasts); s.now.Before(end); s.now = s.now.Add(LookEvery) {
			before := p.level.Load()
			if changed := p.Look(Load{step.busy, step.congested}, Load{30, step.refused}); changed != (p.level.Load() != before) {
				t.Errorf("step %d: Look says %v", i, changed)
			}
		}
		if got := byte(p.level.Load()); got != step.level {
			t.Errorf("step %d: level %q, want %q", i, got, step.level)
		}
	}
}

func TestCaps(t *testing.T) {
	host := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for _, c := range []struct {
		terms Terms
		hosts []netip.Addr
		level byte
		want  string
	}{
		{Terms{}, host, none, "XR"},
		{Terms{}, nil, none, "XU"},
		{Terms{Hidden: true}, host, none, "XHU"},
		{Terms{Floodfill: true}, host, none, "XfR"},
		{Terms{}, host, medium, "XRD"},
		{Terms{Refuses: true}, host, medium, "XRG"}, // it rejects all tunnels
		{Terms{In: 100, Out: 50, Share: 80}, host, none, "LR"},
		{Terms{In: 10, Share: 100}, host, none, "KR"},
		{Terms{Out: 2500, Share: 80}, host, none, "XR"},
		{Terms{Out: 2499, Share: 80}, host, none, "PR"},
	} {
		s := someone{terms: c.terms, hosts: c.hosts}
		p := s.presence()
		p.level.Store(uint32(c.level))
		if got := p.Caps(); got != c.want {
			t.Errorf("%+v with %d hosts: %q, want %q", c.terms, len(c.hosts), got, c.want)
		}
	}
}
