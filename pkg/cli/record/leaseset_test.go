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
