package leaseset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testKeys(t testing.TB, st sign.Type, ct i2p.EncryptionType) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(st, ct, rand.NewChaCha8([32]byte{byte(st), byte(ct)}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testLeases(n int, until time.Duration) []Lease {
	var out []Lease
	for i := range n {
		out = append(out, Lease{i2p.Hash{byte(i), 1}, uint32(i + 1), i2p.DateOf(testTime.Add(until))})
	}
	return out
}

func config2(t testing.TB, k *i2p.PrivateKeys) Build2Config {
	t.Helper()
	return Build2Config{
		Keys: k,
		EncryptionKeys: []EncryptionKey{
			{i2p.CryptoX25519, bytes.Repeat([]byte{9}, 32)},
			{0x7777, []byte("a type from the future")},
		},
		Leases:    testLeases(3, 10*time.Minute),
		Published: i2p.DateOf(testTime),
		Options:   map[string]string{"_smtp._tcp": "0 999999 25"},
	}
}

func build2(t testing.TB, cfg Build2Config) *LeaseSet2 {
	t.Helper()
	s, err := Build2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLeaseSet2(t *testing.T) {
	for _, st := range []sign.Type{sign.ECDSA_SHA256_P256, sign.ECDSA_SHA512_P521, sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
		k := testKeys(t, st, i2p.CryptoElGamal)
		cfg := config2(t, k)
		built := build2(t, cfg)
		p, err := Parse(TypeLeaseSet2, built.Bytes())
		if err != nil {
			t.Fatalf("%v: %v", st, err)
		}
		if err := p.Verify(testTime); err != nil {
			t.Errorf("%v: %v", st, err)
		}
		s := p.(*LeaseSet2)
		if s.Hash() != k.Identity.Hash() || s.Destination() != k.Destination() || s.StoreType() != TypeLeaseSet2 {
			t.Errorf("%v: another owner", st)
		}
		if s.Published() != cfg.Published || s.Expires() != cfg.Leases[0].Expires || len(s.Leases()) != 3 || s.Leases()[2] != cfg.Leases[2] {
			t.Errorf("%v: dates or leases differ", st)
		}
		if len(s.EncryptionKeys()) != 2 || s.EncryptionKeys()[1].Type != 0x7777 || s.Options().Get("_smtp._tcp") != "0 999999 25" {
			t.Errorf("%v: keys %v, options %v", st, s.EncryptionKeys(), s.Options())
		}
		if s.Unpublished() || s.Blinded() || s.Offline() != nil {
			t.Errorf("%v: flags %x", st, s.flags)
		}
		everyPrefixFails(t, TypeLeaseSet2, built.Bytes())
		everyFlipFails(t, TypeLeaseSet2, built.Bytes())
	}
}

func everyPrefixFails(t *testing.T, storeType byte, b []byte) {
	t.Helper()
	for i := range b {
		if s, err := Parse(storeType, b[:i]); err == nil || s != nil {
			t.Fatalf("type %d parses when cut to %d of %d bytes", storeType, i, len(b))
		}
	}
	if _, err := Parse(storeType, append(bytes.Clone(b), 0)); err == nil {
		t.Fatalf("type %d parses with a byte too many", storeType)
	}
}

// everyFlipFails changes a bit of each byte in turn, at a step that keeps it quick.
func everyFlipFails(t *testing.T, storeType byte, b []byte) {
	t.Helper()
	b = bytes.Clone(b)
	for i := 0; i < len(b); i += 7 {
		b[i] ^= 1
		if s, err := Parse(storeType, b); err == nil && s.Verify(testTime) == nil {
			t.Fatalf("type %d verifies with byte %d changed", storeType, i)
		}
		b[i] ^= 1
	}
}

func TestLeaseSet2Flags(t *testing.T) {
	cfg := config2(t, testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519))
	cfg.Unpublished, cfg.Blinded = true, true
	if s := build2(t, cfg); !s.Unpublished() || !s.Blinded() || s.Verify(testTime) != nil {
		t.Errorf("flags %x", s.flags)
	}
}

func TestLeaseSet2Offline(t *testing.T) {
	k := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	expires := testTime.Add(time.Hour)
	off, err := k.NewOfflineKeys(sign.ECDSA_SHA256_P256, uint32(expires.Unix()), rand.NewChaCha8([32]byte{7}))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config2(t, off)
	s := build2(t, cfg)
	if err := s.Verify(testTime); err != nil {
		t.Fatal(err)
	}
	if s.Offline() == nil || s.Offline().Transient.Type() != sign.ECDSA_SHA256_P256 || s.Hash() != k.Identity.Hash() {
		t.Fatal("the offline section is lost")
	}
	everyPrefixFails(t, TypeLeaseSet2, s.Bytes())
	everyFlipFails(t, TypeLeaseSet2, s.Bytes())

	cfg.Published, cfg.Leases = i2p.DateOf(expires), testLeases(1, 65*time.Minute)
	if err := build2(t, cfg).Verify(expires); !errors.Is(err, ErrExpired) {
		t.Errorf("an expired transient key: %v", err)
	}
	forged := *off.Offline
	forged.Signature = make([]byte, 64)
	cfg = config2(t, &i2p.PrivateKeys{Identity: off.Identity, Crypto: off.Crypto, Offline: &forged})
	if err := build2(t, cfg).Verify(testTime); !errors.Is(err, ErrSignature) {
		t.Errorf("a forged offline signature: %v", err)
	}
}

func TestLeaseSet2Dates(t *testing.T) {
	k := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	year := 365 * 24 * time.Hour
	for _, c := range []struct {
		name      string
		published time.Duration
		leases    time.Duration
		want      error
	}{
		{"fresh", 0, 10 * time.Minute, nil},
		{"of a clock 50 s ahead", 50 * time.Second, 11*time.Minute + 50*time.Second, nil},
		{"published in two minutes", 2 * time.Minute, 10 * time.Minute, ErrFuture},
		{"published in a year", year, year + 10*time.Minute, ErrFuture},
		{"leases of a year", 0, year, ErrFuture},
		{"leases of 17 minutes", 0, 17 * time.Minute, ErrFuture},
		{"expired", -12 * time.Minute, -time.Second, ErrExpired},
		{"expires now", -10 * time.Minute, 0, ErrExpired},
		{"leases that end before they begin", 0, -time.Second, ErrExpired},
	} {
		cfg := config2(t, k)
		cfg.Published, cfg.Leases = i2p.DateOf(testTime.Add(c.published)), testLeases(2, c.leases)
		if err := build2(t, cfg).Verify(testTime); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	cfg := config2(t, k)
	cfg.Leases = nil // a destination that takes itself back
	if err := build2(t, cfg).Verify(testTime); !errors.Is(err, ErrExpired) {
		t.Errorf("no leases: %v", err)
	}
}

func TestBuild2Refuses(t *testing.T) {
	k := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	for name, change := range map[string]func(*Build2Config){
		"17 leases":      func(c *Build2Config) { c.Leases = testLeases(17, time.Minute) },
		"no keys":        func(c *Build2Config) { c.EncryptionKeys = nil },
		"9 keys":         func(c *Build2Config) { c.EncryptionKeys = make([]EncryptionKey, 9) },
		"a short key":    func(c *Build2Config) { c.EncryptionKeys[0].Key = make([]byte, 31) },
		"long options":   func(c *Build2Config) { c.Options["x"] = string(make([]byte, 256)) },
		"no signing key": func(c *Build2Config) { c.Keys = &i2p.PrivateKeys{Identity: k.Identity} },
	} {
		cfg := config2(t, k)
		change(&cfg)
		if _, err := Build2(cfg); err == nil {
			t.Errorf("%s: built", name)
		}
	}
}

// encode1 makes a LeaseSet of the first kind, which the package only reads.
func encode1(t testing.TB, k *i2p.PrivateKeys, leases []Lease) []byte {
	t.Helper()
	b := k.Identity.AppendTo(nil)
	b = append(b, bytes.Repeat([]byte{3}, 256)...)
	b = append(b, make([]byte, k.Identity.SigType().PublicKeyLen())...)
	b = append(b, byte(len(leases)))
	for _, l := range leases {
		b = append(b, l.Gateway[:]...)
		b = binary.BigEndian.AppendUint32(b, l.TunnelID)
		b = binary.BigEndian.AppendUint64(b, uint64(l.Expires))
	}
	return signed(t, k.Signing, b)
}

func signed(t testing.TB, k sign.PrivateKey, b []byte) []byte {
	t.Helper()
	sig, err := k.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, sig...)
}

func TestLeaseSet1(t *testing.T) {
	k := testKeys(t, sign.ECDSA_SHA256_P256, i2p.CryptoElGamal)
	leases := testLeases(2, 9*time.Minute)
	leases[0].Expires -= 1000
	b := encode1(t, k, leases)
	r, err := Parse(TypeLeaseSet, b)
	if err != nil {
		t.Fatal(err)
	}
	s := r.(Set)
	if err := s.Verify(testTime); err != nil {
		t.Error(err)
	}
	if s.Hash() != k.Identity.Hash() || s.Published() != leases[0].Expires || s.Expires() != leases[1].Expires ||
		len(s.EncryptionKeys()) != 1 || len(s.EncryptionKeys()[0].Key) != 256 || !bytes.Equal(s.Bytes(), b) {
		t.Error("fields differ")
	}
	everyPrefixFails(t, TypeLeaseSet, b)
	bad := bytes.Clone(b)
	bad[len(bad)-1] ^= 1
	if s, err := Parse(TypeLeaseSet, bad); err != nil || !errors.Is(s.Verify(testTime), ErrSignature) {
		t.Errorf("a forged signature: %v", err)
	}
	for name, c := range map[string]struct {
		leases []Lease
		want   error
	}{
		"none":    {nil, ErrExpired},
		"expired": {testLeases(1, -time.Second), ErrExpired},
		"a year":  {testLeases(1, 365*24*time.Hour), ErrFuture},
	} {
		s, err := Parse(TypeLeaseSet, encode1(t, k, c.leases))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(testTime); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse(TypeLeaseSet, encode1(t, k, testLeases(17, time.Minute))); err == nil {
		t.Error("17 leases are accepted")
	}
}

func TestParseRefuses(t *testing.T) {
	b := build2(t, config2(t, testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519))).Bytes()
	for _, storeType := range []byte{0, 2, 4, 6, 8, 255} {
		if s, err := Parse(storeType, b); err == nil || s != nil {
			t.Errorf("store type %d is accepted", storeType)
		}
	}
	large := config2(t, testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519))
	for i := range 80 {
		large.Options[strconv.Itoa(i)] = strings.Repeat("x", 250)
	}
	if b := build2(t, large).Bytes(); len(b) <= MaxLen {
		t.Fatal(len(b))
	} else if _, err := Parse(TypeLeaseSet2, b); err == nil {
		t.Error("a record over MaxLen is accepted")
	}
	c := bytes.Clone(b)
	if s, err := Parse(TypeLeaseSet2, c); err != nil {
		t.Fatal(err)
	} else {
		clear(c)
		if !bytes.Equal(s.Bytes(), b) || s.Verify(testTime) != nil {
			t.Error("a set refers to the bytes it was parsed from")
		}
	}
}

// TestSeventeenLeases: a set that says it has more leases than MaxLeases, and has them, is
// refused; the same of one less is not.
func TestSeventeenLeases(t *testing.T) {
	for _, n := range []int{MaxLeases - 1, MaxLeases} {
		c := config2(t, testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519))
		c.Leases = testLeases(n, time.Minute)
		b := build2(t, c).Bytes()
		const signature, lease = 64, 40
		leases := len(b) - signature - n*lease
		if int(b[leases-1]) != n {
			t.Fatalf("%d leases are written as %d", n, b[leases-1])
		}
		more := slices.Insert(bytes.Clone(b), leases, b[leases:leases+lease]...)
		more[leases-1]++
		if s, err := Parse(TypeLeaseSet2, more); (err == nil) != (n+1 <= MaxLeases) || err != nil && s != nil {
			t.Errorf("%d leases: %v", n+1, err)
		}
	}
}
