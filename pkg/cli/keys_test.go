package cli

import (
	"strings"
	"testing"
	"time"
)

// TestKeyEnds: a transient key is spoken of from a week before its end, and after it.
func TestKeyEnds(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for left, said := range map[time.Duration]string{
		8 * 24 * time.Hour: "", 6 * 24 * time.Hour: "expires at 2026-03-07T12:00:00Z", -time.Hour: "has expired, at 2026-03-01T11:00:00Z",
	} {
		at := now.Add(left)
		if got := KeyEnds(&at, now); !strings.Contains(got, said) || (got == "") != (said == "") {
			t.Errorf("%v: %q", left, got)
		}
	}
	if KeyEnds(nil, now) != "" {
		t.Error("the destination's own key ends")
	}
}
