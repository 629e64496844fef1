package sign

import (
	"crypto/sha512"
	"encoding/binary"

	"filippo.io/edwards25519"
)

// Signed is a message with the signature that a key is said to have made.
type Signed struct {
	Key      PublicKey
	Msg, Sig []byte
}

// Together so many signatures are checked by one equation; where that does not hold, parts of so many are
// tried, and what is in one of those that do not hold is checked one by one.
const (
	maxBatch  = 256
	batchPart = 32
)

// VerifyAll reports of each whether Verify of its key would, for half of what that costs. There is one
// difference: what is checked here is [8][S]B = [8]R + [8][k]A, as RFC 8032, section 5.1.7, has it, and Verify
// checks the sufficient equation without the factor. Only the key's owner can make a signature for which that
// matters; so this is for looking at many, and whom a router deals with is told by Verify.
func VerifyAll(all []Signed) []bool {
	good := make([]bool, len(all))
	var batched []int
	for i, s := range all {
		if s.batches() {
			batched = append(batched, i)
		} else {
			good[i] = s.Key.Verify(s.Msg, s.Sig)
		}
	}
	verifyParts(all, batched, maxBatch, good)
	return good
}

// verifyParts checks parts of so many, and looks closer at those that are not all good.
func verifyParts(all []Signed, indices []int, size int, good []bool) {
	for len(indices) > 0 {
		part := indices[:min(size, len(indices))]
		indices = indices[len(part):]
		switch {
		case len(part) > 1 && equationHolds(all, part):
			for _, i := range part {
				good[i] = true
			}
		case size > batchPart && len(part) > 1:
			verifyParts(all, part, batchPart, good)
		default:
			for _, i := range part {
				good[i] = all[i].Key.Verify(all[i].Msg, all[i].Sig)
			}
		}
	}
}

// batches tells of a signature of Ed25519 or Red25519 whose two points are encoded in the one way that Verify
// takes, and are not those of the smallest orders, of which some have several encodings.
func (s Signed) batches() bool {
	if s.Key.t != EdDSA_SHA512_Ed25519 && s.Key.t != RedDSA_SHA512_Ed25519 || len(s.Sig) != s.Key.t.SignatureLen() {
		return false
	}
	return ordinary(s.Sig[:32]) && ordinary([]byte(s.Key.b))
}

// ordinary tells of a y coordinate in 32 bytes, little-endian with a sign on top, that is neither below 256
// nor so close to the field's order 2^255-19, or above it.
func ordinary(point []byte) bool {
	low, high := true, point[31]&0x7f == 0x7f
	for _, b := range point[1:31] {
		low, high = low && b == 0, high && b == 0xff
	}
	return !high && !(low && point[31]&0x7f == 0)
}

// equationHolds checks [8](sum z·R + sum z·k·A - [sum z·S]B) = 0 with factors z of 128 bits that nobody can
// know before all signatures are made: they are drawn by a hash of these.
func equationHolds(all []Signed, indices []int) bool {
	n := len(indices)
	scalars, points := make([]*edwards25519.Scalar, 0, 2*n+1), make([]*edwards25519.Point, 0, 2*n+1)
	challenges, answers := make([]*edwards25519.Scalar, n), make([]*edwards25519.Scalar, n)
	transcript := sha512.New()
	for j, i := range indices {
		s := all[i]
		a, errA := new(edwards25519.Point).SetBytes([]byte(s.Key.b))
		r, errR := new(edwards25519.Point).SetBytes(s.Sig[:32])
		answer, errS := edwards25519.NewScalar().SetCanonicalBytes(s.Sig[32:])
		if errA != nil || errR != nil || errS != nil {
			return false
		}
		challenges[j], answers[j] = hashScalar(s.Sig[:32], []byte(s.Key.b), s.Msg), answer
		points = append(points, r, a)
		// The challenge stands for the key, the message and R.
		transcript.Write(challenges[j].Bytes())
		transcript.Write(s.Sig)
	}
	seed := transcript.Sum(nil)
	base := edwards25519.NewScalar()
	for j := range indices {
		z := factor(seed, uint64(j))
		base.MultiplyAdd(z, answers[j], base)
		scalars = append(scalars, z, challenges[j].Multiply(challenges[j], z))
	}
	scalars, points = append(scalars, base.Negate(base)), append(points, edwards25519.NewGeneratorPoint())
	sum := new(edwards25519.Point).VarTimeMultiScalarMult(scalars, points)
	return sum.MultByCofactor(sum).Equal(edwards25519.NewIdentityPoint()) == 1
}

// factor is the n-th one of a transcript.
func factor(seed []byte, n uint64) *edwards25519.Scalar {
	h := sha512.Sum512(binary.BigEndian.AppendUint64(seed[:len(seed):len(seed)], n))
	var b [32]byte
	copy(b[:16], h[:16])
	z, err := edwards25519.NewScalar().SetCanonicalBytes(b[:])
	if err != nil {
		panic("sign: " + err.Error()) // 128 bits are below the order
	}
	return z
}
