package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"i2ptoolkit/pkg/draw"
	"io"

	"filippo.io/edwards25519"
)

func generate(t Type, r io.Reader) ([]byte, error) {
	if !t.CanSign() {
		return nil, fmt.Errorf("%w: keys of type %v are not made any more", ErrType, t)
	}
	// Drawn by hand: the standard library's generators may ignore their reader.
	switch t {
	case RedDSA_SHA512_Ed25519:
		return randomScalar(r).Bytes(), nil
	case EdDSA_SHA512_Ed25519:
		b := make([]byte, 32)
		draw.Fill(r, b)
		return b, nil
	}
	return generateECDSA(t, r)
}

func verifyEd25519(pub, msg, sig []byte) bool { return ed25519.Verify(pub, msg, sig) }

func verifyEd25519ph(pub, msg, sig []byte) bool {
	sum := sha512.Sum512(msg)
	return ed25519.VerifyWithOptions(pub, sum[:], sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
}

// Scalar is an integer modulo the order of Ed25519's prime-order subgroup, in
// little-endian: a Red25519 private key or a blinding factor alpha.
type Scalar [32]byte

func randomScalar(r io.Reader) *edwards25519.Scalar {
	var wide [64]byte
	draw.Fill(r, wide[:])
	return uniform(wide)
}

func uniform(wide [64]byte) *edwards25519.Scalar {
	s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic("sign: " + err.Error()) // 64 bytes are always accepted
	}
	return s
}

// ScalarOf reduces 64 bytes to a scalar, as GENERATE_ALPHA and HStar do
// (encrypted LeaseSet; Red25519).
func ScalarOf(wide [64]byte) Scalar {
	return Scalar(uniform(wide).Bytes())
}

// redScalar reads a Red25519 private key. Keys converted from Ed25519 are
// clamped integers, not reduced ones, so the value is taken modulo L.
func redScalar(b []byte) *edwards25519.Scalar {
	var wide [64]byte
	copy(wide[:], b)
	s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic("sign: " + err.Error())
	}
	return s
}

func publicRed25519(b []byte) ([]byte, error) {
	s := redScalar(b)
	if s.Equal(edwards25519.NewScalar()) == 1 {
		return nil, errors.New("the scalar is zero")
	}
	return new(edwards25519.Point).ScalarBaseMult(s).Bytes(), nil
}

// signRed25519 is SIGN of the Red25519 specification, with two differences.
// HStar is plain SHA-512, without personalisation and length: the network
// never took those over, Java I2P and i2pd alike sign type 11 without them and
// verify it as Ed25519. And T, which nobody but the signer sees, is not drawn
// but derived from the secret key, as in Ed25519, so that no random source can
// give the key away.
func signRed25519(private, public, msg []byte) []byte {
	prefix := sha256.Sum256(append([]byte("i2ptoolkit Red25519 T"), private...))
	k := redScalar(private)
	r := hashScalar(prefix[:], public, msg)
	sig := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	c := hashScalar(sig, public, msg)
	return append(sig, c.MultiplyAdd(c, k, r).Bytes()...)
}

func hashScalar(parts ...[]byte) *edwards25519.Scalar {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	s, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	if err != nil {
		panic("sign: " + err.Error())
	}
	return s
}

// RedKeyOf converts an Ed25519 private key to the Red25519 one with the same
// public key (CONVERT_ED25519_PRIVATE); a Red25519 key is returned as it is.
func RedKeyOf(k PrivateKey) (PrivateKey, error) {
	switch k.t {
	case RedDSA_SHA512_Ed25519:
		return k, nil
	case EdDSA_SHA512_Ed25519:
		sum := sha512.Sum512(k.b)
		s := sum[:32]
		s[0] &= 248
		s[31] = s[31]&63 | 64
		return NewPrivateKey(RedDSA_SHA512_Ed25519, s)
	}
	return PrivateKey{}, fmt.Errorf("%w: %v keys cannot be blinded", ErrType, k.t)
}

// BlindPrivate is RANDOMIZE_PRIVATE: the Red25519 key whose public key is
// BlindPublic's of k's, for the same alpha.
func BlindPrivate(k PrivateKey, alpha Scalar) (PrivateKey, error) {
	k, err := RedKeyOf(k)
	if err != nil {
		return PrivateKey{}, err
	}
	a := redScalar(alpha[:])
	return NewPrivateKey(RedDSA_SHA512_Ed25519, a.Add(a, redScalar(k.b)).Bytes())
}

// BlindPublic is RANDOMIZE_PUBLIC of an Ed25519 or Red25519 key.
func BlindPublic(k PublicKey, alpha Scalar) (PublicKey, error) {
	if k.t != EdDSA_SHA512_Ed25519 && k.t != RedDSA_SHA512_Ed25519 {
		return PublicKey{}, fmt.Errorf("%w: %v keys cannot be blinded", ErrType, k.t)
	}
	p, err := new(edwards25519.Point).SetBytes([]byte(k.b))
	if err != nil {
		return PublicKey{}, fmt.Errorf("sign: public key is not a point: %w", err)
	}
	q := new(edwards25519.Point).ScalarBaseMult(redScalar(alpha[:]))
	return PublicKey{RedDSA_SHA512_Ed25519, string(q.Add(q, p).Bytes())}, nil
}
