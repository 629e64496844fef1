package ratchet

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// The oracle: the standard library's HMAC and HKDF.
func TestDeriveAgainstStandardLibrary(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{3})
	for n := range 65 {
		var key [32]byte
		data := make([]byte, n)
		_, _ = rng.Read(key[:])
		_, _ = rng.Read(data)
		m := hmac.New(sha256.New, key[:])
		m.Write(data)
		if got := hmac32(&key, data); string(got[:]) != string(m.Sum(nil)) {
			t.Fatalf("hmac32 of %d bytes differs", n)
		}
		for _, info := range []string{"", infoTag, infoRatchetStep, infoReplyTags} {
			want, err := hkdf.Key(sha256.New, data, key[:], info, 64)
			if err != nil {
				t.Fatal(err)
			}
			a, b := derive(&key, data, info)
			if string(want) != string(a[:])+string(b[:]) {
				t.Fatalf("derive(%q) of %d bytes differs", info, n)
			}
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	var key [32]byte
	for b.Loop() {
		key, _ = derive(&key, nil, infoKey)
	}
}

func BenchmarkSum256(b *testing.B) {
	var block [96]byte
	for b.Loop() {
		sha256.Sum256(block[:])
	}
}
