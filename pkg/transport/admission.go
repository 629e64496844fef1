package transport

import (
	"cmp"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/origin"
)

// Visitor is a stranger in the handshake of a driver. Leave must be called.
type Visitor struct {
	t        *table
	way      *way
	sequence uint64
	from     netip.Addr
	networks origin.Networks // none where it is not counted
	since    time.Time
	stage    stage
	gone     bool          // Leave was called, or it was pushed out
	left     chan struct{} // closed when it is gone
	random   *draw.Source  // of the driver
	own      *draw.Source  // of the session that may come of it
	evict    func()
}

// stage is what a visitor has shown so far. The lower goes first where there are
// too many.
type stage byte

const (
	junk   stage = iota // a first message that was no good, now or often before
	silent              // nothing yet
	proved              // a first message that is good
)

// Admit holds who comes in to the limits; nil is a refusal, and the driver is to
// let go of it without a word. Where handshakes are too many, one makes room that
// has shown the least, of where the most of them come from: evict is called then,
// and must not block.
func (h *Host) Admit(from netip.Addr, evict func()) *Visitor {
	t := h.t
	v := &Visitor{
		t: t, way: h.way, from: from.Unmap(), since: time.Now(), stage: silent, evict: evict, networks: t.counted(from),
		left: make(chan struct{}),
	}

	var evicted *Visitor
	l := &t.cfg.Limits
	t.mu.Lock()
	refuse := reserved(from) && !t.cfg.LocalAllowed || t.closed ||
		t.gate.crowd.Held(v.networks.Host()) >= l.PendingPerSource || t.held.came.Held(v.networks.Host()) >= l.SessionsPerSource
	if !refuse && len(t.gate.visitors) >= min(l.Pending, l.Sessions) {
		evicted = t.gate.pushOut(v.networks)
		refuse = evicted == nil
	}
	if !refuse {
		if t.gate.failures.blocked(time.Now(), v.networks.Host(), l.FailuresPerSource) {
			v.stage = junk
		}
		t.gate.enter(v)
	}
	t.mu.Unlock()
	if evicted != nil {
		evicted.way.counters.pushedOut.Add(1)
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
func (v *Visitor) Suspect() bool { return v.stage == junk }

// Junk notes that its first message was no good: it is pushed out first for
// others, and its address is not heard for ever. One that was pushed out had no
// time to say anything.
func (v *Visitor) Junk() {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	if v.gone {
		return
	}
	v.stage = junk
	v.t.gate.failures.failed(time.Now(), v.networks.Host())
}

// Proved notes that its first message was good: it knows who we are.
func (v *Visitor) Proved() {
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	v.stage = proved
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
	crowd    origin.Crowd // of visitors
	failures failures
}

func newGate() gate { return gate{visitors: map[*Visitor]struct{}{}, failures: failures{}} }

func (g *gate) enter(v *Visitor) {
	g.sequence++
	v.sequence = g.sequence
	v.way.pending++
	g.visitors[v] = struct{}{}
	g.crowd.Add(v.networks, 1)
}

func (g *gate) leave(v *Visitor) {
	if v.gone {
		return
	}
	v.gone = true
	close(v.left)
	v.way.pending--
	delete(g.visitors, v)
	g.crowd.Add(v.networks, -1)
}

// caller is who has come first of those from a host that have proved to know us: most likely the router
// that is known to be there. The way is the one it comes by; nil is any. All that are on a machine of ours
// come from the same loopback address, so that it says nothing.
func (g *gate) caller(from netip.Addr, by *way) (first *Visitor) {
	if !from.IsValid() || from.IsLoopback() {
		return nil
	}
	for v := range g.visitors {
		if v.stage == proved && v.from == from && (by == nil || v.way == by) && (first == nil || v.sequence < first.sequence) {
			first = v
		}
	}
	return first
}

// pushOut has a visitor leave for one from these networks: of those that have
// shown the least the one of the most crowded network, and there the oldest. Who
// is past the first message goes only for somebody from where fewer come.
func (g *gate) pushOut(networks origin.Networks) (victim *Visitor) {
	most := 0
	for v := range g.visitors {
		press := g.crowd.Press(v.networks)
		first := victim == nil || cmp.Or(cmp.Compare(v.stage, victim.stage), cmp.Compare(most, press), cmp.Compare(v.sequence, victim.sequence)) < 0
		if first {
			victim, most = v, press
		}
	}
	if victim == nil || victim.stage == proved && most <= g.crowd.Press(networks) {
		return nil
	}
	g.leave(victim)
	return victim
}

// maxFailures bounds the table of addresses with bad first messages, and
// failureLife is how long they count.
const (
	maxFailures = 4096
	failureLife = 10 * time.Minute
)

// failures is the junk that each source sent. The transport's mutex guards it.
type failures map[netip.Prefix]failure

type failure struct {
	count int
	since time.Time
}

// failed counts a bad first message; the zero prefix is of a source that is not
// counted. A full table forgets what has expired, and all of it if nothing has.
func (fs failures) failed(now time.Time, p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	f := fs[p]
	if now.Sub(f.since) > failureLife {
		f = failure{since: now}
	}
	f.count++
	if _, ok := fs[p]; !ok && len(fs) >= maxFailures {
		for q, g := range fs {
			if now.Sub(g.since) > failureLife {
				delete(fs, q)
			}
		}
		if len(fs) >= maxFailures {
			clear(fs)
		}
	}
	fs[p] = f
}

func (fs failures) blocked(now time.Time, p netip.Prefix, limit int) bool {
	f, ok := fs[p]
	return ok && f.count >= limit && now.Sub(f.since) <= failureLife
}
