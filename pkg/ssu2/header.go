package ssu2

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20"

	"i2ptoolkit/pkg/noise"
)

// MessageType is byte 12 of every header (SSU2, Packet Header).
type MessageType byte

// The message types of the specification. Session Confirmed and Data have
// short headers, all others long ones.
const (
	TypeSessionRequest   MessageType = 0
	TypeSessionCreated   MessageType = 1
	TypeSessionConfirmed MessageType = 2
	TypeData             MessageType = 6
	TypePeerTest         MessageType = 7
	TypeRetry            MessageType = 9
	TypeTokenRequest     MessageType = 10
	TypeHolePunch        MessageType = 11
)

var typeNames = map[MessageType]string{
	TypeSessionRequest: "Session Request", TypeSessionCreated: "Session Created",
	TypeSessionConfirmed: "Session Confirmed", TypeData: "Data", TypePeerTest: "Peer Test",
	TypeRetry: "Retry", TypeTokenRequest: "Token Request", TypeHolePunch: "Hole Punch",
}

// String is the specification's name of the message.
func (t MessageType) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("message %d", byte(t))
}

// Sizes of headers, and of the smallest packet.
const (
	ShortHeaderLen = 16
	LongHeaderLen  = 32
	MACLen         = noise.MACLen
	MinPacket      = ShortHeaderLen + MinPayload + MACLen
	keyLen         = noise.KeyLen
	minLong        = LongHeaderLen + MinPayload + MACLen
	minKeyed       = minLong + keyLen // Session Request and Created
)

// ErrHeader means a header that no message can have.
var ErrHeader = errors.New("ssu2: malformed header")

// LongHeader is the header of messages outside of a session and of the first
// two of the handshake (SSU2, Long Header):
//
//	0   8 bytes  destination connection id
//	8   4 bytes  packet number
//	12  1 byte   type
//	13  1 byte   version
//	14  1 byte   network id
//	15  1 byte   flag, 0
//	16  8 bytes  source connection id
//	24  8 bytes  token
//
// All are big-endian.
type LongHeader struct {
	Dest    ConnectionID
	Number  uint32
	Type    MessageType
	Version byte
	NetID   byte
	Flag    byte
	Source  ConnectionID
	Token   Token
}

// ParseLongHeader reads a header without protection from the start of b.
func ParseLongHeader(b []byte) (h LongHeader, rest []byte, err error) {
	if len(b) < LongHeaderLen {
		return LongHeader{}, nil, fmt.Errorf("%w of %d bytes", ErrHeader, len(b))
	}
	return LongHeader{
		Dest:    ConnectionID(binary.BigEndian.Uint64(b)),
		Number:  binary.BigEndian.Uint32(b[8:]),
		Type:    MessageType(b[12]),
		Version: b[13],
		NetID:   b[14],
		Flag:    b[15],
		Source:  ConnectionID(binary.BigEndian.Uint64(b[16:])),
		Token:   Token(binary.BigEndian.Uint64(b[24:])),
	}, b[LongHeaderLen:], nil
}

// AppendTo appends the header, without protection.
func (h LongHeader) AppendTo(out []byte) []byte {
	out = binary.BigEndian.AppendUint64(out, uint64(h.Dest))
	out = binary.BigEndian.AppendUint32(out, h.Number)
	out = append(out, byte(h.Type), h.Version, h.NetID, h.Flag)
	out = binary.BigEndian.AppendUint64(out, uint64(h.Source))
	return binary.BigEndian.AppendUint64(out, uint64(h.Token))
}

// ShortHeader is the header of Session Confirmed and of Data (SSU2, Short
// Header):
//
//	0   8 bytes  destination connection id
//	8   4 bytes  packet number, 0 in Session Confirmed
//	12  1 byte   type
//	13  3 bytes  flags
//
// All are big-endian. The first byte of the flags is, in Session Confirmed,
// the fragment number and how many there are, 4 bits each; in Data, bit 0 asks
// for an immediate ACK.
type ShortHeader struct {
	Dest   ConnectionID
	Number uint32
	Type   MessageType
	Flags  [3]byte
}

// FlagImmediateAck in the first byte of the flags of Data asks for an ACK at
// once.
const FlagImmediateAck byte = 1 << 0

// ParseShortHeader reads a header without protection from the start of b.
func ParseShortHeader(b []byte) (h ShortHeader, rest []byte, err error) {
	if len(b) < ShortHeaderLen {
		return ShortHeader{}, nil, fmt.Errorf("%w of %d bytes", ErrHeader, len(b))
	}
	return ShortHeader{
		Dest:   ConnectionID(binary.BigEndian.Uint64(b)),
		Number: binary.BigEndian.Uint32(b[8:]),
		Type:   MessageType(b[12]),
		Flags:  [3]byte(b[13:]),
	}, b[ShortHeaderLen:], nil
}

// AppendTo appends the header, without protection.
func (h ShortHeader) AppendTo(out []byte) []byte {
	out = binary.BigEndian.AppendUint64(out, uint64(h.Dest))
	out = binary.BigEndian.AppendUint32(out, h.Number)
	return append(append(out, byte(h.Type)), h.Flags[:]...)
}

// The protection of headers (SSU2, Header Encryption KDF) takes its nonces
// from the packet's last 24 bytes, which nothing masks:
//
//	bytes 0-7    ^= ChaCha20(k1, packet[len-24:len-12])
//	bytes 8-15   ^= ChaCha20(k2, packet[len-12:])
//	bytes 16-31  ^= ChaCha20(k2, 0), of long headers
//	bytes 32-63  ^= the same key stream, of the ephemeral key
//
// So it is undone as it is done, and one key at a time.

// DestOf undoes the protection of the packet's destination connection id,
// for which nearly all packets use the intro key of the router that receives
// (SSU2, Inbound Packet Handling). The packet must have MinPacket bytes, and
// is left as it is.
func DestOf(k1 *[32]byte, packet []byte) ConnectionID {
	var id [8]byte
	xorMask(k1, packet[len(packet)-24:len(packet)-12], id[:], packet[:8])
	return ConnectionID(binary.BigEndian.Uint64(id[:]))
}

// Unmask returns the first 16 bytes of a packet without their protection. The
// packet must have MinPacket bytes, and is left as it is.
func (k *HeaderKeys) Unmask(packet []byte) (header [ShortHeaderLen]byte) {
	xorMask(&k.K1, packet[len(packet)-24:len(packet)-12], header[:8], packet[:8])
	xorMask(&k.K2, packet[len(packet)-12:], header[8:], packet[8:16])
	return header
}

// Mask protects the first 16 bytes of a sealed packet, in place.
func (k *HeaderKeys) Mask(packet []byte) {
	xorMask(&k.K1, packet[len(packet)-24:len(packet)-12], packet[:8], packet[:8])
	xorMask(&k.K2, packet[len(packet)-12:], packet[8:16], packet[8:16])
}

// xorMask XORs src with the key stream of key and nonce, from block 1 on: the
// specification does not name the counter, and all routers start with that of
// RFC 7539's example (2.4.2).
func xorMask(key *[32]byte, nonce, dst, src []byte) {
	c, err := chacha20.NewUnauthenticatedCipher(key[:], nonce)
	if err != nil {
		panic("ssu2: " + err.Error()) // key and nonce have their lengths
	}
	c.SetCounter(1)
	c.XORKeyStream(dst, src)
}

// scramble XORs b, which starts at byte 16 of a packet, in place.
func scramble(k2 *[32]byte, b []byte) {
	var nonce [chacha20.NonceSize]byte
	xorMask(k2, nonce[:], b, b)
}

// unmaskLong returns the whole long header of a packet of minLong bytes, and
// the ephemeral key behind it where the packet has room for one.
func (k *HeaderKeys) unmaskLong(packet []byte) (header [LongHeaderLen]byte, key [keyLen]byte) {
	var b [LongHeaderLen + keyLen]byte
	first := k.Unmask(packet)
	copy(b[:], packet)
	copy(b[:], first[:])
	scramble(&k.K2, b[ShortHeaderLen:])
	return [LongHeaderLen]byte(b[:]), [keyLen]byte(b[LongHeaderLen:])
}

// maskLong protects the long header of a sealed packet, in place, and n bytes
// behind it: those of an ephemeral key, or none.
func (k *HeaderKeys) maskLong(packet []byte, n int) {
	k.Mask(packet)
	scramble(&k.K2, packet[ShortHeaderLen:LongHeaderLen+n])
}

// introKeys are the header keys of messages that are protected by nothing but
// an intro key.
func introKeys(intro [32]byte) HeaderKeys { return HeaderKeys{intro, intro} }

// sealIntro makes a Retry, Token Request, Peer Test or Hole Punch: a message
// outside of a session, which whoever knows the intro key can read and forge
// (SSU2, KDF for Retry).
func sealIntro(h LongHeader, intro [32]byte, payload []byte) []byte {
	packet := h.AppendTo(make([]byte, 0, LongHeaderLen+len(payload)+MACLen))
	packet = noise.Seal(packet, &intro, uint64(h.Number), packet, payload)
	keys := introKeys(intro)
	keys.maskLong(packet, 0)
	return packet
}

// openIntro undoes sealIntro; ok is false for what is not one. The packet is
// left as it is.
func openIntro(packet []byte, intro [32]byte) (h LongHeader, payload []byte, ok bool) {
	if len(packet) < minLong {
		return LongHeader{}, nil, false
	}
	keys := introKeys(intro)
	header, _ := keys.unmaskLong(packet)
	h, _, _ = ParseLongHeader(header[:])
	payload, err := noise.Open(nil, &intro, uint64(h.Number), header[:], packet[LongHeaderLen:])
	if err != nil {
		return LongHeader{}, nil, false
	}
	return h, payload, true
}
