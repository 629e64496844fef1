// Package nat has the rules by which a home's router translates and filters datagrams, without
// clock and sockets: the four kinds of NAT that are told apart, and a firewall.
//
//	            an inner address has             whoever may send there
//	FullCone    one outer port                   anybody
//	Restricted  one outer port                   the addresses that it has sent to
//	PortBound   one outer port                   the addresses and ports that it has sent to
//	Symmetric   another port for each of these   the one that it is for
//	Firewall    its own address and port         the addresses and ports that it has sent to
//
// The kinds are those of RFC 3489, section 5; RFC 4787 calls their two parts mapping and
// filtering. What package wan has from the kernel under the name restricted is PortBound.
package nat

import (
	"maps"
	"net/netip"
	"time"
)

// Kind is a kind of NAT.
type Kind byte

// The kinds.
const (
	FullCone Kind = iota + 1
	Restricted
	PortBound
	Symmetric
	Firewall
)

// Kinds are all of them.
var Kinds = []Kind{FullCone, Restricted, PortBound, Symmetric, Firewall}

func (k Kind) String() string {
	switch k {
	case FullCone:
		return "full cone"
	case Restricted:
		return "restricted"
	case PortBound:
		return "port restricted"
	case Symmetric:
		return "symmetric"
	case Firewall:
		return "firewall"
	}
	return "open"
}

// Config describes a Box.
type Config struct {
	Kind  Kind
	Outer netip.Addr    // unused by a firewall
	Life  time.Duration // of a mapping that nothing goes out by; 0: two minutes, the least of RFC 4787, REQ-5
	Ports []uint16      // the first and the last that it gives; none: 1024 to 65535 (RFC 4787, REQ-3)
}

// Box is one such device. Only what goes out keeps a mapping alive, as RFC 4787, REQ-6 has it:
// what comes in could be anybody's.
type Box struct {
	cfg         Config
	first, last uint16
	next        uint16
	inner       map[flow]*mapping
	outer       map[uint16]*mapping
	lifted      map[netip.AddrPort]*mapping // a firewall's, which translates nothing
}

// flow is what has a mapping of its own: an inner address, and with a symmetric NAT a destination.
type flow struct{ inner, to netip.AddrPort }

type mapping struct {
	flow
	port uint16
	used time.Time
	sent map[netip.AddrPort]time.Time // when something went there last
}

// New makes a Box without mappings.
func New(cfg Config) *Box {
	if cfg.Life == 0 {
		cfg.Life = 2 * time.Minute
	}
	b := &Box{cfg: cfg, first: 1024, last: 65535}
	if len(cfg.Ports) == 2 {
		b.first, b.last = cfg.Ports[0], cfg.Ports[1]
	}
	b.next = b.first
	b.Forget()
	return b
}

// Kind is the box's.
func (b *Box) Kind() Kind { return b.cfg.Kind }

// Outer is the address that others see; a firewall has none of its own.
func (b *Box) Outer() netip.Addr { return b.cfg.Outer }

// Forget drops all mappings, as after a loss of power.
func (b *Box) Forget() {
	b.inner, b.outer, b.lifted = map[flow]*mapping{}, map[uint16]*mapping{}, map[netip.AddrPort]*mapping{}
}

// Out takes a datagram from inside, and says from where it comes outside. It does not get out
// where all ports are taken.
func (b *Box) Out(now time.Time, from, to netip.AddrPort) (outer netip.AddrPort, ok bool) {
	m := b.mapping(now, from, to)
	if m == nil {
		return netip.AddrPort{}, false
	}
	m.used, m.sent[to] = now, now
	if b.cfg.Kind == Firewall {
		return from, true
	}
	return netip.AddrPortFrom(b.cfg.Outer, m.port), true
}

// In takes a datagram from outside, and says whom inside it goes to, if anybody.
func (b *Box) In(now time.Time, from, to netip.AddrPort) (inner netip.AddrPort, ok bool) {
	m := b.lifted[to]
	if b.cfg.Kind != Firewall {
		m = b.outer[to.Port()]
	}
	if m == nil || !b.alive(now, m.used) || !b.passes(now, m, from) {
		return netip.AddrPort{}, false
	}
	return m.inner, true
}

func (b *Box) alive(now, used time.Time) bool { return now.Sub(used) < b.cfg.Life }

// passes is the filter.
func (b *Box) passes(now time.Time, m *mapping, from netip.AddrPort) bool {
	switch b.cfg.Kind {
	case FullCone:
		return true
	case Restricted:
		for to, at := range m.sent {
			if to.Addr() == from.Addr() && b.alive(now, at) {
				return true
			}
		}
		return false
	}
	at, sent := m.sent[from]
	return sent && b.alive(now, at)
}

// mapping finds what from uses towards to, or makes it.
func (b *Box) mapping(now time.Time, from, to netip.AddrPort) *mapping {
	f := flow{inner: from}
	if b.cfg.Kind == Symmetric {
		f.to = to
	}
	m := b.inner[f]
	if m != nil && b.alive(now, m.used) {
		if _, sent := m.sent[to]; !sent { // what is old goes when something new comes
			maps.DeleteFunc(m.sent, func(_ netip.AddrPort, at time.Time) bool { return !b.alive(now, at) })
		}
		return m
	}
	if m != nil {
		b.drop(m)
	}
	m = &mapping{flow: f, sent: map[netip.AddrPort]time.Time{}}
	if b.cfg.Kind == Firewall {
		b.lifted[from] = m
	} else if m.port = b.free(now); m.port == 0 {
		return nil
	} else {
		b.outer[m.port] = m
	}
	b.inner[f] = m
	return m
}

// free counts through the ports, so that one that was given back is used again last; it is 0
// where there is none.
func (b *Box) free(now time.Time) uint16 {
	for range int(b.last) - int(b.first) + 1 {
		port := b.next
		if b.next++; port == b.last {
			b.next = b.first
		}
		m := b.outer[port]
		if m != nil && !b.alive(now, m.used) {
			b.drop(m)
			m = nil
		}
		if m == nil {
			return port
		}
	}
	return 0
}

func (b *Box) drop(m *mapping) {
	delete(b.inner, m.flow)
	delete(b.outer, m.port)
}
