package i2p

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/sign"
)

// The owner and everyone else arrive at the same key; it is another every day (UTC), and
// with every secret.
func TestBlindedKey(t *testing.T) {
	day := time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC)
	for _, st := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
		k, err := GenerateDestination(st, CryptoX25519, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := k.Identity.Blinded()
		seen := make(map[Hash]bool)
		for _, at := range []time.Time{day, day.Add(time.Second)} {
			for _, secret := range []string{"", "sésame"} {
				public, err := a.BlindedKey(at, secret)
				if err != nil {
					t.Fatal(err)
				}
				alpha, err := a.Alpha(at, secret)
				if err != nil {
					t.Fatal(err)
				}
				private, err := sign.BlindPrivate(k.Signing, alpha)
				if err != nil || private.Public() != public {
					t.Errorf("%v: the owner has another key: %v", st, err)
				}
				seen[BlindedStoreHash(public)] = true
			}
		}
		if len(seen) != 4 {
			t.Errorf("%v: %d different store hashes, expected 4", st, len(seen))
		}
		local, _ := a.BlindedKey(day.In(time.FixedZone("east", 3600)), "")
		utc, _ := a.BlindedKey(day, "")
		if local != utc {
			t.Errorf("%v: the day is not that of UTC", st)
		}
	}
	k, _ := GenerateDestination(sign.ECDSA_SHA256_P256, CryptoX25519, nil)
	if _, err := k.Identity.Blinded().BlindedKey(day, ""); !errors.Is(err, ErrBlinding) {
		t.Errorf("P-256: %v", err)
	}
}

func TestAllowTransient(t *testing.T) {
	for _, by := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519, sign.ECDSA_SHA512_P521} {
		k, err := GenerateDestination(by, CryptoX25519, nil)
		if err != nil {
			t.Fatal(err)
		}
		transient, err := sign.GenerateKey(sign.ECDSA_SHA384_P384, nil)
		if err != nil {
			t.Fatal(err)
		}
		o, err := AllowTransient(k, transient, 2_000_000_000)
		if err != nil {
			t.Fatal(err)
		}
		raw := o.AppendTo(nil)
		if bytes.Contains(raw, k.Signing.Bytes()) {
			t.Errorf("%v: the key proper is in the file", by)
		}
		back, rest, err := ParsePrivateKeys(raw)
		if err != nil || len(rest) != 0 || !back.Offline.Verify(k.Identity) || back.Offline.Expires != 2_000_000_000 {
			t.Errorf("%v: read back: %v", by, err)
		}
		if _, err := AllowTransient(o, transient, 1); err == nil {
			t.Errorf("%v: a transient key allows another", by)
		}
	}
}
