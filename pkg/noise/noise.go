// Package noise holds the Noise Protocol symmetric state as a plain value.
//
// I2P's handshakes add to the Noise framework (revision 34): NTCP2 mixes
// padding into the hash between messages, SSU2 mixes headers, the ratchet
// answers several times from one state, and tunnel builds use ck and h as
// key material. So State is a value: assignment forks a handshake, and
// assignment commits it. Verify on a copy, keep the copy if it held.
package noise

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"i2ptoolkit/pkg/draw"
	"io"

	flynn "github.com/flynn/noise"
)

// KeyLen, MACLen: bytes of a key (X25519 or ChaCha20) and of a Poly1305 tag.
const (
	KeyLen = 32
	MACLen = 16
)

// ErrDecrypt means that a message did not authenticate.
var ErrDecrypt = errors.New("noise: message does not authenticate")

// ErrLowOrder means that a peer's public key would give an all-zero secret.
var ErrLowOrder = errors.New("noise: low-order public key")

// KeyPair is an X25519 key pair. It keeps the parsed private key, because
// deriving the public key again costs as much as the exchange itself.
type KeyPair struct {
	private *ecdh.PrivateKey
	Public  [32]byte
}

// GenerateKey draws a key pair from r; a nil r is crypto/rand.
func GenerateKey(r io.Reader) KeyPair {
	var seed [32]byte
	draw.Fill(r, seed[:])
	return NewKeyPair(seed)
}

// NewKeyPair makes the key pair of a private key of 32 bytes.
func NewKeyPair(private [32]byte) KeyPair {
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		panic("noise: " + err.Error()) // any 32 bytes are a private key
	}
	return KeyPair{private: k, Public: [32]byte(k.PublicKey().Bytes())}
}

// IsZero reports whether the pair was never set.
func (k KeyPair) IsZero() bool { return k.private == nil }

// Private returns the private key's 32 bytes.
func (k KeyPair) Private() [32]byte { return [32]byte(k.private.Bytes()) }

// DH computes the shared secret with a peer's public key. It fails with
// ErrLowOrder where the secret would be zero.
func (k KeyPair) DH(public [32]byte) ([32]byte, error) {
	p, err := ecdh.X25519().NewPublicKey(public[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("noise: %w", err)
	}
	s, err := k.private.ECDH(p)
	if err != nil {
		return [32]byte{}, ErrLowOrder
	}
	return [32]byte(s), nil
}

// State is Noise's SymmetricState with its CipherState: the chaining key, the
// handshake hash, the current cipher key and its nonce. The fields are
// exported because I2P derives further keys from them.
type State struct {
	CK, H, K [32]byte
	N        uint64
}

// New starts a state for a protocol name: names of up to 32 bytes are padded
// with zeros, longer ones hashed. The prologue is not mixed in; I2P's
// handshakes call MixHash(nil) for their empty one.
func New(protocol string) State {
	var s State
	if len(protocol) <= len(s.H) {
		copy(s.H[:], protocol)
	} else {
		s.H = sha256.Sum256([]byte(protocol))
	}
	s.CK = s.H
	return s
}

// MixHash sets h = SHA-256(h || data), over the concatenation of data.
func (s *State) MixHash(data ...[]byte) {
	h := sha256.New()
	h.Write(s.H[:])
	for _, d := range data {
		h.Write(d)
	}
	h.Sum(s.H[:0])
}

// MixKey sets ck, k = HKDF(ck, ikm) and restarts the nonce.
func (s *State) MixKey(ikm []byte) {
	s.CK, s.K = HKDF2(s.CK[:], ikm, "")
	s.N = 0
}

// EncryptAndHash appends the sealed plaintext to dst, with h as associated
// data, mixes the ciphertext into h and counts the nonce.
func (s *State) EncryptAndHash(dst, plaintext []byte) []byte {
	at := len(dst)
	dst = Seal(dst, &s.K, s.N, s.H[:], plaintext)
	s.N++
	s.MixHash(dst[at:])
	return dst
}

// DecryptAndHash appends the opened ciphertext to dst. On failure the state
// is as before, and so is dst.
func (s *State) DecryptAndHash(dst, ciphertext []byte) ([]byte, error) {
	h := *s
	h.MixHash(ciphertext) // first: dst may overlap the ciphertext
	out, err := Open(dst, &s.K, s.N, s.H[:], ciphertext)
	if err != nil {
		return nil, err
	}
	h.N++
	*s = h
	return out, nil
}

// Split derives the two transport keys, the initiator's sending key first.
func (s *State) Split() (initiator, responder [32]byte) {
	return HKDF2(s.CK[:], nil, "")
}

// Seal appends ChaCha20-Poly1305(plaintext) with a 64-bit little-endian nonce
// counter behind four zero bytes.
func Seal(dst []byte, key *[32]byte, nonce uint64, ad, plaintext []byte) []byte {
	return flynn.CipherChaChaPoly.Cipher(*key).Encrypt(dst, nonce, ad, plaintext)
}

// Open is Seal's inverse. It fails with ErrDecrypt.
func Open(dst []byte, key *[32]byte, nonce uint64, ad, ciphertext []byte) ([]byte, error) {
	out, err := flynn.CipherChaChaPoly.Cipher(*key).Decrypt(dst, nonce, ad, ciphertext)
	if err != nil {
		return nil, ErrDecrypt
	}
	return out, nil
}

// HKDF is RFC 5869 with SHA-256: it fills out with keying material from a
// salt (I2P's chaining key), input key material and an info string.
func HKDF(out, salt, ikm []byte, info string) {
	prk := HMAC(salt, ikm)
	var t []byte
	for i := byte(1); len(out) > 0; i++ {
		sum := HMAC(prk[:], t, []byte(info), []byte{i})
		t = sum[:]
		out = out[copy(out, t):]
	}
}

// HKDF2 derives two keys of 32 bytes.
func HKDF2(salt, ikm []byte, info string) (a, b [32]byte) {
	var out [64]byte
	HKDF(out[:], salt, ikm, info)
	return [32]byte(out[:32]), [32]byte(out[32:])
}

// HMAC is HMAC-SHA-256 over the concatenation of data.
func HMAC(key []byte, data ...[]byte) (sum [32]byte) {
	m := hmac.New(sha256.New, key)
	for _, d := range data {
		m.Write(d)
	}
	m.Sum(sum[:0])
	return sum
}
