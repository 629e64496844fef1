package vectors

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
)

// Ephemeral is a key pair that travels as its Elligator2 representative.
type Ephemeral struct {
	Private        Hex `json:"private,omitempty"` // unknown where the peer is a running router
	Tweak          int `json:"tweak"`             // bits 7 and 6 of the representative's last byte; bit 0 picks the preimage
	LowOrder       int `json:"low_order"`         // multiple of a point of order 8 that was added
	Representative Hex `json:"representative"`
	Public         Hex `json:"public"` // decoded from the representative
}

// decode fills in Public, and checks that encoding gives the representative.
func (e *Ephemeral) decode() error {
	e.Public = elligatorDecode(e.Representative)
	for high := range 2 {
		rep := elligatorEncode(e.Public, high == 1)
		if rep != nil {
			rep[31] |= e.Representative[31] & 0xc0
		}
		if bytes.Equal(rep, e.Representative) {
			return nil
		}
	}
	return fmt.Errorf("vectors: %x does not encode to its representative %x", e.Public, e.Representative)
}

// The field and the curve y² = x³ + Ax² + x.
func fieldPrime() *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return p.Sub(p, big.NewInt(19))
}

func curveA() *big.Int { return big.NewInt(486662) }

func fromLittle(b []byte) *big.Int {
	r := bytes.Clone(b)
	slices.Reverse(r)
	return new(big.Int).SetBytes(r)
}

func toLittle(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// elligatorDecode is v = -A / (1 + 2r²), and -v - A where v is no x of a point.
func elligatorDecode(rep []byte) Hex {
	p, a := fieldPrime(), curveA()
	b := bytes.Clone(rep)
	b[31] &= 0x3f
	r := fromLittle(b)
	w := new(big.Int).Mul(r, r)
	w.Lsh(w, 1).Add(w, big.NewInt(1)).ModInverse(w, p)
	v := w.Mul(w, a)
	v.Neg(v).Mod(v, p)
	t := new(big.Int).Add(v, a)
	t.Mul(t, v).Add(t, big.NewInt(1)).Mul(t, v).Mod(t, p)
	if big.Jacobi(t, p) == -1 {
		v.Add(v, a).Neg(v).Mod(v, p)
	}
	return toLittle(v)
}

// elligatorEncode is r = sqrt(-x / 2(x+A)), or with high sqrt(-(x+A) / 2x), of
// ±r the one up to (p-1)/2; nil where there is none.
func elligatorEncode(public []byte, high bool) Hex {
	p := fieldPrime()
	num := fromLittle(public)
	num.Mod(num, p)
	den := new(big.Int).Add(num, curveA())
	if high {
		num, den = den, num
	}
	den.Lsh(den, 1).Mod(den, p)
	if den.Sign() == 0 {
		return nil
	}
	num.Neg(num).Mul(num, den.ModInverse(den, p)).Mod(num, p)
	r := new(big.Int).ModSqrt(num, p)
	if r == nil {
		return nil
	}
	if other := new(big.Int).Sub(p, r); other.Cmp(r) < 0 {
		r = other
	}
	return toLittle(r)
}
