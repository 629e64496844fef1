package client

import (
	"io"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/elgamal"
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
	// Meta are those who serve in the destination's place: the set is not published then, but one that
	// names them.
	Meta []leaseset.MetaLease
	// Withdrawal takes the set before back, as the destination is going. A keeper that cannot any more answers
	// with an error.
	Withdrawal bool
}

// Kept is a lease set, and what opens the messages that are sealed to it.
type Kept struct {
	Set    leaseset.Set                // a LeaseSet2, or a LeaseSet of the first kind; nil: there is Meta alone
	Sealed *leaseset.EncryptedLeaseSet // Set as it is published, where it is encrypted
	Meta   *leaseset.MetaLeaseSet      // what is published in its place, where others serve
	Keys   []EncryptionKey             // private ones, to the set's public ones
	Err    error                       // why there is no set now; it will be asked for again
}

// published is what the netDb gets.
func (k Kept) published() leaseset.Record {
	switch {
	case k.Sealed != nil:
		return k.Sealed
	case k.Meta != nil:
		return k.Meta
	}
	return k.Set
}

// EncryptionKey is a key pair of a lease set: Pair, or ElGamal where it is of that type.
type EncryptionKey struct {
	Type    i2p.EncryptionType
	Pair    noise.KeyPair
	ElGamal *elgamal.PrivateKey
}

// public is the key as the lease set has it.
func (k EncryptionKey) public() leaseset.EncryptionKey {
	if k.Type == i2p.CryptoElGamal {
		public := k.ElGamal.Public().Bytes()
		return leaseset.EncryptionKey{Type: k.Type, Key: public[:]}
	}
	return leaseset.EncryptionKey{Type: k.Type, Key: k.Pair.Public[:]}
}

// keeper is the one that has the keys.
type keeper struct {
	keys    *i2p.PrivateKeys
	pair    noise.KeyPair
	elgamal func() *elgamal.PrivateKey // derived when it is needed first
	rand    io.Reader
}

func newKeeper(keys *i2p.PrivateKeys, rand io.Reader) keeper {
	return keeper{keys, keys.LeaseSetKey(), sync.OnceValue(keys.LeaseSetElGamalKey), rand}
}

// encryption are the keys of lease sets. One X25519 key serves all types that have one: a
// peer is then the same to us whichever it uses.
func (k keeper) encryption(types []i2p.EncryptionType) (all []EncryptionKey) {
	for _, t := range types {
		if t == i2p.CryptoElGamal {
			all = append(all, EncryptionKey{Type: t, ElGamal: k.elgamal()})
		} else {
			all = append(all, EncryptionKey{Type: t, Pair: k.pair})
		}
	}
	return all
}

func (k keeper) Keep(want Wanted, answer func(Kept)) {
	kept := Kept{Keys: k.encryption(want.Encryption)}
	var public []leaseset.EncryptionKey
	for _, e := range kept.Keys {
		public = append(public, e.public())
	}
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: k.keys, EncryptionKeys: public, Leases: want.Leases,
		Published: want.Published, Unpublished: want.Unpublished || len(want.Meta) > 0, Options: want.Services,
		Blinded: want.Blinding.Own,
	})
	if len(want.Meta) > 0 && err == nil {
		kept.Meta, err = k.meta(want, set)
	}
	if want.Blinding.Own && err == nil {
		kept.Sealed, err = leaseset.Encrypt(leaseset.EncryptConfig{
			Keys: k.keys, Inner: set, Secret: want.Blinding.Secret,
			Admission: want.Blinding.Admission, Clients: want.Blinding.ClientKeys(), Rand: k.rand,
		})
	}
	if kept.Err = err; err == nil {
		kept.Set = set
	}
	answer(kept)
}

// with is a lease set that says the same as another, and has our ElGamal key as well. It is dated later, so that
// whoever has both goes by this one.
func (k keeper) with(set *leaseset.LeaseSet2) (*leaseset.LeaseSet2, error) {
	services := make(map[string]string)
	for _, o := range set.Options() {
		services[o.Key] = o.Value
	}
	old := EncryptionKey{Type: i2p.CryptoElGamal, ElGamal: k.elgamal()}
	return leaseset.Build2(leaseset.Build2Config{
		Keys: k.keys, EncryptionKeys: append(slices.Clone(set.EncryptionKeys()), old.public()), Leases: set.Leases(),
		Published: set.Published() + dateUnit, Unpublished: set.Unpublished(), Options: services, Blinded: set.Blinded(),
	})
}

// metaLife is how long clients may keep a MetaLeaseSet, which is renewed with the destination's own: some
// hours (proposal 123, Meta LS2), as every stream begins with it and no more than who serves hangs on it.
const metaLife = 4 * time.Hour

// meta is what names those who serve. It ends with the destination's own set where that is taken back.
func (k keeper) meta(want Wanted, own *leaseset.LeaseSet2) (*leaseset.MetaLeaseSet, error) {
	end := own.Expires()
	if !want.Withdrawal {
		end = own.Published() + i2p.Date(metaLife.Milliseconds())
	}
	leases := slices.Clone(want.Meta)
	for i := range leases {
		leases[i].Expires = end
	}
	return leaseset.BuildMeta(leaseset.MetaConfig{Keys: k.keys, Leases: leases, Published: own.Published(), Expires: end})
}
