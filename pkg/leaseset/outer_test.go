package leaseset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

func testHeader(expires uint16) header {
	return header{published: uint32(testTime.Unix()), expires: expires}
}

// encodeEncrypted makes the outer layer of an encrypted lease set.
func encodeEncrypted(t testing.TB, blinded sign.PrivateKey, h header, signer sign.PrivateKey, data []byte) []byte {
	t.Helper()
	b := []byte{TypeEncryptedLeaseSet}
	b = binary.BigEndian.AppendUint16(b, uint16(blinded.Type()))
	b = append(b, blinded.Public().Bytes()...)
	b = h.appendTo(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return signed(t, signer, append(b, data...))[1:]
}

func blindedKey(t testing.TB) sign.PrivateKey {
	t.Helper()
	k := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	blinded, err := sign.BlindPrivate(k.Signing, sign.ScalarOf([64]byte{1, 2, 3}))
	if err != nil {
		t.Fatal(err)
	}
	return blinded
}

func TestEncryptedLeaseSet(t *testing.T) {
	blinded := blindedKey(t)
	b := encodeEncrypted(t, blinded, testHeader(600), blinded, []byte("ciphertext"))
	p, err := Parse(TypeEncryptedLeaseSet, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(testTime); err != nil {
		t.Error(err)
	}
	s := p.(*EncryptedLeaseSet)
	// Encrypted LeaseSet, "Encryption and processing": SHA-256 of type and blinded key.
	if want := i2p.HashOf(append([]byte{0, 11}, blinded.Public().Bytes()...)); s.Hash() != want {
		t.Errorf("hash %v, want %v", s.Hash(), want)
	}
	if string(s.Ciphertext()) != "ciphertext" || s.BlindedKey() != blinded.Public() ||
		s.Expires() != i2p.DateOf(testTime.Add(10*time.Minute)) {
		t.Error("fields differ")
	}
	everyPrefixFails(t, TypeEncryptedLeaseSet, b)
	everyFlipFails(t, TypeEncryptedLeaseSet, b)
	if err := s.Verify(testTime.Add(11 * time.Minute)); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if err := s.Verify(testTime.Add(-2 * time.Minute)); !errors.Is(err, ErrFuture) {
		t.Errorf("from the future: %v", err)
	}
}

func TestEncryptedLeaseSetOffline(t *testing.T) {
	blinded := blindedKey(t)
	transient, err := sign.GenerateKey(sign.EdDSA_SHA512_Ed25519, rand.NewChaCha8([32]byte{5}))
	if err != nil {
		t.Fatal(err)
	}
	h := testHeader(600)
	h.flags = flagOffline
	h.offline = &i2p.OfflineSignature{Expires: uint32(testTime.Unix()) + 3600, Transient: transient.Public()}
	unsigned := h.offline.AppendTo(nil)
	if h.offline.Signature, err = blinded.Sign(unsigned); err != nil {
		t.Fatal(err)
	}
	b := encodeEncrypted(t, blinded, h, transient, []byte("ciphertext"))
	s, err := Parse(TypeEncryptedLeaseSet, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(testTime); err != nil {
		t.Error(err)
	}
	everyFlipFails(t, TypeEncryptedLeaseSet, b)
	wrong := encodeEncrypted(t, blinded, h, blinded, []byte("ciphertext"))
	if s, err := Parse(TypeEncryptedLeaseSet, wrong); err != nil || !errors.Is(s.Verify(testTime), ErrSignature) {
		t.Errorf("signed by the blinded key although there is a transient one: %v", err)
	}
}

func TestEncryptedLeaseSetRefuses(t *testing.T) {
	k, err := sign.GenerateKey(sign.ECDSA_SHA256_P256, rand.NewChaCha8([32]byte{6}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(TypeEncryptedLeaseSet, encodeEncrypted(t, k, testHeader(600), k, nil)); err == nil {
		t.Error("a blinded key of ECDSA is accepted")
	}
}

// What parses is written back from its fields, up to the signature, as it was.
func FuzzParse(f *testing.F) {
	k := testKeys(f, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	off, err := k.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, 2_000_000_000, rand.NewChaCha8([32]byte{7}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(byte(TypeLeaseSet), encode1(f, k, testLeases(1, time.Minute)))
	f.Add(byte(TypeLeaseSet2), build2(f, config2(f, k)).Bytes())
	f.Add(byte(TypeLeaseSet2), build2(f, config2(f, off)).Bytes())
	blinded := blindedKey(f)
	f.Add(byte(TypeEncryptedLeaseSet), encodeEncrypted(f, blinded, testHeader(600), blinded, []byte("data")))
	f.Add(byte(TypeMetaLeaseSet), encodeMeta(f, k, testHeader(600), []MetaLease{{Cost: 1}}, []i2p.Hash{{}}))
	f.Fuzz(func(t *testing.T, storeType byte, b []byte) {
		s, err := Parse(storeType, b)
		if err != nil {
			if s != nil {
				t.Fatal("a result beside an error")
			}
			return
		}
		if !bytes.Equal(s.Bytes(), b) {
			t.Fatal("other bytes than were parsed")
		}
		s.Hash()
		_ = s.Verify(testTime)
		var again []byte
		switch s := s.(type) {
		case *LeaseSet2:
			again = s.appendSigned(nil)
		case *EncryptedLeaseSet:
			again = binary.BigEndian.AppendUint16(nil, uint16(s.blinded.Type()))
			again = s.header.appendTo(append(again, s.blinded.Bytes()...))
			again = append(binary.BigEndian.AppendUint16(again, uint16(len(s.data))), s.data...)
		case *MetaLeaseSet:
			again = s.options.AppendTo(s.header.appendTo(s.dest.AppendTo(nil)))
			if len(s.appendSigned(nil)) != s.signed {
				t.Fatal("meta leases are written back with another length") // reserved flags are not kept
			}
		case *LeaseSet:
			again = s.dest.AppendTo(nil)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("written back as %x", again)
		}
	})
}
