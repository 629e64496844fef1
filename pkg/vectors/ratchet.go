package vectors

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Session is one ratchet session, or only its New Session message.
type Session struct {
	Name       string       `json:"name"`
	Note       string       `json:"note,omitempty"`
	Time       int64        `json:"time"` // seconds since 1970
	Alice      Party        `json:"alice"`
	Bob        Party        `json:"bob"`
	NewSession NewSession   `json:"new_session"`
	ReplyTags  *TagSet      `json:"reply_tag_set,omitempty"`
	Replies    []Reply      `json:"new_session_replies,omitempty"`
	Used       int          `json:"reply_used_by_alice"`
	Ratchets   []KeyRatchet `json:"key_ratchets,omitempty"`
	TagSets    []*TagSet    `json:"tag_sets,omitempty"`
	Messages   []Message    `json:"existing_session_messages,omitempty"`

	streams map[string]*Stream // where private keys are looked for
}

// Party is a side of a session.
type Party struct {
	Seed          Hex          `json:"seed,omitempty"`
	StaticPrivate Hex          `json:"static_private,omitempty"`
	StaticPublic  Hex          `json:"static_public"`
	NextKeys      []NextKeyKey `json:"next_keys,omitempty"` // of its key ratchets
}

// NextKeyKey is a key pair of a Next Key block.
type NextKeyKey struct {
	Private Hex `json:"private"`
	Public  Hex `json:"public"`
}

// NewSession is Alice's first message.
type NewSession struct {
	Bound     bool      `json:"bound"` // to Alice's static key
	Ephemeral Ephemeral `json:"ephemeral"`
	ES        Hex       `json:"es"`
	SS        Hex       `json:"ss,omitempty"`
	Static    Hex       `json:"static_section"`
	Blocks    []Block   `json:"blocks"`
	Payload   Hex       `json:"payload"`
	Sealed    Hex       `json:"payload_section"`
	Steps     []Step    `json:"steps"`
	Body      Hex       `json:"body"`
}

// Reply is a New Session Reply.
type Reply struct {
	N         int       `json:"n"` // of its tag
	Tag       Hex       `json:"tag"`
	Ephemeral Ephemeral `json:"ephemeral"`
	EE        Hex       `json:"ee"`
	SE        Hex       `json:"se"`
	Key       Hex       `json:"key_section"`
	Steps     []Step    `json:"steps"`
	KeyAB     Hex       `json:"k_ab"`
	KeyBA     Hex       `json:"k_ba"`
	Attach    Hex       `json:"attach_payload_key"`
	Blocks    []Block   `json:"blocks"`
	Payload   Hex       `json:"payload"`
	Sealed    Hex       `json:"payload_section"`
	Body      Hex       `json:"body"`

	ck []byte
}

// KeyRatchet is one exchange of keys, which begins a tag set.
type KeyRatchet struct {
	From    string `json:"from"` // the sender of the tag set
	TagSet  int    `json:"tag_set"`
	Forward Hex    `json:"forward_key"` // the sender's public key
	Reverse Hex    `json:"reverse_key"`
	Secret  Hex    `json:"shared_secret"`
	Key     Hex    `json:"tagset_key"`
}

// Message is an Existing Session message.
type Message struct {
	From    string  `json:"from"`
	TagSet  int     `json:"tag_set"`
	N       int     `json:"n"`
	Tag     Hex     `json:"tag"` // also the associated data
	Key     Hex     `json:"key"`
	Blocks  []Block `json:"blocks"`
	Payload Hex     `json:"payload"`
	Body    Hex     `json:"body"`
}

const (
	alice = "alice"
	bob   = "bob"
)

// Compute works through the session with Alice's private keys.
func (v *Session) Compute() error {
	for _, p := range []*Party{&v.Alice, &v.Bob} {
		if p.StaticPrivate != nil {
			k, err := public(p.StaticPrivate)
			if err != nil {
				return err
			}
			p.StaticPublic = k
		}
	}
	s, err := v.newSession()
	if err != nil {
		return fmt.Errorf("%s: new session: %w", v.Name, err)
	}
	if len(v.Replies) == 0 {
		return nil
	}
	v.ReplyTags = newTagSet(bob, 0, s.ck, expand(s.ck, nil, "SessionReplyTags", 32))
	v.ReplyTags.Keys = nil
	for i := range v.Replies {
		if err := v.reply(s.fork(), i); err != nil {
			return fmt.Errorf("%s: reply %d: %w", v.Name, i, err)
		}
	}
	r := &v.Replies[v.Used]
	v.TagSets = []*TagSet{newTagSet(alice, 0, r.ck, r.KeyAB), newTagSet(bob, 0, r.ck, r.KeyBA)}
	v.Ratchets = nil
	return v.messages()
}

func (v *Session) newSession() (*symmetric, error) {
	m := &v.NewSession
	if err := m.Ephemeral.decode(); err != nil {
		return nil, err
	}
	s := start("Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256")
	s.mixHash("MixHash(Bob's static key)", v.Bob.StaticPublic)
	s.mixHash("MixHash(Alice's ephemeral key)", m.Ephemeral.Public)
	var err error
	if m.ES, err = dh(m.Ephemeral.Private, v.Bob.StaticPublic, v.Bob.StaticPrivate, m.Ephemeral.Public); err != nil {
		return nil, err
	}
	s.mixKey("MixKey(es)", m.ES)
	static := make(Hex, 32)
	if m.Bound {
		static = v.Alice.StaticPublic
	}
	if m.Static, err = s.section("static key section", &static, m.Body[32:80]); err != nil {
		return nil, err
	}
	if m.Bound {
		if m.SS, err = dh(v.Alice.StaticPrivate, v.Bob.StaticPublic, v.Bob.StaticPrivate, v.Alice.StaticPublic); err != nil {
			return nil, err
		}
		s.mixKey("MixKey(ss)", m.SS)
	}
	if m.Sealed, err = s.section("payload section", &m.Payload, m.Body[80:]); err != nil {
		return nil, err
	}
	m.Steps = s.take()
	body := append(append(append(Hex{}, m.Ephemeral.Representative...), m.Static...), m.Sealed...)
	if err := same("new session", body, m.Body); err != nil {
		return nil, err
	}
	m.Blocks, err = parseBlocks(m.Payload)
	return s, err
}

func (v *Session) reply(s *symmetric, i int) (err error) {
	m := &v.Replies[i]
	m.Tag = m.Body[:8]
	if m.N = v.ReplyTags.find(m.Tag); m.N < 0 {
		return fmt.Errorf("vectors: tag %x is no reply's", m.Tag)
	}
	if b := v.streams[bob]; b != nil && m.Ephemeral.Private == nil {
		if m.Ephemeral, err = b.ephemeral(m.Body[8:40]); err != nil {
			return err
		}
	}
	m.Ephemeral.Representative = m.Body[8:40]
	if err := m.Ephemeral.decode(); err != nil {
		return err
	}
	s.mixHash("MixHash(tag)", m.Tag)
	s.mixHash("MixHash(Bob's ephemeral key)", m.Ephemeral.Public)
	e := v.NewSession.Ephemeral
	if m.EE, err = dh(e.Private, m.Ephemeral.Public, m.Ephemeral.Private, e.Public); err != nil {
		return err
	}
	s.mixKey("MixKey(ee)", m.EE)
	if m.SE, err = dh(v.Alice.StaticPrivate, m.Ephemeral.Public, m.Ephemeral.Private, v.Alice.StaticPublic); err != nil {
		return err
	}
	s.mixKey("MixKey(se)", m.SE)
	nothing := Hex{}
	if m.Key, err = s.section("key section", &nothing, m.Body[40:56]); err != nil {
		return err
	}
	m.Steps = s.take()
	keys := expand(s.ck, nil, "", 64)
	m.ck, m.KeyAB, m.KeyBA = s.ck, keys[:32], keys[32:]
	m.Attach = expand(m.KeyBA, nil, "AttachPayloadKDF", 32)
	if m.Payload == nil {
		if m.Payload, err = open(m.Attach, 0, s.h, m.Body[56:]); err != nil {
			return err
		}
	}
	m.Sealed = seal(m.Attach, 0, s.h, m.Payload)
	body := append(append(append(append(Hex{}, m.Tag...), m.Ephemeral.Representative...), m.Key...), m.Sealed...)
	if err := same("new session reply", body, m.Body); err != nil {
		return err
	}
	m.Blocks, err = parseBlocks(m.Payload)
	return err
}

// messages opens the Existing Session messages, and turns the key ratchets
// that their Next Key blocks ask for.
func (v *Session) messages() error {
	keys := map[string]*exchange{alice: {set: v.TagSets[0]}, bob: {set: v.TagSets[1]}}
	for i := range v.Messages {
		m := &v.Messages[i]
		if err := v.message(m); err != nil {
			return fmt.Errorf("%s: message %d: %w", v.Name, i, err)
		}
		for _, b := range m.Blocks {
			if b.Type != 7 {
				continue
			}
			if err := v.learn(m.From, b.Data); err != nil {
				return err
			}
			owner := m.From
			if b.Data[0]&2 != 0 { // a reverse key belongs to the other's tag set
				owner = map[string]string{alice: bob, bob: alice}[owner]
			}
			if err := v.nextKey(keys[owner], owner, b.Data); err != nil {
				return fmt.Errorf("%s: message %d: %w", v.Name, i, err)
			}
		}
	}
	return nil
}

func (v *Session) message(m *Message) (err error) {
	for _, t := range v.TagSets {
		n := t.find(m.Body[:8])
		if n < 0 {
			continue
		}
		m.From, m.TagSet, m.N, m.Tag, m.Key = t.From, t.ID, n, m.Body[:8], t.key(n)
		if m.Payload == nil {
			if m.Payload, err = open(m.Key, uint64(n), m.Tag, m.Body[8:]); err != nil {
				return err
			}
		}
		if err := same("existing session", seal(m.Key, uint64(n), m.Tag, m.Payload), m.Body[8:]); err != nil {
			return err
		}
		m.Blocks, err = parseBlocks(m.Payload)
		return err
	}
	return fmt.Errorf("vectors: tag %x is in no tag set", m.Body[:8])
}

// learn finds the private key of a new key in a Next Key block.
func (v *Session) learn(from string, data []byte) error {
	s := v.streams[from]
	if s == nil || data[0]&1 == 0 {
		return nil
	}
	p := map[string]*Party{alice: &v.Alice, bob: &v.Bob}[from]
	for _, k := range p.NextKeys {
		if bytes.Equal(k.Public, data[3:35]) {
			return nil
		}
	}
	private, err := s.private(data[3:35])
	p.NextKeys = append(p.NextKeys, NextKeyKey{private, data[3:35]})
	return err
}

// exchange is the key ratchet of one direction.
type exchange struct {
	set                  *TagSet // the latest
	forward, reverse     Hex
	forwardID, reverseID int
	asked                bool
}

// nextKey takes a Next Key block: flags (1), key ID (2), key (32) if there.
// The tag set's number is 1 + both IDs (ECIES, DH Ratchet).
func (v *Session) nextKey(x *exchange, owner string, data []byte) error {
	id, key := int(binary.BigEndian.Uint16(data[1:])), Hex(nil)
	if data[0]&1 != 0 {
		key = data[3:35]
	}
	if data[0]&2 == 0 {
		x.asked, x.forwardID = true, id
		if key != nil {
			x.forward = key
		}
		return nil
	}
	if !x.asked || 1+x.forwardID+id != x.set.ID+1 {
		return nil // repeated
	}
	x.asked, x.reverseID = false, id
	if key != nil {
		x.reverse = key
	}
	r := KeyRatchet{From: owner, TagSet: x.set.ID + 1, Forward: x.forward, Reverse: x.reverse}
	var err error
	if r.Secret, err = v.ratchetSecret(x.forward, x.reverse); err != nil {
		return err
	}
	r.Key = expand(r.Secret, nil, "XDHRatchetTagSet", 32)
	x.set = newTagSet(owner, r.TagSet, x.set.Next, r.Key)
	v.TagSets = append(v.TagSets, x.set)
	v.Ratchets = append(v.Ratchets, r)
	return nil
}

// ratchetSecret is the X25519 secret, from either private key or both.
func (v *Session) ratchetSecret(forward, reverse Hex) (Hex, error) {
	private := map[string]Hex{}
	for _, p := range []*Party{&v.Alice, &v.Bob} {
		for _, k := range p.NextKeys {
			private[string(k.Public)] = k.Private
		}
	}
	f, r := private[string(forward)], private[string(reverse)]
	switch {
	case f != nil:
		return dh(f, reverse, r, forward)
	case r != nil:
		return dh(r, forward, nil, nil)
	}
	return nil, fmt.Errorf("vectors: neither private key of %x and %x is known", forward, reverse)
}
