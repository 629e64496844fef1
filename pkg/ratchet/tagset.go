package ratchet

import (
	"golang.org/x/crypto/chacha20poly1305"
)

// How far ahead of the highest message received a tag set listens (ECIES,
// Parameters). What comes after a longer gap cannot be opened, and a tunnel
// that fails loses all that a stream has in flight, which may double with each
// round trip. The first tag set starts small, since most handshakes come to
// nothing.
//
// It listens further behind: where a stream in full flow waits at a hop, what goes by another tunnel overtakes
// all of it, and goes on to. Tags behind are kept of what has not come only.
const (
	minAhead     = 64
	maxAhead     = 2048
	maxBehind    = 2 * maxAhead
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

// sealAEAD seals what follows the tag in b, in place, and returns b with the MAC
// appended.
func sealAEAD(key *[32]byte, n int, b []byte) []byte {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("ratchet: " + err.Error()) // only a wrong length fails
	}
	nonce := messageNonce(n)
	return aead.Seal(b[:tagLen], nonce[:], b[tagLen:], b[:tagLen])
}

// messageNonce is the message number, little-endian, behind four zero bytes.
func messageNonce(n int) (nonce [chacha20poly1305.NonceSize]byte) {
	nonce[4], nonce[5], nonce[6] = byte(n), byte(n>>8), byte(n>>16)
	return nonce
}
