// Package udpforward carries UDP over I2P.
//
// A Client forwards a local port to a port of one destination, and a Server a port of ours to a
// local target; they speak with each other, and with i2pd's tunnels of the same kinds. What begins
// a flow is repliable, and so tells from whom it is; what follows is raw, 455 bytes shorter and not
// signed, and known by its ports alone. Who wants to be sure of every datagram asks for signed ones
// on both sides.
//
// A Producer sends what comes to a local port to all that have subscribed, and a Consumer is a
// subscriber: streamr, as Java I2P has it.
package udpforward

import (
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// Datagrams are those of a port of ours in I2P (sockets.PacketConn).
type Datagrams interface {
	ReadMessage() (datagram.Message, error)
	WriteMessage(datagram.Message) error
	Close() error
}

// Socket is a local one (net.UDPConn).
type Socket interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// Limits bound what a forward holds. Zero fields take the default.
type Limits struct {
	Flows     int           // at once; default 256
	PeerFlows int           // of one peer, of a Server; default 64
	Idle      time.Duration // after which a flow ends; default 2 min
}

func (l Limits) withDefaults() Limits {
	if l.Flows == 0 {
		l.Flows = 256
	}
	if l.PeerFlows == 0 {
		l.PeerFlows = 64
	}
	if l.Idle == 0 {
		l.Idle = 2 * time.Minute
	}
	return l
}

// maxPayload is the longest datagram that is forwarded. A longer one would be in so many pieces
// that it hardly ever arrived whole.
const maxPayload = 32 << 10

// maxFailures is how often a socket may fail with nothing read in between. Some systems tell a
// reader of what was sent before and found nobody.
const maxFailures = 100

func logOf(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// What the UDP tunnels of i2pd say in the options of a Datagram3. They count what they send, have
// it acknowledged now and then, and send nothing more where too much is not.
const (
	optionNumber       = "seqn"
	optionAcknowledged = "acked"
	optionFlags        = "flags"

	flagAcknowledge = 2 // an answer with optionAcknowledged is wanted
)

// acknowledger answers those who count.
type acknowledger struct{ last uint64 }

// handle takes in the options of a message that came. Where the sender wants to know what has
// arrived, the answer is to be sent.
func (a *acknowledger) handle(m datagram.Message) (answer datagram.Message, wanted bool) {
	if len(m.Options) == 0 {
		return datagram.Message{}, false
	}
	if n, err := strconv.ParseUint(m.Options.Get(optionNumber), 10, 32); err == nil && n > a.last {
		a.last = n
	}
	flags, _ := strconv.ParseUint(m.Options.Get(optionFlags), 10, 8)
	if flags&flagAcknowledge == 0 {
		return datagram.Message{}, false
	}
	return datagram.Message{
		Protocol: m.Protocol, Peer: m.Peer, PeerPort: m.PeerPort, Port: m.Port,
		Options: i2p.Mapping{{Key: optionAcknowledged, Value: strconv.FormatUint(a.last, 10)}},
	}, true
}

// empty tells of a message that only its options are for.
func empty(m datagram.Message) bool { return len(m.Payload) == 0 && len(m.Options) > 0 }
