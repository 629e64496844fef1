package client

import (
	"io"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
)

// Keeper makes a destination's lease sets: with its keys, or by asking
// somebody who has them.
type Keeper interface {
	// Keep asks for a lease set. The answer is given once, by the call itself
	// or later, and from any goroutine. Keep is called from the destination's
	// loop and must not block.
	Keep(want Wanted, answer func(Kept))
}

// Wanted is a lease set to be made and signed.
type Wanted struct {
	Leases      []leaseset.Lease
	Published   i2p.Date // at least: it is later than that of any set before
	Unpublished bool
	Services    map[string]string
	// Encryption are the types that were asked for; a keeper that is told
	// otherwise by the owner of the keys may have others.
	Encryption []i2p.EncryptionType
	// Blinding tells whether the set is published in encrypted form, and for whom.
	Blinding options.Blinding
	// Withdrawal takes the set before back, as the destination is going.
	Withdrawal bool
}

// Kept is a lease set, and what opens the messages that are sealed to it.
type Kept struct {
	Set    *leaseset.LeaseSet2
	Sealed *leaseset.EncryptedLeaseSet // Set as it is published, where it is encrypted
	Keys   []EncryptionKey             // private ones, to the set's public ones
	Err    error                       // why there is no set now; it will be asked for again
}

// published is what the netDb gets.
func (k Kept) published() leaseset.Record {
	if k.Sealed != nil {
		return k.Sealed
	}
	return k.Set
}

// EncryptionKey is a key pair of a lease set.
type EncryptionKey struct {
	Type i2p.EncryptionType
	Pair noise.KeyPair
}

// keeper is the one that has the keys.
type keeper struct {
	keys *i2p.PrivateKeys
	pair noise.KeyPair
	rand io.Reader
}

// encryption are the keys of lease sets. One X25519 key serves all types: a
// peer is then the same to us whichever it uses.
func (k keeper) encryption(types []i2p.EncryptionType) (all []EncryptionKey) {
	for _, t := range types {
		all = append(all, EncryptionKey{t, k.pair})
	}
	return all
}

func (k keeper) Keep(want Wanted, answer func(Kept)) {
	kept := Kept{Keys: k.encryption(want.Encryption)}
	var public []leaseset.EncryptionKey
	for _, e := range kept.Keys {
		public = append(public, leaseset.EncryptionKey{Type: e.Type, Key: e.Pair.Public[:]})
	}
	kept.Set, kept.Err = leaseset.Build2(leaseset.Build2Config{
		Keys: k.keys, EncryptionKeys: public, Leases: want.Leases,
		Published: want.Published, Unpublished: want.Unpublished, Options: want.Services,
		Blinded: want.Blinding.Own,
	})
	if want.Blinding.Own && kept.Err == nil {
		kept.Sealed, kept.Err = leaseset.Encrypt(leaseset.EncryptConfig{
			Keys: k.keys, Inner: kept.Set, Secret: want.Blinding.Secret,
			Admission: want.Blinding.Admission, Clients: want.Blinding.ClientKeys(), Rand: k.rand,
		})
	}
	answer(kept)
}
