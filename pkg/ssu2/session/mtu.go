package session

import (
	"net/netip"

	"i2ptoolkit/pkg/ssu2"
)

// mtu finds how large packets may be: from the least, which every path carries, up to
// what both sides say of their networks (SSU2, MTU; RFC 8899).
type mtu struct {
	ip     int  // bytes of IP and UDP around a datagram
	now    int  // proved
	high   int  // the most that it can be
	try    int  // that is on its way; 0 is none
	tries  int  // of that size
	wanted bool // bulk is carried, for which it is worth while
	most   int  // what both sides say
	holes  int  // how often packets of the proved size vanished
}

const (
	leastMTU     = 1280
	mostMTU      = 1500
	ipv4Overhead = 28
	ipv6Overhead = 48
	mtuTries     = 2
	mtuStep      = 16
	mostHoles    = 3
)

func newMTU(p ssu2.Path) mtu {
	m := mtu{ip: ipv6Overhead, now: leastMTU, most: min(max(p.MTU, leastMTU), mostMTU)}
	if isV4(p.Remote.Addr()) {
		m.ip = ipv4Overhead
	}
	m.high = m.most
	return m
}

func isV4(a netip.Addr) bool { return a.Unmap().Is4() }

func (m *mtu) datagram() int { return m.now - m.ip }

// payload is how many bytes of blocks a packet holds.
func (m *mtu) payload() int { return m.datagram() - overhead }

// next is the size to try now; 0 is none.
func (m *mtu) next() int {
	switch {
	case !m.wanted || m.try > 0 || m.high-m.now < mtuStep && m.high != m.most || m.high <= m.now:
		return 0
	case m.high == m.most: // mostly it is that
		return m.high
	}
	return (m.now + m.high + 1) / 2
}

func (m *mtu) proved(s *Session, size int) {
	m.try, m.tries = 0, 0
	if size > m.now {
		m.now = size
		s.snd.SetDatagram(m.datagram())
	}
}

func (m *mtu) failed(size int) {
	m.try = 0
	if m.tries++; m.tries >= mtuTries {
		m.tries = 0
		m.high = size - 1
	}
}

// suspect looks whether it is their size that has packets vanish.
func (m *mtu) suspect(s *Session) {
	if s.snd.Probes() < 2 || m.now == leastMTU {
		return
	}
	m.holes++
	m.reset(s)
	if m.holes >= mostHoles {
		m.high = m.now
	}
}

// reset begins anew: the path is another one.
func (m *mtu) reset(s *Session) {
	*m = mtu{ip: m.ip, now: leastMTU, most: m.most, high: m.most, wanted: m.wanted, holes: m.holes}
	s.snd.SetDatagram(m.datagram())
}
