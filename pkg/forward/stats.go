package forward

import (
	"sync"

	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/httpserver"
	"i2ptoolkit/pkg/irc"
	"i2ptoolkit/pkg/socks"
	"i2ptoolkit/pkg/tally"
	"i2ptoolkit/pkg/udpforward"
)

// Stats are what all forwards of a router count together.
type Stats struct {
	Forwards int // now
	Carried  CarriedStats
	SOCKS    socks.Stats
	UDP      udpforward.Stats
	IRC      irc.Stats
	Web      httpserver.Stats
}

// CarriedStats are what forwards count, whatever they carry.
type CarriedStats struct {
	Streams           int // now
	Opened            uint64
	Refused           uint64 // by a limit or an access list
	Failed            uint64 // the peer or the target could not be reached
	BytesIn, BytesOut uint64 // from I2P, to it
}

// totals sum what parts of one kind count, those that have ended included.
type totals[S any] struct {
	mu    sync.Mutex // a leaf
	now   map[interface{ Stats() S }]struct{}
	ended S
}

// of has a part's counts told of until ended is called, and its totals from then on.
func (t *totals[S]) of(part interface{ Stats() S }) (ended func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil {
		t.now = make(map[interface{ Stats() S }]struct{})
	}
	t.now[part] = struct{}{}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.now, part)
		tally.AddTotals(&t.ended, part.Stats())
	}
}

func (t *totals[S]) sum() S {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.ended
	for part := range t.now {
		tally.Add(&sum, part.Stats())
	}
	return sum
}

// counts are those of all forwards, and of their doors.
type counts struct {
	carried totals[CarriedStats]
	http    totals[httpproxy.Stats]
	socks   totals[socks.Stats]
	udp     totals[udpforward.Stats]
	irc     totals[irc.Stats]
	web     totals[httpserver.Stats]
}

// of has what a door counts told of until ended is called. Some have nothing to count but what they carry.
func (c *counts) of(door any) (ended func()) {
	switch d := door.(type) {
	case clientDoor:
		return c.of(d.filter)
	case interface{ Stats() httpproxy.Stats }:
		return c.http.of(d)
	case interface{ Stats() socks.Stats }:
		return c.socks.of(d)
	case interface{ Stats() udpforward.Stats }:
		return c.udp.of(d)
	case interface{ Stats() irc.Stats }:
		return c.irc.of(d)
	case interface{ Stats() httpserver.Stats }:
		return c.web.of(d)
	}
	return func() {}
}

// Proxies are the counts of all HTTP proxies.
func (m *Manager) Proxies() httpproxy.Stats { return m.counts.http.sum() }

// Stats are the counts of all forwards.
func (m *Manager) Stats() Stats {
	s := Stats{Carried: m.counts.carried.sum(), SOCKS: m.counts.socks.sum(), UDP: m.counts.udp.sum(), IRC: m.counts.irc.sum(), Web: m.counts.web.sum()}
	m.each(func(*forward) { s.Forwards++ })
	return s
}
