package ratchet

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2p"
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
		to.Type = i2p.CryptoX25519
	}
	if clovesLen(p.Cloves)+clovesLen(p.Bundle) > maxPayload {
		return Sealed{}, ErrTooLong
	}
	if p.Anonymous {
		return s.sealAnonymous(dst, now, to, p)
	}
	kind, n := s.form(now, to)
	return s.sealAs(kind, n, dst, now, to, p)
}

func (s *Sessions) sealAs(kind Kind, n *session, dst []byte, now time.Time, to Peer, p Payload) (Sealed, error) {
	switch kind {
	case NewSessionReply:
		return s.sealReply(dst, now, n, p)
	case ExistingSession:
		return s.sealData(dst, now, n, p)
	}
	return s.sealNewSession(dst, now, to, p)
}

// SealAround is Seal, never anonymous, for cloves of which b holds the body of the last one, its
// message's Body. On a session that stands, what comes before and behind that
// is put around it in place, as far as b has room. It takes ownership of b, and
// returns the buffer that Sealed.Body fills, or nil with an error.
func (s *Sessions) SealAround(b *buf.Buf, now time.Time, to Peer, p Payload) (*buf.Buf, Sealed, error) {
	if to.Type == 0 {
		to.Type = i2p.CryptoX25519
	}
	if clovesLen(p.Cloves)+clovesLen(p.Bundle) > maxPayload {
		b.Release()
		return nil, Sealed{}, ErrTooLong
	}
	kind, n := s.form(now, to)
	if kind == ExistingSession {
		out, sealed := s.sealDataAround(b, now, n, p)
		return out, sealed, nil
	}
	sealed, err := s.sealAs(kind, n, nil, now, to, p)
	b.Release()
	if err != nil {
		return nil, Sealed{}, err
	}
	out := buf.Copy(sealed.Body)
	sealed.Body = out.Bytes()
	return out, sealed, nil
}

// form is how a message to a peer is to be sealed, and on which session.
func (s *Sessions) form(now time.Time, to Peer) (Kind, *session) {
	pr := s.peers[to.Static]
	if pr == nil {
		return NewSession, nil
	}
	pr.sent(now)
	if n := s.awaiting(pr); n != nil {
		return NewSessionReply, n
	}
	n := pr.owing(now)
	if n == nil {
		n = pr.current
	}
	if n == nil || !n.usable(now) || pr.silent(now) {
		return NewSession, nil
	}
	return ExistingSession, n
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
	if !Speaks(to.Type) {
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
	m := s.next(n)
	at := len(dst)
	b := slices.Grow(dst, clovesLen(p.Cloves)+4*len(n.acks)+maxOverhead)
	b = s.appendFront(b, now, n, m, p)
	b = appendCloves(b, p.Cloves)
	b = sealAEAD(&m.key, m.n, appendEnd(b, at+tagLen, m.pad, p), at)
	s.sealed(now, n, p)
	return Sealed{Body: b, Kind: ExistingSession, ID: m.id}, nil
}

// sealDataAround is sealData around the body of the last clove, which is in b.
func (s *Sessions) sealDataAround(b *buf.Buf, now time.Time, n *session, p Payload) (*buf.Buf, Sealed) {
	m := s.next(n)
	last := len(p.Cloves) - 1
	front := s.appendFront(s.front[:0], now, n, m, p)
	front = appendCloves(front, p.Cloves[:last])
	front = appendCloveHead(front, p.Cloves[last])
	s.front = front
	b = b.Room(len(front), maxEnd)
	copy(b.Prepend(len(front)), front)
	whole := b.Bytes()
	whole = sealAEAD(&m.key, m.n, appendEnd(whole, tagLen, m.pad, p), 0)
	b.Append(len(whole) - b.Len()) // where it was put
	s.sealed(now, n, p)
	return b, Sealed{Body: b.Bytes(), Kind: ExistingSession, ID: m.id}
}

// numbered is what a session's next message has of its own.
type numbered struct {
	n   int
	id  MessageID
	tag uint64
	key [32]byte
	pad byte // random
}

// next takes a session's next number, tag and key.
func (s *Sessions) next(n *session) (m numbered) {
	m.pad = s.random.Byte()
	if n.out.nextTagN >= s.limits.RatchetAfter && !n.sending.repeat {
		s.beginRatchet(n)
	}
	m.n, m.tag, m.key = n.out.next()
	m.id = MessageID{Session: n.serial, Kind: ExistingSession, TagSet: n.out.id, N: uint16(m.n)}
	return m
}

// appendFront appends what comes before the cloves: the tag, and the session's own blocks.
func (s *Sessions) appendFront(b []byte, now time.Time, n *session, m numbered, p Payload) []byte {
	b = binary.LittleEndian.AppendUint64(b, m.tag)
	b = n.appendControl(b)
	if s.wantsAck(now, n, p) {
		b = append(b, blockAckRequest, 0, 1, 0)
		n.lastRequest = now
		if len(n.requested) >= maxAcks {
			n.requested = slices.Delete(n.requested, 0, 1)
		}
		n.requested = append(n.requested, m.id)
	}
	return b
}

// maxEnd is the most that comes behind the cloves.
const maxEnd = blockHeaderLen + 1 + blockHeaderLen + maxPadding + macLen

// appendEnd appends what comes behind the cloves, the MAC excepted.
func appendEnd(b []byte, from int, pad byte, p Payload) []byte {
	if p.Terminate {
		b = append(b, blockTermination, 0, 1, p.Reason)
	}
	return appendPadding(b, from, pad)
}

// sealed notes that a session has sent a message.
func (s *Sessions) sealed(now time.Time, n *session, p Payload) {
	n.owes, n.active = false, now
	s.enlist(n, &s.established, s.limits.Established)
	if p.Terminate {
		s.terminate(now, n)
	}
	s.stats.ExistingSealed++
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
