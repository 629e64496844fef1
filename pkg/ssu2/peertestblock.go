package ssu2

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// PeerTest is the data of a Peer Test block (SSU2, PeerTest):
//
//	0   1 byte         message number, 1 to 7
//	1   1 byte         code
//	2   1 byte         flags, without meaning yet
//	3   32 bytes       Alice's hash in message 2, Charlie's in message 4, absent in others
//	    1 byte         version, 2
//	    4 bytes        nonce
//	    4 bytes        seconds since 1970
//	    1 byte         size of the address, 6 or 18
//	    2 bytes        Alice's port
//	    4 or 16 bytes  Alice's IP
//	    signature, which may be absent in messages 5 to 7
//
// From the version to the IP it is signed: by Alice in messages 1 and 2, by
// Charlie in 3 and 4. All numbers are big-endian.
type PeerTest struct {
	Message   byte
	Code      PeerTestCode
	Flags     byte
	Hash      i2p.Hash
	Version   byte
	Nonce     uint32
	Timestamp uint32
	Alice     netip.AddrPort
	Signature []byte
}

const peerTestPrologue = "PeerTestValidate"

// hashed reports whether the message carries a router hash.
func (p PeerTest) hashed() bool { return p.Message == 2 || p.Message == 4 }

// ParsePeerTest reads the data of a Peer Test block.
func ParsePeerTest(data []byte) (PeerTest, error) {
	if len(data) < 3 {
		return PeerTest{}, sizeError("peer test", len(data))
	}
	p := PeerTest{Message: data[0], Code: PeerTestCode(data[1]), Flags: data[2]}
	if p.Message < 1 || p.Message > 7 {
		return PeerTest{}, fmt.Errorf("%w: peer test message %d", ErrPayload, p.Message)
	}
	b := data[3:]
	if p.hashed() {
		if len(b) < i2p.HashLen {
			return PeerTest{}, sizeError("peer test", len(data))
		}
		p.Hash, b = i2p.Hash(b), b[i2p.HashLen:]
	}
	if len(b) < 10 {
		return PeerTest{}, sizeError("peer test", len(data))
	}
	p.Version = b[0]
	p.Nonce = binary.BigEndian.Uint32(b[1:])
	p.Timestamp = binary.BigEndian.Uint32(b[5:])
	var err error
	if p.Alice, p.Signature, err = parseSized("peer test", b[9:]); err != nil {
		return PeerTest{}, err
	}
	if n := len(p.Signature); n < minSignature && (n > 0 || p.Message < 5) {
		return PeerTest{}, sizeError("signature of a peer test", n)
	}
	return p, nil
}

func (p PeerTest) appendSigned(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(append(out, p.Version), p.Nonce)
	return appendSized(binary.BigEndian.AppendUint32(out, p.Timestamp), p.Alice)
}

// AppendTo appends the block.
func (p PeerTest) AppendTo(out []byte) []byte {
	n := 3 + 10 + endpointLen(p.Alice) + len(p.Signature)
	if p.hashed() {
		n += i2p.HashLen
	}
	out = append(appendHeader(out, BlockPeerTest, n), p.Message, byte(p.Code), p.Flags)
	if p.hashed() {
		out = append(out, p.Hash[:]...)
	}
	return append(p.appendSigned(out), p.Signature...)
}

// message is what is signed. Alice's hash is part of it where Charlie signs.
func (p PeerTest) message(bob i2p.Hash, alice *i2p.Hash) []byte {
	b := append([]byte(peerTestPrologue), bob[:]...)
	if alice != nil {
		b = append(b, alice[:]...)
	}
	return p.appendSigned(b)
}

// SignRequest has Alice sign messages 1 and 2.
func (p *PeerTest) SignRequest(alice sign.PrivateKey, bob i2p.Hash) (err error) {
	p.Signature, err = alice.Sign(p.message(bob, nil))
	return err
}

// VerifyRequest checks Alice's signature of messages 1 and 2.
func (p PeerTest) VerifyRequest(alice sign.PublicKey, bob i2p.Hash) bool {
	return alice.Verify(p.message(bob, nil), p.Signature)
}

// SignAnswer has Charlie sign messages 3 and 4.
func (p *PeerTest) SignAnswer(charlie sign.PrivateKey, bob, alice i2p.Hash) (err error) {
	p.Signature, err = charlie.Sign(p.message(bob, &alice))
	return err
}

// VerifyAnswer checks Charlie's signature of messages 3 and 4.
func (p PeerTest) VerifyAnswer(charlie sign.PublicKey, bob, alice i2p.Hash) bool {
	return charlie.Verify(p.message(bob, &alice), p.Signature)
}
