package ssu2link

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// dial is one that waits for its handshake.
type dial struct {
	at     netip.AddrPort
	random *draw.Source
	done   chan dialled // of 1
}

type dialled struct {
	link *link
	err  error
}

// dial shakes hands with a peer.
func (s *socket) dial(ctx context.Context, t ssu2.Target, random *draw.Source) (*link, error) {
	d := &dial{at: t.At, random: random.Split(), done: make(chan dialled, 1)}
	var id ssu2.ConnectionID
	s.d.turn(t.Info.Hash())
	defer s.d.turn(t.Info.Hash())
	begun := s.box.Do(func() {
		if s.shut {
			d.done <- dialled{err: transport.ErrClosed}
			return
		}
		if k := s.d.desk; k != nil {
			t.WantRelayTag = k.wantsTag(s.v4)
			k.sentTo(t.At.Addr())
		}
		at, r, err := s.endpoint.Dial(s.d.host.Now(), t)
		if err != nil {
			d.done <- dialled{err: err}
			return
		}
		id = at
		s.dials[id] = d
		s.result(time.Now(), r)
	})
	if !begun {
		return nil, transport.ErrClosed
	}
	select {
	case r := <-d.done:
		return r.link, r.err
	case <-ctx.Done():
	}
	s.box.Call(func() {
		s.endpoint.Cancel(t.At, id)
		delete(s.dials, id)
		select { // it stands after all, and nobody wants it
		case r := <-d.done:
			if r.link != nil {
				r.link.Abort()
			}
		default:
		}
	})
	return nil, ctx.Err()
}

// result does what follows from a datagram or from the time.
func (s *socket) result(now time.Time, r ssu2.Result) {
	if c := s.endpoint.Counts(); s.counted.Load() == nil || *s.counted.Load() != c {
		s.counted.Store(&c)
	}
	for _, d := range r.Send {
		s.write(d)
	}
	for _, f := range r.Failed {
		s.d.counts.failed(f.Err)
		if d := s.dials[f.LocalID]; f.Initiator && d != nil {
			delete(s.dials, f.LocalID)
			d.done <- dialled{err: refused(f.Err)}
		}
	}
	if m := r.Message; m != nil && s.d.desk != nil {
		s.d.desk.outside(m)
	}
	if e := r.Established; e != nil {
		if e.Initiator {
			s.reached(now, e)
		} else {
			s.welcome(now, e)
		}
		if l := s.links[e.LocalID]; l != nil {
			for _, early := range r.Early {
				l.arrived(now, early, e.Path.Remote, false)
			}
			s.touch(l)
		}
	}
}

// refused tells the table of a peer that will say the same again.
func refused(err error) error {
	var t *ssu2.TerminationError
	if errors.As(err, &t) && t.Remote && final(t.Reason) {
		return errors.Join(err, transport.ErrRefused)
	}
	return err
}

// final reports whether a peer that gives this reason will give it again.
func final(r ssu2.Reason) bool {
	switch r {
	case ssu2.ReasonOptions, ssu2.ReasonSignatureType, ssu2.ReasonClockSkew, ssu2.ReasonSessionConfirmed,
		ssu2.ReasonSignature, ssu2.ReasonStaticKey, ssu2.ReasonBanned, ssu2.ReasonVersion, ssu2.ReasonNetID:
		return true
	}
	return false
}

// reached is the end of a dial.
func (s *socket) reached(now time.Time, e *ssu2.Established) {
	d := s.dials[e.LocalID]
	delete(s.dials, e.LocalID)
	random := draw.From(nil)
	if d != nil {
		random = d.random
	}
	l := s.newLink(now, e, random)
	if d == nil { // given up a moment ago
		l.s.Close(now, ssu2.ReasonNormal)
		return
	}
	l.enter(now, e)
	d.done <- dialled{link: l}
}

// welcome takes a peer in that has proved its address and its keys, within the limits.
func (s *socket) welcome(now time.Time, e *ssu2.Established) {
	from := e.Path.Remote.Addr()
	v := s.d.host.Admit(from, func() {})
	if v == nil {
		s.newLink(now, e, draw.From(nil)).s.Close(now, ssu2.ReasonLimits)
		return
	}
	v.Proved()
	l := s.newLink(now, e, v.Random())
	ri, refusal := s.d.host.Check(e.Peer.Info.Bytes(), from, routerinfo.Address.IsSSU2)
	if refusal != nil {
		s.d.host.Refused(refusal)
		v.Leave()
		l.s.Close(now, reasonOf(refusal.Reason))
		return
	}
	if !s.d.host.Go(func() {
		s.d.turn(ri.Hash())
		s.d.host.Serve(v, l, ri, e.Peer.Flood)
	}) {
		v.Leave()
		l.s.Close(now, ssu2.ReasonShutdown)
		return
	}
	l.enter(now, e)
}

// enter tells the desk of a link that stands, and gives the peer a token for the next time.
func (l *link) enter(now time.Time, e *ssu2.Established) {
	l.offerToken(now, e.Path.Remote)
	if k := l.sock.d.desk; k != nil {
		l.side = &side{
			link: l, hash: e.Peer.Info.Hash(), info: e.Peer.Info, inbound: !e.Initiator, remote: e.Path.Remote, said: e.Said, wants: e.AskedTag,
		}
		k.up(l.side)
	}
}

// newLink puts a session on the socket.
func (s *socket) newLink(now time.Time, e *ssu2.Established, random *draw.Source) *link {
	l := &link{sock: s, id: e.LocalID, peer: e.Peer.Info.Hash(), hybrid: e.Hybrid, index: -1, done: make(chan struct{})}
	host := s.d.host
	l.s = session.New(now, session.Config{
		Established: e, Sink: l, Rand: random, Limits: s.d.cfg.Limits.Session,
		Date:    func(now time.Time) time.Time { return now.Add(time.Until(host.Now())) },
		MayMove: func(to netip.AddrPort) bool { return host.MayDial(to.Addr()) && to.Port() >= leastPort },
	})
	l.keep(now)
	s.links[l.id] = l
	s.touch(l)
	return l
}

// leastPort is the lowest that a peer may move to: below are services that answer.
const leastPort = 1024

// reasonOf says the table's reason in SSU2's words (SSU2, Termination).
func reasonOf(r transport.Reason) ssu2.Reason {
	switch r {
	case transport.ReasonIdle:
		return ssu2.ReasonIdleTimeout
	case transport.ReasonShutdown:
		return ssu2.ReasonShutdown
	case transport.ReasonInfo:
		return ssu2.ReasonSessionConfirmed
	case transport.ReasonSignatureType:
		return ssu2.ReasonSignatureType
	case transport.ReasonSignature:
		return ssu2.ReasonSignature
	case transport.ReasonBanned:
		return ssu2.ReasonBanned
	case transport.ReasonCrowded:
		return ssu2.ReasonLimits
	case transport.ReasonReplaced:
		return ssu2.ReasonReplaced
	}
	return ssu2.ReasonNormal
}
