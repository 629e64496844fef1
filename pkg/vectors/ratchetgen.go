package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/sign"
)

// Ratchet is the document of all garlic messages.
type Ratchet struct {
	Sessions []*Session  `json:"sessions"`
	OneTime  []*OneTime  `json:"one_time"`
	ToRouter []*ToRouter `json:"to_router"`
}

// BeginSession begins the vector of a session with its New Session message,
// which the engine sealed with draws from s.
func BeginSession(name string, now time.Time, s *Stream, static noise.KeyPair, bobKey [32]byte, body []byte) (*Session, error) {
	v := &Session{Name: name, Time: now.Unix(), streams: map[string]*Stream{alice: s}}
	private := static.Private()
	v.Alice = Party{Seed: s.Seed, StaticPrivate: private[:], StaticPublic: bytes.Clone(static.Public[:])}
	v.Bob.StaticPublic = bytes.Clone(bobKey[:])
	v.NewSession = NewSession{Bound: true, Body: bytes.Clone(body)}
	var err error
	v.NewSession.Ephemeral, err = s.ephemeral(body[:32])
	return v, err
}

// AddReply adds a New Session Reply.
func (v *Session) AddReply(body []byte) {
	v.Replies = append(v.Replies, Reply{Body: bytes.Clone(body)})
}

// AddMessage adds an Existing Session message.
func (v *Session) AddMessage(body []byte) {
	v.Messages = append(v.Messages, Message{Body: bytes.Clone(body)})
}

// conversation is two engines that talk.
type conversation struct {
	now        time.Time
	v          *Session
	alice, bob *ratchet.Sessions
	a, b       noise.KeyPair
}

func data(now time.Time, text string) i2np.Clove {
	return i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: i2p.HashOf([]byte("destination"))},
		Message: i2np.Message{
			Type: i2np.DataType, ID: 0x11223344, Expiration: i2p.DateOf(now.Add(10 * time.Second)),
			Body: i2np.AppendData(nil, []byte(text)),
		},
	}
}

// leaseSet is the lease set that a New Session message brings along.
func leaseSet(s *Stream, now time.Time) (i2np.Clove, noise.KeyPair, error) {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519, s)
	if err != nil {
		return i2np.Clove{}, noise.KeyPair{}, err
	}
	clove, err := LeaseSetClove(now, keys, leaseset.Lease{
		Gateway: i2p.Hash(s.key()), TunnelID: 0x0badcafe, Expires: i2p.DateOf(now.Add(9 * time.Minute)),
	})
	return clove, KeyPair(keys.Crypto), err
}

// LeaseSetClove is a destination's lease set as a peer is to store it.
func LeaseSetClove(now time.Time, keys *i2p.PrivateKeys, lease leaseset.Lease) (i2np.Clove, error) {
	static := KeyPair(keys.Crypto)
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, Published: i2p.DateOf(now), Leases: []leaseset.Lease{lease},
		EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: static.Public[:]}},
	})
	if err != nil {
		return i2np.Clove{}, err
	}
	store := i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}
	return i2np.Clove{Message: i2np.Message{
		Type: i2np.DatabaseStoreType, ID: 0x55667788, Expiration: i2p.DateOf(now.Add(10 * time.Second)), Body: store.AppendTo(nil),
	}}, nil
}

// newConversation seals and opens the New Session message.
func newConversation(name, note string, now time.Time, anonymous bool) (*conversation, error) {
	as, bs := NewStream("ratchet "+name+" alice"), NewStream("ratchet "+name+" bob")
	bundle, static, err := leaseSet(as, now)
	if err != nil {
		return nil, err
	}
	c := &conversation{now: now, a: static, b: noise.NewKeyPair(bs.key())}
	limits := ratchet.Limits{RatchetAfter: 2}
	c.alice = ratchet.New(ratchet.Config{Static: c.a, Rand: as, Limits: limits})
	c.bob = ratchet.New(ratchet.Config{Static: c.b, Rand: bs, Limits: limits})
	p := ratchet.Payload{Cloves: []i2np.Clove{data(now, "new session")}, Bundle: []i2np.Clove{bundle}}
	if anonymous {
		p.Bundle, p.Anonymous = nil, true
	}
	ns, err := c.alice.Seal(now, ratchet.Peer{Static: c.b.Public}, p)
	if err != nil {
		return nil, err
	}
	if c.v, err = BeginSession(name, now, as, c.a, c.b.Public, ns.Body); err != nil {
		return nil, err
	}
	private := c.b.Private()
	c.v.Note, c.v.NewSession.Bound = note, !anonymous
	c.v.Bob.Seed, c.v.Bob.StaticPrivate = bs.Seed, private[:]
	c.v.streams[bob] = bs
	if anonymous {
		c.v.Alice.StaticPrivate, c.v.Alice.StaticPublic = nil, make(Hex, 32)
	}
	o, err := c.bob.Open(now, bytes.Clone(ns.Body))
	if err == nil && (o.Kind != ratchet.NewSession || (o.From == [32]byte{}) != anonymous) {
		err = errors.New("vectors: not a new session")
	}
	return c, err
}

// pass seals a payload on one side and opens it on the other.
func (c *conversation) pass(fromAlice bool, p ratchet.Payload) (ratchet.Kind, []byte, error) {
	from, to, peer := c.bob, c.alice, c.a.Public
	if fromAlice {
		from, to, peer = c.alice, c.bob, c.b.Public
	}
	m, err := from.Seal(c.now, ratchet.Peer{Static: peer}, p)
	if err != nil {
		return 0, nil, err
	}
	o, err := to.Open(c.now, bytes.Clone(m.Body))
	if err != nil {
		return 0, nil, err
	}
	if o.Kind != m.Kind || len(o.Cloves) != len(p.Cloves) {
		return 0, nil, fmt.Errorf("vectors: %v with %d cloves came as %v with %d", m.Kind, len(p.Cloves), o.Kind, len(o.Cloves))
	}
	return m.Kind, m.Body, nil
}

// generateSession is a whole session with two replies and several key
// ratchets of both directions.
func generateSession(now time.Time) (*Session, error) {
	c, err := newConversation("session", "A bound New Session with a lease set, two replies to it of which Alice uses the first, "+
		"then Existing Session messages of both sides. Each side asks for a new tag set after two messages of the old one.", now, false)
	if err != nil {
		return nil, err
	}
	for i := range 2 {
		kind, body, err := c.pass(false, ratchet.Payload{Cloves: []i2np.Clove{data(now, fmt.Sprint("reply ", i))}})
		if err != nil || kind != ratchet.NewSessionReply {
			return nil, fmt.Errorf("vectors: reply %d is a %v: %w", i, kind, err)
		}
		c.v.AddReply(body)
	}
	for i := range 20 {
		p := ratchet.Payload{Cloves: []i2np.Clove{data(now, fmt.Sprint("message ", i))}, AckRequest: i < 2, Terminate: i == 19}
		kind, body, err := c.pass(i%2 == 0, p)
		if err != nil || kind != ratchet.ExistingSession {
			return nil, fmt.Errorf("vectors: message %d is a %v: %w", i, kind, err)
		}
		c.v.AddMessage(body)
	}
	return c.v, c.v.Compute()
}

func generateRatchet(now time.Time) (*Ratchet, error) {
	session, err := generateSession(now)
	if err != nil {
		return nil, err
	}
	unbound, err := newConversation("unbound new session", "Without Alice's key: the flags section in its place is zeros, and there is no ss.", now, true)
	if err != nil {
		return nil, err
	}
	if err := unbound.v.Compute(); err != nil {
		return nil, err
	}
	one, err := generateOneTime(now)
	if err != nil {
		return nil, err
	}
	router, err := generateToRouter(now)
	if err != nil {
		return nil, err
	}
	return &Ratchet{Sessions: []*Session{session, unbound.v}, OneTime: []*OneTime{one}, ToRouter: []*ToRouter{router}}, nil
}

func generateOneTime(now time.Time) (*OneTime, error) {
	s := NewStream("ratchet one-time")
	key := s.key()
	var tag [8]byte
	s.Read(tag[:])
	body, err := ratchet.SealTagged(s, key, tag, []i2np.Clove{data(now, "one-time")})
	if err != nil {
		return nil, err
	}
	if o, err := ratchet.OpenTagged(key, bytes.Clone(body)); err != nil || len(o.Cloves) != 1 {
		return nil, fmt.Errorf("vectors: one-time garlic: %w", err)
	}
	v := &OneTime{
		Name: "reply", Note: "The reply to a lookup or build request, under the key and tag that the request gave.",
		Key: key[:], Tag: tag[:], Body: body,
	}
	return v, v.Compute()
}

// BeginToRouter makes a garlic message to a router, and its vector.
func BeginToRouter(name string, now time.Time, s *Stream, static [32]byte, cloves []i2np.Clove) (*ToRouter, error) {
	body, err := ratchet.SealToRouter(s, now, static, cloves)
	if err != nil {
		return nil, err
	}
	v := &ToRouter{Name: name, Seed: s.Seed, Time: now.Unix(), StaticPublic: bytes.Clone(static[:]), Body: body}
	v.EphemeralPrivate, err = s.private(body[:32])
	return v, err
}

func generateToRouter(now time.Time) (*ToRouter, error) {
	s, router := NewStream("ratchet router alice"), NewStream("ratchet router bob")
	static := noise.NewKeyPair(router.key())
	v, err := BeginToRouter("router", now, s, static.Public, []i2np.Clove{data(now, "to a router")})
	if err != nil {
		return nil, err
	}
	v.Note = "To a router's encryption key: the ephemeral key goes as it is, the sender stays unknown."
	private := static.Private()
	v.StaticPrivate = private[:]
	if o, err := ratchet.OpenRouter(static, now, bytes.Clone(v.Body)); err != nil || len(o.Cloves) != 1 {
		return nil, fmt.Errorf("vectors: message to a router: %w", err)
	}
	return v, v.Compute()
}
