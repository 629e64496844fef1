package vectors

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/dchest/siphash"
)

// NTCP2 is one handshake and the first frames of its data phase.
type NTCP2 struct {
	Name     string    `json:"name"`
	Note     string    `json:"note,omitempty"`
	Time     int64     `json:"time"`             // seconds since 1970, of both clocks
	Hybrid   string    `json:"hybrid,omitempty"` // with ML-KEM: its size, as ML-KEM-768
	Alice    NTCP2Side `json:"alice"`
	Bob      NTCP2Side `json:"bob"`
	Secrets  Secrets   `json:"secrets"`
	Message1 Request   `json:"message_1"`
	Message2 Created   `json:"message_2"`
	Message3 Confirmed `json:"message_3"`
	Data     DataPhase `json:"data_phase"`
}

// NTCP2Side is a router.
type NTCP2Side struct {
	Seed             Hex `json:"seed,omitempty"` // of what the side draws
	RouterHash       Hex `json:"router_hash,omitempty"`
	RouterInfo       Hex `json:"router_info,omitempty"`
	SigningPrivate   Hex `json:"signing_private,omitempty"`
	IV               Hex `json:"iv,omitempty"` // published as i=
	StaticPrivate    Hex `json:"static_private,omitempty"`
	StaticPublic     Hex `json:"static_public"`
	EphemeralPrivate Hex `json:"ephemeral_private,omitempty"`
	EphemeralPublic  Hex `json:"ephemeral_public"`
	KEMSeed          Hex `json:"kem_seed,omitempty"` // Alice's: d and z, of which her encapsulation key is made
}

// Secrets are the X25519 secrets of Noise's XK, and that of ML-KEM.
type Secrets struct {
	ES  Hex `json:"es"`
	EE  Hex `json:"ee"`
	SE  Hex `json:"se"`
	KEM Hex `json:"kem,omitempty"`
}

// Request is message 1, SessionRequest.
type Request struct {
	NetID        int    `json:"net_id"`
	Version      int    `json:"version"`
	PaddingLen   int    `json:"padding_length"`
	ConfirmedLen int    `json:"message_3_part_2_length"`
	Timestamp    uint32 `json:"timestamp"`
	AESIV        Hex    `json:"aes_iv"`
	ObfuscatedX  Hex    `json:"obfuscated_x"`
	KEMPublic    Hex    `json:"encapsulation_key,omitempty"`
	SealedKEM    Hex    `json:"sealed_encapsulation_key,omitempty"`
	Options      Hex    `json:"options"`
	Sealed       Hex    `json:"sealed_options"`
	Padding      Hex    `json:"padding"`
	Steps        []Step `json:"steps"`
	Bytes        Hex    `json:"bytes"`
}

// Created is message 2, SessionCreated.
type Created struct {
	PaddingLen  int    `json:"padding_length"`
	Timestamp   uint32 `json:"timestamp"`
	AESIV       Hex    `json:"aes_iv"`
	ObfuscatedY Hex    `json:"obfuscated_y"`
	Ciphertext  Hex    `json:"kem_ciphertext,omitempty"`
	SealedKEM   Hex    `json:"sealed_kem_ciphertext,omitempty"`
	Options     Hex    `json:"options"`
	Sealed      Hex    `json:"sealed_options"`
	Padding     Hex    `json:"padding"`
	Steps       []Step `json:"steps"`
	Bytes       Hex    `json:"bytes"`
}

// Confirmed is message 3, SessionConfirmed.
type Confirmed struct {
	Part1  Hex     `json:"part_1"`
	Blocks []Block `json:"blocks"`
	Plain  Hex     `json:"part_2_plaintext"`
	Part2  Hex     `json:"part_2"`
	Steps  []Step  `json:"steps"`
	Bytes  Hex     `json:"bytes"`
}

// DataPhase is what both sides derive at the end, and frames.
type DataPhase struct {
	AskMaster  Hex       `json:"ask_master"`
	SipMaster  Hex       `json:"sip_master"`
	AliceToBob Direction `json:"alice_to_bob"`
	BobToAlice Direction `json:"bob_to_alice"`
}

// Direction is one direction of the data phase.
type Direction struct {
	Key    Hex     `json:"key"`
	SipK1  Hex     `json:"sip_k1"` // 8 bytes each, as derived: little-endian words
	SipK2  Hex     `json:"sip_k2"`
	SipIV  Hex     `json:"sip_iv"`
	Frames []Frame `json:"frames"`
	Wire   Hex     `json:"-"` // all frames, where they are not split yet
}

// Frame is one data phase frame.
type Frame struct {
	N      int     `json:"n"`
	SipIV  Hex     `json:"sip_iv"` // after this frame's SipHash
	Mask   string  `json:"mask"`
	Length int     `json:"length"`
	Blocks []Block `json:"blocks"`
	Plain  Hex     `json:"plaintext"`
	Bytes  Hex     `json:"bytes"` // with the masked length
}

// Compute works through the handshake with Alice's private keys, fills in what
// is not known yet from the messages' bytes, and fails where a byte differs.
func (v *NTCP2) Compute() error {
	if err := v.keys(); err != nil {
		return err
	}
	name, err := v.protocolName()
	if err != nil {
		return err
	}
	s := start(name)
	s.mixHash("MixHash(Bob's static key)", v.Bob.StaticPublic)
	for _, f := range []func(*symmetric) error{v.request, v.created, v.confirmed, v.data} {
		if err := f(s); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

// keys derives the public keys that can be derived.
func (v *NTCP2) keys() error {
	for _, k := range []struct{ private, public *Hex }{
		{&v.Alice.StaticPrivate, &v.Alice.StaticPublic}, {&v.Alice.EphemeralPrivate, &v.Alice.EphemeralPublic},
		{&v.Bob.StaticPrivate, &v.Bob.StaticPublic}, {&v.Bob.EphemeralPrivate, &v.Bob.EphemeralPublic},
	} {
		if *k.private == nil {
			continue
		}
		p, err := public(*k.private)
		if err != nil {
			return err
		}
		*k.public = p
	}
	return nil
}

func (s *symmetric) take() []Step {
	t := s.steps
	s.steps = nil
	return t
}

func (v *NTCP2) request(s *symmetric) (err error) {
	m := &v.Message1
	s.mixHash("MixHash(X)", v.Alice.EphemeralPublic)
	if v.Secrets.ES, err = dh(v.Alice.EphemeralPrivate, v.Bob.StaticPublic, v.Bob.StaticPrivate, v.Alice.EphemeralPublic); err != nil {
		return err
	}
	s.mixKey("MixKey(es)", v.Secrets.ES)
	m.AESIV = v.Bob.IV
	m.ObfuscatedX = cbc(v.Bob.RouterHash, m.AESIV, v.marked(), true)
	if err := same("obfuscated X", m.ObfuscatedX, m.Bytes[:32]); err != nil {
		return err
	}
	rest, err := v.offer(s, m.Bytes[32:])
	if err != nil {
		return err
	}
	if m.Sealed, err = s.section("message 1 options", &m.Options, rest[:32]); err != nil {
		return err
	}
	m.Padding = rest[32:]
	if len(m.Padding) > 0 {
		s.mixHash("MixHash(padding of message 1)", m.Padding)
	}
	o := m.Options
	m.NetID, m.Version = int(o[0]), int(o[1])
	m.PaddingLen, m.ConfirmedLen = int(binary.BigEndian.Uint16(o[2:])), int(binary.BigEndian.Uint16(o[4:]))
	m.Timestamp = binary.BigEndian.Uint32(o[8:])
	m.Steps = s.take()
	if m.PaddingLen != len(m.Padding) {
		return fmt.Errorf("vectors: message 1: %d bytes of padding, %d announced", len(m.Padding), m.PaddingLen)
	}
	return nil
}

func (v *NTCP2) created(s *symmetric) (err error) {
	m := &v.Message2
	m.AESIV = v.Message1.ObfuscatedX[16:]
	if v.Bob.EphemeralPublic == nil {
		v.Bob.EphemeralPublic = cbc(v.Bob.RouterHash, m.AESIV, m.Bytes[:32], false)
	}
	m.ObfuscatedY = cbc(v.Bob.RouterHash, m.AESIV, v.Bob.EphemeralPublic, true)
	if err := same("obfuscated Y", m.ObfuscatedY, m.Bytes[:32]); err != nil {
		return err
	}
	s.mixHash("MixHash(Y)", v.Bob.EphemeralPublic)
	if v.Secrets.EE, err = dh(v.Alice.EphemeralPrivate, v.Bob.EphemeralPublic, v.Bob.EphemeralPrivate, v.Alice.EphemeralPublic); err != nil {
		return err
	}
	s.mixKey("MixKey(ee)", v.Secrets.EE)
	rest, err := v.encapsulated(s, m.Bytes[32:])
	if err != nil {
		return err
	}
	if m.Sealed, err = s.section("message 2 options", &m.Options, rest[:32]); err != nil {
		return err
	}
	m.Padding = rest[32:]
	if len(m.Padding) > 0 {
		s.mixHash("MixHash(padding of message 2)", m.Padding)
	}
	m.PaddingLen, m.Timestamp = int(binary.BigEndian.Uint16(m.Options[2:])), binary.BigEndian.Uint32(m.Options[8:])
	m.Steps = s.take()
	if m.PaddingLen != len(m.Padding) {
		return fmt.Errorf("vectors: message 2: %d bytes of padding, %d announced", len(m.Padding), m.PaddingLen)
	}
	return nil
}

func (v *NTCP2) confirmed(s *symmetric) (err error) {
	m := &v.Message3
	if m.Part1, err = s.section("Alice's static key", &v.Alice.StaticPublic, m.Bytes[:48]); err != nil {
		return err
	}
	if v.Secrets.SE, err = dh(v.Alice.StaticPrivate, v.Bob.EphemeralPublic, v.Bob.EphemeralPrivate, v.Alice.StaticPublic); err != nil {
		return err
	}
	s.mixKey("MixKey(se)", v.Secrets.SE)
	if m.Part2, err = s.section("message 3 part 2", &m.Plain, m.Bytes[48:]); err != nil {
		return err
	}
	m.Steps = s.take()
	m.Blocks, err = parseBlocks(m.Plain)
	return err
}

func (v *NTCP2) data(s *symmetric) error {
	d := &v.Data
	keys := expand(s.ck, nil, "", 64)
	d.AskMaster = expand(s.ck, nil, "ask", 32)
	d.SipMaster = expand(d.AskMaster, append(append([]byte{}, s.h...), "siphash"...), "", 32)
	sip := expand(d.SipMaster, nil, "", 64)
	if err := d.AliceToBob.compute(keys[:32], sip[:32]); err != nil {
		return err
	}
	return d.BobToAlice.compute(keys[32:], sip[32:])
}

func (d *Direction) compute(key, sip []byte) (err error) {
	d.Key, d.SipK1, d.SipK2, d.SipIV = key, sip[:8], sip[8:16], sip[16:24]
	iv := d.SipIV
	if d.Frames == nil {
		d.split()
	}
	for i := range d.Frames {
		f := &d.Frames[i]
		le := binary.LittleEndian
		iv = le.AppendUint64(nil, siphash.Hash(le.Uint64(d.SipK1), le.Uint64(d.SipK2), iv))
		mask := le.Uint16(iv)
		f.N, f.SipIV, f.Mask = i, iv, fmt.Sprintf("%04x", mask)
		if f.Plain == nil {
			if f.Plain, err = open(key, uint64(i), nil, f.Bytes[2:]); err != nil {
				return fmt.Errorf("vectors: frame %d: %w", i, err)
			}
		}
		sealed := seal(key, uint64(i), nil, f.Plain)
		f.Length = len(sealed)
		wire := append(binary.BigEndian.AppendUint16(nil, uint16(f.Length)^mask), sealed...)
		if err := same(fmt.Sprintf("frame %d", i), wire, f.Bytes); err != nil {
			return err
		}
		if f.Blocks, err = parseBlocks(f.Plain); err != nil {
			return err
		}
	}
	return nil
}

// split makes frames of Wire; a last one that has not all come is left out.
func (d *Direction) split() {
	le, iv := binary.LittleEndian, []byte(d.SipIV)
	d.Frames = []Frame{}
	for wire := d.Wire; len(wire) > 2; {
		iv = le.AppendUint64(nil, siphash.Hash(le.Uint64(d.SipK1), le.Uint64(d.SipK2), iv))
		n := 2 + int(binary.BigEndian.Uint16(wire)^le.Uint16(iv))
		if n > len(wire) {
			return
		}
		d.Frames = append(d.Frames, Frame{Bytes: wire[:n:n]})
		wire = wire[n:]
	}
}

// cbc is AES-256-CBC, either way.
func cbc(key, iv, in []byte, encrypt bool) Hex {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("vectors: " + err.Error()) // only a wrong key length fails
	}
	out := make([]byte, len(in))
	if encrypt {
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, in)
	} else {
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, in)
	}
	return out
}

// Block is a block of an NTCP2 frame or of a ratchet payload.
type Block struct {
	Type int `json:"type"`
	Data Hex `json:"data"`
}

func parseBlocks(b []byte) ([]Block, error) {
	blocks := []Block{}
	for len(b) > 0 {
		if len(b) < 3 || len(b) < 3+int(binary.BigEndian.Uint16(b[1:])) {
			return nil, fmt.Errorf("vectors: blocks end in %x", b)
		}
		n := 3 + int(binary.BigEndian.Uint16(b[1:]))
		blocks = append(blocks, Block{int(b[0]), b[3:n:n]})
		b = b[n:]
	}
	return blocks, nil
}
