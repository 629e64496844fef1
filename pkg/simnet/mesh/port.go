package mesh

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

const (
	dialPatience = 5 * time.Second  // for a host that does not answer
	dialAgain    = 30 * time.Second // after a dial that failed, nothing is sent for so long
	idle         = 10 * time.Minute // after which a session ends that nobody wants
	maxWaiting   = 64               // messages for one peer that is being dialled
)

var errUnreachable = errors.New("mesh: the peer could not be reached a moment ago")

// Peer is whom a session is with, as the one end sees the other.
type Peer struct {
	Info    *routerinfo.RouterInfo
	Inbound bool       // the peer has dialled
	From    netip.Addr // its address
}

// Port is a node's place in the network: it is its router's transport. Only the
// node uses it during its turn.
type Port struct {
	net   *Net
	self  i2p.Hash
	node  Node
	addr  netip.Addr
	info  func() *routerinfo.RouterInfo
	up    bool
	links map[i2p.Hash]*link
	old   func(peer i2p.Hash) bool // who has had a session with it from long ago; nil: nobody
	timer int64                    // the tick at which the node wakes
	due   bool                     // it takes a turn in this tick
	sleep time.Duration
	out   []parcel
}

// link is what a port knows of a peer: a session, a dial or one that failed.
type link struct {
	peer    *Port
	state   linkState
	used    int64
	waiting []i2np.Message
}

type linkState byte

const (
	dialling linkState = iota
	open
	failed
)

// parcel is what a node wants sent in its turn; dial is for a peer without a session.
type parcel struct {
	to   i2p.Hash
	msg  i2np.Message
	dial bool
}

// Join makes a place for a node. info is what it shows to those it has a session
// with. Its first turn is in the next tick.
func (n *Net) Join(addr netip.Addr, info func() *routerinfo.RouterInfo, node func(*Port) Node) *Port {
	p := &Port{net: n, self: info().Hash(), addr: addr, info: info, up: true, links: make(map[i2p.Hash]*link)}
	p.node = node(p)
	n.ports[p.self] = p
	n.order = append(n.order, p)
	p.timer = n.tick + 1
	n.at(p.timer, event{kind: wakes, to: p})
	return p
}

// Leave takes a node off the network: its peers learn of it when they next dial.
func (p *Port) Leave() {
	p.up = false
	p.drop()
	delete(p.net.ports, p.self)
	p.net.order = slices.DeleteFunc(p.net.order, func(o *Port) bool { return o == p })
	for _, o := range p.net.order {
		if l := o.links[p.self]; l != nil && l.state == open {
			delete(o.links, p.self)
			o.node.Down(p.self)
			o.wake()
		}
	}
}

// drop lets go of what waits.
func (p *Port) drop() {
	for _, l := range p.links {
		for _, m := range l.waiting {
			m.Release()
		}
		l.waiting = nil
	}
	for _, o := range p.out {
		o.msg.Release()
	}
	p.out = nil
	clear(p.links)
}

// Now is the time.
func (p *Port) Now() time.Time { return p.net.Now() }

// Self is the hash of the node.
func (p *Port) Self() i2p.Hash { return p.self }

// Acquaint says who has had sessions with the node since before the simulation. They
// take up room once they are used.
func (p *Port) Acquaint(with func(peer i2p.Hash) bool) { p.old = with }

// Connected reports whether there is a session with a peer.
func (p *Port) Connected(peer i2p.Hash) bool {
	if l := p.links[peer]; l != nil {
		return l.state == open
	}
	return p.old != nil && p.old(peer)
}

// Dials reports whether a router can be dialled: any that says where it is.
func (p *Port) Dials(ri *routerinfo.RouterInfo) bool { return len(ri.NTCP2()) > 0 }

// Congested is never: there is no bandwidth here.
func (p *Port) Congested(i2p.Hash) bool { return false }

func (p *Port) Waiting(i2p.Hash) int { return 0 }

// Send sends a message over a session, or opens one. It takes ownership.
func (p *Port) Send(to *routerinfo.RouterInfo, m i2np.Message) error {
	return p.SendAnyway(to.Hash(), m)
}

// SendAnyway is Send for who knows a peer by its hash alone.
func (p *Port) SendAnyway(to i2p.Hash, m i2np.Message) error {
	if l := p.links[to]; l != nil && l.state == failed && p.net.tick-l.used < int64(dialAgain/Tick) {
		m.Release()
		return errUnreachable
	}
	p.out = append(p.out, parcel{to, m, true})
	return nil
}

// SendTo sends a message over a session, and reports whether there is one. It takes
// ownership.
func (p *Port) SendTo(peer i2p.Hash, m i2np.Message) bool {
	if !p.Connected(peer) {
		m.Release()
		return false
	}
	p.out = append(p.out, parcel{peer, m, p.links[peer] == nil})
	return true
}

// Dial opens a session, unless there is one.
func (p *Port) Dial(ri *routerinfo.RouterInfo) error {
	p.Visit(ri.Hash())
	return nil
}

// Visit is Dial of who has no RouterInfo at hand.
func (p *Port) Visit(peer i2p.Hash) { p.out = append(p.out, parcel{to: peer, dial: true}) }

// Testing is never: everybody is told where he is.
func (p *Port) Testing() bool { return false }

// Wake has the node take a turn in this tick, or the next where its turns are over: for
// who has given it something to do between two ticks.
func (p *Port) Wake() { p.wake() }

func (p *Port) wake() {
	if !p.due && p.up {
		p.due = true
		p.net.woken = append(p.net.woken, p)
	}
}

func (p *Port) turn() { p.sleep = p.node.Turn() }

// flush puts what a node has sent on its way.
func (p *Port) flush() {
	p.due = false
	for _, o := range p.out {
		p.post(o)
	}
	clear(p.out)
	p.out = p.out[:0]
	if p.sleep > 0 {
		p.timer = p.net.after(p.sleep, event{kind: wakes, to: p})
	}
}

func (p *Port) post(o parcel) {
	l := p.links[o.to]
	switch {
	case l != nil && l.state == open:
		if o.msg.Body != nil {
			p.transmit(l, o.msg)
		}
		return
	case !o.dial:
		o.msg.Release() // the session has ended meanwhile
		return
	}
	if l == nil || l.state == failed {
		l = &link{state: dialling}
		p.links[o.to] = l
		// A handshake takes three messages, the last of which carries on.
		p.net.after(3*p.net.cfg.Latency(p.self, o.to), event{kind: dials, from: p, peer: o.to})
	}
	if o.msg.Body == nil {
		return
	}
	if len(l.waiting) >= maxWaiting {
		o.msg.Release()
		return
	}
	l.waiting = append(l.waiting, o.msg)
}

// transmit puts a message on its way over a session.
func (p *Port) transmit(l *link, m i2np.Message) {
	l.used = p.net.tick
	if p.net.cfg.Loss > 0 && p.net.rand.Unit() < p.net.cfg.Loss {
		p.net.stats.Lost++
		m.Release()
		return
	}
	if m.Owner == nil {
		m = m.Own() // as a wire does
	}
	p.net.after(p.net.cfg.Latency(p.self, l.peer.self), event{kind: arrives, from: p, to: l.peer, msg: m})
}

// reach ends a dial that found the peer's host, if there is one.
func (p *Port) reach(peer i2p.Hash) {
	l := p.links[peer]
	if l == nil || l.state != dialling {
		return
	}
	o := p.net.ports[peer]
	if o == nil || !p.up {
		p.net.after(dialPatience, event{kind: fails, from: p, peer: peer})
		return
	}
	p.net.stats.Sessions++
	p.opened(o, false)
	o.opened(p, true)
}

// opened makes a session and sends what has waited for it.
func (p *Port) opened(o *Port, inbound bool) {
	l := p.links[o.self]
	if l == nil {
		l = new(link)
		p.links[o.self] = l
	}
	if l.state == open && l.peer != nil { // both have dialled
		return
	}
	l.peer, l.state, l.used = o, open, p.net.tick
	p.node.Up(Peer{Info: o.info(), Inbound: inbound, From: o.addr})
	for _, m := range l.waiting {
		p.transmit(l, m)
	}
	l.waiting = nil
	p.wake()
}

// unreached ends a dial that found nobody.
func (p *Port) unreached(peer i2p.Hash) {
	l := p.links[peer]
	if l == nil || l.state != dialling || !p.up {
		return
	}
	for _, m := range l.waiting {
		m.Release()
	}
	l.state, l.used, l.waiting = failed, p.net.tick, nil
	p.node.Failed(peer)
	p.wake()
}

// sweep ends the sessions that neither end has used for long.
func (p *Port) sweep() {
	var ended []i2p.Hash
	for h, l := range p.links {
		if l.state != dialling && p.net.tick-l.used >= int64(idle/Tick) {
			ended = append(ended, h)
		}
	}
	slices.SortFunc(ended, func(a, b i2p.Hash) int { return a.Compare(b) })
	for _, h := range ended {
		l := p.links[h]
		if l.state == failed {
			delete(p.links, h)
			continue
		}
		back := l.peer.links[p.self]
		if p.node.Wants(h) || back != nil && (l.peer.node.Wants(p.self) || p.net.tick-back.used < int64(idle/Tick)) {
			continue
		}
		p.close(l.peer)
		l.peer.close(p)
	}
}

func (p *Port) close(o *Port) {
	if l := p.links[o.self]; l != nil && l.state == open {
		delete(p.links, o.self)
		p.node.Down(o.self)
		p.wake()
	}
}
