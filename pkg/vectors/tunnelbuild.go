package vectors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20"
)

// TunnelBuild is one build message on its way through all hops and back.
type TunnelBuild struct {
	Name     string         `json:"name"`
	Note     string         `json:"note,omitempty"`
	Seed     Hex            `json:"seed"`
	Form     string         `json:"form"`             // short or long
	Inbound  bool           `json:"inbound"`          // otherwise outbound
	Time     int64          `json:"time"`             // of building, seconds since 1970
	Creator  Hex            `json:"creator"`          // router hash
	ReplyID  uint32         `json:"reply_id"`         // message ID of the reply
	Hops     []BuildHop     `json:"hops"`             // in the order of message flow
	Others   []OtherRecord  `json:"others"`           // records for no hop
	Messages []BuildMessage `json:"messages"`         // on the wire, without I2NP header; the last is the reply
	Garlic   *OneTime       `json:"garlic,omitempty"` // the last message as an endpoint wraps it
}

// BuildHop is a hop and its record.
type BuildHop struct {
	Router           Hex         `json:"router"` // hash
	Role             string      `json:"role"`
	Seed             Hex         `json:"seed,omitempty"`
	StaticPrivate    Hex         `json:"static_private,omitempty"`
	StaticPublic     Hex         `json:"static_public"`
	Index            int         `json:"record_index"`
	EphemeralPrivate Hex         `json:"ephemeral_private"`
	EphemeralPublic  Hex         `json:"ephemeral_public"`
	ES               Hex         `json:"es"`
	Request          BuildFields `json:"request"`
	Plain            Hex         `json:"request_plaintext"`
	Steps            []Step      `json:"steps"`
	Record           Hex         `json:"request_record"` // as the hop receives it
	Keys             BuildKeys   `json:"keys"`
	ReplyCode        int         `json:"reply_code"`
	ReplyPlain       Hex         `json:"reply_plaintext"`
	ReplyRecord      Hex         `json:"reply_record"` // as the hop sends it
}

// BuildFields are the fields of a request in clear text.
type BuildFields struct {
	ReceiveTunnel uint32 `json:"receive_tunnel"`
	NextTunnel    uint32 `json:"next_tunnel"`
	NextRouter    Hex    `json:"next_router"`
	Flags         int    `json:"flags"`
	Minutes       uint32 `json:"request_time"` // minutes since 1970
	Expiration    uint32 `json:"expiration"`   // seconds
	SendMessageID uint32 `json:"send_message_id"`
	Options       Hex    `json:"options"` // a mapping with its length field
}

// BuildKeys are what creator and hop have in common.
type BuildKeys struct {
	Steps        []KeyStep `json:"derivation,omitempty"` // short
	Layer        Hex       `json:"layer_key"`
	IV           Hex       `json:"iv_key"`
	Reply        Hex       `json:"reply_key"`                  // for the other records; short: and the hop's reply
	ReplyIV      Hex       `json:"reply_iv,omitempty"`         // long
	ReplyAEADKey Hex       `json:"reply_aead_key"`             // short: the reply key; long: ck
	ReplyAEADAD  Hex       `json:"reply_aead_ad"`              // h behind the request
	ReplyNonce   int       `json:"reply_aead_nonce"`           // short: the record's index; long: 0
	GarlicKey    Hex       `json:"garlic_reply_key,omitempty"` // short, endpoint
	GarlicTag    Hex       `json:"garlic_reply_tag,omitempty"`
}

// KeyStep is one HKDF(ck, "", info, 64) = (ck, key).
type KeyStep struct {
	Info string `json:"info"`
	CK   Hex    `json:"ck"`
	Key  Hex    `json:"key"`
}

// OtherRecord is a fake record, or the one that only an inbound tunnel's
// creator understands.
type OtherRecord struct {
	Index int    `json:"record_index"`
	Kind  string `json:"kind"`  // fake or own
	Bytes Hex    `json:"bytes"` // fake: as sent first; own: as it comes back
}

// BuildMessage is the message between two routers.
type BuildMessage struct {
	From string `json:"from"`
	To   string `json:"to"`
	Type int    `json:"i2np_type"`
	Body Hex    `json:"body"`
}

const (
	shortRecord = 218
	longRecord  = 528
)

func (v *TunnelBuild) size() int {
	if v.Form == "long" {
		return longRecord
	}
	return shortRecord
}

// record is record i of message m.
func (v *TunnelBuild) record(m, i int) Hex {
	return v.Messages[m].Body[1+i*v.size() : 1+(i+1)*v.size()]
}

func (v *TunnelBuild) records() int { return int(v.Messages[0].Body[0]) }

// find is the index of the record for a router in message m.
func (v *TunnelBuild) find(m int, router []byte) (int, error) {
	for i := range v.records() {
		if bytes.Equal(v.record(m, i)[:16], router[:16]) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("vectors: %s: message %d has no record for %x", v.Name, m, router[:16])
}

// Compute works through the build with the creator's ephemeral keys.
func (v *TunnelBuild) Compute() error {
	if len(v.Messages) != len(v.Hops)+1 {
		return errors.New("vectors: a build has one more message than hops")
	}
	for m, message := range v.Messages {
		if len(message.Body) == 0 || len(message.Body) != 1+v.records()*v.size() {
			return fmt.Errorf("vectors: %s: message %d of %d bytes", v.Name, m, len(message.Body))
		}
	}
	for i := range v.Hops {
		if err := v.request(i); err != nil {
			return fmt.Errorf("vectors: %s: hop %d: %w", v.Name, i, err)
		}
	}
	if err := v.others(); err != nil {
		return err
	}
	if err := v.conceal(); err != nil {
		return err
	}
	if err := v.peel(); err != nil {
		return err
	}
	if err := v.forward(); err != nil {
		return err
	}
	if v.Garlic != nil {
		return v.checkGarlic()
	}
	return nil
}

// request computes hop i's record and keys.
func (v *TunnelBuild) request(i int) (err error) {
	h := &v.Hops[i]
	if h.Index, err = v.find(i, h.Router); err != nil {
		return err
	}
	if h.StaticPrivate != nil {
		if h.StaticPublic, err = public(h.StaticPrivate); err != nil {
			return err
		}
	}
	if h.EphemeralPublic, err = public(h.EphemeralPrivate); err != nil {
		return err
	}
	h.Record = v.record(i, h.Index)
	s := start("Noise_N_25519_ChaChaPoly_SHA256")
	s.mixHash("MixHash(hop's static key)", h.StaticPublic)
	s.mixHash("MixHash(ephemeral key)", h.EphemeralPublic)
	if h.ES, err = dh(h.EphemeralPrivate, h.StaticPublic, h.StaticPrivate, h.EphemeralPublic); err != nil {
		return err
	}
	s.mixKey("MixKey(es)", h.ES)
	sealed, err := s.section("request", &h.Plain, h.Record[48:])
	if err != nil {
		return err
	}
	h.Steps = s.take()
	record := append(append(append([]byte{}, h.Router[:16]...), h.EphemeralPublic...), sealed...)
	if err := same("request record", record, h.Record); err != nil {
		return err
	}
	h.parse(v.Form)
	h.derive(v.Form, s)
	return nil
}

// parse reads the request's fields.
func (h *BuildHop) parse(form string) {
	p, be := h.Plain, binary.BigEndian
	f := BuildFields{ReceiveTunnel: be.Uint32(p), NextTunnel: be.Uint32(p[4:]), NextRouter: p[8:40]}
	rest := p[40:]
	if form == "long" {
		rest = p[152:]
	}
	f.Flags = int(rest[0])
	f.Minutes, f.Expiration, f.SendMessageID = be.Uint32(rest[4:]), be.Uint32(rest[8:]), be.Uint32(rest[12:])
	f.Options = rest[16 : 18+int(be.Uint16(rest[16:]))]
	h.Request = f
	h.Role = "participant"
	switch f.Flags {
	case 0x80:
		h.Role = "inbound gateway"
	case 0x40:
		h.Role = "outbound endpoint"
	}
}

// derive takes or derives the hop's keys.
func (h *BuildHop) derive(form string, s *symmetric) {
	k := BuildKeys{ReplyAEADAD: s.h}
	if form == "long" {
		p := h.Plain
		k.Layer, k.IV, k.Reply, k.ReplyIV = p[40:72], p[72:104], p[104:136], p[136:152]
		k.ReplyAEADKey = s.ck
		h.Keys = k
		return
	}
	ck := s.ck
	step := func(info string) Hex {
		out := expand(ck, nil, info, 64)
		ck = out[:32]
		k.Steps = append(k.Steps, KeyStep{info, out[:32], out[32:]})
		return out[32:]
	}
	k.Reply, k.Layer = step("SMTunnelReplyKey"), step("SMTunnelLayerKey")
	if h.Request.Flags == 0x40 {
		k.IV = step("TunnelLayerIVKey")
		k.GarlicKey = step("RGarlicKeyAndTag")
		k.GarlicTag = ck[:8]
	} else {
		k.IV = ck
	}
	k.ReplyAEADKey, k.ReplyNonce = k.Reply, h.Index
	h.Keys = k
}

// others finds the records that are no hop's.
func (v *TunnelBuild) others() error {
	last := len(v.Messages) - 1
	taken := map[int]bool{}
	for _, h := range v.Hops {
		taken[h.Index] = true
	}
	own := -1
	if v.Inbound {
		var err error
		if own, err = v.find(last, v.Creator); err != nil {
			return err
		}
	}
	v.Others = []OtherRecord{}
	for i := range v.records() {
		switch {
		case i == own:
			v.Others = append(v.Others, OtherRecord{i, "own", v.record(last, i)})
		case !taken[i]:
			v.Others = append(v.Others, OtherRecord{i, "fake", v.record(0, i)})
		}
	}
	return nil
}

// crypt is what a hop does to a record that is not its own, and with decrypt
// what undoes it. The stream cipher is its own inverse.
func (h *BuildHop) crypt(form string, index int, record []byte, decrypt bool) Hex {
	if form == "long" {
		return cbc(h.Keys.Reply, h.Keys.ReplyIV, record, !decrypt)
	}
	c, err := chacha20.NewUnauthenticatedCipher(h.Keys.Reply, nonce(uint64(index)))
	if err != nil {
		panic("vectors: " + err.Error()) // only wrong lengths fail
	}
	c.SetCounter(1)
	out := make([]byte, len(record))
	c.XORKeyStream(out, record)
	return out
}

// conceal computes the first message from the records as they are to be
// received: each is decrypted with the keys of the hops before.
func (v *TunnelBuild) conceal() error {
	before := func(hops []BuildHop, index int, record Hex) error {
		for i := len(hops) - 1; i >= 0; i-- {
			record = hops[i].crypt(v.Form, index, record, true)
		}
		return same(fmt.Sprintf("%s: first message, record %d", v.Name, index), record, v.record(0, index))
	}
	for i, h := range v.Hops {
		if err := before(v.Hops[:i], h.Index, h.Record); err != nil {
			return err
		}
	}
	for _, o := range v.Others {
		if o.Kind == "own" {
			if err := before(v.Hops, o.Index, o.Bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// peel opens the hops' replies in the last message, the last hop's first.
func (v *TunnelBuild) peel() error {
	last := len(v.Messages) - 1
	for i := range v.Hops {
		h := &v.Hops[i]
		h.ReplyRecord = v.record(last, h.Index)
		for j := len(v.Hops) - 1; j > i; j-- {
			h.ReplyRecord = v.Hops[j].crypt(v.Form, h.Index, h.ReplyRecord, true)
		}
		k := h.Keys
		if h.ReplyPlain == nil {
			p, err := open(k.ReplyAEADKey, uint64(k.ReplyNonce), k.ReplyAEADAD, h.ReplyRecord)
			if err != nil {
				return fmt.Errorf("vectors: %s: reply of hop %d: %w", v.Name, i, err)
			}
			h.ReplyPlain = p
		}
		sealed := seal(k.ReplyAEADKey, uint64(k.ReplyNonce), k.ReplyAEADAD, h.ReplyPlain)
		if err := same(fmt.Sprintf("%s: reply of hop %d", v.Name, i), sealed, h.ReplyRecord); err != nil {
			return err
		}
		h.ReplyCode = int(h.ReplyPlain[len(h.ReplyPlain)-1])
	}
	return nil
}

// forward computes each hop's message from the one before.
func (v *TunnelBuild) forward() error {
	for i := range v.Hops {
		h := &v.Hops[i]
		for j := range v.records() {
			record := h.ReplyRecord
			if j != h.Index {
				record = h.crypt(v.Form, j, v.record(i, j), false)
			}
			if err := same(fmt.Sprintf("%s: record %d behind hop %d", v.Name, j, i), record, v.record(i+1, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkGarlic checks the wrapping of the reply against the endpoint's keys.
func (v *TunnelBuild) checkGarlic() error {
	g, end := v.Garlic, v.Hops[len(v.Hops)-1]
	g.Key, g.Tag = end.Keys.GarlicKey, end.Keys.GarlicTag
	if err := g.Compute(); err != nil {
		return err
	}
	for _, b := range g.Blocks {
		// The clove: local delivery, type, message ID, expiration, body.
		if b.Type == 11 && bytes.Equal(b.Data[10:], v.Messages[len(v.Messages)-1].Body) &&
			binary.BigEndian.Uint32(b.Data[2:]) == v.ReplyID {
			return nil
		}
	}
	return fmt.Errorf("vectors: %s: the garlic message does not hold the reply", v.Name)
}
