package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// Datagrams is the body of POST /v1/sessions/{id}/datagrams, which upgrades to frames of datagrams
// both ways. A tool that has sent all ends its writing, and gets a last report once all of that is on
// its way. A tool that does not read loses what comes meanwhile, and the report counts it.
type Datagrams struct {
	// Port of ours: what comes to it is taken, and it is that which what is sent comes from. With 0
	// it is what comes to any port that nobody else takes.
	Port uint16 `json:"port,omitempty"`
	Free bool   `json:"free,omitempty"` // a port that nobody can guess, in place of Port
	// Protocols are those of what is taken, by their names (package datagram); none: all.
	Protocols []string `json:"protocols,omitempty"`
	// Destination, any name of one, is found before the answer. What is sent to nobody goes there.
	Destination   string `json:"destination,omitempty"`
	TimeoutMillis int64  `json:"timeout_ms,omitempty"`
}

// UpgradeDatagrams is the protocol's name in Upgrade, and HeaderPort the port of ours in the answer.
const (
	UpgradeDatagrams = "i2p-datagrams"
	HeaderPort       = "I2P-Port"
)

// DatagramReport is what the router tells between datagrams: that it did not send one, with Error, or
// with Last that there is no more. The counts are of all since the beginning.
type DatagramReport struct {
	Received     uint64 `json:"received"`
	Sent         uint64 `json:"sent"`
	Dropped      uint64 `json:"dropped"` // the tool did not read
	Malformed    uint64 `json:"malformed"`
	BadSignature uint64 `json:"bad_signature"`
	Expired      uint64 `json:"expired"`  // by their offline signature
	Unproven     uint64 `json:"unproven"` // received, and nothing proves from whom
	Error        *Error `json:"error,omitempty"`
	Last         bool   `json:"last,omitempty"`
}

// Lost are those that came and were not read.
func (r DatagramReport) Lost() uint64 { return r.Dropped + r.Malformed + r.BadSignature + r.Expired }

// The kinds of frames.
const (
	frameDatagram = 1
	frameReport   = 2 // from the router alone
)

// maxFrame is the longest frame, without its length. A datagram's parts are together not longer than
// what it was unpacked from.
const maxFrame = datagram.MaxPayload + 1<<10

// ErrFrame means that what came is no frame.
var ErrFrame = errors.New("control: not a frame of datagrams")

const flagProven = 1 // of a datagram

// AppendDatagram appends the frame of a datagram. From, and whether it is proven, are the router's to
// tell; a tool leaves port 0 where it is the one that it opened.
//
//	length 4 | kind 1 | protocol 1 | flags 1 | port 2 | peer port 2 | peer 32 | from 2+ | options 2+ | payload
//	length  :: of what follows; all numbers are big-endian
//	kind    :: 1
//	flags   :: bit 0: it is proven from whom it is
//	port    :: ours, and the peer's
//	peer    :: a hash; zero where it is not known, or to whom the frames go
//	from    :: length and Destination; empty where it is not known
//	options :: a Mapping
func AppendDatagram(b []byte, m datagram.Message) ([]byte, error) {
	if err := m.Options.Check(); err != nil {
		return b, fmt.Errorf("control: options: %w", err)
	}
	start := len(b)
	flags := byte(0)
	if m.Proven {
		flags |= flagProven
	}
	b = append(b, 0, 0, 0, 0, frameDatagram, m.Protocol, flags)
	b = binary.BigEndian.AppendUint16(b, m.Port)
	b = binary.BigEndian.AppendUint16(b, m.PeerPort)
	b = append(b, m.Peer[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(m.From.Len()))
	b = append(b, m.From.Bytes()...)
	b = m.Options.AppendTo(b)
	b = append(b, m.Payload...)
	return endFrame(b, start)
}

// AppendReport appends the frame of a report: length, kind 2 and JSON.
func AppendReport(b []byte, r DatagramReport) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return b, fmt.Errorf("control: %w", err)
	}
	start := len(b)
	return endFrame(append(append(b, 0, 0, 0, 0, frameReport), text...), start)
}

// endFrame writes the length of the frame that begins at start.
func endFrame(b []byte, start int) ([]byte, error) {
	n := len(b) - start - 4
	if n > maxFrame {
		return b[:start], fmt.Errorf("%w: %d bytes, and at most %d may be", ErrFrame, n, maxFrame)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(n))
	return b, nil
}

// ReadFrame reads one frame without its length, into b where that has the room. The end between two
// frames is io.EOF.
func ReadFrame(r io.Reader, b []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes, and at most %d may be", ErrFrame, n, maxFrame)
	}
	if uint32(cap(b)) < n {
		b = make([]byte, n)
	}
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b[:n], nil
}

// ParseFrame reads what ReadFrame gave: a datagram, whose payload refers to b, or a report.
func ParseFrame(b []byte) (datagram.Message, *DatagramReport, error) {
	if len(b) == 0 || len(b) > maxFrame {
		return datagram.Message{}, nil, fmt.Errorf("%w: %d bytes, and 1 to %d may be", ErrFrame, len(b), maxFrame)
	}
	switch b[0] {
	case frameDatagram:
		m, err := parseDatagram(b[1:])
		return m, nil, err
	case frameReport:
		r := new(DatagramReport)
		if err := json.Unmarshal(b[1:], r); err != nil {
			return datagram.Message{}, nil, fmt.Errorf("%w: report: %w", ErrFrame, err)
		}
		return datagram.Message{}, r, nil
	}
	return datagram.Message{}, nil, fmt.Errorf("%w: of kind %d", ErrFrame, b[0])
}

// datagramHeader is what stands before from, kind excepted.
const datagramHeader = 1 + 1 + 2 + 2 + len(i2p.Hash{}) + 2

func parseDatagram(b []byte) (datagram.Message, error) {
	if len(b) < datagramHeader {
		return datagram.Message{}, fmt.Errorf("%w: %d bytes of a datagram", ErrFrame, len(b))
	}
	m := datagram.Message{Protocol: b[0], Proven: b[1]&flagProven != 0, Port: binary.BigEndian.Uint16(b[2:]), PeerPort: binary.BigEndian.Uint16(b[4:])}
	copy(m.Peer[:], b[6:])
	n := int(binary.BigEndian.Uint16(b[datagramHeader-2:]))
	b = b[datagramHeader:]
	if len(b) < n {
		return datagram.Message{}, fmt.Errorf("%w: %d bytes of a destination of %d", ErrFrame, len(b), n)
	}
	var err error
	if n > 0 {
		var rest []byte
		if m.From, rest, err = i2p.ParseDestination(b[:n]); err != nil {
			return datagram.Message{}, fmt.Errorf("%w: from: %w", ErrFrame, err)
		}
		if len(rest) > 0 {
			return datagram.Message{}, fmt.Errorf("%w: %d bytes behind a destination", ErrFrame, len(rest))
		}
	}
	if m.Options, m.Payload, err = i2p.ParseMapping(b[n:]); err != nil {
		return datagram.Message{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return m, nil
}
