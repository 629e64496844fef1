package main

import (
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
)

// TestKeysEnd: of all forwards only those are named whose transient keys end soon.
func TestKeysEnd(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	soon, late := now.Add(time.Hour), now.Add(60*24*time.Hour)
	got := keysEnd([]control.Forward{{Name: "own"}, {Name: "soon", KeyExpires: &soon}, {Name: "late", KeyExpires: &late}}, now)
	if len(got) != 1 || !strings.HasPrefix(got[0], "soon: its transient key expires at 2026-03-01T13:00:00Z") {
		t.Errorf("%q", got)
	}
}
