package tunnel

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	"i2ptoolkit/pkg/noise"
)

// source returns r, or crypto/rand where r is nil.
func source(r io.Reader) io.Reader {
	if r == nil {
		return crand.Reader
	}
	return r
}

// newStream returns a keystream seeded from r: IVs, padding and message IDs
// of one tunnel come from it.
func newStream(r io.Reader) (*rand.ChaCha8, error) {
	var seed [32]byte
	if _, err := io.ReadFull(source(r), seed[:]); err != nil {
		return nil, fmt.Errorf("tunnel: random seed: %w", err)
	}
	return rand.NewChaCha8(seed), nil
}

// fillNonzero fills b with random bytes other than zero.
func fillNonzero(b []byte, r *rand.ChaCha8) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, nonzero(r.Uint64()))
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], nonzero(r.Uint64()))
		copy(b, last[:])
	}
}

// nonzero replaces the zero bytes of w by ones.
func nonzero(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	if (w-ones)&^w&highs == 0 {
		return w
	}
	for s := 0; s < 64; s += 8 {
		if w>>s&0xff == 0 {
			w |= 1 << s
		}
	}
	return w
}

// randomID draws a tunnel or message ID, which is never zero.
func randomID(r io.Reader) (uint32, error) {
	var b [4]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return 0, fmt.Errorf("tunnel: random ID: %w", err)
		}
		if id := binary.BigEndian.Uint32(b[:]); id != 0 {
			return id, nil
		}
	}
}

// shuffled returns 0 to n-1 in a random order.
func shuffled(n int, r io.Reader) ([]int, error) {
	s, err := newStream(r)
	if err != nil {
		return nil, err
	}
	return rand.New(s).Perm(n), nil
}

// fakeEphemeral is an X25519 public key nobody has the private key of.
func fakeEphemeral(r io.Reader) ([32]byte, error) {
	k, err := noise.GenerateKey(r)
	return k.Public, err
}
