package session

import (
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"i2ptoolkit/pkg/ssu2"
)

// A data packet (SSU2, Data Message):
//
//	0   16 bytes  short header, masked
//	16  blocks, sealed with the header as associated data and the packet number as nonce
//	n   16 bytes  MAC
const overhead = ssu2.ShortHeaderLen + ssu2.MACLen

// direction seals or opens the packets that go one way.
type direction struct {
	header ssu2.HeaderKeys
	aead   cipher.AEAD
	id     ssu2.ConnectionID
	nonce  [chacha20poly1305.NonceSize]byte
}

func newDirection(k ssu2.Keys, id ssu2.ConnectionID) direction {
	aead, err := chacha20poly1305.New(k.Data[:])
	if err != nil {
		panic("ssu2: " + err.Error()) // the key has 32 bytes
	}
	return direction{header: k.Header, aead: aead, id: id}
}

func (d *direction) at(number uint32) []byte {
	binary.LittleEndian.PutUint32(d.nonce[4:], number)
	return d.nonce[:]
}

// seal makes the packet whose payload lies in packet[ssu2.ShortHeaderLen:], in place;
// there is room for the MAC behind it.
func (d *direction) seal(packet []byte, number uint32, flags byte) []byte {
	h := ssu2.ShortHeader{Dest: d.id, Number: number, Type: ssu2.TypeData, Flags: [3]byte{flags}}
	h.AppendTo(packet[:0])
	head, payload := packet[:ssu2.ShortHeaderLen], packet[ssu2.ShortHeaderLen:]
	sealed := d.aead.Seal(payload[:0], d.at(number), payload, head)
	packet = packet[:ssu2.ShortHeaderLen+len(sealed)]
	d.header.Mask(packet)
	return packet
}

// head is the header of a packet that may be one of this direction.
func (d *direction) head(packet []byte) (h ssu2.ShortHeader, raw [ssu2.ShortHeaderLen]byte, ok bool) {
	if len(packet) < ssu2.MinPacket {
		return h, raw, false
	}
	raw = d.header.Unmask(packet)
	h, _, _ = ssu2.ParseShortHeader(raw[:])
	return h, raw, h.Type == ssu2.TypeData && h.Dest == d.id
}

// open opens a packet in place, which is lost where that fails.
func (d *direction) open(packet []byte, raw *[ssu2.ShortHeaderLen]byte, number uint32) (payload []byte, ok bool) {
	copy(packet, raw[:])
	body := packet[ssu2.ShortHeaderLen:]
	payload, err := d.aead.Open(body[:0], d.at(number), body, packet[:ssu2.ShortHeaderLen])
	return payload, err == nil
}
