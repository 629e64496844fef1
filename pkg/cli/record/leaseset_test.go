package record

import (
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// TestMetaLeaseSet: of who serves in a destination's place is said by which address, for what and how long.
func TestMetaLeaseSet(t *testing.T) {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mirror, gone := i2p.HashOf([]byte("a mirror")), i2p.HashOf([]byte("gone"))
	end := i2p.DateOf(now.Add(time.Hour))
	set, err := leaseset.BuildMeta(leaseset.MetaConfig{
		Keys: keys, Leases: []leaseset.MetaLease{{Hash: mirror, Type: leaseset.TypeLeaseSet2, Cost: 7, Expires: end}},
		Revoked: []i2p.Hash{gone}, Published: i2p.DateOf(now), Expires: end,
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := OfLeaseSet(set, now).Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{
		"type       MetaLeaseSet\n", "state      valid\n", "revoked    " + gone.String() + "\n",
		"served by  " + mirror.B32() + " cost 7 type LeaseSet2 until 2026-03-01T13:00:00Z\n",
	} {
		if !strings.Contains(text.String(), said) {
			t.Errorf("%q is missing in:\n%s", said, text.String())
		}
	}
}

// TestServiceRecords: the options that are service records are shown as such, and others as they are.
func TestServiceRecords(t *testing.T) {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pair := keys.LeaseSetKey()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: pair.Public[:]}}, Published: i2p.DateOf(now),
		Options: map[string]string{"_smtp._tcp": "0 86400 25 a", "_imap._tcp": "1 60 3 7 143 mail.i2p", "_x._tcp": "junk", "y": "z"},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := OfLeaseSet(set, now)
	if len(l.Services) != 2 || l.Services[1].Target != keys.Destination().B32() || !l.Services[1].Self {
		t.Errorf("%+v", l.Services)
	}
	var text strings.Builder
	if err := l.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{
		"service     _imap._tcp at mail.i2p port 143 priority 3 weight 7 for 60 s\n", "service     _smtp._tcp here, port 25 for 86400 s \"a\"\n",
		"options     _imap._tcp=1 60 3 7 143 mail.i2p _smtp._tcp=0 86400 25 a _x._tcp=junk y=z\n",
	} {
		if !strings.Contains(text.String(), said) {
			t.Errorf("%q is missing in:\n%s", said, text.String())
		}
	}
}
