package session

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/recovery"
)

// Handle works in a datagram with this session's connection id, which it opens in place, and
// tells whether it came with the mark of a congested path (ECN). It reports whether it is
// the peer's.
func (s *Session) Handle(now time.Time, datagram []byte, from netip.AddrPort, marked bool) bool {
	if s.life.gone {
		return false
	}
	at := s.at(now)
	h, raw, ok := s.in.head(datagram)
	if !ok {
		s.counts.Forged++
		s.life.perhapsConfirmed(s, at, len(datagram))
		return false
	}
	if !s.rcv.New(h.Number) {
		s.counts.Duplicates++
		return false
	}
	size := len(datagram)
	payload, ok := s.in.open(datagram, &raw, h.Number)
	if !ok {
		s.counts.Forged++
		return false
	}
	s.rcv.Received(h.Number)
	s.life.hear(at)
	s.life.confirmed = nil
	if s.life.over() {
		s.life.heardInClosing(at)
		s.closingBlocks(payload)
		return true
	}
	s.path.arrived(s, at, from, h.Number, size)
	elicits, carries := s.blocks(now, payload, from)
	if marked {
		s.counts.Marked++
		// An answer must not be answered: two paths that mark all would never be silent.
		if carries {
			s.say.marked, s.say.atOnce = true, true
		}
	}
	if elicits || h.Flags[0]&ssu2.FlagImmediateAck != 0 {
		s.rcv.Elicited(at, h.Number, h.Flags[0]&ssu2.FlagImmediateAck != 0 || s.say.atOnce, s.snd.RTT())
		s.say.atOnce = false
	}
	return true
}

// blocks works in the blocks of a payload, and reports whether they elicit an
// acknowledgement, and carry more than marks. What does not parse ends the packet, and not the
// session.
func (s *Session) blocks(now time.Time, payload []byte, from netip.AddrPort) (elicits, carries bool) {
	for bs := (ssu2.Blocks{Payload: payload}); ; {
		b, ok, err := bs.Next()
		if err == nil && ok {
			elicits = elicits || b.Type.ElicitsAck()
			carries = carries || b.Type.ElicitsAck() && b.Type != ssu2.BlockCongestion
			err = s.block(now, b, from)
		}
		if err != nil {
			s.counts.Malformed++
			return elicits, carries
		}
		if !ok || s.life.over() {
			return elicits, carries
		}
	}
}

func (s *Session) block(now time.Time, b ssu2.Block, from netip.AddrPort) error {
	at := s.at(now)
	switch b.Type {
	case ssu2.BlockI2NP:
		m, err := ssu2.ParseI2NP(b.Data)
		if err != nil {
			return err
		}
		s.sink.Deliver(m)
	case ssu2.BlockFirstFragment:
		return s.first(at, b.Data)
	case ssu2.BlockFollowOnFragment:
		return s.follow(at, b.Data)
	case ssu2.BlockAck:
		return s.acknowledged(at, b.Data)
	case ssu2.BlockRouterInfo:
		return s.info(b.Data)
	case ssu2.BlockTermination:
		t, err := ssu2.ParseTermination(b.Data)
		if err == nil {
			s.terminated(at, t.Reason)
		}
		return err
	case ssu2.BlockPathChallenge:
		s.path.challenged(s, b.Data, from)
	case ssu2.BlockPathResponse:
		s.path.answered(s, at, b.Data)
	case ssu2.BlockDateTime:
		return s.dated(now, b.Data)
	case ssu2.BlockCongestion:
		return s.congestion(at, b.Data)
	case ssu2.BlockNextNonce, ssu2.BlockPadding, ssu2.BlockOptions, ssu2.BlockFirstPacketNumber:
	default: // the router's, or unknown, which it passes over
		s.sink.Block(b, from)
	}
	return nil
}

// acknowledged takes an ACK block.
func (s *Session) acknowledged(at time.Duration, data []byte) error {
	a, err := ssu2.ParseAck(data)
	if err != nil {
		return err
	}
	var ranges [mostRanges]recovery.Range
	n := 0
	for r := range a.All() {
		if n == len(ranges) {
			break
		}
		ranges[n] = recovery.Range(r)
		n++
	}
	s.life.asked = at
	return s.snd.Acked(at, ranges[:n])
}

// Acked and Lost are told by the sender.
func (s *Session) Acked(p packet, late bool) {
	s.life.progress = s.life.asked
	if p.acks {
		s.rcv.Forget(p.through)
	}
	if p.trial > 0 {
		s.mtu.proved(s, int(p.trial))
	}
	for _, r := range p.refs[:p.n] {
		s.outbox.arrived(r, late)
	}
}

// Lost has what was in a packet sent again.
func (s *Session) Lost(p packet) {
	s.say.marked = s.say.marked || p.marks
	if p.trial > 0 {
		s.mtu.failed(int(p.trial))
	}
	for _, r := range p.refs[:p.n] {
		s.outbox.lost(r)
	}
}

func (s *Session) info(data []byte) error {
	ri, err := ssu2.ParseRouterInfo(data)
	if err != nil {
		return err
	}
	info, err := ri.Decompress()
	if err != nil {
		return err
	}
	s.sink.Info(info, ri.Flags&ssu2.FlagFlood != 0)
	return nil
}

// dated notes how far the peer's clock runs ahead. Nothing of ours is moved by it.
func (s *Session) dated(now time.Time, data []byte) error {
	seconds, err := ssu2.ParseDateTime(data)
	if err != nil {
		return err
	}
	skew := ssu2.SkewOf(seconds, s.date(now)) + s.snd.RTT()/2
	s.life.skew = skew
	if skew.Abs() > ssu2.MaxSkew {
		s.Close(now, ssu2.ReasonClockSkew)
	}
	return nil
}

func (s *Session) congestion(at time.Duration, data []byte) error {
	c, err := ssu2.ParseCongestion(data)
	if err != nil {
		return err
	}
	if c.Flags&ssu2.CongestionImmediateAck != 0 {
		s.say.atOnce = true
	}
	if c.Flags&ssu2.CongestionECN != 0 {
		s.counts.MarksTold++
		s.snd.Marked(at)
	}
	return nil
}
