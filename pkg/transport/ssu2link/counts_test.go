package ssu2link

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/ssu2"
)

// TestSkewedHandshakes: a clock that is wrong is counted, whichever side has found out.
func TestSkewedHandshakes(t *testing.T) {
	refused := &ssu2.TerminationError{Reason: ssu2.ReasonClockSkew, Remote: true}
	for _, tt := range []struct {
		err    error
		skewed uint64
	}{
		{&ssu2.HandshakeError{Message: ssu2.TypeSessionCreated, Skew: time.Hour, Err: ssu2.ErrClockSkew}, 1},
		{&ssu2.HandshakeError{Message: ssu2.TypeRetry, Skew: -time.Hour, Err: refused}, 1},
		{&ssu2.HandshakeError{Message: ssu2.TypeRetry, Skew: time.Second, Err: refused}, 0}, // he only says so
		{&ssu2.HandshakeError{Message: ssu2.TypeRetry, Err: refused}, 0},
	} {
		var c counts
		c.failed(tt.err)
		if s, other := c.skewed.Load(), c.handshakes.Load(); s != tt.skewed || s+other != 1 {
			t.Errorf("%v: %d skewed, %d others", tt.err, s, other)
		}
	}
}
