package simnet

import (
	"net/netip"
	"time"
)

// Link describes the way from one host to another.
type Link struct {
	Latency   time.Duration // one way
	Jitter    time.Duration // up to this much is added; streams stay in order, datagrams do not
	Bandwidth int           // bytes per second of all flows between the two hosts in this direction; 0 is no limit
	Loss      float64       // share of datagrams lost, 0 to 1; streams lose nothing
	Reorder   float64       // share of datagrams held back by up to Lag, so that later ones overtake them
	Lag       time.Duration
}

// Config describes a network. The zero value is one of perfect links without latency.
type Config struct {
	Seed     uint64                         // decides jitter and loss
	Link     func(from, to netip.Addr) Link // nil: perfect links
	Uplink   func(host netip.Addr) int      // bytes per second that a host can send at all; nil or 0: no limit
	Window   int                            // bytes of a stream on the way or not yet read; 0: 256 KiB
	Queue    int                            // datagrams waiting in a socket; 0: 1024
	Patience time.Duration                  // how long a stream waits behind a partition; 0: two minutes
	Observe  func(Delivery)                 // sees each delivery; must not block
}

// Kind says what a delivery is.
type Kind byte

// The kinds of deliveries.
const (
	Open     Kind = iota + 1 // a dialler asks a listener for a stream
	Opened                   // the stream is established
	Refused                  // nobody listens there
	Data                     // bytes of a stream
	End                      // the peer closed its writing side
	Window                   // the peer has read, the writer may go on
	Reset                    // the stream is broken
	Datagram                 // one datagram
	Expired                  // a stream has waited too long behind a partition
)

// Delivery is what Config.Observe sees. Data is valid during the call only.
type Delivery struct {
	At       time.Time
	Kind     Kind
	Src, Dst netip.AddrPort
	Data     []byte
}

// Stats counts what a network has done.
type Stats struct {
	Deliveries uint64 // events of any kind
	Bytes      uint64 // bytes of streams and datagrams delivered
	Lost       uint64 // datagrams lost on a link or to a partition
	Overflowed uint64 // datagrams dropped as the socket's queue was full
	Unclaimed  uint64 // datagrams to an address where nobody listens
	Overtaken  uint64 // datagrams held back, see Link.Reorder
	Filtered   uint64 // datagrams that a home's router let neither out nor in
}
