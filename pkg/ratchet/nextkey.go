package ratchet

import (
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
	repeat bool    // block goes into every message
}

// forwardID and reverseID are the key IDs that lead to a tag set.
func forwardID(set int) uint16 { return uint16(set / 2) }
func reverseID(set int) uint16 { return uint16((set - 1) / 2) }

// newForward and newReverse report whose key is new for a tag set.
func newForward(set int) bool { return set == 1 || set%2 == 0 }
func newReverse(set int) bool { return set%2 == 1 }

// beginRatchet asks the peer for the successor of the outbound tag set.
func (s *Sessions) beginRatchet(n *session) {
	set := int(n.out.id) + 1
	if set > maxTagSet {
		return
	}
	r := &n.sending
	r.block = nextKey{id: forwardID(set)}
	if newForward(set) {
		r.own = noise.GenerateKey(s.random)
		r.block.flags |= keyPresent
		r.block.key = r.own.Public
	}
	if newReverse(set) {
		r.block.flags |= keyWantReverse
	}
	r.repeat = true
}

// handleReverse takes the peer's answer to our forward key and moves on to
// the next outbound tag set. Repetitions find no question open.
func (s *Sessions) handleReverse(n *session, k nextKey) {
	r := &n.sending
	if !r.repeat || n.out == nil {
		return
	}
	set := int(n.out.id) + 1
	present := k.flags&keyPresent != 0
	if k.id == reverseID(set-1) && present == newReverse(set-1) {
		return // the previous answer, repeated
	}
	if k.id != reverseID(set) || present != newReverse(set) {
		s.stats.BadNextKeys++
		return
	}
	if newReverse(set) {
		r.remote = k.key
	}
	secret, err := r.own.DH(r.remote)
	if err != nil {
		s.stats.BadNextKeys++
		return
	}
	n.out = &outbound{id: uint16(set), chain: n.out.nextChain(&secret)}
	r.repeat = false
	s.stats.Ratchets++
}

// handleForward takes a forward key that came on a tag set: the next inbound
// tag set begins to listen, and our answer is due.
func (s *Sessions) handleForward(now time.Time, n *session, in *inbound, k nextKey) error {
	latest := n.in[len(n.in)-1]
	r := &n.receiving
	if in != latest {
		if latest.id == in.id+1 && r.repeat {
			s.owe(now, n) // our answer was not yet seen
		}
		return nil
	}
	set := int(in.id) + 1
	if set > maxTagSet || k.id != forwardID(set) ||
		newForward(set) != (k.flags&keyPresent != 0) || newReverse(set) != (k.flags&keyWantReverse != 0) {
		s.stats.BadNextKeys++
		return nil
	}
	own, remote := r.own, r.remote
	if newForward(set) {
		remote = k.key
	}
	block := nextKey{flags: keyReverse, id: reverseID(set)}
	if newReverse(set) {
		own = noise.GenerateKey(s.random)
		block.flags |= keyPresent
		block.key = own.Public
	}
	secret, err := own.DH(remote)
	if err != nil {
		s.stats.BadNextKeys++
		return nil
	}
	r.own, r.remote, r.block, r.repeat = own, remote, block, true
	next := &inbound{id: uint16(set), session: n, highest: -1, chain: in.chain.nextChain(&secret)}
	n.in = append(n.in, next)
	s.listen(next)
	s.stats.Ratchets++
	s.owe(now, n)
	return nil
}

// advance notes that a message came on a tag set: if it is the latest, the
// peer has our answer, and older ones need not be kept for long.
func (s *Sessions) advance(now time.Time, n *session, in *inbound) {
	if in != n.in[len(n.in)-1] || len(n.in) == 1 {
		return
	}
	n.receiving.repeat = false
	for _, old := range n.in[:len(n.in)-1] {
		if old.expires.IsZero() {
			old.expires = now.Add(replyTimeout)
		}
	}
	for len(n.in) > 3 {
		s.deafen(n.in[0])
		n.in = n.in[1:]
	}
}
