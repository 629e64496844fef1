package i2p

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"i2ptoolkit/pkg/sign"
)

func blindable(t testing.TB, st sign.Type) sign.PublicKey {
	t.Helper()
	k, err := sign.NewPrivateKey(st, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

func TestB33(t *testing.T) {
	for _, st := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
		for _, a := range []BlindedAddress{
			{Key: blindable(t, st)},
			{Key: blindable(t, st), Secret: true},
			{Key: blindable(t, st), Secret: true, PerClient: true},
		} {
			s, err := a.B33()
			if err != nil || len(s) != 56+len(b32Suffix) {
				t.Fatalf("%q, %v", s, err)
			}
			for _, form := range []string{s, strings.ToUpper(s)} {
				if back, err := ParseB33(form); err != nil || back != a {
					t.Errorf("%s reads as %+v, %v", form, back, err)
				}
			}
			if _, err := ParseB32(s); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("as a b32 address: %v", err)
			}
		}
	}
}

// The checksum covers the key, and by its XOR flags and types: no slip of one
// character is taken for another address.
func TestB33Typos(t *testing.T) {
	a := BlindedAddress{Key: blindable(t, sign.EdDSA_SHA512_Ed25519)}
	s, err := a.B33()
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for i := range 56 {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
			typo := s[:i] + string(c) + s[i+1:]
			if typo == s {
				continue
			}
			if _, err := ParseB33(typo); err == nil {
				taken++
				// Only the flags for a secret and for client keys, and the two
				// key types, are as good as those that were meant.
				if i > 4 {
					t.Errorf("with %c at %d it is another address", c, i)
				}
			}
		}
	}
	if taken > 4 {
		t.Errorf("%d slips of one character are not noticed", taken)
	}
}

func TestB33Refuses(t *testing.T) {
	p256, err := sign.GenerateKey(sign.ECDSA_SHA256_P256, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (BlindedAddress{Key: p256.Public()}).B33(); !errors.Is(err, ErrBlinding) {
		t.Errorf("an ECDSA key: %v", err)
	}
	if _, err := (BlindedAddress{}).B33(); !errors.Is(err, ErrBlinding) {
		t.Errorf("no key: %v", err)
	}
	good, err := BlindedAddress{Key: blindable(t, sign.EdDSA_SHA512_Ed25519)}.B33()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", b32Suffix, good[:56], good[:55] + b32Suffix, "aa" + good, good + "x",
		Hash{1}.B32(), "a b" + good[3:], strings.Repeat("a", 56) + b32Suffix} {
		if a, err := ParseB33(bad); err == nil || a != (BlindedAddress{}) {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// What parses is written back as it was.
func FuzzParseB33(f *testing.F) {
	for _, st := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
		s, err := BlindedAddress{Key: blindable(f, st), PerClient: true}.B33()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s)
	}
	f.Add(strings.Repeat("a", 58) + b32Suffix)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseB33(s)
		if err != nil {
			return
		}
		if back, err := a.B33(); err != nil || back != strings.ToLower(s) {
			t.Fatalf("%q is written back as %q, %v", s, back, err)
		}
	})
}
