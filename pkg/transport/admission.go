package transport

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
)

// Visitor is a stranger in the handshake of a driver. Leave must be called.
type Visitor struct {
	t        *table
	way      *way
	sequence uint64
	source   netip.Prefix
	since    time.Time
	counted  bool // against its source
	gone     bool // Leave was called, or it was pushed out
	junk     bool
	random   *draw.Source // of the driver
	own      *draw.Source // of the session that may come of it
	evict    func()
}

// Admit holds who comes in to the limits; nil is a refusal, and the driver is to
// let go of it without a word. Where handshakes are too many, the oldest that
// sent junk makes room: evict is called then, and must not block.
func (h *Host) Admit(from netip.Addr, evict func()) *Visitor {
	t := h.t
	v := &Visitor{t: t, way: h.way, source: source(from), since: time.Now(), evict: evict}
	local := reserved(from)
	v.counted = !local || !t.cfg.LocalAllowed

	var evicted *Visitor
	t.mu.Lock()
	used := t.gate.sources.held[v.source]
	refuse := local && !t.cfg.LocalAllowed || t.closed || t.full() ||
		v.counted && (used.pending >= t.cfg.Limits.PendingPerSource || used.sessions >= t.cfg.Limits.SessionsPerSource)
	if !refuse && len(t.gate.visitors) >= t.cfg.Limits.Pending {
		evicted = t.gate.oldestJunk()
		refuse = evicted == nil
	}
	if !refuse {
		v.junk = v.counted && t.gate.sources.blocked(time.Now(), v.source, t.cfg.Limits.FailuresPerSource)
		t.gate.enter(v)
	}
	t.mu.Unlock()
	if evicted != nil {
		evicted.evict()
	}
	if refuse {
		h.way.counters.refused.Add(1)
		return nil
	}
	v.random, v.own = t.connRand()
	return v
}

// Random is the link's own source.
func (v *Visitor) Random() *draw.Source { return v.random }

// Suspect reports whether its address has sent so much junk that it is not heard
// any more. It should not notice.
func (v *Visitor) Suspect() bool { return v.junk }

// Junk notes that its first message was no good: it may be pushed out for
// others, and its address is not heard for ever.
func (v *Visitor) Junk() {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	v.junk = true
	if v.counted {
		v.t.gate.sources.failed(time.Now(), v.source)
	}
}

// Leave ends the handshake; a second call does nothing.
func (v *Visitor) Leave() {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	v.t.gate.leave(v)
}

// gate counts who comes in. The transport's mutex guards it.
type gate struct {
	visitors map[*Visitor]struct{}
	sequence uint64
	sources  sources
}

func newGate() gate { return gate{visitors: map[*Visitor]struct{}{}, sources: newSources()} }

func (g *gate) enter(v *Visitor) {
	g.sequence++
	v.sequence = g.sequence
	v.way.pending++
	g.visitors[v] = struct{}{}
	if v.counted {
		g.sources.add(v.source, 1, 0)
	}
}

func (g *gate) leave(v *Visitor) {
	if v.gone {
		return
	}
	v.gone = true
	v.way.pending--
	delete(g.visitors, v)
	if v.counted {
		g.sources.add(v.source, -1, 0)
	}
}

// oldestJunk has the oldest that sent junk leave.
func (g *gate) oldestJunk() (oldest *Visitor) {
	for v := range g.visitors {
		if v.junk && (oldest == nil || v.sequence < oldest.sequence) {
			oldest = v
		}
	}
	if oldest != nil {
		g.leave(oldest)
	}
	return oldest
}

// maxFailures bounds the table of addresses with bad first messages, and
// failureLife is how long they count.
const (
	maxFailures = 4096
	failureLife = 10 * time.Minute
)

// usage is what one source holds.
type usage struct{ pending, sessions int }

// sources counts what each source holds, and the junk that it sent. The
// transport's mutex guards it.
type sources struct {
	held     map[netip.Prefix]usage
	failures map[netip.Prefix]failure
}

type failure struct {
	count int
	since time.Time
}

func newSources() sources {
	return sources{held: map[netip.Prefix]usage{}, failures: map[netip.Prefix]failure{}}
}

func (s *sources) add(p netip.Prefix, pending, sessions int) {
	u := s.held[p]
	u.pending += pending
	u.sessions += sessions
	if u == (usage{}) {
		delete(s.held, p)
		return
	}
	s.held[p] = u
}

// failed counts a bad first message. A full table forgets what has expired,
// and all of it if nothing has.
func (s *sources) failed(now time.Time, p netip.Prefix) {
	f := s.failures[p]
	if now.Sub(f.since) > failureLife {
		f = failure{since: now}
	}
	f.count++
	if _, ok := s.failures[p]; !ok && len(s.failures) >= maxFailures {
		for q, g := range s.failures {
			if now.Sub(g.since) > failureLife {
				delete(s.failures, q)
			}
		}
		if len(s.failures) >= maxFailures {
			clear(s.failures)
		}
	}
	s.failures[p] = f
}

func (s *sources) blocked(now time.Time, p netip.Prefix, limit int) bool {
	f, ok := s.failures[p]
	return ok && f.count >= limit && now.Sub(f.since) <= failureLife
}
