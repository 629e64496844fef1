package ssu2link

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// source is where a datagram comes from, and whether a congested path has marked it (ECN).
type source struct {
	from   netip.AddrPort
	marked bool
}

// datagram is one that was read.
type datagram struct {
	*buf.Buf
	source
}

// socket is one UDP socket and what lives on it. Its loop owns all but the mailbox and
// what stands behind mu.
type socket struct {
	d        *Driver
	conn     transport.PacketConn
	v4       bool
	box      *mailbox.Box[datagram]
	endpoint *ssu2.Endpoint
	random   *draw.Source
	links    map[ssu2.ConnectionID]*link
	timers   timers
	touched  []*link // that have something to do in this turn
	dials    map[ssu2.ConnectionID]*dial
	writer   *writer
	spare    int // bytes of grants that their links had no use for
	shut     bool
	parting  []byte                      // farewells of the sessions that stood as the driver was to end
	counted  atomic.Pointer[ssu2.Counts] // the endpoint's, as they were last

	mu    sync.Mutex
	woken []*link
}

func newSocket(d *Driver, conn transport.PacketConn, gather func()) *socket {
	s := &socket{
		d: d, conn: conn, v4: transport.AddrOf(conn.LocalAddr()).Addr().Is4(),
		links: map[ssu2.ConnectionID]*link{}, dials: map[ssu2.ConnectionID]*dial{},
		writer: newWriter(conn), random: draw.From(d.cfg.Rand),
	}
	s.box = mailbox.New(mailbox.Config[datagram]{
		Limit: d.cfg.Limits.Datagrams, Bytes: 16 << 20, Size: func(g datagram) int { return g.Cap() },
		Drop: func(g datagram) { g.Release() }, Gather: gather,
	})
	s.endpoint = ssu2.NewEndpoint(ssu2.Config{
		Hash: d.host.Self, Hybrids: ssu2.Hybrids(d.cfg.Hybrid, d.cfg.MTU, transport.AddrOf(conn.LocalAddr()).Addr()),
		Static: d.cfg.Keys.Static, Intro: d.cfg.Keys.Intro, NetID: d.host.NetID, MTU: d.cfg.MTU,
		Info: func() []byte { return d.host.OurInfo().Bytes() }, Rand: s.random,
	})
	s.endpoint.Tokens().Here(ssu2.Where{From: s.from()})
	if len(d.cfg.Tokens) > 0 {
		if err := s.endpoint.Tokens().Load(d.host.Now(), d.cfg.Tokens, s.v4); err != nil {
			d.host.Log.Warn("tokens not read", "error", err) // they are a help and no more
		}
	}
	return s
}

// from is where the socket sends from; its address is not valid where the system does not say.
func (s *socket) from() netip.AddrPort {
	at := transport.AddrOf(s.conn.LocalAddr())
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(s.d.host.Leaves(s.v4), at.Port())
	}
	return at
}

// read hands datagrams to the loop until the socket is closed.
func (s *socket) read(ctx context.Context) {
	r := newReceiver(s.conn)
	pause := time.Duration(0)
	post := func(b []byte, from source) { s.box.Post(datagram{buf.Copy(b), from}) }
	for {
		size, err := r.receive(post)
		switch {
		case err == nil:
			pause = 0
			if s.d.host.In.Limited() {
				s.d.host.In.Wait(ctx, size) // it fails when all ends, and the socket is closed
			}
		case errors.Is(err, net.ErrClosed):
			return
		default: // an ICMP message for something sent before, or out of memory
			s.d.counts.readErrors.Add(1)
			if ctx.Err() != nil {
				return
			}
			pause = min(max(2*pause, time.Millisecond), time.Second)
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
	}
}

// wake has the loop look at a link.
func (s *socket) wake(l *link) {
	s.mu.Lock()
	s.woken = append(s.woken, l)
	s.mu.Unlock()
	s.box.Wake()
}

// farewells is how long sessions may take to say farewell once the driver is to end.
const farewells = time.Second

// run is the loop.
func (s *socket) run(ctx context.Context) {
	defer s.end()
	timer := time.NewTimer(deadline.Rest(0))
	defer timer.Stop()
	done := ctx.Done()
	var last time.Time
	for {
		select {
		case <-s.box.Ready():
		case <-timer.C:
		case <-done:
			done, last = nil, time.Now().Add(farewells)
			if s.d.cfg.KeepFarewells != nil {
				s.parting = s.appendFarewells(nil)
			}
			s.stop()
		}
		s.box.Take()
		now := time.Now()
		s.box.Each(func(g datagram) { s.handle(now, g) })
		s.tick(now)
		if done == nil && (s.silent() || !now.Before(last)) {
			return
		}
		due := deadline.Earliest(s.due(now), last)
		wait := time.Hour
		if !due.IsZero() {
			wait = due.Sub(now)
		}
		timer.Reset(deadline.Rest(wait))
	}
}

// silent reports whether nobody is left to say farewell to.
func (s *socket) silent() bool {
	for _, l := range s.links {
		var why *ssu2.TerminationError
		if !errors.As(l.s.Ended(), &why) || !why.Remote {
			return false
		}
	}
	return true
}

// stop ends the handshakes; the links are told by the table.
func (s *socket) stop() {
	s.shut = true
	for id, d := range s.dials {
		delete(s.dials, id)
		s.endpoint.Cancel(d.at, id)
		d.done <- dialled{err: context.Canceled}
	}
}

func (s *socket) end() {
	s.box.Close()
	s.stop()
	for _, l := range s.links {
		l.finish(transport.ErrClosed)
		s.forget(l)
	}
	s.conn.Close()
}

// due is when the loop has something to do.
func (s *socket) due(now time.Time) (due time.Time) {
	if len(s.timers) > 0 {
		due = s.timers[0].due
	}
	if wire := s.endpoint.Deadline(); !wire.IsZero() {
		due = deadline.Earliest(due, now.Add(wire.Sub(s.d.host.Now())))
	}
	return due
}

// handle works in a datagram.
func (s *socket) handle(now time.Time, g datagram) {
	defer g.Release()
	b := g.Bytes()
	if len(b) < ssu2.MinPacket || len(b) > session.MaxDatagram {
		s.d.counts.junk.Add(1)
		return
	}
	if l := s.links[ssu2.DestOf(&s.d.cfg.Keys.Intro, b)]; l != nil {
		l.arrived(now, b, g.from, g.marked)
		s.touch(l)
		return
	}
	s.d.host.Handshake(len(b), 0)
	s.result(now, s.endpoint.Handle(s.d.host.Now(), g.from, b))
}

// touch has a link looked at in this turn.
func (s *socket) touch(l *link) {
	if !l.touched {
		l.touched = true
		s.touched = append(s.touched, l)
	}
}

// tick does what is due, and has the links that were touched send.
func (s *socket) tick(now time.Time) {
	if wire := s.d.host.Now(); !s.endpoint.Deadline().IsZero() && !wire.Before(s.endpoint.Deadline()) {
		s.result(now, s.endpoint.Tick(wire))
	}
	s.mu.Lock()
	for _, l := range s.woken {
		l.woken.Store(false)
		s.touch(l)
	}
	s.woken = s.woken[:0]
	s.mu.Unlock()
	for len(s.timers) > 0 && !now.Before(s.timers[0].due) {
		l := s.timers[0]
		s.touch(l)
		s.schedule(l, time.Time{})
	}
	for i := 0; i < len(s.touched); i++ { // a turn may touch others
		l := s.touched[i]
		l.touched = false
		if s.links[l.id] == l {
			l.turn(now)
		}
	}
	clear(s.touched)
	s.touched = s.touched[:0]
	s.writer.flush(s)
}

// schedule sets a link's timer; zero is none.
func (s *socket) schedule(l *link, due time.Time) {
	switch {
	case due.IsZero() && l.index >= 0:
		heap.Remove(&s.timers, l.index)
	case due.IsZero():
	case l.index >= 0:
		l.due = due
		heap.Fix(&s.timers, l.index)
	default:
		l.due = due
		heap.Push(&s.timers, l)
	}
}

// forget takes a link off the socket.
func (s *socket) forget(l *link) {
	s.schedule(l, time.Time{})
	delete(s.links, l.id)
	l.s.Release()
	l.loan.Settle(0)
}

// migrate has all sessions tell their peers from where they come now. Tokens are for where we were.
func (s *socket) migrate() {
	now := time.Now()
	s.endpoint.Tokens().Here(ssu2.Where{From: s.from()})
	s.endpoint.Tokens().Forget()
	for _, id := range slices.Sorted(maps.Keys(s.links)) { // the same order each time: tokens are drawn
		l := s.links[id]
		l.s.Migrate(now)
		if l.s.Ended() == nil && l.table != nil {
			l.offerToken(now, l.s.State(now).Remote)
		}
		s.touch(l)
	}
}

// part tells peers over the other family that the sessions of this one, from which nothing gets out any more, are no
// more: they are opened anew there, and a peer that keeps the old one sends over it (see Session.LastWord).
func (s *socket) part() {
	s.endpoint.Tokens().Forget()
	for _, id := range slices.Sorted(maps.Keys(s.links)) {
		l := s.links[id]
		if l.side == nil || l.s.Ended() != nil {
			continue
		}
		word := bytes.Clone(l.s.LastWord())
		for _, t := range s.d.dialable(l.side.info) {
			if t.socket != s {
				t.socket.box.Call(func() { t.socket.write(ssu2.Datagram{To: t.At, Data: word}) })
				break
			}
		}
	}
}

// write sends a datagram of a handshake, with what else there is in this turn.
func (s *socket) write(d ssu2.Datagram) {
	s.d.host.Handshake(0, len(d.Data))
	room := s.writer.room(s)
	s.writer.add(s, room[:copy(room, d.Data)], d.To)
}

// timers are the links by what is due first.
type timers []*link

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].due.Before(t[j].due) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}
func (t *timers) Push(x any) {
	l := x.(*link)
	l.index = len(*t)
	*t = append(*t, l)
}
func (t *timers) Pop() any {
	old := *t
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	l.index = -1
	return l
}
