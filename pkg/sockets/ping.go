package sockets

import (
	"context"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/streaming"
)

// pingRepeat is how long an echo is waited for before the ping is repeated.
const pingRepeat = 9 * time.Second

// Ping measures a round trip to a destination with the streaming protocol's
// own echo, which not every destination answers.
func (h *Host) Ping(ctx context.Context, to i2p.Destination) (time.Duration, error) {
	answered := make(chan struct{})
	ids := make([]uint32, 0, 4)
	defer func() {
		h.do(func(time.Time) {
			for _, id := range ids {
				delete(h.pings, id)
			}
		})
	}()
	repeat := time.NewTicker(pingRepeat)
	defer repeat.Stop()
	var start time.Time
	for {
		err := ErrClosed
		h.call(func(now time.Time) {
			var id uint32
			if id, err = h.mux.Ping(now, to, streaming.OpenOptions{}, nil); err == nil {
				ids = append(ids, id)
				h.pings[id] = answered
				start = now
			}
		})
		if err != nil {
			return 0, fmt.Errorf("sockets: ping: %w", err)
		}
		select {
		case <-answered:
			return h.cfg.Now().Sub(start), nil
		case <-repeat.C:
		case <-h.done:
			return 0, fmt.Errorf("sockets: ping: %w", ErrClosed)
		case <-ctx.Done():
			return 0, fmt.Errorf("sockets: ping: %w", context.Cause(ctx))
		}
	}
}

func (e events) Pong(id uint32, _ []byte) {
	ch := e.h.pings[id]
	if ch == nil {
		return
	}
	for other, c := range e.h.pings { // the repeats of the same
		if c == ch {
			delete(e.h.pings, other)
		}
	}
	close(ch)
}
