package datagram

import (
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// ErrProtocol means that a protocol is none of datagrams.
var ErrProtocol = errors.New("not a protocol of datagrams")

// Protocols are those of datagrams.
var Protocols = [...]byte{Repliable, Raw, Datagram2, Datagram3}

// Known reports whether a protocol is one of datagrams.
func Known(protocol byte) bool { return protocol >= Repliable && protocol <= Datagram3 }

// names are what tools and logs call the protocols.
var names = [...]string{"repliable", "raw", "datagram2", "datagram3"}

// Name is what a protocol of datagrams is called.
func Name(protocol byte) string {
	if !Known(protocol) {
		return fmt.Sprintf("protocol %d", protocol)
	}
	return names[protocol-Repliable]
}

// ParseName is the protocol that Name calls so.
func ParseName(name string) (byte, error) {
	for i, n := range names {
		if n == name {
			return Repliable + byte(i), nil
		}
	}
	return 0, fmt.Errorf("%.32q is %w: these are repliable, raw, datagram2 and datagram3", name, ErrProtocol)
}

// Message is a datagram of any kind, as those see it who send and receive it.
type Message struct {
	Protocol byte // Repliable, Raw, Datagram2 or Datagram3
	// Peer is whom it is to, or from: of Datagram3 that may be a lie, and of Raw it is not known.
	Peer i2p.Hash
	// From is the whole destination that a Repliable or Datagram2 is from.
	From           i2p.Destination
	Port, PeerPort uint16      // ours and the peer's
	Options        i2p.Mapping // of Datagram2 and Datagram3
	Payload        []byte

	// Proven tells of a message that came that it is from Peer: it is signed, or came in a session
	// of Peer's. A Repliable may still be one that was meant for somebody else.
	Proven bool
	// Misdirected tells of a Datagram2 that its signature is of the sender's hash, and not of ours.
	// It was taken because it came in a session of the sender's.
	Misdirected bool
}

// Signed reports whether a message that came is signed by whom it is from.
func (m Message) Signed() bool { return m.Protocol == Repliable || m.Protocol == Datagram2 }

// MaxFramed is the longest framed payload that fits into a garlic message beside a lease set, and
// maxBody what that holds in any case: nobody knows before how well a payload compresses.
const (
	MaxFramed = 60 << 10
	maxBody   = MaxFramed - StoredOverhead
)

// SizeError means that a payload is too long for a datagram of its kind. Long before that they are
// of little use: each kilobyte is a message of its own in a tunnel, and all must arrive.
type SizeError struct {
	Protocol byte
	Len, Max int
}

func (e SizeError) Error() string {
	return fmt.Sprintf("datagram: a payload of %d bytes, where %s has room for %d", e.Len, Name(e.Protocol), e.Max)
}

// MaxPayload is how long the payload of a message may be, by its kind, its options and the keys to
// sign with.
func (m Message) MaxPayload(from *i2p.PrivateKeys) int {
	room := maxBody
	if m.Protocol >= Datagram2 {
		room -= flagsLen
		if len(m.Options) > 0 {
			room -= len(m.Options.AppendTo(nil))
		}
	}
	if m.Protocol == Datagram3 {
		room -= len(m.Peer)
	}
	if m.Signed() {
		room -= from.Destination().Len() + from.SigningType().SignatureLen()
		if from.Offline != nil {
			room -= len(from.Offline.OfflineSignature.AppendTo(nil))
		}
	}
	return max(room, 0)
}

// AppendFrom appends the message as a framed payload of the destination whose keys from are; of
// what is not signed, they need not be there. What is too long is a SizeError.
func (m Message) AppendFrom(b []byte, from *i2p.PrivateKeys, own i2p.Hash) ([]byte, error) {
	if !Known(m.Protocol) {
		return b, fmt.Errorf("datagram: %d is %w", m.Protocol, ErrProtocol)
	}
	if m.Protocol == Repliable && from.Offline != nil {
		return b, ErrOffline
	}
	if room := m.MaxPayload(from); len(m.Payload) > room {
		return b, SizeError{m.Protocol, len(m.Payload), room}
	}
	body, err := m.Payload, error(nil)
	switch m.Protocol {
	case Datagram3:
		body, err = AppendDatagram3(nil, own, m.Options, m.Payload)
	case Repliable:
		body, err = AppendRepliable(nil, from, m.Payload)
	case Datagram2:
		body, err = AppendDatagram2(nil, from, m.Peer, m.Options, m.Payload)
	}
	if err != nil {
		return b, err
	}
	return m.header().AppendDeflated(b, body), nil
}

func (m Message) header() Header { return Header{Protocol: m.Protocol, From: m.Port, To: m.PeerPort} }

// AppendPlain appends the payload alone, framed, by whatever protocol. What is too long is a SizeError.
func (m Message) AppendPlain(b []byte) ([]byte, error) {
	if len(m.Payload) > maxBody {
		return b, SizeError{m.Protocol, len(m.Payload), maxBody}
	}
	return m.header().AppendDeflated(b, m.Payload), nil
}

// Receiver is what is known where a datagram came.
type Receiver struct {
	Own i2p.Hash
	Now time.Time
	// Session is whose the session is that it came in, by the key of a lease set; zero where that
	// is not known.
	Session i2p.Hash
}

// Parse reads a framed payload that came, and verifies it where it is signed. The message may refer
// to framed.
//
// The signature of a Datagram2 covers the receiver's hash, so that nobody can replay it to somebody
// else. That of i2pd up to 2.59 covers the sender's. It is taken where the session that it came in
// is the sender's, for then it is the sender who sent it to us, and refused elsewhere.
func (r Receiver) Parse(framed []byte) (Message, error) {
	h, body, err := Decode(framed, 0)
	if err != nil {
		return Message{}, err
	}
	m := Message{Protocol: h.Protocol, Port: h.To, PeerPort: h.From}
	switch h.Protocol {
	case Raw:
		m.Payload = body
	case Datagram3:
		m.Peer, m.Options, m.Payload, err = ParseDatagram3(body)
		m.Proven = m.Peer == r.Session && !m.Peer.IsZero()
	case Repliable:
		m.From, m.Payload, err = ParseRepliable(body)
	case Datagram2:
		err = r.parseDatagram2(&m, body)
	default:
		err = fmt.Errorf("datagram: %d is %w", h.Protocol, ErrProtocol)
	}
	if err != nil {
		return Message{}, err
	}
	if m.Signed() {
		m.Peer, m.Proven = m.From.Hash(), true
	}
	return m, nil
}

func (r Receiver) parseDatagram2(m *Message, body []byte) error {
	d, err := parseDatagram2(body, r.Now)
	if err != nil {
		return err
	}
	if !d.verify(r.Own) {
		if by := d.from.Hash(); by != r.Session || !d.verify(by) {
			return ErrSignature
		}
		m.Misdirected = true
	}
	m.From, m.Options, m.Payload = d.from, d.options, d.payload
	return nil
}
