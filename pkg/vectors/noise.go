package vectors

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// Step is the Noise state after one operation of a handshake.
type Step struct {
	After string `json:"after"`
	H     Hex    `json:"h"`
	CK    Hex    `json:"ck,omitempty"` // where the operation changed it
	K     Hex    `json:"k,omitempty"`  // likewise
}

// symmetric is Noise's SymmetricState, which notes what happens to it.
type symmetric struct {
	h, ck, k []byte
	n        uint64
	steps    []Step
}

// start is the state of a protocol name, before the prologue.
func start(protocol string) *symmetric {
	h := make([]byte, 32)
	if len(protocol) <= 32 {
		copy(h, protocol)
	} else {
		sum := sha256.Sum256([]byte(protocol))
		h = sum[:]
	}
	s := &symmetric{h: h, ck: h}
	s.note("h = protocol name, padded or hashed; ck = h", true)
	s.mixHash("MixHash(empty prologue)", nil)
	return s
}

// fork copies the state, without its steps.
func (s *symmetric) fork() *symmetric {
	return &symmetric{h: s.h, ck: s.ck, k: s.k, n: s.n}
}

func (s *symmetric) note(after string, keys bool) {
	step := Step{After: after, H: s.h}
	if keys {
		step.CK, step.K = s.ck, s.k
	}
	s.steps = append(s.steps, step)
}

func (s *symmetric) mixHash(what string, data []byte) {
	sum := sha256.Sum256(append(bytes.Clone(s.h), data...))
	s.h = sum[:]
	s.note(what, false)
}

func (s *symmetric) mixKey(what string, ikm []byte) {
	out := expand(s.ck, ikm, "", 64)
	s.ck, s.k, s.n = out[:32], out[32:], 0
	s.note(what, true)
}

// section encrypts *plain, or where that is not known yet fills it in by
// opening wire. It returns the ciphertext, which must be wire if there is one.
func (s *symmetric) section(what string, plain *Hex, wire []byte) (Hex, error) {
	if *plain == nil && wire != nil {
		p, err := open(s.k, s.n, s.h, wire)
		if err != nil {
			return nil, fmt.Errorf("vectors: %s: %w", what, err)
		}
		*plain = append(Hex{}, p...)
	}
	c := seal(s.k, s.n, s.h, *plain)
	if err := same(what, c, wire); err != nil {
		return nil, err
	}
	s.n++
	s.mixHash("EncryptAndHash("+what+")", c)
	return c, nil
}

// same fails where wire is known and differs from what was computed.
func same(what string, computed, wire []byte) error {
	if wire != nil && !bytes.Equal(computed, wire) {
		return fmt.Errorf("vectors: %s: computed %x, the message has %x", what, computed, wire)
	}
	return nil
}

// expand is HKDF-SHA-256 with I2P's order of arguments.
func expand(salt, ikm []byte, info string, n int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, salt, info, n)
	if err != nil {
		panic("vectors: " + err.Error()) // only a length beyond 255 blocks fails
	}
	return out
}

func nonce(n uint64) []byte { return binary.LittleEndian.AppendUint64(make([]byte, 4), n) }

func seal(key []byte, n uint64, ad, plain []byte) Hex {
	c, err := chacha20poly1305.New(key)
	if err != nil {
		panic("vectors: " + err.Error()) // only a wrong key length fails
	}
	return c.Seal(nil, nonce(n), plain, ad)
}

func open(key []byte, n uint64, ad, sealed []byte) (Hex, error) {
	c, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	return c.Open(nil, nonce(n), sealed, ad)
}

// public is the X25519 public key of a private one.
func public(private []byte) (Hex, error) {
	k, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("vectors: private key: %w", err)
	}
	return k.PublicKey().Bytes(), nil
}

// dh is the X25519 secret of our private and their public key. Where the other
// side's private key is known too it must come to the same secret.
func dh(private, theirs, theirPrivate, ours []byte) (Hex, error) {
	k, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("vectors: private key: %w", err)
	}
	p, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		return nil, fmt.Errorf("vectors: public key: %w", err)
	}
	secret, err := k.ECDH(p)
	if err != nil {
		return nil, fmt.Errorf("vectors: X25519: %w", err)
	}
	if theirPrivate != nil {
		other, err := dh(theirPrivate, ours, nil, nil)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(other, secret) {
			return nil, fmt.Errorf("vectors: the two sides' secrets differ: %x and %x", secret, other)
		}
	}
	return secret, nil
}
