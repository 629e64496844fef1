package datagram

import (
	"bytes"
	"errors"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

func keysOf(t testing.TB, st sign.Type) *i2p.PrivateKeys {
	t.Helper()
	keys, err := i2p.GenerateDestination(st, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestRepliable: what one sends, another reads and knows from whom it is; no byte of it can
// be another.
func TestRepliable(t *testing.T) {
	for _, st := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.ECDSA_SHA256_P256, sign.RedDSA_SHA512_Ed25519} {
		keys := keysOf(t, st)
		for _, payload := range [][]byte{{}, []byte("hello")} {
			b, err := AppendRepliable([]byte("x"), keys, payload)
			if err != nil {
				t.Fatal(err)
			}
			b = b[1:]
			if from, got, err := ParseRepliable(b); err != nil || !bytes.Equal(got, payload) || from.Hash() != keys.Destination().Hash() {
				t.Errorf("%v: %q, %v", st, got, err)
			}
			for _, at := range []int{keys.Destination().Len(), len(b) - 1} {
				bad := bytes.Clone(b)
				bad[at] ^= 1
				if _, _, err := ParseRepliable(bad); !errors.Is(err, ErrSignature) {
					t.Errorf("%v: byte %d changed: %v", st, at, err)
				}
			}
		}
	}
}

func TestRepliableOffline(t *testing.T) {
	keys, err := keysOf(t, sign.EdDSA_SHA512_Ed25519).NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, 1<<31, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AppendRepliable(nil, keys, nil); !errors.Is(err, ErrOffline) {
		t.Error(err)
	}
}

func FuzzParseRepliable(f *testing.F) {
	keys := keysOf(f, sign.EdDSA_SHA512_Ed25519)
	good, err := AppendRepliable(nil, keys, []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-10])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		from, payload, err := ParseRepliable(b)
		if err != nil {
			if payload != nil || !from.IsZero() {
				t.Error("something beside an error")
			}
			return
		}
		n := from.SigType().SignatureLen()
		back := append(append(from.AppendTo(nil), b[from.Len():from.Len()+n]...), payload...)
		if !bytes.Equal(back, b) {
			t.Error("it does not come back")
		}
	})
}
