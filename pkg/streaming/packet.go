// Package streaming is the streaming protocol of I2P without any I/O: the
// packet codec, and a Mux that runs all streams of one local destination.
//
// The Mux is told what arrives (Handle), what time it is (Tick) and what the
// application wants (Open, Conn.Write, …); it answers through Events, through
// the packets that Flush returns, and through Deadline.
//
// Inside, a Mux asks its streams, peers, admission, orphans, agenda and outbox;
// a Conn its receiver (order, acks, intake, end, lull) and its sender (backlog,
// flight, order, delivery, patience, far, choke, gate, and the congestion
// control, which knows nothing of packets). Each is a type with a state of its own.
package streaming

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"i2ptoolkit/pkg/i2p"
)

// Flags say what a packet means and which options it carries (Streaming
// specification, "Flags and Option Data Fields").
type Flags uint16

// The flags, by bit.
const (
	Synchronize Flags = 1 << iota
	Close
	Reset
	SignatureIncluded
	SignatureRequested
	FromIncluded
	DelayRequested
	MaxPacketSizeIncluded
	ProfileInteractive
	Echo
	NoAck
	OfflineSignature
)

var flagNames = [...]string{"SYN", "CLOSE", "RESET", "SIG", "SIGREQ", "FROM", "DELAY", "MSS", "INTERACTIVE", "ECHO", "NOACK", "OFFLINE"}

// Has reports whether all of the flags f are set.
func (fl Flags) Has(f Flags) bool { return fl&f == f }

func (fl Flags) String() string {
	var names []string
	for i, n := range flagNames {
		if fl&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	if rest := fl >> len(flagNames); rest != 0 {
		names = append(names, fmt.Sprintf("%#x", uint16(rest<<len(flagNames))))
	}
	return strings.Join(names, "|")
}

const (
	minHeader  = 22
	nackLen    = 4
	maxNACKs   = 255
	synNACKs   = i2p.HashLen / nackLen // the NACK count of a SYN that names its recipient
	maxPacket  = 32 << 10              // what a packet may unpack to
	noSigField = -1
)

// ErrPacket means that bytes are not a packet of the streaming protocol.
var ErrPacket = errors.New("streaming: malformed packet")

// Packet is one message of the streaming protocol (Streaming specification,
// "Packet Format"). All integers are big-endian.
//
//	+----+----+----+----+----+----+----+----+
//	| send stream ID    | receive stream ID |
//	+----+----+----+----+----+----+----+----+
//	| sequence number   | ack through       |
//	+----+----+----+----+----+----+----+----+
//	| nc | nc * 4 bytes of NACKs
//	+----+----+----+----+----+----+-//-+-//
//	| rd |  flags  |opt size | options | payload
//	+----+----+----+----+----+----+-//-+-//
//
// The options come in this order, each where its flag is set: delay (2), from
// (391 typically), maximum packet size (2), offline signature, signature.
type Packet struct {
	SendStreamID    uint32 // the recipient's; 0 until it is known
	ReceiveStreamID uint32 // the sender's
	SequenceNum     uint32 // 0 without Synchronize: a plain ack
	AckThrough      uint32
	NACKs           []byte // 4 bytes each; in a SYN the recipient's hash, or nothing
	ResendDelay     byte   // seconds
	Flags           Flags
	Delay           uint16          // ms; 0 asks for an ack at once, above 60000 chokes
	From            i2p.Destination // with FromIncluded
	MaxPacketSize   uint16
	Offline         i2p.OfflineSignature
	Signature       []byte // with SignatureIncluded: the rest of the options
	Unknown         []byte // options after the known ones, where no signature is
	Payload         []byte

	sigAt int // offset of Signature in the packet parsed
}

// NACKCount is the number of NACKs.
func (p *Packet) NACKCount() int { return len(p.NACKs) / nackLen }

// NACK is the i-th sequence number that is missing at the peer.
func (p *Packet) NACK(i int) uint32 { return binary.BigEndian.Uint32(p.NACKs[i*nackLen:]) }

// ParsePacket reads a packet, which takes all of b. The slices refer to b.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) < minHeader {
		return Packet{}, fmt.Errorf("%w: %d bytes", ErrPacket, len(b))
	}
	p := Packet{
		SendStreamID:    binary.BigEndian.Uint32(b),
		ReceiveStreamID: binary.BigEndian.Uint32(b[4:]),
		SequenceNum:     binary.BigEndian.Uint32(b[8:]),
		AckThrough:      binary.BigEndian.Uint32(b[12:]),
		sigAt:           noSigField,
	}
	at := 17 + int(b[16])*nackLen
	if len(b) < at+5 {
		return Packet{}, fmt.Errorf("%w: %d NACKs in %d bytes", ErrPacket, b[16], len(b))
	}
	if at > 17 {
		p.NACKs = b[17:at:at]
	}
	p.ResendDelay = b[at]
	p.Flags = Flags(binary.BigEndian.Uint16(b[at+1:]))
	n := int(binary.BigEndian.Uint16(b[at+3:]))
	at += 5
	if len(b) < at+n {
		return Packet{}, fmt.Errorf("%w: %d bytes of options where %d are left", ErrPacket, n, len(b)-at)
	}
	if rest := b[at+n:]; len(rest) > 0 {
		p.Payload = rest
	}
	if n == 0 && p.Flags&(DelayRequested|FromIncluded|MaxPacketSizeIncluded|OfflineSignature|SignatureIncluded) == 0 {
		return p, nil
	}
	if err := p.parseOptions(b[at:at+n:at+n], at); err != nil {
		return Packet{}, err
	}
	return p, nil
}

// parseOptions reads the options o, which begin at offset at of the packet.
func (p *Packet) parseOptions(o []byte, at int) (err error) {
	size := len(o)
	integer := func() (v uint16) {
		if err == nil && len(o) < 2 {
			err = fmt.Errorf("%w: options end early", ErrPacket)
		}
		if err == nil {
			v, o = binary.BigEndian.Uint16(o), o[2:]
		}
		return v
	}
	if p.Flags.Has(DelayRequested) {
		p.Delay = integer()
	}
	if err == nil && p.Flags.Has(FromIncluded) {
		if p.From, o, err = i2p.ParseDestination(o); err != nil {
			err = fmt.Errorf("%w: from: %w", ErrPacket, err)
		}
	}
	if p.Flags.Has(MaxPacketSizeIncluded) {
		p.MaxPacketSize = integer()
	}
	if err == nil && p.Flags.Has(OfflineSignature) {
		if !p.Flags.Has(FromIncluded) {
			return fmt.Errorf("%w: offline signature without from", ErrPacket)
		}
		if p.Offline, o, err = i2p.ParseOfflineSignature(o, p.From.SigType()); err != nil {
			err = fmt.Errorf("%w: offline signature: %w", ErrPacket, err)
		}
	}
	if err != nil {
		return err
	}
	switch {
	case p.Flags.Has(SignatureIncluded):
		p.Signature, p.sigAt = o, at+size-len(o)
	case len(o) > 0:
		p.Unknown = o
	}
	return nil
}

// size is the number of bytes that AppendTo appends of a packet without From and
// signatures.
func (p *Packet) size() int {
	n := minHeader + len(p.NACKs) + len(p.Unknown) + len(p.Payload)
	for _, f := range [...]Flags{DelayRequested, MaxPacketSizeIncluded} {
		if p.Flags.Has(f) {
			n += 2
		}
	}
	return n
}

// AppendTo appends the packet.
func (p *Packet) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, p.SendStreamID)
	b = binary.BigEndian.AppendUint32(b, p.ReceiveStreamID)
	b = binary.BigEndian.AppendUint32(b, p.SequenceNum)
	b = binary.BigEndian.AppendUint32(b, p.AckThrough)
	b = append(b, byte(p.NACKCount()))
	b = append(b, p.NACKs...)
	b = append(b, p.ResendDelay, byte(p.Flags>>8), byte(p.Flags), 0, 0)
	at := len(b)
	if p.Flags.Has(DelayRequested) {
		b = binary.BigEndian.AppendUint16(b, p.Delay)
	}
	if p.Flags.Has(FromIncluded) {
		b = p.From.AppendTo(b)
	}
	if p.Flags.Has(MaxPacketSizeIncluded) {
		b = binary.BigEndian.AppendUint16(b, p.MaxPacketSize)
	}
	if p.Flags.Has(OfflineSignature) {
		b = p.Offline.AppendTo(b)
	}
	b = append(b, p.Unknown...)
	b = append(b, p.Signature...)
	binary.BigEndian.PutUint16(b[at-2:], uint16(len(b)-at))
	return append(b, p.Payload...)
}
