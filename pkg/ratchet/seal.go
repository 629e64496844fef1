package ratchet

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/noise"
)

// maxAcks is how many acknowledgements are kept until a message carries them.
const maxAcks = 64

// maxOverhead is what an Existing Session message takes besides its cloves
// and the acknowledgements themselves: tag, two keys, an Ack header, an Ack
// Request, a Termination, padding, MAC.
const maxOverhead = tagLen + 2*(blockHeaderLen+3+32) + blockHeaderLen + 4 + 4 + blockHeaderLen + maxPadding + macLen

// Seal seals a payload to a peer, in the form that the state of their
// sessions asks for. Body is the garlic body without its length field.
func (s *Sessions) Seal(now time.Time, to Peer, p Payload) (Sealed, error) {
	return s.AppendSeal(nil, now, to, p)
}

// AppendSeal is Seal appending to dst, which Body then begins with.
func (s *Sessions) AppendSeal(dst []byte, now time.Time, to Peer, p Payload) (Sealed, error) {
	if to.Type == 0 {
		to.Type = X25519
	}
	if clovesLen(p.Cloves)+clovesLen(p.Bundle) > maxPayload {
		return Sealed{}, ErrTooLong
	}
	if p.Anonymous {
		return s.sealAnonymous(dst, now, to, p)
	}
	pr := s.peers[to.Static]
	if pr == nil {
		return s.sealNewSession(dst, now, to, p)
	}
	pr.sent(now)
	if n := s.awaiting(pr); n != nil {
		return s.sealReply(dst, now, n, p)
	}
	n := pr.owing(now)
	if n == nil {
		n = pr.current
	}
	if n == nil || !n.usable(now) || pr.silent(now) {
		return s.sealNewSession(dst, now, to, p)
	}
	return s.sealData(dst, now, n, p)
}

// awaiting is the newest New Session message of the peer's that wants an
// answer: it came after all data, so the peer may know of no session. Every
// message is then a reply to it until data comes.
func (s *Sessions) awaiting(p *peer) *session {
	for _, n := range slices.Backward(p.sessions) {
		if n.answer != nil && n.arrived > p.lastData && len(n.branches) < s.limits.Replies {
			return n
		}
	}
	return nil
}

// owing is the oldest established session that owes the peer an
// acknowledgement or a key, which only that session can send.
func (p *peer) owing(now time.Time) *session {
	for _, n := range p.sessions {
		if n.owes && n.usable(now) {
			return n
		}
	}
	return nil
}

// sent counts a message towards the peer's silence.
func (p *peer) sent(now time.Time) {
	if p.silentCount == 0 {
		p.silentSince = now
	} else {
		p.silentSpan = p.silentLast.Sub(p.silentSince)
	}
	p.silentCount++
	p.silentLast = now
}

// heard ends a silence.
func (p *peer) heard() { p.silentCount, p.silentSpan, p.suspect = 0, 0, false }

// silent reports whether the peer seems to have lost its session: several
// messages went unanswered, over some time. Then one message in a while
// begins a new session; the others still go to the old one.
func (p *peer) silent(now time.Time) bool {
	lost := p.silentCount > silenceCount && p.silentSpan >= silenceSpan &&
		now.Sub(p.silentSince) >= silenceTimeout
	return (lost || p.suspect) && now.Sub(p.lastNew) >= restartInterval
}

// Suspect says that a peer does not seem to receive what is sent to it: more
// may have been lost than it listens ahead for (ECIES, Parameters, tag set
// size), and then it can open no later message of that session. Until it is
// heard, one message in a while begins a new one.
func (s *Sessions) Suspect(static [32]byte) {
	if p := s.peers[static]; p != nil {
		p.suspect = true
	}
}

// appendHandshakePayload appends the payload of a handshake message.
func (s *Sessions) appendHandshakePayload(b []byte, now time.Time, kind Kind, p Payload) []byte {
	pad := s.random.Byte()
	if kind == NewSession {
		b = appendDateTime(b, now)
		b = appendCloves(b, p.Bundle)
	}
	b = appendCloves(b, p.Cloves)
	return appendPadding(b, 0, pad)
}

func (s *Sessions) sealAnonymous(dst []byte, now time.Time, to Peer, p Payload) (Sealed, error) {
	if !to.Type.Known() {
		return Sealed{}, fmt.Errorf("%w: %d", ErrType, to.Type)
	}
	b := s.appendHandshakePayload(nil, now, NewSession, p)
	body, _, err := sealNew(dst, s.random, to, noise.KeyPair{}, b)
	if err != nil {
		return Sealed{}, err
	}
	s.stats.NewSealed++
	return Sealed{Body: body, Kind: NewSession}, nil
}

func (s *Sessions) sealNewSession(dst []byte, now time.Time, to Peer, p Payload) (Sealed, error) {
	own, err := s.static(to.Type)
	if err != nil {
		return Sealed{}, err
	}
	b := s.appendHandshakePayload(nil, now, NewSession, p)
	body, h, err := sealNew(dst, s.random, to, own, b)
	if err != nil {
		return Sealed{}, err
	}
	n := s.add(now, &h, true)
	n.peer.lastNew = now
	n.replies = &inbound{session: n, replies: true, highest: -1, chain: h.replyChain()}
	s.listen(n.replies)
	s.shrink(n)
	s.stats.NewSealed++
	return Sealed{Body: body, Kind: NewSession, ID: MessageID{Session: n.serial, Kind: NewSession}}, nil
}

func (s *Sessions) sealReply(dst []byte, now time.Time, n *session, p Payload) (Sealed, error) {
	b := s.appendHandshakePayload(nil, now, NewSessionReply, p)
	body, tr, err := n.handshake.sealReply(dst, s.random, encapsulate, tagBytes(n.answer.tag()), b)
	if err != nil {
		return Sealed{}, err
	}
	br := &branch{n: uint16(len(n.branches)), out: outbound{chain: tr.ba}}
	n.branches = append(n.branches, br)
	in := &inbound{session: n, branch: br, highest: -1, chain: tr.ab}
	n.in = append(n.in, in)
	s.listen(in)
	n.active = now
	for _, o := range n.peer.sessions {
		if o.answer != nil {
			o.owes = false // one answer serves all that were asked before
		}
	}
	s.shrink(n)
	s.stats.RepliesSealed++
	return Sealed{Body: body, Kind: NewSessionReply, ID: MessageID{Session: n.serial, Kind: NewSessionReply, N: br.n}}, nil
}

// sealData seals an Existing Session message (ECIES, 1h).
func (s *Sessions) sealData(dst []byte, now time.Time, n *session, p Payload) (Sealed, error) {
	pad := s.random.Byte()
	if n.out.nextTagN >= s.limits.RatchetAfter && !n.sending.repeat {
		s.beginRatchet(n)
	}
	num, tag, key := n.out.next()
	id := MessageID{Session: n.serial, Kind: ExistingSession, TagSet: n.out.id, N: uint16(num)}
	at := len(dst)
	b := slices.Grow(dst, clovesLen(p.Cloves)+4*len(n.acks)+maxOverhead)
	b = binary.LittleEndian.AppendUint64(b, tag)
	b = n.appendControl(b)
	if s.wantsAck(now, n, p) {
		b = append(b, blockAckRequest, 0, 1, 0)
		n.lastRequest = now
		if len(n.requested) >= maxAcks {
			n.requested = slices.Delete(n.requested, 0, 1)
		}
		n.requested = append(n.requested, id)
	}
	b = appendCloves(b, p.Cloves)
	if p.Terminate {
		b = append(b, blockTermination, 0, 1, p.Reason)
	}
	b = appendPadding(b, at+tagLen, pad)
	b = sealAEAD(&key, num, b, at)
	n.owes, n.active = false, now
	s.enlist(n, &s.established, s.limits.Established)
	if p.Terminate {
		s.terminate(now, n)
	}
	s.stats.ExistingSealed++
	return Sealed{Body: b, Kind: ExistingSession, ID: id}, nil
}

// appendControl appends the keys and acknowledgements that are due.
func (n *session) appendControl(b []byte) []byte {
	if n.receiving.repeat {
		b = n.receiving.block.appendTo(b)
	}
	if n.sending.repeat {
		b = n.sending.block.appendTo(b)
	}
	if len(n.acks) > 0 {
		b = appendAcks(b, n.acks)
		n.acks = n.acks[:0]
	}
	return b
}

// wantsAck reports whether to ask for an acknowledgement: when told to, and
// now and then while the peer is silent, to learn whether it is still there.
func (s *Sessions) wantsAck(now time.Time, n *session, p Payload) bool {
	return p.AckRequest ||
		now.Sub(n.peer.silentSince) >= ackInterval && now.Sub(n.lastRequest) >= ackInterval
}

// terminate stops sending on a session; what is under way can still come.
func (s *Sessions) terminate(now time.Time, n *session) {
	n.out, n.owes = nil, false
	for _, in := range n.in {
		in.expires = now.Add(replyTimeout)
	}
	n.peer.choose()
}
