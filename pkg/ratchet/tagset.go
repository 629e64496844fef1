package ratchet

import (
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// How far ahead of the highest message received a tag set listens (ECIES,
// Parameters). What comes after a longer gap cannot be opened, and a tunnel
// that fails loses all that a stream has in flight, which may double with each
// round trip. The first tag set starts small, since most handshakes come to
// nothing.
const (
	minAhead     = 64
	maxAhead     = 2048
	maxBehind    = 800
	repliesAhead = 16
	lastIndex    = 65535
)

// outbound is the tag set that a session sends with.
type outbound struct {
	id uint16
	chain
}

// next returns the number, tag and key of the next message.
func (o *outbound) next() (n int, tag uint64, key [32]byte) {
	n = o.nextTagN
	return n, o.tag(), o.key()
}

func (o *outbound) exhausted() bool { return o.nextTagN > maxIndex }

// inbound is a tag set that a session listens to: to data, or to the replies
// to one of our New Session messages.
type inbound struct {
	id      uint16
	chain   chain
	session *session
	replies bool // the keys are unused
	branch  *branch
	expires time.Time // zero until another tag set takes over

	base    int              // number of the first tag in pending
	pending []uint64         // the tags made so far, from base on
	skipped map[int][32]byte // keys of messages not yet received, below chain.nextKeyN
	highest int              // number of the latest message received, or -1
}

// branch is one New Session Reply of Bob's: until Alice uses the tag set that
// belongs to it, its outbound tag set waits.
type branch struct {
	n   uint16
	out outbound
}

// tagRef is what a session tag on the wire stands for.
type tagRef struct {
	set *inbound
	n   int
}

func (in *inbound) ahead() int {
	switch {
	case in.replies:
		return repliesAhead
	case in.id > 0:
		return maxAhead
	}
	return min(maxAhead, minAhead+2*max(in.highest, 0))
}

// listen makes the tags of the window and drops those far behind it.
func (s *Sessions) listen(in *inbound) {
	for end := min(in.highest+in.ahead(), lastIndex-1); in.chain.nextTagN <= end; {
		n := in.chain.nextTagN
		tag := in.chain.tag()
		in.pending = append(in.pending, tag)
		if _, taken := s.tags[tag]; !taken {
			s.tags[tag] = tagRef{in, n}
		}
	}
	s.trim(in, in.highest-min(in.ahead(), maxBehind), lastIndex)
}

// trim drops the tags and keys below from, and the tags above to.
func (s *Sessions) trim(in *inbound, from, to int) {
	for in.base < from && len(in.pending) > 0 {
		s.forget(in, in.pending[0], in.base)
		in.pending = in.pending[1:]
		in.base++
	}
	for len(in.pending) > 0 && in.base+len(in.pending)-1 > to {
		last := len(in.pending) - 1
		s.forget(in, in.pending[last], in.base+last)
		in.pending = in.pending[:last]
	}
}

func (s *Sessions) forget(in *inbound, tag uint64, n int) {
	if r, ok := s.tags[tag]; ok && r.set == in && r.n == n {
		delete(s.tags, tag)
	}
	if _, ok := in.skipped[n]; ok {
		delete(in.skipped, n)
		s.skippedKeys--
	}
}

// deafen drops a tag set.
func (s *Sessions) deafen(in *inbound) {
	s.trim(in, lastIndex+1, lastIndex)
	in.session = nil
}

// openMessage decrypts with the tag set's n-th key, in place. What a
// failure leaves behind is still good for the true message.
func (s *Sessions) openMessage(in *inbound, n int, body []byte) ([]byte, error) {
	for in.chain.nextKeyN <= n {
		at := in.chain.nextKeyN
		k := in.chain.key()
		if at == n {
			p, err := openAEAD(&k, n, body)
			if err != nil {
				s.skip(in, n, k)
			}
			return p, err
		}
		s.skip(in, at, k)
	}
	k, ok := in.skipped[n]
	if !ok {
		return nil, ErrDecrypt
	}
	p, err := openAEAD(&k, n, body)
	if err == nil {
		delete(in.skipped, n)
		s.skippedKeys--
	}
	return p, err
}

// skip keeps the key of a message that was not received yet.
func (s *Sessions) skip(in *inbound, n int, k [32]byte) {
	if in.skipped == nil {
		in.skipped = map[int][32]byte{}
	}
	in.skipped[n] = k
	s.skippedKeys++
}

// openAEAD opens an Existing Session message (ECIES, 1h).
func openAEAD(key *[32]byte, n int, body []byte) ([]byte, error) {
	if len(body) < tagLen+macLen {
		return nil, ErrShort
	}
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("ratchet: " + err.Error()) // only a wrong length fails
	}
	nonce := messageNonce(n)
	p, err := aead.Open(body[tagLen:tagLen], nonce[:], body[tagLen:], body[:tagLen])
	if err != nil {
		return nil, ErrDecrypt
	}
	return p, nil
}

// sealAEAD seals b[at+8:] in place and returns b with the MAC appended; the
// tag is at b[at:].
func sealAEAD(key *[32]byte, n int, b []byte, at int) []byte {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("ratchet: " + err.Error()) // only a wrong length fails
	}
	nonce := messageNonce(n)
	return aead.Seal(b[:at+tagLen], nonce[:], b[at+tagLen:], b[at:at+tagLen])
}

// messageNonce is the message number, little-endian, behind four zero bytes.
func messageNonce(n int) (nonce [chacha20poly1305.NonceSize]byte) {
	nonce[4], nonce[5], nonce[6] = byte(n), byte(n>>8), byte(n>>16)
	return nonce
}
