package kem

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

var kinds = []Kind{MLKEM512, MLKEM768, MLKEM1024}

// lengths are those of proposal 169 (NTCP2, Sizes).
var lengths = map[Kind][2]int{MLKEM512: {800, 768}, MLKEM768: {1184, 1088}, MLKEM1024: {1568, 1568}}

func TestSecret(t *testing.T) {
	for _, kind := range kinds {
		key := GenerateKey(kind, rand.NewChaCha8([32]byte{byte(kind)}))
		again := GenerateKey(kind, rand.NewChaCha8([32]byte{byte(kind)}))
		if !bytes.Equal(key.Public(), again.Public()) {
			t.Errorf("%v: two keys of one seed", kind)
		}
		secret, ciphertext, err := Encapsulate(kind, key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int{len(key.Public()), len(ciphertext)}; got != lengths[kind] || got != [2]int{kind.PublicLen(), kind.CiphertextLen()} || len(secret) != 32 {
			t.Errorf("%v: lengths %v, and a secret of %d bytes", kind, got, len(secret))
		}
		opened, err := key.Decapsulate(ciphertext)
		if err != nil || !bytes.Equal(opened, secret) {
			t.Errorf("%v: another secret comes out: %v", kind, err)
		}
		ciphertext[7] ^= 1
		if other, err := key.Decapsulate(ciphertext); err != nil || bytes.Equal(other, secret) {
			t.Errorf("%v: a changed ciphertext gives the same secret, or an error: %v", kind, err)
		}
		if _, err := key.Decapsulate(ciphertext[1:]); err == nil {
			t.Errorf("%v: a short ciphertext is taken", kind)
		}
	}
}

// TestBadKey: a coefficient of 12 bits must be below 3329 (FIPS 203, 7.2), and the length be right.
func TestBadKey(t *testing.T) {
	for _, kind := range kinds {
		key := GenerateKey(kind, nil)
		public := bytes.Clone(key.Public())
		public[0], public[1] = 0xff, 0xff
		for what, b := range map[string][]byte{"a coefficient of 4095": public, "no bytes": nil, "a byte less": key.Public()[1:], "a byte more": append(bytes.Clone(key.Public()), 0)} {
			if err := Check(kind, b); err == nil {
				t.Errorf("%v: %s: taken", kind, what)
			}
			if _, _, err := Encapsulate(kind, b); err == nil {
				t.Errorf("%v: %s: a secret for it", kind, what)
			}
		}
		if err := Check(kind, key.Public()); err != nil {
			t.Error(err)
		}
	}
	if Check(None, nil) == nil {
		t.Error("none has a key")
	}
}

func BenchmarkHandshake(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.String(), func(b *testing.B) {
			for b.Loop() {
				key := GenerateKey(kind, nil)
				_, ciphertext, err := Encapsulate(kind, key.Public())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := key.Decapsulate(ciphertext); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
