package answers

import (
	"context"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
)

// Hub passes events on to whoever follows them. One that does not keep up
// loses events and is told how many.
type Hub struct {
	now    func() time.Time
	mu     sync.Mutex
	subs   map[*subscriber]struct{}
	closed bool
	stats  HubStats
}

// HubStats count what a hub passed on.
type HubStats struct {
	Subscribers     int // now
	Published, Lost uint64
}

// Stats returns the counts.
func (h *Hub) Stats() HubStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.stats
	st.Subscribers = len(h.subs)
	return st
}

type subscriber struct {
	ch   chan control.Event
	lost uint64
}

const subscriberQueue = 256

// NewHub makes a hub that nobody follows yet.
func NewHub(now func() time.Time) *Hub {
	return &Hub{now: now, subs: make(map[*subscriber]struct{})}
}

// Publish tells of an event that happens now. It never blocks.
func (h *Hub) Publish(e control.Event) {
	e.Time = h.now().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Published++
	for s := range h.subs {
		e.Lost = s.lost
		select { // the channel is buffered and never waited for
		case s.ch <- e:
			s.lost = 0
		default:
			s.lost++
			h.stats.Lost++
		}
	}
}

// subscribe's channel is closed when ctx ends or the hub is.
func (h *Hub) subscribe(ctx context.Context) <-chan control.Event {
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

func (h *Hub) remove(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[s]; ok {
		delete(h.subs, s)
		close(s.ch)
	}
}

// Close ends all subscriptions.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subs {
		delete(h.subs, s)
		close(s.ch)
	}
}
