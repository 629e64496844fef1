package vectors

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"i2ptoolkit/pkg/elligator"
)

// Hex is bytes that JSON holds in hexadecimal.
type Hex []byte

// MarshalText writes lower-case hexadecimal.
func (h Hex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// UnmarshalText reads hexadecimal.
func (h *Hex) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// Stream is the random bytes of one party: SHA-256(seed || counter) for the
// counters 0, 1, … as 8 bytes, big-endian, one after the other. It remembers
// what was drawn, so that private keys can be found by what came of them.
type Stream struct {
	Seed    Hex
	counter uint64
	rest    []byte
	draws   [][]byte
}

// NewStream returns the stream whose seed is SHA-256(label).
func NewStream(label string) *Stream {
	seed := sha256.Sum256([]byte(label))
	return &Stream{Seed: seed[:]}
}

// Read draws len(b) bytes; it never fails.
func (s *Stream) Read(b []byte) (int, error) {
	for at := 0; at < len(b); {
		if len(s.rest) == 0 {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(bytes.Clone(s.Seed), s.counter))
			s.counter++
			s.rest = sum[:]
		}
		n := copy(b[at:], s.rest)
		s.rest, at = s.rest[n:], at+n
	}
	s.draws = append(s.draws, bytes.Clone(b))
	return len(b), nil
}

func (s *Stream) key() (k [32]byte) {
	io.ReadFull(s, k[:]) // never fails
	return k
}

// last is the last draw of so many bytes; nil is none.
func (s *Stream) last(size int) Hex {
	for _, d := range slices.Backward(s.draws) {
		if len(d) == size {
			return d
		}
	}
	return nil
}

// private finds the private key, drawn before, of an X25519 public key.
func (s *Stream) private(public []byte) (Hex, error) {
	for _, d := range slices.Backward(s.draws) {
		if len(d) != 32 {
			continue
		}
		if k, err := ecdh.X25519().NewPrivateKey(d); err == nil && bytes.Equal(k.PublicKey().Bytes(), public) {
			return d, nil
		}
	}
	return nil, fmt.Errorf("vectors: nobody drew the private key of %x", public)
}

// ephemeral finds the draw that gave an Elligator2 representative.
func (s *Stream) ephemeral(representative []byte) (Ephemeral, error) {
	for _, d := range slices.Backward(s.draws) {
		if len(d) != 34 {
			continue
		}
		// What has no representative was drawn again: so it is here, from another stream.
		_, rep := elligator.GenerateKey(io.MultiReader(bytes.NewReader(d), NewStream("drawn again")))
		if bytes.Equal(rep[:], representative) {
			return Ephemeral{Private: d[:32], Tweak: int(d[32]), LowOrder: int(d[33] & 7), Representative: rep[:]}, nil
		}
	}
	return Ephemeral{}, fmt.Errorf("vectors: nobody drew the ephemeral key of %x", representative)
}
