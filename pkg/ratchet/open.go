package ratchet

import (
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/elligator"
	"i2ptoolkit/pkg/i2p"
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
	if ref, ok := s.tags[tag]; ok {
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

// Expect makes Open accept one message sealed with a key and tag that we gave
// in a request, such as a lookup (ECIES-ROUTERS, Reply encryption).
func (s *Sessions) Expect(now time.Time, key [32]byte, tag [8]byte, lifetime time.Duration) {
	s.expected.add(now, key, tag, lifetime)
	if s.sweepAt.IsZero() {
		s.sweepAt = now.Add(sweepInterval)
	}
}

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
	b, err := s.openMessage(in, ref.n, body)
	if err != nil {
		s.stats.Failed++
		return nil, err
	}
	delete(s.tags, tag)
	o, p, err := s.read(b, &Opened{Kind: ExistingSession, From: n.peer.static, Type: n.typ})
	if err != nil {
		return nil, err
	}
	s.stats.ExistingOpened++
	if br := in.branch; br != nil {
		o.New = true
		o.Acks = append(o.Acks, MessageID{Session: n.serial, Kind: NewSessionReply, N: br.n})
		s.establish(now, n, br.out, in)
	}
	n.active, n.peer.lastData = now, s.received
	n.peer.heard()
	s.enlist(n, &s.established, s.limits.Established)
	in.highest = max(in.highest, ref.n)
	s.listen(in)
	s.advance(now, n, in)
	if err := s.control(now, n, in, ref.n, &p, o); err != nil {
		return nil, err
	}
	s.shrink(n)
	return o, nil
}

// control acts on the blocks that belong to the session.
func (s *Sessions) control(now time.Time, n *session, in *inbound, num int, p *payload, o *Opened) error {
	o.Acks = append(o.Acks, n.confirm(p.acks)...)
	for _, k := range p.nextKeys[:p.keyCount] {
		if k.flags&keyReverse != 0 {
			s.handleReverse(n, k)
		} else if err := s.handleForward(now, n, in, k); err != nil {
			return err
		}
	}
	if p.ackRequest && len(n.acks) < maxAcks {
		n.acks = append(n.acks, ackID{in.id, uint16(num)})
		s.owe(now, n)
	}
	if p.pn >= 0 {
		s.closePrevious(n, in, p.pn)
	}
	if p.terminated && n.out != nil {
		s.terminate(now, n)
	}
	return nil
}

// confirm finds the messages for which we asked an Ack.
func (n *session) confirm(acks []byte) (ids []MessageID) {
	for ; len(acks) >= 4 && len(n.requested) > 0; acks = acks[4:] {
		set, num := binary.BigEndian.Uint16(acks), binary.BigEndian.Uint16(acks[2:])
		for i, id := range n.requested {
			if id.TagSet == set && id.N == num {
				ids = append(ids, id)
				n.requested = append(n.requested[:i], n.requested[i+1:]...)
				break
			}
		}
	}
	return ids
}

// closePrevious drops the tags of the tag set before in that the peer says it
// will not use (Message Numbers).
func (s *Sessions) closePrevious(n *session, in *inbound, pn int) {
	for i := 1; i < len(n.in); i++ {
		if n.in[i] == in {
			s.trim(n.in[i-1], 0, pn)
		}
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
	delete(s.tags, tag)
	in.highest = max(in.highest, ref.n)
	s.listen(in)
	o, _, err := s.read(b, &Opened{Kind: NewSessionReply, From: n.peer.static, Type: n.typ})
	if err != nil {
		return nil, err
	}
	s.stats.RepliesOpened++
	n.active = now
	n.peer.heard()
	if n.list == &s.unanswered {
		o.New = true
		o.Acks = append(o.Acks, MessageID{Session: n.serial, Kind: NewSession})
		data := &inbound{session: n, highest: -1, chain: tr.ba}
		s.establish(now, n, outbound{chain: tr.ab}, data)
		s.listen(data)
		n.peer.lastData = s.received // what the peer began before is settled
		s.owe(now, n)                // Bob waits for the first message on this session
	}
	s.shrink(n)
	return o, nil
}

// openNewSession opens a New Session message, of the hybrid if the length
// allows for it, else of X25519.
func (s *Sessions) openNewSession(now time.Time, body []byte) (*Opened, error) {
	if len(body) < minNew {
		s.stats.Failed++
		return nil, ErrShort
	}
	if !s.rate.take(now) {
		s.stats.Refused++
		return nil, ErrBusy
	}
	remote := elligator.Decode([ephemeralLen]byte(body))
	if s.replays.seen(remote) {
		s.stats.Replayed++
		return nil, ErrReplay
	}
	h, b, err := s.tryNew(remote, body)
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
	if !recent(now, p.time) {
		s.stats.BadClock++
		return nil, ErrClock
	}
	if !s.replays.add(now, remote) {
		s.stats.Refused++
		return nil, ErrBusy
	}
	s.stats.NewOpened++
	o.New = true
	if h.peer != [32]byte{} {
		n := s.add(now, &h, false)
		answer := h.replyChain()
		n.answer = &answer
		s.owe(now, n)
	}
	return o, nil
}

// tryNew tries the hybrid, where the length allows for it, and then X25519.
// Once an encapsulation key has authenticated the type is clear.
func (s *Sessions) tryNew(remote [32]byte, body []byte) (handshake, []byte, error) {
	secret, err := s.cfg.Static.DH(remote)
	if err != nil {
		return handshake{}, nil, ErrDecrypt
	}
	if t := s.cfg.Hybrid; t != 0 && len(body) >= minNew+encapKeyLen(t)+macLen {
		own, hybridSecret := s.cfg.HybridStatic, secret
		if own.Public != s.cfg.Static.Public {
			if hybridSecret, err = own.DH(remote); err != nil {
				return handshake{}, nil, ErrDecrypt
			}
		}
		h, b, err := openNew(s.hybrid, t, own, remote, hybridSecret, body)
		if err == nil && !checkEncapsulationKey(t, h.encap) {
			return handshake{}, nil, fmt.Errorf("%w: encapsulation key", ErrMalformed)
		}
		if err == nil || h.encap != nil {
			return h, b, err
		}
	}
	return openNew(s.ik, i2p.CryptoX25519, s.cfg.Static, remote, secret, body)
}

// recent reports whether a DateTime is within the tolerance.
func recent(now, t time.Time) bool {
	return now.Sub(t) <= maxPast && t.Sub(now) <= maxFuture
}
