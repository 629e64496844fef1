// Package elligator makes X25519 public keys look like random bytes
// (Elligator2, as ECIES-X25519-AEAD-Ratchet section 2a uses it).
package elligator

import (
	"io"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/noise"
)

// RepresentativeLen is the length of an encoded key.
const RepresentativeLen = 32

// The bits of a tweak: the two that fill the representative's unused top
// bits, and the one that picks between the two preimages of a key.
const (
	tweakTop   = 0xc0
	tweakHighY = 0x01
)

// coefficientA is A of the Montgomery curve y² = x³ + Ax² + x.
const coefficientA = 486662

// Encode returns the representative of a public key, or false for the half of
// all keys that has none. The tweak's bits 7 and 6 become the top bits of the
// representative and bit 0 picks one of the two representatives: it should be
// random.
func Encode(public [32]byte, tweak byte) ([32]byte, bool) {
	var x, xA field.Element
	if _, err := x.SetBytes(public[:]); err != nil {
		panic("elligator: " + err.Error()) // only a wrong length fails
	}
	xA.Add(&x, curveA())
	// With the non-square u = 2, r = sqrt(-x / 2(x+A)) or, for the other
	// half of the curve, sqrt(-(x+A) / 2x). Either both exist or none.
	num, den := &x, &xA
	if tweak&tweakHighY != 0 {
		num, den = den, num
	}
	var n, d, r field.Element
	n.Negate(num)
	d.Add(den, den)
	if isZero(&n) || isZero(&d) {
		return [32]byte{}, false
	}
	if _, square := r.SqrtRatio(&n, &d); square != 1 {
		return [32]byte{}, false
	}
	// Of ±r the one up to (p-1)/2, which leaves the top two bits free: r is
	// larger exactly when doubling it wraps around the odd p.
	var twice, minus field.Element
	twice.Add(&r, &r)
	minus.Negate(&r)
	r.Select(&minus, &r, twice.IsNegative())
	out := [32]byte(r.Bytes())
	out[31] |= tweak & tweakTop
	return out, true
}

// Decode returns the public key of a representative. Every input has one.
func Decode(representative [32]byte) [32]byte {
	representative[31] &^= tweakTop
	var r field.Element
	if _, err := r.SetBytes(representative[:]); err != nil {
		panic("elligator: " + err.Error()) // only a wrong length fails
	}
	// v = -A / (1 + 2r²). 2 is not a square, and neither is -1/2: no division
	// by zero.
	var one, w, v field.Element
	one.One()
	w.Square(&r)
	w.Add(&w, &w)
	w.Add(&w, &one)
	v.Invert(&w)
	v.Multiply(&v, curveA())
	v.Negate(&v)
	// x = v where v³ + Av² + v is a square, else -v - A.
	var t, other, root field.Element
	t.Add(&v, curveA())
	t.Multiply(&t, &v)
	t.Add(&t, &one)
	t.Multiply(&t, &v)
	_, square := root.SqrtRatio(&t, &one)
	other.Add(&v, curveA())
	other.Negate(&other)
	v.Select(&v, &other, square)
	return [32]byte(v.Bytes())
}

// GenerateKey draws an ephemeral key pair that has a representative, from r
// (nil is crypto/rand).
//
// The public key carries a random point of low order. X25519 ignores that
// part, since private keys are multiples of eight; but without it every
// decoded key would lie in the curve's prime-order subgroup, which only one
// in eight random strings does, and the representative could be told from
// random bytes after all. Both sides hash the key as decoded, so the pair's
// Public is the one to use.
func GenerateKey(r io.Reader) (noise.KeyPair, [32]byte) {
	for {
		// private key (32), tweak (1), low-order part (1)
		var b [34]byte
		draw.Fill(r, b[:])
		public := montgomery([32]byte(b[:32]), b[33]&7)
		if rep, ok := Encode(public, b[32]); ok {
			k := noise.NewKeyPair([32]byte(b[:32]))
			k.Public = public
			return k, rep
		}
	}
}

// montgomery returns the x coordinate of private·B + torsion·T, with T of
// order eight.
func montgomery(private [32]byte, torsion byte) [32]byte {
	s, err := edwards25519.NewScalar().SetBytesWithClamping(private[:])
	if err != nil {
		panic("elligator: " + err.Error()) // only a wrong length fails
	}
	p := edwards25519.NewIdentityPoint().ScalarBaseMult(s)
	t, err := edwards25519.NewIdentityPoint().SetBytes(orderEight[:])
	if err != nil {
		panic("elligator: " + err.Error()) // a constant
	}
	for range torsion {
		p.Add(p, t)
	}
	return [32]byte(p.BytesMontgomery())
}

// orderEight is a point of order eight on edwards25519.
var orderEight = [32]byte{
	0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
	0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
}

func curveA() *field.Element {
	var one field.Element
	return new(field.Element).Mult32(one.One(), coefficientA)
}

func isZero(e *field.Element) bool { return e.Equal(new(field.Element)) == 1 }
