package simtest

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// toy is a transport over datagrams, with many links on one socket and without
// any protection: what a second driver has to do, and not more. A datagram is one
// of these and what belongs to it. What is lost is lost, as I2NP may be.
const (
	toyHello   = iota + 1 // our RouterInfo: the dialler's first word
	toyWelcome            // our RouterInfo: the answer
	toyMessage            // an I2NP message with its short header
	toyInfo               // our RouterInfo, which has changed
	toyAlive
	toyBye
)

const (
	toyStyle    = "TOY"
	toyCost     = 1 // cheaper than what others publish
	toyLargest  = 40 << 10
	toyPatience = 2 * time.Second // for a welcome
)

type toy struct {
	at     netip.AddrPort
	host   *transport.Host
	socket transport.PacketConn

	mu    sync.Mutex
	links map[netip.AddrPort]*toyLink
	dials map[netip.AddrPort]chan struct{} // closed by the welcome
	sent  uint64
}

func newToy(at netip.AddrPort) *toy {
	return &toy{at: at, links: map[netip.AddrPort]*toyLink{}, dials: map[netip.AddrPort]chan struct{}{}}
}

func (d *toy) Name() string { return toyStyle }

func (d *toy) Listen(ctx context.Context, h *transport.Host) (at []netip.AddrPort, err error) {
	d.host = h
	if d.socket, err = h.Network.ListenPacket(ctx, d.at); err != nil {
		return nil, err
	}
	return []netip.AddrPort{d.at}, nil
}

func (d *toy) Run(ctx context.Context) {
	context.AfterFunc(ctx, func() { d.socket.Close() })
	b := make([]byte, 64<<10)
	for {
		n, from, err := d.socket.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if n > 0 {
			d.handle(from, append([]byte(nil), b[:n]...))
		}
	}
}

// handle is the socket's: it passes datagrams on to their links, and takes in
// strangers.
func (d *toy) handle(from netip.AddrPort, b []byte) {
	d.mu.Lock()
	l, welcome := d.links[from], d.dials[from]
	if b[0] == toyWelcome {
		delete(d.dials, from)
	}
	d.mu.Unlock()
	switch {
	case b[0] == toyHello && l != nil: // our welcome was lost
		d.send(from, toyWelcome, d.host.OurInfo().Bytes())
	case b[0] == toyHello:
		d.welcome(from, b[1:])
	case b[0] == toyWelcome && welcome != nil:
		close(welcome)
	case l != nil:
		select {
		case l.in <- b:
		default:
		}
	}
}

func (d *toy) welcome(from netip.AddrPort, info []byte) {
	v := d.host.Admit(from.Addr(), func() {})
	if v == nil {
		return
	}
	ri, refusal := d.host.Check(info, from.Addr(), isToy)
	if refusal != nil {
		d.host.Refused(refusal)
		v.Leave()
		return
	}
	l := d.link(from)
	d.send(from, toyWelcome, d.host.OurInfo().Bytes())
	if !d.host.Go(func() { d.host.Serve(v, l, ri, false) }) {
		v.Leave()
		l.Abort()
	}
}

func isToy(a routerinfo.Address) bool { return a.Style == toyStyle && a.AddrPort().IsValid() }

func (d *toy) Bids(ri *routerinfo.RouterInfo) (bids []transport.Bid) {
	for _, a := range ri.Addresses() {
		if isToy(a) && d.host.MayDial(a.Host()) {
			bids = append(bids, transport.Bid{Cost: int(a.Cost), MaxMessage: toyLargest, At: a.AddrPort()})
		}
	}
	return bids
}

func (d *toy) Dial(ctx context.Context, _ *routerinfo.RouterInfo, by transport.Bid, _ *draw.Source) (transport.Link, error) {
	welcome := make(chan struct{})
	d.mu.Lock()
	d.dials[by.At] = welcome
	d.mu.Unlock()
	for range 3 {
		d.send(by.At, toyHello, d.host.OurInfo().Bytes())
		select {
		case <-welcome:
			return d.link(by.At), nil
		case <-time.After(toyPatience):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, errors.New("toy: no welcome")
}

func (d *toy) Publish(hosts []netip.Addr) (out []routerinfo.Address) {
	for _, h := range hosts {
		options, err := i2p.NewMapping(map[string]string{"host": h.String(), "port": strconv.Itoa(int(d.at.Port()))})
		if err != nil {
			panic(err)
		}
		out = append(out, routerinfo.Address{Cost: toyCost, Style: toyStyle, Options: options})
	}
	return out
}

func (d *toy) Moved([]netip.Addr) {}

func (d *toy) Counters() []transport.Counter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []transport.Counter{{Name: "datagrams", Help: "Datagrams that were sent.", Value: d.sent}}
}

// send sends a datagram, and tells its size.
func (d *toy) send(to netip.AddrPort, kind byte, b []byte) int {
	d.mu.Lock()
	d.sent++
	d.mu.Unlock()
	n, _ := d.socket.WriteToUDPAddrPort(append([]byte{kind}, b...), to) // what is lost is lost
	return n
}

// toyLink is one of the links on the socket.
type toyLink struct {
	d      *toy
	to     netip.AddrPort
	in     chan []byte
	wake   chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (d *toy) link(to netip.AddrPort) *toyLink {
	l := &toyLink{d: d, to: to, in: make(chan []byte, 512), wake: make(chan struct{}, 1), closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.links[to] = l
	return l
}

func (l *toyLink) State() transport.LinkState {
	return transport.LinkState{Remote: l.to, MaxMessage: toyLargest}
}

func (l *toyLink) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Yield has nothing to give back: what was sent is gone.
func (l *toyLink) Yield() {}

func (l *toyLink) Close(transport.Reason) {
	l.once.Do(func() { l.d.send(l.to, toyBye, nil); close(l.closed) })
}

func (l *toyLink) Abort() {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if l.d.links[l.to] == l {
		delete(l.d.links, l.to)
	}
}

func (l *toyLink) Run(s *transport.Session) {
	defer l.Abort()
	timer := time.NewTimer(deadline.Rest(0))
	defer timer.Stop()
	var batch []i2np.Message
	for {
		l.d.host.Gather()
		work := s.Take(batch, 16<<10)
		l.write(s, work)
		if batch = work.Messages; work.Idle() {
			timer.Reset(deadline.Rest(time.Until(work.Due)))
		} else {
			timer.Reset(deadline.Rest(0))
		}
		select {
		case b := <-l.in:
			s.Read(len(b))
			if !l.read(s, b) {
				return
			}
		case <-l.wake:
		case <-timer.C:
		case <-l.closed:
			return
		}
	}
}

func (l *toyLink) write(s *transport.Session, work transport.Work) {
	if work.Info != nil {
		s.Wrote(l.d.send(l.to, toyInfo, work.Info.Bytes()))
	}
	if work.KeepAlive {
		s.Wrote(l.d.send(l.to, toyAlive, nil))
	}
	for _, m := range work.Messages {
		s.Wrote(l.d.send(l.to, toyMessage, m.AppendShort(nil)))
		m.Release()
	}
}

// read handles a datagram of the peer's. It reports false when that was its last.
func (l *toyLink) read(s *transport.Session, b []byte) bool {
	switch b[0] {
	case toyMessage:
		s.Deliver(b[1:])
	case toyInfo:
		s.PeerInfo(b[1:], false)
	case toyBye:
		s.End(errors.New("toy: the peer says good-bye"))
		return false
	}
	return true
}
