package ssu2

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// Introduction is what Alice signs of a Relay Request, and what Bob passes on
// unchanged in his Relay Intro (SSU2, RelayRequest and RelayIntro):
//
//	0   4 bytes        nonce
//	4   4 bytes        relay tag, Charlie's at Bob
//	8   4 bytes        seconds since 1970
//	12  1 byte         version, 2
//	13  1 byte         size of the address, 6 or 18
//	14  2 bytes        Alice's port
//	16  4 or 16 bytes  Alice's IP
//	then the signature
//
// All numbers are big-endian.
type Introduction struct {
	Nonce     uint32
	Tag       RelayTag
	Timestamp uint32
	Version   byte
	Alice     netip.AddrPort
	Signature []byte
}

const (
	relayRequestPrologue  = "RelayRequestData"
	relayResponsePrologue = "RelayAgreementOK"
	minSignature          = 40 // DSA, the shortest that exists
)

func parseIntroduction(b []byte) (Introduction, error) {
	if len(b) < 14 {
		return Introduction{}, sizeError("introduction", len(b))
	}
	in := Introduction{
		Nonce:     binary.BigEndian.Uint32(b),
		Tag:       RelayTag(binary.BigEndian.Uint32(b[4:])),
		Timestamp: binary.BigEndian.Uint32(b[8:]),
		Version:   b[12],
	}
	var err error
	in.Alice, in.Signature, err = parseSized("introduction", b[13:])
	if err != nil {
		return Introduction{}, err
	}
	if len(in.Signature) < minSignature {
		return Introduction{}, sizeError("signature of an introduction", len(in.Signature))
	}
	return in, nil
}

// parseSized reads an address behind its size.
func parseSized(what string, b []byte) (a netip.AddrPort, rest []byte, err error) {
	n := 1 + int(b[0])
	if len(b) < n {
		return netip.AddrPort{}, nil, sizeError(what, len(b))
	}
	a, err = parseEndpoint(b[1:n])
	return a, b[n:], err
}

func appendSized(out []byte, a netip.AddrPort) []byte {
	return appendEndpoint(append(out, byte(endpointLen(a))), a)
}

func (in Introduction) appendSigned(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, in.Nonce)
	out = binary.BigEndian.AppendUint32(out, uint32(in.Tag))
	out = binary.BigEndian.AppendUint32(out, in.Timestamp)
	return appendSized(append(out, in.Version), in.Alice)
}

func (in Introduction) message(bob, charlie i2p.Hash) []byte {
	return in.appendSigned(append(append([]byte(relayRequestPrologue), bob[:]...), charlie[:]...))
}

// Sign has Alice sign for the introducer and the router behind it.
func (in *Introduction) Sign(alice sign.PrivateKey, bob, charlie i2p.Hash) (err error) {
	in.Signature, err = alice.Sign(in.message(bob, charlie))
	return err
}

// Verify checks Alice's signature.
func (in Introduction) Verify(alice sign.PublicKey, bob, charlie i2p.Hash) bool {
	return alice.Verify(in.message(bob, charlie), in.Signature)
}

// RelayRequest is the data of a Relay Request block, from Alice to Bob: a
// byte of flags, which has no meaning yet, and the introduction.
type RelayRequest struct {
	Flags byte
	Introduction
}

// ParseRelayRequest reads the data of a Relay Request block.
func ParseRelayRequest(data []byte) (RelayRequest, error) {
	if len(data) < 1 {
		return RelayRequest{}, sizeError("relay request", len(data))
	}
	in, err := parseIntroduction(data[1:])
	if err != nil {
		return RelayRequest{}, err
	}
	return RelayRequest{data[0], in}, nil
}

// AppendTo appends the block.
func (r RelayRequest) AppendTo(out []byte) []byte {
	n := 1 + 14 + endpointLen(r.Alice) + len(r.Signature)
	out = append(appendHeader(out, BlockRelayRequest, n), r.Flags)
	return append(r.appendSigned(out), r.Signature...)
}

// RelayIntro is the data of a Relay Intro block, from Bob to Charlie: a byte
// of flags, Alice's router hash and her introduction.
type RelayIntro struct {
	Flags     byte
	AliceHash i2p.Hash
	Introduction
}

// ParseRelayIntro reads the data of a Relay Intro block.
func ParseRelayIntro(data []byte) (RelayIntro, error) {
	if len(data) < 1+i2p.HashLen {
		return RelayIntro{}, sizeError("relay intro", len(data))
	}
	in, err := parseIntroduction(data[1+i2p.HashLen:])
	if err != nil {
		return RelayIntro{}, err
	}
	return RelayIntro{data[0], i2p.Hash(data[1:]), in}, nil
}

// AppendTo appends the block.
func (r RelayIntro) AppendTo(out []byte) []byte {
	n := 1 + i2p.HashLen + 14 + endpointLen(r.Alice) + len(r.Signature)
	out = append(appendHeader(out, BlockRelayIntro, n), r.Flags)
	out = append(out, r.AliceHash[:]...)
	return append(r.appendSigned(out), r.Signature...)
}

// RelayResponse is the data of a Relay Response block, from Charlie, or from
// Bob who refuses, to Alice (SSU2, RelayResponse):
//
//	0   1 byte           flags, without meaning yet
//	1   1 byte           code
//	2   4 bytes          nonce
//	6   4 bytes          seconds since 1970
//	10  1 byte           version, 2
//	11  1 byte           size of the address, 0, 6 or 18
//	12  0, 2 bytes       Charlie's port
//	    0, 4, 16 bytes   Charlie's IP
//	    signature
//	    8 bytes          token for Alice, only where the code accepts
//
// From the nonce to the IP it is signed. A refusal may end behind the nonce;
// Version is then 0.
type RelayResponse struct {
	Flags     byte
	Code      RelayCode
	Nonce     uint32
	Timestamp uint32
	Version   byte
	Charlie   netip.AddrPort // invalid where there is none
	Signature []byte
	Token     Token
}

// ParseRelayResponse reads the data of a Relay Response block.
func ParseRelayResponse(data []byte) (RelayResponse, error) {
	if len(data) < 6 {
		return RelayResponse{}, sizeError("relay response", len(data))
	}
	r := RelayResponse{Flags: data[0], Code: RelayCode(data[1]), Nonce: binary.BigEndian.Uint32(data[2:])}
	b := data[6:]
	if len(b) == 0 && r.Code != RelayAccept {
		return r, nil
	}
	if len(b) < 6 {
		return RelayResponse{}, sizeError("relay response", len(data))
	}
	r.Timestamp, r.Version = binary.BigEndian.Uint32(b), b[4]
	if b = b[5:]; b[0] == 0 {
		b = b[1:]
	} else {
		var err error
		if r.Charlie, b, err = parseSized("relay response", b); err != nil {
			return RelayResponse{}, err
		}
	}
	if r.Code == RelayAccept {
		if len(b) < 8 || !r.Charlie.IsValid() {
			return RelayResponse{}, sizeError("relay response", len(data))
		}
		r.Token = Token(binary.BigEndian.Uint64(b[len(b)-8:]))
		b = b[:len(b)-8]
	}
	if r.Signature = b; len(b) < minSignature || r.Version == 0 {
		return RelayResponse{}, fmt.Errorf("%w: relay response of version %d with a signature of %d bytes", ErrPayload, r.Version, len(b))
	}
	return r, nil
}

func (r RelayResponse) appendSigned(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, r.Nonce)
	out = append(binary.BigEndian.AppendUint32(out, r.Timestamp), r.Version)
	if !r.Charlie.IsValid() {
		return append(out, 0)
	}
	return appendSized(out, r.Charlie)
}

// AppendTo appends the block.
func (r RelayResponse) AppendTo(out []byte) []byte {
	at := len(out)
	out = append(appendHeader(out, BlockRelayResponse, 0), r.Flags, byte(r.Code))
	if r.Version == 0 {
		out = binary.BigEndian.AppendUint32(out, r.Nonce)
	} else {
		out = append(r.appendSigned(out), r.Signature...)
	}
	if r.Code == RelayAccept {
		out = binary.BigEndian.AppendUint64(out, uint64(r.Token))
	}
	binary.BigEndian.PutUint16(out[at+1:], uint16(len(out)-at-BlockHeaderLen))
	return out
}

func (r RelayResponse) message(bob i2p.Hash) []byte {
	return r.appendSigned(append([]byte(relayResponsePrologue), bob[:]...))
}

// Sign has Charlie, or Bob who refuses, sign the response.
func (r *RelayResponse) Sign(by sign.PrivateKey, bob i2p.Hash) (err error) {
	r.Signature, err = by.Sign(r.message(bob))
	return err
}

// Verify checks the signature, of Bob where the code says that he refuses,
// and of Charlie otherwise.
func (r RelayResponse) Verify(by sign.PublicKey, bob i2p.Hash) bool {
	return by.Verify(r.message(bob), r.Signature)
}
