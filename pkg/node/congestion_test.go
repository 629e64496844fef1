package node

import (
	"testing"
	"time"
)

func TestPressure(t *testing.T) {
	var p pressure
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		busy, congested int
		lasts           time.Duration
		level           byte // at the end
	}{
		{20, 2, 10 * time.Minute, pressureNone},
		{2, 2, 10 * time.Minute, pressureNone}, // slow peers, not a slow router
		{20, 10, time.Minute, pressureNone},    // a moment
		{20, 0, time.Minute, pressureNone},
		{20, 10, 3 * time.Minute, pressureMedium},
		{20, 19, 3 * time.Minute, pressureHigh},
		{20, 0, 4 * time.Minute, pressureHigh},
		{20, 19, time.Minute, pressureHigh},
		{20, 0, 6 * time.Minute, pressureNone},
	} {
		for end := now.Add(step.lasts); now.Before(end); now = now.Add(pressureEvery) {
			p.look(now, step.busy, step.congested)
		}
		if p.level != step.level {
			t.Errorf("step %d: level %q, want %q", i, p.level, step.level)
		}
	}
}

func TestCongestionCaps(t *testing.T) {
	n, err := New(Config{Settings: settings("")})
	if err != nil {
		t.Fatal(err)
	}
	if got := n.caps(); got != "XR" {
		t.Fatalf("caps %q", got)
	}
	n.pressure.Store(pressureMedium)
	if got := n.caps(); got != "XRD" {
		t.Errorf("caps %q, want XRD", got)
	}
	none := n.settings()
	none.Transit.MaxTunnels = 0
	n.set.now.Store(&none)
	if got := n.caps(); got != "XRG" {
		t.Errorf("caps %q, want XRG: it rejects all tunnels", got)
	}
}
