package ratchet

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
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
	if clovesLen(p.Cloves)+clovesLen(p.Bundle) > maxPayload {
		return Sealed{}, ErrTooLong
	}
	if p.Anonymous {
		return s.sealNewSession(now, to, p)
	}
	kind, n := s.form(now, to)
	return s.sealAs(kind, n, now, to, p)
}

func (s *Sessions) sealAs(kind Kind, n *session, now time.Time, to Peer, p Payload) (Sealed, error) {
	switch kind {
	case NewSessionReply:
		return s.sealReply(now, n, p)
	case ExistingSession:
		return s.sealData(now, n, p)
	}
	return s.sealNewSession(now, to, p)
}

// SealAround is Seal, never anonymous, for cloves of which b holds the body of the last one, its
// message's Body. On a session that stands, what comes before and behind that
// is put around it in place, as far as b has room. It takes ownership of b, and
// returns the buffer that Sealed.Body fills, or nil with an error.
func (s *Sessions) SealAround(b *buf.Buf, now time.Time, to Peer, p Payload) (*buf.Buf, Sealed, error) {
	if clovesLen(p.Cloves)+clovesLen(p.Bundle) > maxPayload {
		b.Release()
		return nil, Sealed{}, ErrTooLong
	}
	kind, n := s.form(now, to)
	if kind == ExistingSession {
		out, sealed := s.sealDataAround(b, now, n, p)
		return out, sealed, nil
	}
	sealed, err := s.sealAs(kind, n, now, to, p)
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
	if p := s.roster.peers[to.Static]; p != nil {
		return p.form(now, s.limits.Replies)
	}
	return NewSession, nil
}

// appendHandshakePayload appends the payload of a handshake message. pad is random.
func appendHandshakePayload(b []byte, now time.Time, kind Kind, pad byte, p Payload) []byte {
	if kind == NewSession {
		b = appendDateTime(b, now)
		b = appendCloves(b, p.Bundle)
	}
	b = appendCloves(b, p.Cloves)
	return appendPadding(b, 0, pad)
}

// sealNewSession seals a New Session message: bound to our key it begins a
// session, and otherwise none.
func (s *Sessions) sealNewSession(now time.Time, to Peer, p Payload) (Sealed, error) {
	if to.Type == 0 {
		to.Type = i2p.CryptoX25519
	}
	var own noise.KeyPair
	if !p.Anonymous {
		var err error
		if own, err = s.keys.of(to.Type); err != nil {
			return Sealed{}, err
		}
	} else if !Speaks(to.Type) {
		return Sealed{}, fmt.Errorf("%w: %d", ErrType, to.Type)
	}
	b := appendHandshakePayload(nil, now, NewSession, s.random.Byte(), p)
	body, h, err := sealNew(nil, s.random, to, own, b)
	if err != nil {
		return Sealed{}, err
	}
	s.stats.NewSealed++
	sealed := Sealed{Body: body, Kind: NewSession}
	if !p.Anonymous {
		n := s.begin(now, &h, true)
		n.peer.lastNew = now
		n.replies = &inbound{session: n, replies: true, highest: -1, chain: h.replyChain()}
		s.tags.listen(n.replies)
		s.roster.shrink(n)
		sealed.ID = MessageID{Session: n.serial, Kind: NewSession}
	}
	return sealed, nil
}

func (s *Sessions) sealReply(now time.Time, n *session, p Payload) (Sealed, error) {
	b := appendHandshakePayload(nil, now, NewSessionReply, s.random.Byte(), p)
	body, tr, err := n.handshake.sealReply(nil, s.random, kem.Encapsulate, tagBytes(n.answer.tag()), b)
	if err != nil {
		return Sealed{}, err
	}
	in := n.reply(now, &tr)
	s.tags.listen(in)
	n.peer.answered(now)
	s.roster.shrink(n)
	s.stats.RepliesSealed++
	return Sealed{Body: body, Kind: NewSessionReply, ID: MessageID{Session: n.serial, Kind: NewSessionReply, N: in.branch.n}}, nil
}

// sealData seals an Existing Session message (ECIES, 1h).
func (s *Sessions) sealData(now time.Time, n *session, p Payload) (Sealed, error) {
	m := n.next(s.random, s.limits.RatchetAfter)
	b := make([]byte, 0, clovesLen(p.Cloves)+4*len(n.acks)+maxOverhead)
	b = n.appendFront(b, now, &m, p.AckRequest)
	b = appendCloves(b, p.Cloves)
	b = sealAEAD(&m.key, m.n, appendEnd(b, m.pad, p))
	s.sealed(now, n, p)
	return Sealed{Body: b, Kind: ExistingSession, ID: m.id}, nil
}

// sealDataAround is sealData around the body of the last clove, which is in b.
func (s *Sessions) sealDataAround(b *buf.Buf, now time.Time, n *session, p Payload) (*buf.Buf, Sealed) {
	m := n.next(s.random, s.limits.RatchetAfter)
	last := len(p.Cloves) - 1
	front := n.appendFront(s.front[:0], now, &m, p.AckRequest)
	front = appendCloves(front, p.Cloves[:last])
	front = appendCloveHead(front, p.Cloves[last])
	s.front = front
	b = b.Room(len(front), maxEnd)
	copy(b.Prepend(len(front)), front)
	whole := b.Bytes()
	whole = sealAEAD(&m.key, m.n, appendEnd(whole, m.pad, p))
	b.Append(len(whole) - b.Len()) // where it was put
	s.sealed(now, n, p)
	return b, Sealed{Body: b.Bytes(), Kind: ExistingSession, ID: m.id}
}

// maxEnd is the most that comes behind the cloves.
const maxEnd = blockHeaderLen + 1 + blockHeaderLen + maxPadding + macLen

// appendEnd appends what comes behind the cloves, the MAC excepted.
func appendEnd(b []byte, pad byte, p Payload) []byte {
	if p.Terminate {
		b = append(b, blockTermination, 0, 1, p.Reason)
	}
	return appendPadding(b, tagLen, pad)
}

// sealed notes that a session has sent a message.
func (s *Sessions) sealed(now time.Time, n *session, p Payload) {
	if n.owes {
		n.peer.replied = now
	}
	n.owes, n.got, n.active = false, 0, now
	s.roster.used(n)
	if p.Terminate {
		n.terminate(now)
	}
	s.stats.ExistingSealed++
}
