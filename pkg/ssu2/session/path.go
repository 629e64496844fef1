package session

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/ssu2"
)

// path is where the peer is (SSU2, Connection Migration). A packet from elsewhere that is
// newer than what came before makes that a candidate, which is challenged; until it has
// answered, all else goes where it went, so that a packet which somebody else has copied
// or redirected changes nothing.
//
//	settled --newer packet from elsewhere--> proving --Path Response--> settled, there
//	                                            `--newer packet from the old address, time--> settled, here
type path struct {
	remote netip.AddrPort
	may    func(netip.AddrPort) bool
	newest uint32 // packet number
	any    bool
	proof  proof
	reply  reply
}

// proof is the challenge of a candidate.
type proof struct {
	of          netip.AddrPort // invalid: there is none
	number      uint32         // of the packet that came from there
	data        [8]byte
	until       time.Duration
	next        time.Duration // when it is challenged again
	interval    time.Duration
	owed        bool
	came, spent int // bytes from there, and to there
}

// reply is the response to a challenge of the peer's. There is one: a peer that asks
// more often has the last answered.
type reply struct {
	to    netip.AddrPort
	data  []byte
	most  int // bytes of the datagram
	waits bool
}

const (
	proofLife     = 6 * time.Second
	mostChallenge = 256 // bytes that are echoed
	// amplification: no more bytes go to an address that is not proved than came from
	// it, times this.
	amplification = 3
	proofLen      = overhead + ssu2.BlockHeaderLen + 8 + ssu2.AddressBlockLen
)

// arrived notes where a genuine packet has come from.
func (p *path) arrived(s *Session, at time.Duration, from netip.AddrPort, number uint32, size int) {
	newest := !p.any || int32(number-p.newest) > 0
	if newest {
		p.any, p.newest = true, number
	}
	c := &p.proof
	switch {
	case from == p.remote:
		if c.of.IsValid() && int32(number-c.number) > 0 {
			s.counts.NotMoved++
			*c = proof{}
		}
	case from == c.of:
		c.came += size
	case newest && p.allowed(from):
		if c.of.IsValid() {
			s.counts.NotMoved++
		}
		*c = proof{of: from, number: number, until: at + proofLife, interval: s.snd.PTO(), owed: true, came: size}
		s.random.Fill(c.data[:])
	}
}

// allowed reports whether the peer may be at an address: of the same family, and not
// refused by the router.
func (p *path) allowed(a netip.AddrPort) bool {
	return isV4(a.Addr()) == isV4(p.remote.Addr()) && (p.may == nil || p.may(a))
}

// challenged notes a challenge of the peer's, which is answered where it came from.
func (p *path) challenged(s *Session, data []byte, from netip.AddrPort) {
	if len(data) > mostChallenge || from != p.remote && !p.allowed(from) {
		s.counts.Unanswered++
		return
	}
	if p.reply.waits {
		s.counts.Unanswered++
	}
	p.reply = reply{to: from, data: append(p.reply.data[:0], data...), waits: true}
	p.reply.most = amplification * (overhead + ssu2.BlockHeaderLen + len(data))
}

// answered takes a response: the peer is where it was challenged.
func (p *path) answered(s *Session, at time.Duration, data []byte) {
	c := p.proof
	if !c.of.IsValid() || string(data) != string(c.data[:]) {
		return // a ping's, or an old one
	}
	before := p.remote
	p.remote, p.proof = c.of, proof{}
	s.counts.Moved++
	if before.Addr() != c.of.Addr() { // else it is a NAT that has forgotten us
		s.snd.Restart(at)
	}
	s.mtu.reset(s)
	s.snd.Probe()
}

// Migrate tells that our own address is another one: the path is learnt anew, and the
// peer hears of it at once.
func (s *Session) Migrate(now time.Time) {
	s.snd.Restart(s.at(now))
	s.mtu.reset(s)
	s.snd.Probe()
	s.say.ping = true
}

// expire gives up a candidate, or has it challenged again.
func (p *path) expire(s *Session, at time.Duration) {
	c := &p.proof
	switch {
	case !c.of.IsValid():
	case at >= c.until:
		s.counts.NotMoved++
		*c = proof{}
	case c.next > 0 && at >= c.next:
		c.next, c.owed = 0, true
	}
}

func (p *path) due() (time.Duration, bool) {
	c := &p.proof
	switch {
	case !c.of.IsValid():
		return 0, false
	case c.next > 0:
		return min(c.next, c.until), true
	}
	return c.until, true
}

// next makes the packet of a response or a challenge, and tells where it goes.
func (p *path) next(s *Session, now time.Time, d *draft) (to netip.AddrPort) {
	at := s.at(now)
	if p.reply.waits && !s.snd.Full() {
		p.reply.waits = false
		to = p.reply.to
		if to != p.remote {
			d.most = min(d.most, p.reply.most-ssu2.MACLen)
		}
		d.out = ssu2.AppendPathResponse(d.out, p.reply.data)
		p.rest(s, now, at, to, d)
		return to
	}
	c := &p.proof
	if c.owed && c.spent+proofLen <= amplification*c.came && !s.snd.Full() {
		c.owed = false
		c.next = at + c.interval
		c.interval *= 2
		d.most = min(d.most, amplification*c.came-c.spent-ssu2.MACLen)
		d.out = ssu2.AppendPathChallenge(d.out, c.data[:])
		p.rest(s, now, at, c.of, d)
		c.spent += len(d.out) + ssu2.MACLen
		return c.of
	}
	return netip.AddrPort{}
}

// rest appends what goes with both: how the peer is seen, the date, what has come (SSU2,
// Message Contents).
func (p *path) rest(s *Session, now time.Time, at time.Duration, to netip.AddrPort, d *draft) {
	if d.room() >= ssu2.AddressBlockLen {
		d.out = ssu2.AppendAddress(d.out, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	}
	if d.room() >= ssu2.BlockHeaderLen+4 {
		d.out = ssu2.AppendDateTime(d.out, s.date(now))
	}
	if to == p.remote && s.rcv.News() { // elsewhere it may not arrive
		s.ack(at, d, roomForRanges)
	}
	s.pad(d)
}
