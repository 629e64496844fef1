package node

import (
	"context"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
)

// hub passes events on to whoever follows them. One that does not keep up
// loses events and is told how many.
type hub struct {
	mu     sync.Mutex
	subs   map[*subscriber]struct{}
	closed bool
}

type subscriber struct {
	ch   chan control.Event
	lost uint64
}

const subscriberQueue = 256

func newHub() *hub { return &hub{subs: make(map[*subscriber]struct{})} }

func (h *hub) publish(e control.Event, now time.Time) {
	e.Time = now.UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		e.Lost = s.lost
		select { // the channel is buffered and never waited for
		case s.ch <- e:
			s.lost = 0
		default:
			s.lost++
		}
	}
}

// subscribe's channel is closed when ctx ends or the hub is.
func (h *hub) subscribe(ctx context.Context) <-chan control.Event {
	s := &subscriber{ch: make(chan control.Event, subscriberQueue)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(s.ch)
		return s.ch
	}
	h.subs[s] = struct{}{}
	context.AfterFunc(ctx, func() { h.remove(s) })
	return s.ch
}

func (h *hub) remove(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[s]; ok {
		delete(h.subs, s)
		close(s.ch)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subs {
		delete(h.subs, s)
		close(s.ch)
	}
}
