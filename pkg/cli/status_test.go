package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

func TestReport(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for _, tt := range []struct {
		ctx    context.Context
		err    error
		status int
		want   string
	}{
		{t.Context(), nil, StatusDone, ""},
		{t.Context(), errors.New("no"), StatusFailed, "x: no\n"},
		{t.Context(), Silent(1), StatusFailed, ""},
		{t.Context(), Usagef("what is %q", "y"), StatusUsage, "x: what is \"y\"\n"},
		{t.Context(), fmt.Errorf("key: %w", Dataf("short")), StatusData, "x: key: short\n"},
		{t.Context(), WithHint(Dataf("short"), "make it long"), StatusData, "x: short\nx: hint: make it long\n"},
		{t.Context(), fmt.Errorf("%w at s", client.ErrNoRouter), StatusNoRouter, "x: no router answers at s\nx: hint: start one with i2p-router, or name its socket with --socket or I2P_SOCKET\n"},
		{t.Context(), context.DeadlineExceeded, StatusAgain, "x: timed out\n"},
		{t.Context(), control.Errorf(control.Timeout, "late"), StatusAgain, "x: late\n"},
		{t.Context(), control.Errorf(control.NoTunnels, "none"), StatusAgain, "x: none\n"},
		{t.Context(), control.Errorf(control.Unreachable, "away"), StatusAgain, "x: away\n"},
		{t.Context(), control.Errorf(control.Busy, "full"), StatusAgain, "x: full\n"},
		{t.Context(), control.Errorf(control.BadRequest, "how"), StatusUsage, "x: how\n"},
		{t.Context(), control.Errorf(control.BadData, "junk"), StatusData, "x: junk\n"},
		{t.Context(), control.Errorf(control.NotFound, "none"), StatusFailed, "x: none\n"},
		{interrupted, errors.New("cut"), StatusInterrupted, ""},
	} {
		var out strings.Builder
		if status := report(&out, "x", tt.ctx, tt.err); status != tt.status || out.String() != tt.want {
			t.Errorf("%v: status %d and %q, expected %d and %q", tt.err, status, out.String(), tt.status, tt.want)
		}
	}
}
