package session

import (
	"cmp"
	"io"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/recovery"
)

// Sink is given what comes in. What it is given is borrowed.
type Sink interface {
	// Deliver is given each I2NP message, with its short header.
	Deliver(message []byte)
	// Info is given a RouterInfo, and whether it is to be flooded.
	Info(info []byte, flood bool)
	// Block is given what is not the data phase's: addresses, tokens, relay, peer tests.
	Block(b ssu2.Block, from netip.AddrPort)
}

// Config is what a Session is made of.
type Config struct {
	Established *ssu2.Established
	Sink        Sink
	Rand        io.Reader // nil is crypto/rand
	// Date is the time on the wire; nil is the time itself.
	Date func(now time.Time) time.Time
	// MayMove reports whether a peer may be at an address; nil is any of the family.
	MayMove func(to netip.AddrPort) bool
	Limits  Limits
}

// Limits bounds a session. A zero field is replaced by its default.
type Limits struct {
	Window    int           // bytes in flight; 4 MiB
	Held      int           // bytes of messages on their way or waiting; 6 MiB
	Fragments int           // bytes of messages that have come in part; 512 KiB
	DeadAfter time.Duration // without an acknowledgement of what was sent; 15 s
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Window:    cmp.Or(l.Window, 4<<20),
		Held:      cmp.Or(l.Held, defaultHeld),
		Fragments: cmp.Or(l.Fragments, 512<<10),
		DeadAfter: cmp.Or(l.DeadAfter, 15*time.Second),
	}
}

// Counts are what a session has refused, dropped and repeated.
type Counts struct {
	Forged       uint64 // packets that did not open
	Duplicates   uint64 // packets that came again, or much too late
	Malformed    uint64 // blocks that do not parse, in packets that opened
	BadFragments uint64 // fragments that fit no message
	Overfull     uint64 // messages in parts that gave way to others
	TimedOut     uint64 // messages in parts that were not completed
	Expired      uint64 // messages that expired here
	Dropped      uint64 // messages given up, these among them
	Resent       uint64 // blocks sent again
	Moved        uint64 // changes of the peer's address
	NotMoved     uint64 // addresses that did not prove to be the peer's
	Unanswered   uint64 // path challenges that were not answered
	Marked       uint64 // packets that came with the mark of a congested path (ECN)
	MarksTold    uint64 // packets in which the peer told of such marks
}

// Session is the data phase of a session. One goroutine owns it.
type Session struct {
	sink   Sink
	random *draw.Source
	date   func(time.Time) time.Time
	limits Limits
	epoch  time.Time
	wire
	outbox outbox
	inbox  inbox
	say    say
	even   even
	path   path
	mtu    mtu
	life   life
	counts Counts
}

// wire is packets, each way.
type wire struct {
	out, in direction
	snd     *recovery.Sender[packet]
	rcv     recovery.Receiver
	markAt  time.Duration // when mark was the largest number that had come
	mark    uint32
}

// packet is what is known of one that was sent.
type packet struct {
	refs    [mostBlocks]ref
	n       byte
	acks    bool // up to through
	marks   bool // it tells of marked packets
	through uint32
	trial   uint16 // of this MTU
}

// mostBlocks is how many messages and fragments one packet holds.
const mostBlocks = 6

// New makes the session of a handshake.
func New(now time.Time, cfg Config) *Session {
	e := cfg.Established
	s := &Session{
		sink: cfg.Sink, random: draw.From(cfg.Rand), date: cfg.Date, limits: cfg.Limits.withDefaults(),
		epoch: now.Add(-time.Millisecond),
	}
	if s.date == nil {
		s.date = func(now time.Time) time.Time { return now }
	}
	s.wire = wire{out: newDirection(e.Send, e.RemoteID), in: newDirection(e.Receive, e.LocalID)}
	s.path = path{remote: e.Path.Remote, may: cfg.MayMove}
	s.mtu = newMTU(e.Path)
	s.snd = recovery.NewSender[packet](recovery.Config{
		Datagram: s.mtu.datagram(), MaxWindow: s.limits.Window, RTT: e.Path.RTT, First: e.NextPacket,
	}, s)
	s.outbox = outbox{limit: s.limits.Held, counts: &s.counts}
	s.inbox = inbox{limit: s.limits.Fragments, counts: &s.counts}
	s.life = life{heard: s.at(now), skew: e.Path.Skew, confirmed: e.Confirmed}
	if !e.Initiator { // Session Confirmed was packet 0
		s.rcv.Received(0)
		s.rcv.Elicited(s.at(now), 0, true, e.Path.RTT)
		s.life.confirmAt = s.at(now) + confirmedEvery
		s.blocks(now, e.Said.Confirmed, e.Path.Remote)
	}
	return s
}

// at is the time since the session's epoch, which is never 0.
func (s *Session) at(now time.Time) time.Duration { return max(now.Sub(s.epoch), 1) }

func (s *Session) time(at time.Duration) time.Time { return s.epoch.Add(at) }

// local is a time of the wire's clock by ours; zero stays zero.
func (s *Session) local(wire time.Time) time.Time {
	if wire.IsZero() {
		return wire
	}
	now := s.time(s.life.asked)
	return now.Add(wire.Sub(s.date(now)))
}

// Send takes ownership of a message, unless it fails.
func (s *Session) Send(m i2np.Message, u Urgency) error {
	switch {
	case s.life.over():
		return ErrOver
	case len(m.Body) > MaxMessage:
		return ErrTooLarge
	}
	return s.outbox.add(m, ssu2.BlockI2NP, u)
}

// SendBlock sends a block of the router's until it has arrived, of data which it borrows.
func (s *Session) SendBlock(now time.Time, b ssu2.Block) error {
	switch {
	case s.life.over():
		return ErrOver
	case len(b.Data) > leastMTU-ipv6Overhead-overhead-ssu2.BlockHeaderLen:
		return ErrTooLarge
	}
	m := copied(b.Data, now)
	err := s.outbox.add(m, b.Type, Urgent)
	if err != nil {
		m.Release()
	}
	return err
}

// Ping has something sent that is acknowledged.
func (s *Session) Ping() { s.say.ping = true }

// Room is how many bytes of messages may be sent now.
func (s *Session) Room(now time.Time) int {
	if s.life.over() {
		return 0
	}
	return max(s.snd.Room(s.at(now))-s.outbox.fresher, 0)
}

// Held is how many bytes of messages are on their way or wait.
func (s *Session) Held() int { return s.outbox.held }

// State is how a session is.
type State struct {
	Remote  netip.AddrPort
	RTT     time.Duration
	Skew    time.Duration // how far the peer's clock runs ahead
	MTU     int           // of IP packets, as proved
	Window  int
	Silence time.Duration // since anything of what was sent was acknowledged; 0 where nothing waits
}

// State tells how the session is.
func (s *Session) State(now time.Time) State {
	return State{
		Remote: s.path.remote, RTT: s.snd.RTT(), Skew: s.life.skew, MTU: s.mtu.now, Window: s.snd.Window(),
		Silence: s.silence(s.at(now)),
	}
}

func (s *Session) silence(at time.Duration) time.Duration {
	if s.snd.Unacked() == 0 {
		return 0
	}
	return at - s.life.progress
}

// Counts are what has happened so far.
func (s *Session) Counts() Counts { return s.counts }

// Deadline is when Next has something to do, if nothing happens before; zero is never.
func (s *Session) Deadline() time.Time {
	if s.life.gone {
		return time.Time{}
	}
	var due time.Time
	sooner := func(at time.Duration, ok bool) {
		if ok {
			due = deadline.Earliest(due, s.time(at))
		}
	}
	sooner(s.life.due())
	if s.life.over() {
		return due
	}
	sooner(s.snd.Deadline())
	sooner(s.rcv.Due())
	sooner(s.inbox.due())
	sooner(s.path.due())
	sooner(s.life.missing(s.snd.RTT()))
	if s.life.confirmed != nil {
		due = deadline.Earliest(due, s.local(s.life.confirmed.Deadline()))
	}
	if s.outbox.waiting() {
		sooner(s.snd.Paced(s.life.asked))
	}
	if s.snd.Unacked() > 0 {
		sooner(s.life.progress+s.limits.DeadAfter, true)
	}
	return due
}

// Paced is when Room will be more than none, where only the pace of sending holds back;
// zero where it is not that.
func (s *Session) Paced(now time.Time) time.Time {
	if at, ok := s.snd.Paced(s.at(now)); ok && !s.life.over() {
		return s.time(at)
	}
	return time.Time{}
}

// Release lets go of all buffers: the session is not used any more.
func (s *Session) Release() {
	if !s.life.over() {
		s.life.why = &ssu2.TerminationError{}
	}
	s.outbox.clear()
	s.inbox.clear()
	s.life.gone = true
}
