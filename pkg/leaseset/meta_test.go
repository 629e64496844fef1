package leaseset

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// encodeMeta makes a MetaLeaseSet.
func encodeMeta(t testing.TB, k *i2p.PrivateKeys, h header, leases []MetaLease, revoked []i2p.Hash) []byte {
	t.Helper()
	b := k.Identity.AppendTo([]byte{TypeMetaLeaseSet})
	b = h.appendTo(b)
	b = i2p.Mapping{{Key: "a", Value: "b"}}.AppendTo(b)
	return signed(t, k.Signing, appendMeta(b, leases, revoked))[1:]
}

func appendMeta(b []byte, leases []MetaLease, revoked []i2p.Hash) []byte {
	b = append(b, byte(len(leases)))
	for _, l := range leases {
		b = append(b, l.Hash[:]...)
		b = append(b, 0, 0, l.Type, l.Cost)
		b = binary.BigEndian.AppendUint32(b, uint32(l.Expires/1000))
	}
	b = append(b, byte(len(revoked)))
	for _, h := range revoked {
		b = append(b, h[:]...)
	}
	return b
}

func TestMetaLeaseSet(t *testing.T) {
	k := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	end := i2p.DateOf(testTime.Add(5 * time.Hour))
	leases := []MetaLease{{i2p.Hash{1}, TypeLeaseSet2, 3, end}, {i2p.Hash{2}, TypeMetaLeaseSet, 4, end}}
	revoked := []i2p.Hash{{7}, {8}}
	b := encodeMeta(t, k, testHeader(0xffff), leases, revoked)
	p, err := Parse(TypeMetaLeaseSet, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(testTime); err != nil {
		t.Error(err)
	}
	s := p.(*MetaLeaseSet)
	if s.Hash() != k.Identity.Hash() || len(s.MetaLeases()) != 2 || s.MetaLeases()[1] != leases[1] ||
		len(s.Revoked()) != 2 || s.Revoked()[1] != revoked[1] || s.Options().Get("a") != "b" {
		t.Errorf("fields differ: %+v, %v", s.MetaLeases(), s.Revoked())
	}
	everyPrefixFails(t, TypeMetaLeaseSet, b)
	everyFlipFails(t, TypeMetaLeaseSet, b)
	leases[0].Expires = i2p.DateOf(testTime.Add(365 * 24 * time.Hour))
	s2, err := Parse(TypeMetaLeaseSet, encodeMeta(t, k, testHeader(0xffff), leases, nil))
	if err != nil || !errors.Is(s2.Verify(testTime), ErrFuture) {
		t.Errorf("a meta lease of a year: %v", err)
	}
	if _, err := Parse(TypeMetaLeaseSet, encodeMeta(t, k, testHeader(1), make([]MetaLease, MaxMeta+1), nil)); err == nil {
		t.Error("too many meta leases are accepted")
	}
	if _, err := Parse(TypeMetaLeaseSet, encodeMeta(t, k, testHeader(1), nil, make([]i2p.Hash, MaxMeta+1))); err == nil {
		t.Error("too many revocations are accepted")
	}
}

// TestBuildMeta: what is made verifies and says what it was made of, signed by a transient key as well.
func TestBuildMeta(t *testing.T) {
	k := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	off, err := k.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, uint32(testTime.Unix())+86400, nil)
	if err != nil {
		t.Fatal(err)
	}
	end := i2p.DateOf(testTime.Add(5 * time.Hour))
	leases := []MetaLease{{i2p.Hash{1}, TypeLeaseSet2, 3, end}, {i2p.Hash{2}, 0, 4, i2p.DateOf(testTime)}, {i2p.Hash{7}, 0, 4, end}}
	for _, keys := range []*i2p.PrivateKeys{k, off} {
		cfg := MetaConfig{Keys: keys, Leases: leases, Revoked: []i2p.Hash{{7}}, Published: i2p.DateOf(testTime), Expires: end}
		s, err := BuildMeta(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(testTime); err != nil {
			t.Error(err)
		}
		if s.Expires() != end || s.Hash() != k.Identity.Hash() || (s.Offline() != nil) != (keys == off) {
			t.Errorf("%+v", s)
		}
		if got := s.MetaLeases(); len(got) != 3 || got[0] != leases[0] {
			t.Errorf("leases %+v", got)
		}
		if got := s.Usable(testTime); len(got) != 1 || got[0] != leases[0] {
			t.Errorf("usable: %+v: one has ended, and one is revoked", got)
		}
		everyFlipFails(t, TypeMetaLeaseSet, s.Bytes())
		cfg.Expires = i2p.DateOf(testTime.Add(24 * time.Hour))
		if s, err := BuildMeta(cfg); err != nil || s.Expires() != i2p.DateOf(testTime.Add(MaxMetaLife)) {
			t.Errorf("a day: %v", err)
		}
	}
	for _, n := range []int{0, MaxMeta + 1} {
		if _, err := BuildMeta(MetaConfig{Keys: k, Leases: make([]MetaLease, n)}); err == nil {
			t.Errorf("%d leases are taken", n)
		}
	}
}
