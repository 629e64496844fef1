package main

import (
	"context"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control/client"
)

// silence is how long a peer that may end both directions at our end has nothing to say
// before it is taken to have said all.
const silence = 30 * time.Second

// hold keeps the end of stdin back. Peers of some implementations end both directions when
// they learn of it, and what they had to answer is lost.
type hold struct {
	limit time.Duration // at most so long
	quiet bool          // the limit begins anew with all that the peer says
	mute  bool          // where nothing at all is said before the end, there is no limit

	over  chan struct{} // closed when the peer has said all
	mu    sync.Mutex
	heard chan struct{} // closed when the peer says something
	bytes int64         // that it said
}

func newHold(limit time.Duration, quiet bool) *hold {
	return &hold{limit: limit, quiet: quiet, heard: make(chan struct{}), over: make(chan struct{})}
}

// holdFor makes a hold as long as -q says, or as the peer needs it.
func holdFor(c *cli.Context, stream *client.Stream) *hold {
	switch {
	case c.IsSet("q"):
		return newHold(c.Duration("q"), false)
	case stream.HalfCloses:
		return newHold(0, false)
	}
	return newHold(silence, true)
}

// holdMute makes a hold for who listens. Of a peer that dialled it is not known what it takes our end for, and the empty stdin that
// services have is no answer to it: such an end comes last.
func holdMute() *hold {
	h := newHold(0, false)
	h.mute = true
	return h
}

// Write notes what the peer says.
func (h *hold) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes += int64(len(b))
	close(h.heard)
	h.heard = make(chan struct{})
	return len(b), nil
}

// ended notes that the peer has said all.
func (h *hold) ended() { close(h.over) }

// wait returns when the end of stdin, after so many bytes, is to be passed on.
func (h *hold) wait(ctx context.Context, said int64) {
	if h.mute && said == 0 {
		select {
		case <-h.over:
		case <-ctx.Done():
		}
		return
	}
	if h.limit == 0 {
		return
	}
	limit := time.NewTimer(h.limit)
	defer limit.Stop()
	for {
		h.mu.Lock()
		heard := h.heard
		h.mu.Unlock()
		select {
		case <-heard:
			if h.quiet {
				limit.Reset(h.limit)
			}
		case <-h.over:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// silent tells whether the peer has said nothing at all.
func (h *hold) silent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes == 0
}
