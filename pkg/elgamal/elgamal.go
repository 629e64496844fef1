// Package elgamal is the ElGamal block of I2P: 222 bytes encrypted to a key of
// the 2048-bit MODP group of RFC 3526, with a hash that tells whether they were
// decrypted by the right one (Low-level Cryptography Specification, ElGamal).
//
// The arithmetic with secrets is filippo.io/bigmod's, which the standard
// library's RSA stands on: how long it takes depends on the lengths of numbers
// only. Exponents are of 226 bits, as those of all other routers.
package elgamal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"

	"filippo.io/bigmod"

	"i2ptoolkit/pkg/draw"
)

// The lengths of keys of either kind, of what is encrypted, and of what comes of it.
const (
	KeyLen   = 256
	DataLen  = 222
	BlockLen = 2 * partLen

	partLen = 1 + KeyLen // a zero byte, and a number below the prime
)

// What a message is: a byte that is not zero, the hash of the data, the data.
const messageLen = 1 + sha256.Size + DataLen

// Exponents that are drawn here have so many bits. A logarithm of that size is no easier than the group
// makes any (RFC 3526, section 8), and the whole of one takes eight times as long to compute with.
const (
	exponentBits = 226
	exponentLen  = (exponentBits + 7) / 8
)

// prime is that of the group (RFC 3526, section 3), of which the generator is 2.
const prime = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74" +
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437" +
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05" +
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB" +
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718" +
	"3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF"

// The group, as both libraries have it.
var (
	modulus  = newModulus()
	bigPrime = new(big.Int).SetBytes(primeBytes())
	two      = bigmod.NewNat().SetUint(2).ExpandFor(modulus)
)

func primeBytes() []byte {
	b, err := hex.DecodeString(prime)
	if err != nil {
		panic("elgamal: " + err.Error())
	}
	return b
}

func newModulus() *bigmod.Modulus {
	m, err := bigmod.NewModulus(primeBytes())
	if err != nil {
		panic("elgamal: " + err.Error())
	}
	return m
}

// Errors that a caller may want to tell apart.
var (
	ErrKey     = errors.New("elgamal: not a key of the group")
	ErrDecrypt = errors.New("elgamal: the block does not decrypt with this key")
)

// PublicKey is a key to encrypt to. It may be used by several at once.
type PublicKey struct {
	y   *bigmod.Nat
	raw [KeyLen]byte
}

// NewPublicKey takes a key's big-endian bytes.
func NewPublicKey(b []byte) (*PublicKey, error) {
	if len(b) != KeyLen {
		return nil, fmt.Errorf("%w: %d bytes, expected %d", ErrKey, len(b), KeyLen)
	}
	y, err := element(b)
	if err != nil {
		return nil, err
	}
	return &PublicKey{y: y, raw: [KeyLen]byte(b)}, nil
}

// element is a number of the group that is none of those whose powers tell everybody something: 0, 1 and the
// prime less one.
func element(b []byte) (*bigmod.Nat, error) {
	n, err := bigmod.NewNat().SetBytes(b, modulus)
	if err != nil || n.IsZero() == 1 || n.IsOne() == 1 || n.IsMinusOne(modulus) == 1 {
		return nil, fmt.Errorf("%w: not a number from 2 to the prime less 2", ErrKey)
	}
	return n, nil
}

// Bytes are the key's.
func (k *PublicKey) Bytes() [KeyLen]byte { return k.raw }

// Encrypt encrypts data. What is random is read from r; nil is crypto/rand.
//
//	offset 0 zero (1), 1 the generator to the exponent k (256), 257 zero (1),
//	     258 the message times the key to the k (256)
func (k *PublicKey) Encrypt(r io.Reader, data *[DataLen]byte) (block [BlockLen]byte) {
	exponent := newExponent(r)
	defer clear(exponent)
	var m [messageLen]byte
	defer clear(m[:])
	for m[0] == 0 {
		draw.Fill(r, m[:1])
	}
	sum := sha256.Sum256(data[:])
	copy(m[1:], sum[:])
	copy(m[1+len(sum):], data[:])
	b, err := bigmod.NewNat().SetBytes(m[:], modulus)
	if err != nil {
		panic("elgamal: " + err.Error()) // it is a byte shorter than the prime
	}
	b.Mul(bigmod.NewNat().Exp(k.y, exponent, modulus), modulus)
	copy(block[1:], bigmod.NewNat().Exp(two, exponent, modulus).Bytes(modulus))
	copy(block[partLen+1:], b.Bytes(modulus))
	return block
}

// newExponent draws one that is not zero.
func newExponent(r io.Reader) []byte {
	for {
		e := make([]byte, exponentLen)
		draw.Fill(r, e)
		e[0] &= 1<<(exponentBits%8) - 1
		if subtle.ConstantTimeCompare(e, make([]byte, exponentLen)) == 0 {
			return e
		}
	}
}

// PrivateKey is a key to decrypt with. It may be used by several at once.
type PrivateKey struct {
	x      []byte // exponentLen or KeyLen: which of the two is no secret
	public *PublicKey
}

// NewPrivateKey takes a key's big-endian bytes. One of which no more than the network's exponents have is set
// decrypts many times faster.
func NewPrivateKey(b []byte) (*PrivateKey, error) {
	if len(b) != KeyLen {
		return nil, fmt.Errorf("%w: %d bytes, expected %d", ErrKey, len(b), KeyLen)
	}
	x := append([]byte(nil), b...)
	const lead = KeyLen - exponentLen
	if subtle.ConstantTimeCompare(x[:lead], make([]byte, lead)) == 1 {
		x = x[lead:]
	}
	public, err := NewPublicKey(bigmod.NewNat().Exp(two, x, modulus).Bytes(modulus))
	if err != nil {
		return nil, err
	}
	return &PrivateKey{x: x, public: public}, nil
}

// GenerateKey draws a key from r; nil is crypto/rand.
func GenerateKey(r io.Reader) *PrivateKey {
	e := newExponent(r)
	k, err := NewPrivateKey(append(make([]byte, KeyLen-len(e)), e...))
	if err != nil {
		panic("elgamal: " + err.Error()) // the order of 2 is greater than any such exponent
	}
	return k
}

// Public is what is encrypted to.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Bytes are the key's.
func (k *PrivateKey) Bytes() (b [KeyLen]byte) {
	copy(b[KeyLen-len(k.x):], k.x)
	return b
}

// String keeps the secret out of logs.
func (k *PrivateKey) String() string { return "an ElGamal private key" }

// GoString keeps the secret out of logs.
func (k *PrivateKey) GoString() string { return k.String() }

// Plausible reports whether a block may be one: of what is not, most is told without the key.
func Plausible(block *[BlockLen]byte) bool { return block[0] == 0 && block[partLen] == 0 }

// Decrypt decrypts a block. ErrDecrypt tells that it was not encrypted to this key.
//
// The message is the second part divided by what the first is to the private exponent. That is divided by, where
// others multiply with the power whose exponent is the prime less one less theirs: such an exponent is as long as
// the prime. To divide takes an inverse, and a fast one takes a time that hangs on the number. So it is one of
// the number times a random one, which tells nothing of it.
func (k *PrivateKey) Decrypt(block *[BlockLen]byte) (data [DataLen]byte, err error) {
	if !Plausible(block) {
		return data, ErrDecrypt
	}
	a, err := element(block[1:partLen])
	if err != nil {
		return data, ErrDecrypt
	}
	m, err := element(block[partLen+1:])
	if err != nil {
		return data, ErrDecrypt
	}
	m.Mul(invert(bigmod.NewNat().Exp(a, k.x, modulus)), modulus)
	b := m.Bytes(modulus)
	defer clear(b)
	message := b[len(b)-messageLen:]
	copy(data[:], message[1+sha256.Size:])
	sum := sha256.Sum256(data[:])
	if subtle.ConstantTimeCompare(sum[:], message[1:1+sha256.Size])&subtle.ConstantTimeByteEq(b[0], 0) != 1 {
		return [DataLen]byte{}, ErrDecrypt
	}
	return data, nil
}

// invert is the inverse of a secret number that is not zero.
func invert(s *bigmod.Nat) *bigmod.Nat {
	blind := blinding()
	public := bigmod.NewNat().ExpandFor(modulus).Add(s, modulus)
	public.Mul(blind, modulus)
	inverse := new(big.Int).SetBytes(public.Bytes(modulus))
	inverse.ModInverse(inverse, bigPrime)
	n, err := bigmod.NewNat().SetBytes(inverse.FillBytes(make([]byte, KeyLen)), modulus)
	if err != nil {
		panic("elgamal: " + err.Error()) // it is below the prime
	}
	return n.Mul(blind, modulus)
}

// blinding draws a number of the group, each as likely as the others. It changes no result, and
// is drawn from the system even where keys are not.
func blinding() *bigmod.Nat {
	for {
		var b [KeyLen]byte
		draw.Fill(nil, b[:])
		if n, err := bigmod.NewNat().SetBytes(b[:], modulus); err == nil && n.IsZero() == 0 {
			return n
		}
	}
}
