package ratchet

import (
	"io"
	"time"

	"i2ptoolkit/pkg/noise"
)

// maxTagSet is the last tag set ID; after it a new session is due.
const maxTagSet = 65535

// keyRatchet is the state of one direction's key exchange (ECIES, DH Ratchet
// Message Flow). The sender of the tags owns the forward keys, the receiver
// the reverse keys; they take turns in making a new one:
//
//	tag set   forward key   reverse key
//	   1         0 new         0 new
//	   2         1 new         0
//	   3         1             1 new
//	   4         2 new         1
type keyRatchet struct {
	own    noise.KeyPair
	remote [32]byte
	block  nextKey // to be sent
	repeat bool    // until the peer is known to have it
	sentAt time.Time
}

// repeatEvery is how long a key that was sent is not sent again. Its 38 bytes make a full message
// of a stream one that takes three messages of a tunnel in place of two, and before the answer
// can come a fast stream sends hundreds.
const repeatEvery = 100 * time.Millisecond

// appendTo appends the key where it is due, or owed to the peer.
func (r *keyRatchet) appendTo(b []byte, now time.Time, owed bool) []byte {
	if !r.repeat || !owed && now.Sub(r.sentAt) < repeatEvery {
		return b
	}
	r.sentAt = now
	return r.block.appendTo(b)
}

// forwardID and reverseID are the key IDs that lead to a tag set.
func forwardID(set int) uint16 { return uint16(set / 2) }
func reverseID(set int) uint16 { return uint16((set - 1) / 2) }

// newForward and newReverse report whose key is new for a tag set.
func newForward(set int) bool { return set == 1 || set%2 == 0 }
func newReverse(set int) bool { return set%2 == 1 }

// beginRatchet asks the peer for the successor of the outbound tag set.
func (n *session) beginRatchet(random io.Reader) {
	set := int(n.out.id) + 1
	if set > maxTagSet {
		return
	}
	r := &n.sending
	r.block = nextKey{id: forwardID(set)}
	if newForward(set) {
		r.own = noise.GenerateKey(random)
		r.block.flags |= keyPresent
		r.block.key = r.own.Public
	}
	if newReverse(set) {
		r.block.flags |= keyWantReverse
	}
	r.repeat, r.sentAt = true, time.Time{}
}

// turn is what a key of the peer's has brought.
type turn uint8

const (
	noTurn   turn = iota // it is a repetition
	badTurn              // it is not the one that is due
	askedFor             // our answer was not yet seen: it is owed again
	outTurn              // the next outbound tag set has begun
	inTurn               // the next inbound tag set has: it is to listen, and our answer is owed
)

// take acts on a key of the peer's, which came on an inbound tag set.
func (n *session) take(in *inbound, k nextKey, random io.Reader) turn {
	if k.flags&keyReverse != 0 {
		return n.takeReverse(k)
	}
	return n.takeForward(in, k, random)
}

// takeReverse takes the peer's answer to our forward key and moves on to
// the next outbound tag set. Repetitions find no question open.
func (n *session) takeReverse(k nextKey) turn {
	r := &n.sending
	if !r.repeat || n.out == nil {
		return noTurn
	}
	set := int(n.out.id) + 1
	present := k.flags&keyPresent != 0
	if k.id == reverseID(set-1) && present == newReverse(set-1) {
		return noTurn // the previous answer, repeated
	}
	if k.id != reverseID(set) || present != newReverse(set) {
		return badTurn
	}
	if newReverse(set) {
		r.remote = k.key
	}
	secret, err := r.own.DH(r.remote)
	if err != nil {
		return badTurn
	}
	n.out = &outbound{id: uint16(set), chain: n.out.nextChain(&secret)}
	r.repeat = false
	return outTurn
}

// takeForward takes a forward key that came on a tag set: the next inbound
// tag set begins, and our answer is due.
func (n *session) takeForward(in *inbound, k nextKey, random io.Reader) turn {
	latest := n.latest()
	r := &n.receiving
	if in != latest {
		if latest.id == in.id+1 && r.repeat {
			return askedFor
		}
		return noTurn
	}
	set := int(in.id) + 1
	if set > maxTagSet || k.id != forwardID(set) ||
		newForward(set) != (k.flags&keyPresent != 0) || newReverse(set) != (k.flags&keyWantReverse != 0) {
		return badTurn
	}
	own, remote := r.own, r.remote
	if newForward(set) {
		remote = k.key
	}
	block := nextKey{flags: keyReverse, id: reverseID(set)}
	if newReverse(set) {
		own = noise.GenerateKey(random)
		block.flags |= keyPresent
		block.key = own.Public
	}
	secret, err := own.DH(remote)
	if err != nil {
		return badTurn
	}
	*r = keyRatchet{own: own, remote: remote, block: block, repeat: true}
	n.in = append(n.in, &inbound{id: uint16(set), session: n, highest: -1, chain: in.chain.nextChain(&secret)})
	return inTurn
}

// latest is the inbound tag set that began last.
func (n *session) latest() *inbound { return n.in[len(n.in)-1] }

// advance notes that a message came on a tag set: if it is the latest, the
// peer has our answer, and older ones need not be kept for long. It returns
// those that are too many.
func (n *session) advance(now time.Time, in *inbound) (gone []*inbound) {
	if in != n.latest() || len(n.in) == 1 {
		return nil
	}
	n.receiving.repeat = false
	for _, old := range n.in[:len(n.in)-1] {
		if old.expires.IsZero() {
			old.expires = now.Add(replyTimeout)
		}
	}
	if over := len(n.in) - 3; over > 0 {
		gone, n.in = n.in[:over:over], n.in[over:]
	}
	return gone
}
