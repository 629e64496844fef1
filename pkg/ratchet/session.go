package ratchet

import (
	"container/list"
	"encoding/binary"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
)

// session is one handshake with a peer and what came of it.
type session struct {
	serial uint64
	peer   *peer
	typ    i2p.EncryptionType
	stage  stage
	elem   *list.Element // of the roster's list for its stage

	greeting
	out    *outbound  // nil until established, and after termination
	in     []*inbound // oldest first; Bob's branches before that
	since  time.Time  // when it was established
	active time.Time  // a message was sent or received

	sending, receiving keyRatchet
	receipts
	debt
	got int // messages, since one was sent
}

// stage is how far a session has come.
//
//	Alice:  unanswered --reply opened----------> established
//	Bob:    half open  --first data received---> established
type stage uint8

const (
	unanswered stage = iota
	halfOpen
	established
	stages // their number
)

// greeting is what a session keeps of its handshake.
type greeting struct {
	initiator bool
	handshake *handshake
	created   time.Time
	arrived   uint64 // Bob: the count of opened messages at the New Session message

	replies  *inbound  // Alice: the tags of the replies
	answer   *chain    // Bob: likewise
	branches []*branch // Bob: the replies sent
	greeted  time.Time // Bob: when the first of them was
}

// usable reports whether data can still be sent on the session.
func (n *session) usable(now time.Time) bool {
	return n.out != nil && !n.out.exhausted() && now.Sub(n.active) < sendTimeout
}

// reply notes a reply that was sealed, with the tag sets that follow from it.
func (n *session) reply(now time.Time, tr *transport) *inbound {
	br := &branch{n: uint16(len(n.branches)), out: outbound{chain: tr.ba}}
	in := &inbound{session: n, branch: br, highest: -1, chain: tr.ab}
	if len(n.branches) == 0 {
		n.greeted = now
	}
	n.branches, n.in, n.active = append(n.branches, br), append(n.in, in), now
	return in
}

// establish goes on with one outbound and one inbound tag set, and returns those that are given up.
func (n *session) establish(now time.Time, out outbound, in *inbound) (gone []*inbound) {
	for _, other := range n.in {
		if other != in {
			gone = append(gone, other)
		}
	}
	n.in, n.out, n.since = []*inbound{in}, &out, now
	in.branch, n.branches, n.answer = nil, nil, nil
	if !n.initiator {
		n.handshake = nil
	}
	return gone
}

// terminate stops sending on a session; what is under way can still come.
func (n *session) terminate(now time.Time) {
	n.out, n.owes = nil, false
	for _, in := range n.in {
		in.expires = now.Add(replyTimeout)
	}
	n.peer.choose()
}

// expire returns the tag sets that have outlived, and reports whether all of
// the session has.
func (n *session) expire(now time.Time) (gone []*inbound, over bool) {
	greeted := now.Sub(n.created) > replyTimeout
	if n.stage != established {
		return nil, greeted
	}
	if n.replies != nil && greeted {
		gone = append(gone, n.replies)
		n.replies, n.handshake = nil, nil
	}
	for len(n.in) > 0 && !n.in[0].expires.IsZero() && now.After(n.in[0].expires) {
		gone = append(gone, n.in[0])
		n.in = n.in[1:]
	}
	return gone, len(n.in) == 0 || now.Sub(n.active) > receiveTimeout
}

// kept is how many tags and keys are kept for it.
func (n *session) kept() (all int) {
	for _, in := range n.in {
		all += in.kept
	}
	if n.replies != nil {
		all += n.replies.kept
	}
	return all
}

// before is the tag set before in; nil where there is none.
func (n *session) before(in *inbound) *inbound {
	if i := slices.Index(n.in, in); i > 0 {
		return n.in[i-1]
	}
	return nil
}

// numbered is what a session's next message has of its own.
type numbered struct {
	n   int
	id  MessageID
	tag uint64
	key [32]byte
	pad byte // random
}

// next takes the session's next number, tag and key. A tag set asks for its
// successor after so many messages.
func (n *session) next(random *draw.Source, ratchetAfter int) (m numbered) {
	m.pad = random.Byte()
	if n.out.nextTagN >= ratchetAfter && !n.sending.repeat {
		n.beginRatchet(random)
	}
	m.n, m.tag, m.key = n.out.next()
	m.id = MessageID{Session: n.serial, Kind: ExistingSession, TagSet: n.out.id, N: uint16(m.n)}
	return m
}

// appendFront appends what comes before the cloves: the tag, and the session's own blocks.
func (n *session) appendFront(b []byte, now time.Time, m *numbered, ackRequest bool) []byte {
	b = binary.LittleEndian.AppendUint64(b, m.tag)
	b = n.receiving.appendTo(b, now, n.owes)
	b = n.sending.appendTo(b, now, false)
	// Now and then a peer that is silent is asked, to learn whether it is still there.
	// So is one to which much is sent: of that, more may get lost than it listens ahead for.
	ask := ackRequest || now.Sub(n.peer.first) >= ackInterval && now.Sub(n.lastRequest) >= ackInterval ||
		n.peer.count >= floodAsks && now.Sub(n.lastRequest) >= floodAsk
	return n.receipts.appendTo(b, now, ask, m.id)
}

// receipts are a session's acknowledgements, both ways.
type receipts struct {
	acks        []ackID     // owed
	requested   []MessageID // ack requests of ours
	lastRequest time.Time
}

// appendTo appends the acknowledgements that are owed, and asks for one of the message.
func (r *receipts) appendTo(b []byte, now time.Time, ask bool, id MessageID) []byte {
	if len(r.acks) > 0 {
		b = appendAcks(b, r.acks)
		r.acks = r.acks[:0]
	}
	if ask {
		b = append(b, blockAckRequest, 0, 1, 0)
		r.lastRequest = now
		if len(r.requested) >= maxAcks {
			r.requested = slices.Delete(r.requested, 0, 1)
		}
		r.requested = append(r.requested, id)
	}
	return b
}

// confirm finds the messages for which we asked an Ack.
func (r *receipts) confirm(acks []byte) (ids []MessageID) {
	for ; len(acks) >= 4 && len(r.requested) > 0; acks = acks[4:] {
		set, num := binary.BigEndian.Uint16(acks), binary.BigEndian.Uint16(acks[2:])
		for i, id := range r.requested {
			if id.TagSet == set && id.N == num {
				ids = append(ids, id)
				r.requested = append(r.requested[:i], r.requested[i+1:]...)
				break
			}
		}
	}
	return ids
}

func tagBytes(tag uint64) (b [tagLen]byte) {
	binary.LittleEndian.PutUint64(b[:], tag)
	return b
}
