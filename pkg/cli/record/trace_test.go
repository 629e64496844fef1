package record

import (
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// TestWhyNot: causes that a person would remedy in different ways are told apart.
func TestWhyNot(t *testing.T) {
	steps := func(answers ...string) (s []control.Step) {
		for i, a := range answers {
			s = append(s, control.Step{Floodfill: string(rune('a' + i)), Answer: a})
		}
		return s
	}
	twice := append(steps(control.AnswerNone), steps(control.AnswerNone)...) // the same one
	for _, tc := range []struct {
		code  control.Code
		asked []control.Step
		kind  i2p.NameKind
		want  string
	}{
		{control.Unreachable, nil, i2p.NameHash, "knows no floodfill"},
		{control.Busy, nil, i2p.NameHash, "Nobody was asked: message."},
		{control.Unreachable, steps(control.AnswerUnsent, control.AnswerUnsent), i2p.NameHash, "has no tunnel to ask through"},
		{control.NotFound, steps(control.AnswerNamed), i2p.NameHash, "The one floodfill that was asked does not have it. The destination is off"},
		{control.NotFound, steps(control.AnswerNamed, control.AnswerUnsent, control.AnswerNamed), i2p.NameHash, "None of the 2 floodfills"},
		{control.NotFound, steps(control.AnswerNamed, control.AnswerNone), i2p.NameHash, "Of the 2 floodfills that were asked one answered, and does not"},
		{control.NotFound, steps(control.AnswerNamed), i2p.NameBlinded, "under another hash on each day, this one is that of 2026-11-01"},
		{control.Timeout, twice, i2p.NameHash, "Nobody answered, of 1 floodfill asked"},
		{control.Timeout, steps(control.AnswerPending, control.AnswerPending), i2p.NameHash, "before an answer came, of 2 floodfills asked"},
		{control.Timeout, steps(control.AnswerNamed, control.AnswerPending), i2p.NameHash, "of 2 floodfills asked until then 1 had answered"},
	} {
		at := time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC)
		trace := control.Trace{Kind: control.KindLeaseSet, Time: at, Asked: tc.asked, Error: control.Errorf(tc.code, "message")}
		if got := OfTrace("x", i2p.Name{Kind: tc.kind}, trace, at); !strings.Contains(got.Why, tc.want) || got.Found || got.Error != "message" {
			t.Errorf("%s: %q, expected %q", tc.code, got.Why, tc.want)
		}
	}
}

// TestOpens: of an encrypted lease set that was found it is told who can read it.
func TestOpens(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	generate := func() *i2p.PrivateKeys {
		k, err := i2p.GenerateDestination(sign.RedDSA_SHA512_Ed25519, i2p.CryptoX25519, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keys, other := generate(), generate()
	inner, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, Published: i2p.DateOf(now), Blinded: true, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: make([]byte, 32)}},
		Leases: []leaseset.Lease{{Expires: i2p.DateOf(now.Add(10 * time.Minute))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		admission leaseset.Admission
		clients   [][32]byte
		address   i2p.BlindedAddress
		want      string
	}{
		{leaseset.Everybody, nil, keys.Identity.Blinded(), "opens for whoever has the address."},
		{leaseset.ByPSK, [][32]byte{{1}}, keys.Identity.Blinded(), "lets in only clients with a key"},
		{leaseset.Everybody, nil, other.Identity.Blinded(), "does not open: encrypted: the blinded key is not that of the address"},
	} {
		set, err := leaseset.Encrypt(leaseset.EncryptConfig{Keys: keys, Inner: inner, Admission: tc.admission, Clients: tc.clients})
		if err != nil {
			t.Fatal(err)
		}
		trace := control.Trace{Kind: control.KindLeaseSet, Time: now, Record: &control.Record{Kind: control.KindLeaseSet, StoreType: set.StoreType(), Data: set.Bytes()}}
		if got := OfTrace("x", i2p.Name{Kind: i2p.NameBlinded, Blinded: tc.address}, trace, now); !strings.Contains(got.Why, tc.want) {
			t.Errorf("%q, expected %q", got.Why, tc.want)
		}
	}
}
