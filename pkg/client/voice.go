package client

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/elgamalaes"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
)

// voice is how a destination speaks to others: with the keys of its lease
// sets, and in the sessions that were begun with them.
type voice struct {
	random   *draw.Source
	life     time.Duration     // of its messages, at most: of all, so that their average tells no clock
	keys     []EncryptionKey   // of our lease sets
	sessions *ratchet.Sessions // nil until the keys are known
	ratchets bool              // its keys are in our lease sets
	former   former
	elders   elders
	bundle   [1]i2np.Clove // scratch: our lease set
}

// former are the sessions of the keys before, which peers speak in until they have our new lease set.
type former struct {
	*ratchet.Sessions // nil: there are none
	until             time.Time
}

// formerLife is how long peers may go by an old lease set: as long as its leases last, and a while.
const formerLife = 12 * time.Minute

// knows tells whether a message is one of a former session.
func (f *former) knows(now time.Time, body []byte) bool {
	return f.Sessions != nil && f.Knows(now, body)
}

// tick forgets the former sessions once nobody can speak in them, and returns what they counted.
func (f *former) tick(now time.Time) (gone ratchet.Stats) {
	switch {
	case f.Sessions == nil:
	case now.Before(f.until):
		f.Tick(now)
	default:
		gone, f.Sessions = f.Stats(), nil
	}
	return gone
}

func newVoice(random *draw.Source, o options.Options) voice {
	return voice{
		random: random, life: random.Between(messageLife*3/4, messageLife), elders: elders{random: random, tags: o.Tags},
	}
}

// speaks reports whether there are sessions with keys of a type.
func speaks(t i2p.EncryptionType) bool { return ratchet.Speaks(t) || t == i2p.CryptoElGamal }

// use has the sessions use these keys. With others than before they begin
// anew; what is sealed to the old ones is opened for as long as peers may not know of the new.
func (v *voice) use(now time.Time, keys []EncryptionKey) (gone ratchet.Stats, elder elgamalaes.Stats) {
	for _, k := range keys {
		if k.Type == i2p.CryptoElGamal {
			elder = v.elders.use(now, k.ElGamal)
		}
	}
	if v.sessions != nil && slices.EqualFunc(keys, v.keys, func(a, b EncryptionKey) bool {
		return a.Type == b.Type && a.Pair.Public == b.Pair.Public
	}) {
		return gone, elder
	}
	cfg := ratchet.Config{Rand: v.random}
	for _, k := range keys {
		if k.Type == i2p.CryptoX25519 {
			cfg.Static = k.Pair
		} else if ratchet.Speaks(k.Type) && cfg.Hybrid == 0 {
			cfg.Hybrid, cfg.HybridStatic = k.Type, k.Pair
		}
	}
	v.ratchets = !cfg.Static.IsZero() || cfg.Hybrid != 0
	switch { // nobody knows of it, and nobody uses it
	case !v.ratchets:
		cfg.Static = noise.GenerateKey(v.random)
	case cfg.Static.IsZero():
		cfg.Static = cfg.HybridStatic
	}
	if v.former.Sessions != nil {
		gone = v.former.Stats()
	}
	v.former = former{v.sessions, now.Add(formerLife)}
	v.keys, v.sessions = keys, ratchet.New(cfg)
	return gone, elder
}

// spoken are the encryption types with which peers can be written to: those of our lease sets that the ratchet has,
// and ElGamal where that is possible.
func (v *voice) spoken() (types []i2p.EncryptionType) {
	for _, k := range v.keys {
		if ratchet.Speaks(k.Type) {
			types = append(types, k.Type)
		}
	}
	if v.elders.speaks() {
		types = append(types, i2p.CryptoElGamal)
	}
	return types
}

// usable are the encryption keys of a lease set that we speak: the order is
// the owner's preference (common structures, LeaseSet2). ElGamal is for those who have nothing else, whatever the
// order: a session of it takes many times the work, and protects nothing of the past.
func (v *voice) usable(set leaseset.Set) (keys []leaseset.EncryptionKey) {
	spoken := v.spoken()
	var old []leaseset.EncryptionKey
	for _, k := range set.EncryptionKeys() {
		switch {
		case !slices.Contains(spoken, k.Type):
		case k.Type != i2p.CryptoElGamal && len(k.Key) == noise.KeyLen:
			keys = append(keys, k)
		case k.Type == i2p.CryptoElGamal:
			if _, err := elgamal.NewPublicKey(k.Key); err == nil {
				old = append(old, k)
			}
		}
	}
	if len(keys) == 0 {
		keys = old
	}
	return keys
}

// speaks returns ErrEncryption, with what there is, unless the owner of a lease
// set can be sent to.
func (v *voice) speaks(set leaseset.Set) error {
	if len(v.usable(set)) > 0 {
		return nil
	}
	var theirs []i2p.EncryptionType
	for _, k := range set.EncryptionKeys() {
		theirs = append(theirs, k.Type)
	}
	return fmt.Errorf("%w: the lease set of %s has %s, and this destination speaks %s",
		ErrEncryption, set.Hash().B32(), typeNames(theirs), typeNames(v.spoken()))
}

func typeNames(types []i2p.EncryptionType) string {
	var names []string
	for _, t := range types {
		names = append(names, t.String())
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// The lengths that begin the bodies of a garlic message and of a Data message.
const (
	garlicHeader = 4
	dataHeader   = 4
)

// seal makes a garlic message of a payload, which it owns and in whose buffer
// the message is where that has the room. Without a payload, the message says
// what there is to say to a peer anyway. Our lease set goes along when the peer
// does not have the newest yet, unless that is forbidden: told reports it.
func (v *voice) seal(now time.Time, r *remote, own *ownSet, leases []leaseset.Lease, p *buf.Buf, h Hints) (m i2np.Message, told bool, err error) {
	seal := v.sealCloves
	if r.key.Type == i2p.CryptoElGamal {
		seal = func(now time.Time, r *remote, own *ownSet, h Hints, p *buf.Buf, cloves ...i2np.Clove) (i2np.Message, bool, error) {
			return v.sealOld(now, r, own, leases, h, p, cloves...)
		}
	}
	if p == nil {
		return seal(now, r, own, h, nil)
	}
	p = dataBody(p)
	return seal(now, r, own, h, p, v.dataClove(now, r, p))
}

// dataBody makes the body of a Data message of a payload, which it owns.
func dataBody(p *buf.Buf) *buf.Buf {
	n := p.Len()
	p = p.Room(dataHeader, 0)
	binary.BigEndian.PutUint32(p.Prepend(dataHeader), uint32(n))
	return p
}

// dataClove is what brings a remote such a body.
func (v *voice) dataClove(now time.Time, r *remote, body *buf.Buf) i2np.Clove {
	return i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: r.hash},
		Message:  v.message(now, i2np.DataType, body.Bytes()),
	}
}

// sealCloves seals cloves, of which p, if it is not nil, holds the body of the last.
func (v *voice) sealCloves(now time.Time, r *remote, own *ownSet, h Hints, p *buf.Buf, cloves ...i2np.Clove) (m i2np.Message, told bool, err error) {
	payload := ratchet.Payload{Cloves: cloves}
	if own.stands(now) && !h.NoLeaseSet {
		ours := i2np.Clove{Message: v.message(now, i2np.DatabaseStoreType, own.stored)}
		if told = r.needsOurSet(now, own.set); told {
			payload.Cloves = append([]i2np.Clove{ours}, cloves...)
			payload.AckRequest = true
		} else {
			v.bundle[0] = ours
			payload.Bundle = v.bundle[:]
		}
	}
	peer := ratchet.Peer{Static: r.static(), Type: r.key.Type}
	var sealed ratchet.Sealed
	if p != nil {
		p, sealed, err = v.sessions.SealAround(p, now, peer, payload)
	} else if sealed, err = v.sessions.Seal(now, peer, payload); err == nil {
		p = buf.Copy(sealed.Body)
	}
	if err != nil {
		return i2np.Message{}, false, err
	}
	told = told || len(payload.Bundle) > 0 && sealed.Kind == ratchet.NewSession
	if told {
		r.announced(now, own.set, proof{sealed: sealed.ID})
	}
	return v.garlic(now, p), told, nil
}

// garlic makes a message of a sealed body, which it owns.
func (v *voice) garlic(now time.Time, p *buf.Buf) i2np.Message {
	n := p.Len()
	p = p.Room(garlicHeader, 0)
	binary.BigEndian.PutUint32(p.Prepend(garlicHeader), uint32(n))
	m := v.message(now, i2np.GarlicType, p.Bytes())
	m.Owner = p
	return m
}

func (v *voice) message(now time.Time, t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: v.random.Nonzero32(), Expiration: i2np.Expiration(now, v.life, v.random.Uint64()), Body: body}
}
