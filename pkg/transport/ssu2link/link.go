package ssu2link

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// link is one session. The socket's loop owns it, but for the atomics and what stands
// behind mu.
type link struct {
	sock    *socket
	s       *session.Session
	id      ssu2.ConnectionID
	peer    i2p.Hash
	at      netip.AddrPort // for which the peer's token is
	ahead   ssu2.NewToken  // the peer's, from where it is not proved to be yet
	hybrid  kem.Kind
	side    *side              // what the desk knows of it; nil where it knows nothing
	table   *transport.Session // once Run was called
	loan    transport.Loan     // for what it holds
	early   [][]byte           // datagrams from before that
	batch   []i2np.Message
	times   times
	grant   grant
	counted session.Counts
	told    bool // the table knows that it has ended
	touched bool
	due     time.Time // of the socket's timer
	index   int       // among these; -1 is not

	woken atomic.Bool
	done  chan struct{} // closed when Run may return

	mu sync.Mutex
	said
}

// said is what others ask of a link, and what it tells them.
type said struct {
	running *transport.Session
	why     transport.Reason // to end for; 0 is not
	abort   bool
	yield   bool
	kept    bool // whether or not it is idle
	state   transport.LinkState
}

// times are when a link is to be looked at.
type times struct {
	take    time.Time // what the table has
	more    bool      // it has more than could be taken
	stalled bool
	token   time.Time // when the peer is to be given another one
}

// ownHeld is how much memory the messages of a link may take that are on their way. What is beyond is borrowed: with most
// that a session holds, a peer that acknowledges all until it stops would have six times as much.
const ownHeld = 1 << 20

// mostEarly is how many datagrams are kept until the table runs the link.
const mostEarly = 128

// State is as it was last looked at.
func (l *link) State() transport.LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// keep notes the state for State.
func (l *link) keep(now time.Time) {
	st := l.s.State(now)
	l.mu.Lock()
	l.state = transport.LinkState{Remote: st.Remote, RTT: st.RTT, Skew: st.Skew, MaxMessage: session.MaxMessage, Hybrid: l.hybrid}
	l.mu.Unlock()
}

// Wake has the loop look at the link.
func (l *link) Wake() {
	if l.woken.CompareAndSwap(false, true) {
		l.sock.wake(l)
	}
}

// Run waits until the link has ended; the loop carries the messages.
func (l *link) Run(s *transport.Session) {
	l.mu.Lock()
	l.running = s
	l.mu.Unlock()
	l.Wake()
	<-l.done
	l.sock.d.turn(l.peer)
}

// Yield has the loop give back what has not arrived.
func (l *link) Yield() {
	l.mu.Lock()
	l.yield = true
	l.mu.Unlock()
	l.Wake()
}

// Close ends the link for a reason of the table's.
func (l *link) Close(why transport.Reason) {
	l.mu.Lock()
	if l.why == 0 {
		l.why = why
	}
	l.mu.Unlock()
	l.Wake()
}

// Abort ends a link that the table does not want.
func (l *link) Abort() {
	l.mu.Lock()
	l.abort = true
	l.mu.Unlock()
	l.Wake()
}

// asked does what others have asked for.
func (l *link) asked(now time.Time) {
	l.mu.Lock()
	running, why, abort, kept, yield := l.running, l.why, l.abort, l.kept, l.yield
	l.yield = yield && running == nil
	l.mu.Unlock()
	if l.table == nil && running != nil {
		l.table, l.loan = running, running.Lend(ownHeld)
		for _, b := range l.early {
			l.arrived(now, b, l.s.State(now).Remote, false)
		}
		l.early = nil
	}
	if l.table != nil {
		l.table.Keep(kept)
	}
	if yield && l.table != nil {
		back := l.s.TakeBack()
		l.loan.Settle(l.s.Held())
		l.table.Return(back)
	}
	switch {
	case abort:
		l.s.Close(now, ssu2.ReasonReplaced)
	case why != 0:
		l.s.Close(now, reasonOf(why))
	}
}

// arrived works in a datagram, which it borrows.
func (l *link) arrived(now time.Time, b []byte, from netip.AddrPort, marked bool) {
	if l.table == nil && l.s.Ended() == nil {
		if len(l.early) < mostEarly {
			l.early = append(l.early, append([]byte(nil), b...))
		}
		return
	}
	if l.table != nil {
		l.table.Read(len(b))
	}
	l.s.Handle(now, b, from, marked)
}

// turn does all that there is to do now.
func (l *link) turn(now time.Time) {
	l.asked(now)
	if l.table != nil && l.s.Ended() == nil {
		l.take(now)
	}
	l.send(now)
	if why := l.s.Ended(); why != nil {
		l.finish(why)
	} else if l.table != nil {
		l.stall(now)
		l.tokens(now)
	}
	if c := l.s.Counts(); c != l.counted { // add's arguments are allocated
		l.sock.d.counts.add(c, l.counted)
		l.counted = c
	}
	if l.s.Gone() {
		l.finish(l.s.Ended())
		l.sock.forget(l)
		return
	}
	l.loan.Settle(l.s.Held())
	l.keep(now)
	l.sock.schedule(l, l.next(now))
}

// take has the session send what the table has, as far as the window has room.
func (l *link) take(now time.Time) {
	l.times.more = false
	for {
		room := l.s.Room(now)
		if l.loan.Settle(l.s.Held()) > 0 { // what arrives makes room
			l.times.take = now.Add(time.Second)
			return
		}
		if room == 0 || !l.sock.may(l, now) {
			l.times.more = true
			return
		}
		if l.sock.d.host.Out.Limited() {
			room = min(room, l.grant.bytes)
		}
		work := l.table.Take(l.batch, room)
		l.batch = work.Messages
		for i, m := range work.Messages {
			u := session.Urgent
			if m.Type == i2np.TunnelDataType || m.Type == i2np.TunnelGatewayType {
				u = session.Bulk
			}
			if l.s.Send(m, u) != nil {
				m.Release()
				l.sock.d.counts.overfull.Add(1)
			}
			work.Messages[i] = i2np.Message{}
		}
		if work.Info != nil {
			l.sendInfo(now, work.Info)
		}
		if work.KeepAlive {
			l.s.Ping()
		}
		if work.Idle() {
			l.times.take = work.Due
			return
		}
		l.send(now)
	}
}

// infoLife is how long a RouterInfo that is sent as a message may take.
const infoLife = time.Minute

// sendInfo sends our RouterInfo in a block, or stores it at the peer by a message where it
// is too large for one packet (SSU2, RouterInfo).
func (l *link) sendInfo(now time.Time, ri *routerinfo.RouterInfo) {
	block, _, err := ssu2.ParseBlock(ssu2.CompressRouterInfo(ri.Bytes()).AppendTo(nil))
	if err == nil && l.s.SendBlock(now, block) == nil {
		return
	}
	store := i2np.DatabaseStore{Key: ri.Hash(), Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes())}
	b := buf.Copy(store.AppendTo(nil))
	m := i2np.Message{
		Type: i2np.DatabaseStoreType, ID: l.sock.random.Nonzero32(), Body: b.Bytes(), Owner: b,
		Expiration: i2p.DateOf(l.sock.d.host.Now().Add(infoLife)),
	}
	if l.s.Send(m, session.Urgent) != nil {
		m.Release()
		l.sock.d.counts.overfull.Add(1)
	}
}

// send writes the datagrams that there are, as far as the limit of bandwidth lets it.
func (l *link) send(now time.Time) {
	w := l.sock.writer
	for l.sock.may(l, now) {
		b, to, ok := l.s.Next(now, w.room(l.sock))
		if !ok {
			l.sock.giveBack(l)
			return
		}
		l.sock.spent(l, len(b))
		if l.table != nil {
			l.table.Wrote(len(b))
		}
		w.add(l.sock, b, to)
	}
}

// next is when the link is to be looked at again.
func (l *link) next(now time.Time) time.Time {
	if l.grant.reserved > 0 { // whatever is due waits for that
		return l.grant.at
	}
	due := l.s.Deadline()
	if l.s.Ended() != nil {
		return due
	}
	if l.times.more {
		due = deadline.Earliest(due, l.s.Paced(now))
	} else {
		due = deadline.Earliest(due, l.times.take)
	}
	if l.s.State(now).Silence > 0 || l.times.stalled {
		due = deadline.Earliest(due, now.Add(time.Second))
	}
	return due
}

// stall tells the table whether the peer acknowledges what it gets.
func (l *link) stall(now time.Time) {
	stalled := l.s.State(now).Silence >= l.sock.d.cfg.Limits.StallAfter
	if stalled != l.times.stalled {
		l.times.stalled = stalled
		l.table.Stall(stalled)
	}
}

// finish tells the table that the link has ended, once.
func (l *link) finish(why error) {
	if l.told {
		return
	}
	l.told = true
	if l.table != nil {
		l.table.End(refused(why))
	}
	if l.side != nil {
		l.sock.d.desk.down(l.side)
	}
	close(l.done)
}

// hold has the table keep the link although it may be idle, or no more.
func (l *link) hold(kept bool) {
	l.mu.Lock()
	l.kept = kept
	l.mu.Unlock()
	l.Wake()
}

// ping has something sent that is acknowledged.
func (l *link) ping() {
	l.sock.box.Call(func() {
		if l.s.Ended() == nil {
			l.s.Ping()
			l.sock.touch(l)
		}
	})
}

// Deliver passes an I2NP message on.
func (l *link) Deliver(message []byte) {
	if l.table != nil {
		l.table.Deliver(message)
	}
}

// Info passes the peer's RouterInfo on, or that of another whom it introduces.
func (l *link) Info(info []byte, flood bool) {
	if k := l.sock.d.desk; k != nil && k.informed(l.side, info) {
		return
	}
	if l.table != nil {
		l.table.PeerInfo(info, flood)
	}
}

// Block takes what the data phase has no use for: a token for the next time, and what is the
// desk's.
//
// What it says of addresses counts as said from where it is proved to be: a packet of its own may bear any source, and
// one peer would be as many witnesses as it likes, or be tested at somebody else's address.
func (l *link) Block(b ssu2.Block, from netip.AddrPort) {
	proved := from
	if l.s != nil { // else it is Session Confirmed, which came from there
		proved = l.s.State(time.Now()).Remote
	}
	if b.Type == ssu2.BlockNewToken {
		if token, err := ssu2.ParseNewToken(b.Data); err == nil && from != proved {
			l.ahead = token
			return
		} else if err == nil {
			l.sock.endpoint.Tokens().Keep(l.sock.d.host.Now(), proved, token)
			return
		}
	}
	from = proved
	if k := l.sock.d.desk; k != nil && k.blocked(l.side, b, from) {
		return
	}
	if l.table != nil {
		l.table.Ignore()
	}
}
