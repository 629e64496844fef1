package client

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
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
	// Withdrawal takes the set before back, as the destination is going.
	Withdrawal bool
}

// Kept is a lease set, and what opens the messages that are sealed to it.
type Kept struct {
	Set  *leaseset.LeaseSet2
	Keys []EncryptionKey // private ones, to the set's public ones
	Err  error           // why there is no set now; it will be asked for again
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
	})
	answer(kept)
}

// What is wrong with a lease set that somebody else has made.
var (
	errNotOurs   = errors.New("client: the lease set is another destination's")
	errNoKeys    = errors.New("client: not every key of the lease set is known")
	errOldSet    = errors.New("client: the lease set is no newer than the one before")
	errNotLeases = errors.New("client: the lease set has leases that are not this destination's")
)

// check tells whether a lease set that was made elsewhere serves.
func (c *Client) check(now time.Time, want Wanted, kept Kept) error {
	set := kept.Set
	switch {
	case kept.Err != nil:
		return kept.Err
	case set == nil || set.Hash() != c.hash:
		return errNotOurs
	case set.Published() <= c.own.dated:
		return errOldSet
	}
	for _, l := range set.Leases() {
		if !hasLease(want.Leases, l) {
			return errNotLeases
		}
	}
	public := set.EncryptionKeys()
	if len(public) == 0 || len(set.Leases()) == 0 {
		return errNoKeys
	}
	for _, k := range public {
		if !slices.ContainsFunc(kept.Keys, func(e EncryptionKey) bool {
			return e.Type == k.Type && string(e.Pair.Public[:]) == string(k.Key)
		}) {
			return fmt.Errorf("%w: type %d", errNoKeys, k.Type)
		}
	}
	return set.Verify(now)
}

// speak has the ratchet use these keys. With others than before it begins
// anew: what was sealed to the old ones cannot be opened any more.
func (c *Client) speak(keys []EncryptionKey) {
	if c.sessions != nil && slices.EqualFunc(keys, c.keys, func(a, b EncryptionKey) bool {
		return a.Type == b.Type && a.Pair.Public == b.Pair.Public
	}) {
		return
	}
	cfg := ratchet.Config{Rand: c.cfg.Rand}
	for _, k := range keys {
		if k.Type == i2p.CryptoX25519 {
			cfg.Static = k.Pair
		} else if ratchet.Speaks(k.Type) && cfg.Hybrid == 0 {
			cfg.Hybrid, cfg.HybridStatic = k.Type, k.Pair
		}
	}
	if cfg.Static.IsZero() { // nobody knows of it, and nobody uses it
		cfg.Static = cfg.HybridStatic
	}
	c.keys, c.sessions = keys, ratchet.New(cfg)
}

// spoken are the encryption types of our lease sets that the ratchet has.
func (c *Client) spoken() (types []i2p.EncryptionType) {
	for _, k := range c.keys {
		if ratchet.Speaks(k.Type) {
			types = append(types, k.Type)
		}
	}
	return types
}
