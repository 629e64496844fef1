package wan

import (
	"cmp"
	"net/netip"
	"time"
)

// device is a host's access to the network: its addresses and its two lines.
type device struct {
	id       int
	fd       int           // of the TUN device
	addr     [2]netip.Addr // IPv4 and IPv6
	up, down *line
	cut      bool
}

// model is the network without clock and sockets:
//
//	TUN -> up line of the source -> down line of the destination -> TUN
type model struct {
	devices map[int]*device
	byAddr  map[netip.Addr]*device
	group   map[int]int // of a partitioned network; hosts that are not named are in group 0
	events  events
	seq     uint64
	pool    [][]byte
	foreign uint64 // packets from or to an address that nobody has
}

func newModel() model {
	return model{devices: map[int]*device{}, byAddr: map[netip.Addr]*device{}, group: map[int]int{}}
}

// name gives a device its public addresses in place of those that it had.
func (m *model) name(d *device, v4, v6 netip.Addr) {
	for _, a := range d.addr {
		delete(m.byAddr, a)
	}
	d.addr = [2]netip.Addr{v4, v6}
	for _, a := range d.addr {
		if a.IsValid() {
			m.byAddr[a] = d
		}
	}
}

// enter takes a packet from a host.
func (m *model) enter(now time.Duration, from *device, b []byte) {
	src, dst, ok := addresses(b)
	if !ok || dst.IsMulticast() {
		return
	}
	to := m.byAddr[dst]
	if to == nil || to == from || m.byAddr[src] != from {
		m.foreign++ // as a provider's filter does, also after a change of address
		return
	}
	if m.apart(from, to) {
		from.up.Unreachable++
		return
	}
	for _, l := range []*line{from.up, to.down} {
		mtu := cmp.Or(l.MTU, deviceMTU)
		if len(b) <= mtu {
			continue
		}
		l.TooBig++
		if answer := tooBig(b, mtu, errorSource(dst)); answer != nil && !l.Silent {
			m.travel(now, from.down, packet{to: from, down: true}, answer)
		}
		return
	}
	m.travel(now, from.up, packet{to: to}, b)
}

// errorSource is the address that the network's own errors come from.
func errorSource(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{192, 0, 0, 8}) // RFC 7600
	}
	return netip.MustParseAddr("100::1") // RFC 6666
}

func (m *model) apart(a, b *device) bool { return a.cut || b.cut || m.group[a.id] != m.group[b.id] }

// travel sends copies of b through a line.
func (m *model) travel(now time.Duration, l *line, p packet, b []byte) {
	out, count := l.pass(now, len(b))
	for _, at := range out[:count] {
		m.seq++
		p.at, p.seq, p.data = at, m.seq, append(m.get(), b...)
		m.events.push(p)
	}
}

// next takes the next packet that a host gets by now; the caller gives its data back with put.
func (m *model) next(now time.Duration) (p packet, ok bool) {
	for len(m.events) > 0 && m.events[0].at <= now {
		p = m.events.pop()
		switch {
		case p.to.cut:
			p.to.down.Unreachable++
		case !p.down:
			m.travel(p.at, p.to.down, packet{to: p.to, down: true}, p.data)
		default:
			return p, true
		}
		m.put(p.data)
	}
	return packet{}, false
}

func (m *model) put(b []byte) { m.pool = append(m.pool, b[:0]) }

func (m *model) get() []byte {
	if n := len(m.pool); n > 0 {
		b := m.pool[n-1]
		m.pool = m.pool[:n-1]
		return b
	}
	return make([]byte, 0, bufferSize)
}

const bufferSize = 2048
