package ratchet

import (
	"encoding/binary"
	"time"

	"i2ptoolkit/pkg/noise"
)

// RouterConfig is what a Router needs.
type RouterConfig struct {
	Static       noise.KeyPair // the router's encryption key
	Expected     int           // one-time tags kept; 4096
	NewPerSecond int           // messages that we try to open; 500
	Replays      int           // messages remembered; 1 << 18
}

// Router opens garlic messages to the router itself (ECIES-ROUTERS): those
// sealed to its key by anonymous senders, and the replies to its own
// requests. It has no sessions. It is not safe for concurrent use, but the
// costly part can be done elsewhere: OpenReply and Admit in the loop that owns
// the Router, OpenRouter in a worker.
type Router struct {
	static   noise.KeyPair
	expected expected
	replays  replays
	rate     bucket
	stats    Stats
}

// NewRouter returns a Router that expects nothing.
func NewRouter(cfg RouterConfig) *Router {
	for _, f := range []struct {
		p *int
		n int
	}{{&cfg.Expected, 4096}, {&cfg.NewPerSecond, 500}, {&cfg.Replays, 1 << 18}} {
		if *f.p <= 0 {
			*f.p = f.n
		}
	}
	return &Router{
		static:   cfg.Static,
		expected: newExpected(cfg.Expected),
		replays:  newReplays(cfg.Replays, false),
		rate:     bucket{rate: float64(cfg.NewPerSecond)},
	}
}

// Expect makes Open accept one message with a key and tag of a request.
func (r *Router) Expect(now time.Time, key [32]byte, tag [8]byte, lifetime time.Duration) {
	r.expected.add(now, key, tag, lifetime)
}

// Open opens a garlic body, without its length field, in place.
func (r *Router) Open(now time.Time, body []byte) (*Opened, error) {
	if o, ok, err := r.OpenReply(now, body); ok {
		return o, err
	}
	if err := r.Admit(now, body); err != nil {
		return nil, err
	}
	o, err := OpenRouter(r.static, now, body)
	if err != nil {
		r.stats.Failed++
	}
	return o, err
}

// OpenReply opens, in place, a message whose tag is expected. It reports
// false when the tag is not.
func (r *Router) OpenReply(now time.Time, body []byte) (*Opened, bool, error) {
	if len(body) < tagLen+macLen {
		return nil, false, nil
	}
	tag := binary.LittleEndian.Uint64(body)
	key, ok := r.expected.find(now, tag)
	if !ok {
		return nil, false, nil
	}
	o, err := OpenTagged(*key, body)
	if err != nil {
		r.stats.Failed++
		return nil, true, err
	}
	r.expected.remove(tag)
	r.stats.OneTimeOpened++
	return o, true, nil
}

// Admit decides whether OpenRouter may be tried: the message is long enough,
// was not seen before and is within the rate.
func (r *Router) Admit(now time.Time, body []byte) error {
	if len(body) < minRouter {
		r.stats.Failed++
		return ErrShort
	}
	key := [32]byte(body)
	if r.replays.seen(key) {
		r.stats.Replayed++
		return ErrReplay
	}
	if !r.rate.take(now) || !r.replays.add(now, key, now.Add(maxFuture)) {
		r.stats.Refused++
		return ErrBusy
	}
	r.stats.NewOpened++
	return nil
}

// Tick drops expired tags. Once a minute is enough.
func (r *Router) Tick(now time.Time) { r.expected.sweep(now) }

// Stats returns the counters.
func (r *Router) Stats() Stats {
	st := r.stats
	st.Tags = r.expected.len()
	return st
}
