package sign

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// signedBy makes n messages, each signed with a key of its own of one of these types.
func signedBy(tb testing.TB, n int, types ...Type) []Signed {
	tb.Helper()
	r := rand.NewChaCha8([32]byte{1})
	all := make([]Signed, n)
	for i := range all {
		k, err := GenerateKey(types[i%len(types)], r)
		if err != nil {
			tb.Fatal(err)
		}
		msg := fmt.Appendf(nil, "%700d", i)
		sig, err := k.Sign(msg)
		if err != nil {
			tb.Fatal(err)
		}
		all[i] = Signed{k.Public(), msg, sig}
	}
	return all
}

// TestVerifyAll: each gets the verdict that it gets by itself, whoever is bad beside it and however.
func TestVerifyAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	flip := func(b []byte) []byte {
		b = append([]byte(nil), b...)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	}
	// 2^255-20 is -1, 2^255-18 is 1 in another way: neither is a point that a signer draws.
	high := func(low byte) []byte {
		b := make([]byte, 32)
		for i := range b {
			b[i] = 0xff
		}
		b[0], b[31] = low, 0x7f
		return b
	}
	spoil := []func(*Signed){
		func(s *Signed) { s.Sig = flip(s.Sig) },
		func(s *Signed) { s.Msg = flip(s.Msg) },
		func(s *Signed) { s.Key = PublicKey{s.Key.t, string(flip([]byte(s.Key.b)))} },
		func(s *Signed) { s.Sig = s.Sig[:40] },
		func(s *Signed) { s.Sig = append([]byte(nil), s.Sig...); s.Sig[63] |= 0x10 }, // S is not below the order
		func(s *Signed) { s.Sig = append(high(0xec), s.Sig[32:]...) },
		func(s *Signed) { s.Sig = append(high(0xee), s.Sig[32:]...) },
		func(s *Signed) { s.Key = PublicKey{} },
	}
	for _, n := range []int{0, 1, 2, 33, 300} {
		for _, bad := range []int{0, 1, 3, n} {
			all := signedBy(t, n, EdDSA_SHA512_Ed25519, RedDSA_SHA512_Ed25519, ECDSA_SHA256_P256)
			for j := range min(bad, n) {
				i := r.IntN(n)
				if bad == n {
					i = j
				}
				spoil[r.IntN(len(spoil))](&all[i])
			}
			for i, good := range VerifyAll(all) {
				if want := all[i].Key.Verify(all[i].Msg, all[i].Sig); good != want {
					t.Fatalf("%d of %d, %d bad: %v among the others, %v alone", i, n, bad, good, want)
				}
			}
		}
	}
}

// TestSwapped: what two signatures add up to is no proof of either.
func TestSwapped(t *testing.T) {
	all := signedBy(t, 2, EdDSA_SHA512_Ed25519)
	all[0].Sig, all[1].Sig = append(all[0].Sig[:32:32], all[1].Sig[32:]...), append(all[1].Sig[:32:32], all[0].Sig[32:]...)
	if got := VerifyAll(all); got[0] || got[1] {
		t.Fatal(got)
	}
}

// BenchmarkVerifyAll compares many at once with one at a time.
func BenchmarkVerifyAll(b *testing.B) {
	all := signedBy(b, maxBatch, EdDSA_SHA512_Ed25519)
	b.Run("together", func(b *testing.B) {
		for b.Loop() {
			VerifyAll(all)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/signature")
	})
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			for _, s := range all {
				s.Key.Verify(s.Msg, s.Sig)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/signature")
	})
}
