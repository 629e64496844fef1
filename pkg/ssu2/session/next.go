package session

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/recovery"
)

// MaxDatagram is the size of the largest datagram.
const MaxDatagram = mostMTU - ipv4Overhead

// mostRanges is how many ranges an acknowledgement tells, and takes; and roomForRanges
// how many are told where there is something else to send.
const (
	mostRanges    = 64
	roomForRanges = 32
	mostPadding   = 16
	mostEvened    = 64 // bytes of padding, to be as long as the packet before
)

// say is what the session itself has to say, besides what path, mtu and life have.
type say struct {
	ping   bool // something that elicits
	marked bool // that packets came marked
	atOnce bool // the packet at hand is to be acknowledged at once
}

// draft is a packet in the making.
type draft struct {
	packet
	at    time.Duration
	out   []byte // header and payload so far
	most  int    // its length
	kind  recovery.Kind
	flags byte
}

func (d *draft) room() int { return d.most - len(d.out) }

// Next writes the next datagram into out, which has MaxDatagram bytes, and returns it and
// where it goes; ok is false where there is none now.
func (s *Session) Next(now time.Time, out []byte) (datagram []byte, to netip.AddrPort, ok bool) {
	at := s.at(now)
	if s.life.gone {
		return nil, to, false
	}
	s.expire(at)
	d := draft{at: at, out: out[:ssu2.ShortHeaderLen:len(out)], most: ssu2.ShortHeaderLen + s.mtu.payload()}
	to = s.path.remote
	switch {
	case s.life.gone:
		return nil, to, false
	case s.life.over():
		ok = s.farewell(now, at, &d)
	default:
		if n := s.path.next(s, now, &d); n.IsValid() {
			to, ok = n, true
			break
		}
		if again := s.confirmed(now, out); again != nil {
			return again, to, true
		}
		ok = s.trial(&d) || s.data(now, at, &d) || s.acknowledgement(now, at, &d)
	}
	if !ok {
		return nil, to, false
	}
	datagram = s.sealed(at, &d)
	return datagram, to, datagram != nil
}

// confirmed repeats Session Confirmed, one of its datagrams at a time.
func (s *Session) confirmed(now time.Time, out []byte) []byte {
	l := &s.life
	if l.confirmed == nil {
		return nil
	}
	if l.repeat == nil {
		l.repeat = l.confirmed.Tick(s.date(now))
	}
	if len(l.repeat) == 0 {
		l.repeat = nil
		return nil
	}
	d := l.repeat[0]
	l.repeat = l.repeat[1:]
	return out[:copy(out, d)]
}

// trial makes a packet of a size that the path is not known to carry.
func (s *Session) trial(d *draft) bool {
	size := s.mtu.next()
	if size == 0 || s.snd.Full() {
		return false
	}
	s.mtu.try = size
	d.most = size - s.mtu.ip - ssu2.MACLen
	d.kind, d.trial, d.flags = recovery.Trial, uint16(size), ssu2.FlagImmediateAck
	s.challenge(d)
	d.out = ssu2.AppendPadding(d.out, d.room()-ssu2.BlockHeaderLen)
	return true
}

// challenge appends a Path Challenge whose response nobody waits for: it elicits an
// acknowledgement (SSU2, Use as Ping/Pong).
func (s *Session) challenge(d *draft) {
	var data [8]byte
	s.random.Fill(data[:])
	d.out = ssu2.AppendPathChallenge(d.out, data[:])
}

// data makes a packet of messages, as far as the window has room, or of a ping.
func (s *Session) data(now time.Time, at time.Duration, d *draft) bool {
	if s.snd.Owed() > 0 {
		s.repeatOldest()
	} else if !s.outbox.waiting() && !s.say.ping {
		return false
	}
	if s.snd.Room(at) == 0 {
		return false
	}
	date := i2p.DateOf(s.date(now))
	most := s.mtu.payload()
	for int(d.n) < mostBlocks {
		r, c, ok := s.outbox.pick(date, d.room(), most)
		if !ok {
			break
		}
		d.out = c.appendTo(d.out)
		c.flights++
		d.refs[d.n] = r
		d.n++
	}
	if d.n == 0 {
		if !s.say.ping && s.snd.Owed() == 0 {
			return false // what waited has expired
		}
		s.challenge(d)
	}
	s.say.ping = false
	s.mtu.wanted = s.mtu.wanted || s.snd.Flying() > 4*leastMTU
	d.kind = recovery.Counted
	size := len(d.out) + ssu2.MACLen
	if !s.outbox.waiting() || s.snd.Owed() > 0 || s.snd.Room(at)-size < s.mtu.datagram() {
		d.flags = ssu2.FlagImmediateAck
	}
	s.besides(now, at, d)
	return true
}

// repeatOldest has what is oldest in flight sent once more, before it is known to be lost.
func (s *Session) repeatOldest() {
	if s.outbox.waiting() {
		return
	}
	s.snd.Each(func(p packet) bool {
		some := false
		for _, r := range p.refs[:p.n] {
			if c := s.outbox.get(r); c != nil && !c.arrived && !c.waits {
				s.outbox.repeat(r, c)
				some = true
			}
		}
		return !some
	})
}

// acknowledgement makes a packet of that alone, where it is due.
func (s *Session) acknowledgement(now time.Time, at time.Duration, d *draft) bool {
	due, ok := s.rcv.Due()
	if !ok || at < due || s.snd.Full() {
		return false
	}
	s.besides(now, at, d)
	return true
}

// besides appends what goes with any packet: what has come, the date, padding.
func (s *Session) besides(now time.Time, at time.Duration, d *draft) {
	if s.rcv.News() {
		s.ack(at, d, mostRanges)
	}
	if at-s.life.dated >= dateEvery && d.room() >= ssu2.BlockHeaderLen+4 {
		s.life.dated = at
		d.out = ssu2.AppendDateTime(d.out, s.date(now))
	}
	// Behind the acknowledgement, so that the peer knows which of its packets have come by then; and
	// in a packet that is acknowledged itself, so that it is said again where it is lost.
	if s.say.marked && d.room() >= ssu2.BlockHeaderLen+1 {
		s.say.marked = false
		d.marks = true
		d.out = ssu2.Congestion{Flags: ssu2.CongestionECN}.AppendTo(d.out)
		if d.kind == recovery.Quiet {
			d.kind = recovery.Counted
		}
	}
	s.pad(d)
}

// ack appends an ACK block.
func (s *Session) ack(at time.Duration, d *draft, most int) {
	if d.room() < ssu2.AckBlockLen(0) {
		return
	}
	if at-s.markAt >= max(2*s.snd.RTT(), leastMark) {
		s.rcv.Forget(s.mark)
		s.mark, s.markAt = s.rcv.Through(), at
	}
	var runs [mostRanges]recovery.Range
	var told [mostRanges]ssu2.Range
	n := len(s.rcv.Ranges(runs[:0:most]))
	for i, r := range runs[:n] {
		told[i] = ssu2.Range(r)
	}
	before := len(d.out)
	d.out = ssu2.AppendAck(d.out, told[:n], d.room())
	if len(d.out) > before {
		d.acks, d.through = true, s.rcv.Through()
		s.rcv.Told()
	}
}

// leastMark is how long everything that has come is told at least: in all
// acknowledgements of two round trips.
const leastMark = 200 * time.Millisecond

// even is the length to which those packets of an instant are padded that come near to it: the
// system sends many that are as long as each other with one call, and whoever looks on learns
// less from a run of them.
type even struct {
	at     time.Duration
	length int // of header and payload; 0 is none yet
}

// pad makes up the least size, and appends padding where there is room: of a random length for the
// first packet of an instant, and up to the same length for others.
func (s *Session) pad(d *draft) {
	if s.even.at != d.at {
		s.even = even{at: d.at}
	}
	n := s.even.length - len(d.out) - ssu2.BlockHeaderLen
	if n < 0 || n > mostEvened {
		n = s.random.Below(mostPadding)
		n = max(n, ssu2.ShortHeaderLen+ssu2.MinPayload-len(d.out)-ssu2.BlockHeaderLen)
	}
	if n = min(n, d.room()-ssu2.BlockHeaderLen); n >= 0 && len(d.out) != s.even.length {
		d.out = ssu2.AppendPadding(d.out, n)
	}
	s.even.length = len(d.out)
}

// farewell makes a packet with a Termination.
func (s *Session) farewell(now time.Time, at time.Duration, d *draft) bool {
	if !s.life.owed {
		return false
	}
	s.life.owed = false
	s.ack(at, d, roomForRanges)
	d.out = ssu2.Termination{Packets: s.rcv.Valid(), Reason: s.life.farewell}.AppendTo(d.out)
	s.pad(d)
	return true
}

// sealed seals the draft and notes it as sent; nil is where it cannot be noted.
func (s *Session) sealed(at time.Duration, d *draft) []byte {
	number := s.snd.Next()
	if s.snd.Unacked() == 0 && d.kind != recovery.Quiet {
		s.life.progress = at
	}
	if err := s.snd.Sent(at, len(d.out)+ssu2.MACLen, d.kind, d.packet); err != nil {
		return nil
	}
	return s.out.seal(d.out, number, d.flags)
}
