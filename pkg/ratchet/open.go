package ratchet

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/elligator"
)

// Open opens a garlic body, without its length field. It may decrypt in
// place: the body is not to be used again, and the cloves alias it.
//
// What fails to open changes nothing but counters, whatever its tag.
func (s *Sessions) Open(now time.Time, body []byte) (*Opened, error) {
	if len(body) < tagLen+macLen {
		s.stats.Failed++
		return nil, ErrShort
	}
	tag := binary.LittleEndian.Uint64(body)
	if ref, ok := s.tags.find(tag); ok {
		if ref.set.replies {
			return s.openReply(now, ref, tag, body)
		}
		return s.openData(now, ref, tag, body)
	}
	if key, ok := s.expected.find(now, tag); ok {
		return s.openExpected(key, tag, body)
	}
	return s.openNewSession(now, body)
}

// Knows reports whether a body bears a tag that is listened to. To open one that does
// costs little, but for what it passes over (see Steps). Any other is a New Session message or nothing, which Open finds out by an
// exchange of keys: it is the caller's to say how much of the processor that may take.
func (s *Sessions) Knows(now time.Time, body []byte) bool {
	if len(body) < tagLen {
		return false
	}
	tag := binary.LittleEndian.Uint64(body)
	_, known := s.tags.find(tag)
	if !known {
		_, known = s.expected.find(now, tag)
	}
	return known
}

// Steps is how many messages are passed over by one that bears a tag that is listened to. Each of them costs the keys of a message,
// though it does not come: whoever passes over as many as are listened for has what 50 exchanges of keys cost be computed.
func (s *Sessions) Steps(body []byte) int {
	if len(body) < tagLen {
		return 0
	}
	ref, ok := s.tags.find(binary.LittleEndian.Uint64(body))
	if !ok || ref.set.replies {
		return 0
	}
	return ref.steps()
}

// MayBegin reports whether a body is long enough to begin a session.
func MayBegin(body []byte) bool { return len(body) >= minNew }

func (s *Sessions) openExpected(key *[32]byte, tag uint64, body []byte) (*Opened, error) {
	p, err := openAEAD(key, 0, body)
	if err != nil {
		s.stats.Failed++
		return nil, err
	}
	s.expected.remove(tag)
	s.stats.OneTimeOpened++
	o, _, err := s.read(p, &Opened{Kind: OneTime})
	return o, err
}

// read parses a payload into o.
func (s *Sessions) read(b []byte, o *Opened) (*Opened, payload, error) {
	p := payload{cloveLimit: s.limits.CloveCount}
	err := p.parse(b, o.room[:0])
	s.stats.BadCloves += p.badCloves
	s.stats.UnknownBlocks += p.unknown
	if err != nil {
		s.stats.Malformed++
		return nil, payload{}, err
	}
	s.received++
	o.Cloves, o.Time = p.cloves, p.time
	o.Terminated, o.Reason = p.terminated, p.reason
	return o, p, nil
}

// openData opens an Existing Session message.
func (s *Sessions) openData(now time.Time, ref tagRef, tag uint64, body []byte) (*Opened, error) {
	in := ref.set
	n := in.session
	b, err := s.tags.open(in, ref.n, body)
	if err != nil {
		s.stats.Failed++
		return nil, err
	}
	s.tags.received(tag, ref)
	o, p, err := s.read(b, &Opened{Kind: ExistingSession, From: n.peer.static, Type: n.typ})
	if err != nil {
		return nil, err
	}
	s.stats.ExistingOpened++
	if br := in.branch; br != nil {
		o.New = true
		o.Acks = append(o.Acks, MessageID{Session: n.serial, Kind: NewSessionReply, N: br.n})
		s.establish(now, n, br.out, in)
		n.peer.settle()
	}
	n.active, n.peer.lastData = now, s.received
	n.got++
	n.peer.heard()
	s.roster.used(n)
	s.tags.listen(in)
	s.tags.deafen(n.advance(now, in)...)
	s.control(now, n, ref, &p, o)
	s.roster.shrink(n)
	return o, nil
}

// control acts on the blocks that belong to the session.
func (s *Sessions) control(now time.Time, n *session, ref tagRef, p *payload, o *Opened) {
	in := ref.set
	o.Acks = append(o.Acks, n.confirm(p.acks)...)
	for _, k := range p.nextKeys[:p.keyCount] {
		switch n.take(in, k, s.random) {
		case badTurn:
			s.stats.BadNextKeys++
		case askedFor:
			s.debts.owe(now, n)
		case outTurn:
			s.stats.Ratchets++
		case inTurn:
			s.stats.Ratchets++
			s.tags.listen(n.latest())
			s.debts.owe(now, n)
		}
	}
	if p.ackRequest && len(n.acks) < maxAcks {
		n.acks = append(n.acks, ackID{in.id, uint16(ref.n)})
		s.debts.owe(now, n)
		if n.got >= floodAsks/2 { // it waits for that, perhaps
			n.due = deadline.Earliest(n.due, n.peer.replied.Add(floodAsk))
		}
	}
	if p.pn >= 0 {
		if old := n.before(in); old != nil { // the peer will not use more of it (Message Numbers)
			s.tags.trim(old, 0, p.pn)
		}
	}
	if p.terminated && n.out != nil {
		n.terminate(now)
	}
}

// openReply opens a New Session Reply. The first to any of our New Session
// messages completes a session; others to the same message carry data only,
// since the peer waits for us to use the first.
func (s *Sessions) openReply(now time.Time, ref tagRef, tag uint64, body []byte) (*Opened, error) {
	in := ref.set
	n := in.session
	b, tr, err := n.handshake.openReply(body)
	if err != nil {
		s.stats.Failed++
		return nil, err
	}
	s.tags.received(tag, ref)
	s.tags.listen(in)
	o, _, err := s.read(b, &Opened{Kind: NewSessionReply, From: n.peer.static, Type: n.typ})
	if err != nil {
		return nil, err
	}
	s.stats.RepliesOpened++
	n.active = now
	n.peer.heard()
	if n.stage == unanswered {
		o.New, o.Renewed = true, n.peer.stood(n.created)
		o.Acks = append(o.Acks, MessageID{Session: n.serial, Kind: NewSession})
		data := &inbound{session: n, highest: -1, chain: tr.ba}
		s.establish(now, n, outbound{chain: tr.ab}, data)
		s.tags.listen(data)
		n.peer.lastData = s.received // what the peer began before is settled
		s.debts.owe(now, n)          // Bob waits for the first message on this session
	} else if n.owes { // it has more to say, and replies with each message anew
		n.due = deadline.Earliest(n.due, n.peer.hastens(now))
	}
	s.roster.shrink(n)
	return o, nil
}

// openNewSession opens a New Session message, of the hybrid if the length
// allows for it, else of X25519.
func (s *Sessions) openNewSession(now time.Time, body []byte) (*Opened, error) {
	if len(body) < minNew {
		s.stats.Failed++
		return nil, ErrShort
	}
	remote := elligator.Decode([ephemeralLen]byte(body))
	if s.replays.seen(remote) {
		s.stats.Replayed++
		return nil, ErrReplay
	}
	h, b, err := s.keys.open(remote, body)
	if err != nil {
		s.stats.Failed++
		return nil, err
	}
	o, p, err := s.read(b, &Opened{Kind: NewSession, From: h.peer, Type: h.typ})
	if err != nil {
		return nil, err
	}
	if !p.timeFirst {
		s.stats.Malformed++
		return nil, fmt.Errorf("%w: new session without a date", ErrMalformed)
	}
	if !s.replays.accepts(now, p.time) {
		s.stats.BadClock++
		return nil, ErrClock
	}
	if !s.replays.add(now, remote, p.time) {
		s.stats.Refused++
		return nil, ErrBusy
	}
	s.stats.NewOpened++
	o.New = true
	if h.peer != [32]byte{} {
		waits := s.roster.waits(h.peer)
		n := s.begin(now, &h, false)
		o.Renewed = n.peer.stood(now)
		answer := h.replyChain()
		n.answer = &answer
		s.debts.owe(now, n)
		if !waits.IsZero() { // it has more to say, and begins with each message anew until it is answered
			n.due = deadline.Earliest(waits, n.peer.hastens(now))
		}
	}
	return o, nil
}

// recent reports whether a DateTime is within the tolerance.
func recent(now, t time.Time) bool {
	return now.Sub(t) <= maxPast && t.Sub(now) <= maxFuture
}
