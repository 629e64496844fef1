package i2p

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"i2ptoolkit/pkg/sign"
)

func reread(t *testing.T, k *PrivateKeys) *PrivateKeys {
	t.Helper()
	back, _, err := ParsePrivateKeys(k.AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// The key of a file is always the same, or a restarted destination could not
// open what is on the way to it.
func TestLeaseSetKeyStays(t *testing.T) {
	for _, v := range []struct {
		st   sign.Type
		ct   EncryptionType
		want string
	}{
		{sign.EdDSA_SHA512_Ed25519, CryptoElGamal, "b1bc125a6b99cde8227ac6dceff2e92b9f716941c34986abad5ecbe0ebc9b312"},
		{sign.RedDSA_SHA512_Ed25519, CryptoElGamal, "fc2270790628749e3a3784f452f26f696fbe648f259e3cd0e3df122a691acd54"},
		{sign.EdDSA_SHA512_Ed25519, CryptoX25519, "b01f3c3dc7584842cfaebe4cc5f2a732651c4ae6043ebac31a7aa0ae2fd16d02"},
	} {
		k, err := GenerateDestination(v.st, v.ct, rand.NewChaCha8([32]byte{1}))
		if err != nil {
			t.Fatal(err)
		}
		key := reread(t, k).LeaseSetKey()
		if got := hex.EncodeToString(key.Public[:]); got != v.want {
			t.Errorf("%v, encryption type %d: %s", v.st, v.ct, got)
		}
		if v.ct == CryptoX25519 && string(k.Identity.CryptoKey()) != string(key.Public[:]) {
			t.Errorf("the key of type X25519 is not the identity's")
		}
	}
}

// So is the ElGamal key.
func TestLeaseSetElGamalKeyStays(t *testing.T) {
	k, err := GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoElGamal, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	public := reread(t, k).LeaseSetElGamalKey().Public().Bytes()
	if got, want := HashOf(public[:]).String(), "lqsvZQOBxadFH9KSwfbTgnp14iu1NluNr~oThi4OCWQ="; got != want {
		t.Errorf("hash of the key %s, expected %s", got, want)
	}
}

// Nothing that an observer sees gives the key, and no two files share one.
func TestLeaseSetKeySecrets(t *testing.T) {
	seen := make(map[[32]byte]string)
	add := func(name string, k *PrivateKeys) {
		t.Helper()
		key := reread(t, k).LeaseSetKey()
		if other, ok := seen[key.Public]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[key.Public] = name
	}
	k, err := GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	add("the key file", k)
	zeros := *k
	zeros.Crypto = make([]byte, len(k.Crypto)) // as others write it
	add("the same without the unused key", &zeros)
	for _, name := range []string{"a transient key", "another"} {
		o, err := k.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, 2_000_000_000, nil)
		if err != nil {
			t.Fatal(err)
		}
		add(name, o)
	}
	other, err := GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Crypto = zeros.Crypto
	add("another destination without the unused key", other)
}
