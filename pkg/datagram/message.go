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

// Message is a datagram of any kind, as those see it who send and receive it.
type Message struct {
	Protocol byte // Repliable, Raw, Datagram2 or Datagram3
	// Peer is whom it is to, or from: nobody proves it of Datagram3, and of Raw it is not known.
	Peer i2p.Hash
	// From is the whole destination that a Repliable or Datagram2 is from.
	From           i2p.Destination
	Port, PeerPort uint16      // ours and the peer's
	Options        i2p.Mapping // of Datagram2 and Datagram3
	Payload        []byte
}

// Signed reports whether a message that came proves from whom it is.
func (m Message) Signed() bool { return m.Protocol == Repliable || m.Protocol == Datagram2 }

// AppendFrom appends the message as a framed payload of the destination whose keys from are; of
// what is not signed, they need not be there.
func (m Message) AppendFrom(b []byte, from *i2p.PrivateKeys, own i2p.Hash) ([]byte, error) {
	body, err := m.Payload, error(nil)
	switch m.Protocol {
	case Raw:
	case Datagram3:
		body, err = AppendDatagram3(nil, own, m.Options, m.Payload)
	case Repliable:
		body, err = AppendRepliable(nil, from, m.Payload)
	case Datagram2:
		body, err = AppendDatagram2(nil, from, m.Peer, m.Options, m.Payload)
	default:
		err = fmt.Errorf("datagram: %d is %w", m.Protocol, ErrProtocol)
	}
	if err != nil {
		return b, err
	}
	return Header{Protocol: m.Protocol, From: m.Port, To: m.PeerPort}.AppendDeflated(b, body), nil
}

// ParseMessage reads a framed payload that came for the destination own, and verifies it where it
// is signed. The message may refer to framed.
func ParseMessage(framed []byte, own i2p.Hash, now time.Time) (Message, error) {
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
	case Repliable:
		m.From, m.Payload, err = ParseRepliable(body)
	case Datagram2:
		m.From, m.Options, m.Payload, err = ParseDatagram2(body, own, now)
	default:
		err = fmt.Errorf("datagram: %d is %w", h.Protocol, ErrProtocol)
	}
	if err != nil {
		return Message{}, err
	}
	if m.Signed() {
		m.Peer = m.From.Hash()
	}
	return m, nil
}
