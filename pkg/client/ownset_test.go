package client

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// lasting are leases that have so many minutes left, by tunnels of their own.
func lasting(now time.Time, minutes ...int) (leases []leaseset.Lease) {
	for i, m := range minutes {
		leases = append(leases, leaseset.Lease{
			Gateway: i2p.HashOf([]byte{byte(i)}), TunnelID: uint32(i + 1),
			Expires: i2p.DateOf(now.Add(time.Duration(m) * time.Minute)),
		})
	}
	return leases
}

// made is a lease set of a destination's, and what it was wanted for.
func made(t *testing.T, o *ownSet, now time.Time, leases []leaseset.Lease) (Wanted, Kept) {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{3}))
	if err != nil {
		t.Fatal(err)
	}
	want := Wanted{Leases: leases, Published: o.next(now), Encryption: []i2p.EncryptionType{i2p.CryptoX25519}}
	var kept Kept
	newKeeper(keys, nil).Keep(want, func(k Kept) { kept = k })
	o.hash = keys.Destination().Hash()
	return want, kept
}

// TestSetDue: a set that still serves waits for more tunnels, the longer the
// more leases last.
func TestSetDue(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	three := lasting(now, 9, 9, 9)
	for name, c := range map[string]struct {
		had, have []leaseset.Lease
		wait      time.Duration // -1: for ever
	}{
		"no set yet":           {nil, three, 0},
		"no tunnels":           {three, nil, -1},
		"nothing new":          {three, three, -1},
		"another tunnel":       {three[:2], three, gatherMost},
		"another to one":       {three[:1], three, gatherFew},
		"a lost one":           {three, three[:2], gatherLost},
		"all lost":             {three[:1], three[1:], 0},
		"one that has run out": {lasting(now, 1, 9, 9), lasting(now, 0, 9, 9)[1:], -1},
		"soon only one":        {lasting(now, 9, 4), three, 2 * time.Minute},
	} {
		var o ownSet
		if c.had != nil {
			want, kept := made(t, &o, now, c.had)
			if err := o.check(now, want, kept); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			o.take(kept, true)
		}
		o.changed(now, c.have)
		wait := time.Duration(-1)
		if at := o.askAt(now, c.have); !at.IsZero() {
			wait = at.Sub(now)
		}
		if wait != c.wait {
			t.Errorf("%s: after %v, want %v", name, wait, c.wait)
		}
	}
}

// TestSetAsked: while the keeper is asked it is not asked again, until its time
// is over; and each set is published once.
func TestSetAsked(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	leases := lasting(now, 9)
	var o ownSet
	o.changed(now, leases)
	o.ask(now)
	if at := o.askAt(now, leases); at != now.Add(keepPatience) {
		t.Errorf("asked again at %v", at)
	}
	want, kept := made(t, &o, now, leases)
	o.take(kept, true)
	o.dated = kept.Set.Published()
	if o.publish() != kept.Set || o.publish() != nil || !o.offered {
		t.Error("not published once")
	}
	if err := o.check(now, want, kept); !errors.Is(err, errOldSet) {
		t.Errorf("taken twice: %v", err)
	}
	if _, again := made(t, &o, now, leases); again.Set.Published() <= kept.Set.Published() {
		t.Error("the next set is no newer")
	}
	o.renew(true)
	o.asked = time.Time{}
	if at := o.askAt(now, leases); at != now {
		t.Errorf("what is missing is asked for at %v", at)
	}
}
