package streaming

import (
	"cmp"
	"errors"
	"io"
	"math"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tally"
)

// Config is what a Mux is made of. Zero fields take the defaults named. It is one
// table of all that can be set, for who composes to fill in.
type Config struct {
	Keys   *i2p.PrivateKeys
	Rand   io.Reader // nil is crypto/rand
	Events Events

	MTU           int // payload bytes of a packet that we announce: 1812
	MaxWindow     int // packets of one stream that wait for acknowledgement: 4096
	Reassembly    int // packets kept beyond the first missing one: 4096
	ReceiveBuffer int // bytes that the application may leave unread before we choke: 1 MiB
	SendBuffer    int // bytes that wait for their first transmission: 256 KiB

	InitialRTO    time.Duration // before a round trip was measured: 9 s
	KeepAlive     time.Duration // a sign of life after so long a silence: 90 s
	MaxKeepAlives int           // unanswered, before a stream is given up: 8
	// HalfOpen is how long a stream whose own direction has ended, and been
	// acknowledged, waits for a peer that lives but sends nothing: 10 minutes.
	HalfOpen time.Duration
	// Idle is the same for every stream; 0 is for ever.
	Idle time.Duration
	// MaxSilence is how long a peer may leave unanswered what is sent again and
	// again: 3 minutes.
	MaxSilence time.Duration
	// PathRTT estimates the round trip to a destination that nothing is known
	// of yet, 0 where it cannot. It may be nil.
	PathRTT func() time.Duration
	NoPong  bool // leave pings unanswered
	Limits  Limits
}

// Limits bound what strangers can make a Mux do. Zero fields take the
// defaults named, negative ones lift a limit.
type Limits struct {
	Streams        int  // both directions; idle ones that peers opened give way: 2048
	PeerPerMinute  int  // incoming streams of one destination: none
	PeerPerHour    int  // none
	PeerPerDay     int  // none
	TotalPerMinute int  // incoming streams: none
	TotalPerHour   int  // none
	TotalPerDay    int  // none
	SYNsPerSecond  int  // signatures checked, with a burst of twice that: 500
	Memory         int  // bytes received and not yet read, all streams; a quarter is for the first ones of each: 32 MiB
	Unacked        int  // bytes sent and not yet acknowledged, all streams; a few packets of each stream go beyond: 32 MiB
	Reset          bool // answer what is refused with RESET; else drop it
}

// Events is what the owner of a Mux hears of its streams, from inside of its
// calls of Handle, Tick and Flush. It must not call the Mux back from there.
type Events interface {
	// Accept offers an incoming stream, whose SYN was verified.
	Accept(c *Conn) Answer
	// Established says that the peer has answered our SYN.
	Established(c *Conn)
	// Receive hands over the next bytes of a stream, which are valid during
	// the call. Conn.Read must be called for as many once they are consumed.
	Receive(c *Conn, data []byte)
	// Consumed is asked, where there is little memory left, how many bytes of a
	// stream were consumed of which Conn.Read was not told: it is told now.
	Consumed(c *Conn) int
	// Discard says that what a stream has received and the application not read
	// is to be forgotten, in favour of others. It may have been closed before;
	// else that comes next.
	Discard(c *Conn)
	// ReceiveEnd says that the peer has closed its direction.
	ReceiveEnd(c *Conn)
	// Writable says that a stream that could not take all of a Write can
	// take more, or that all was acknowledged.
	Writable(c *Conn)
	// Parted says that both directions were closed and all that was said has come. The peer
	// may not have our CLOSE yet, and will never acknowledge it where it has forgotten the stream, as
	// i2pd does once it has closed: nobody needs to wait for that.
	Parted(c *Conn)
	// Closed says that a stream has ended: nil after both directions closed
	// in order. It is the last event of a stream.
	Closed(c *Conn, err error)
	// Stalled says that packets to a destination go unanswered: another path
	// should be tried.
	Stalled(peer i2p.Hash)
	// Doubt says that what is in flight to a destination should have been answered by now. The stream goes
	// on as before, for the time being.
	Doubt(peer i2p.Hash)
	// Quiet says that a destination that sent much sends nothing any more: what
	// it sends may be lost on the way in.
	Quiet(peer i2p.Hash)
	// Pong is the answer to Ping.
	Pong(id uint32, payload []byte)
}

// Answer is what the owner of a Mux says to an incoming stream.
type Answer uint8

// The answers.
const (
	Refuse Answer = iota // as one over a limit
	Take
	// Absent says that nobody takes streams to that port. Who opened the stream is told at
	// once, by a RESET, as far as that is no use to a flood.
	Absent
)

// What ends a stream. ErrRefused is an ErrReset: that of a stream which never was open.
var (
	ErrReset     = errors.New("streaming: stream reset by the peer")
	ErrRefused   = error(refusal{})
	ErrTimeout   = errors.New("streaming: the peer does not answer")
	ErrAborted   = errors.New("streaming: stream reset")
	ErrMuxClosed = errors.New("streaming: destination closed")
	ErrLimit     = errors.New("streaming: too many streams")
	ErrIdle      = errors.New("streaming: nothing was said for too long")
	ErrUnread    = errors.New("streaming: what the peer sent was left unread for too long")
	ErrTruncated = errors.New("streaming: what the peer sent has not all arrived, and does not come any more")
)

type refusal struct{}

func (refusal) Error() string { return "streaming: the peer refused the stream" }
func (refusal) Unwrap() error { return ErrReset }

const (
	defaultMTU = 1730 // until the peer names its own (Streaming, "MTU Selection")
	minMTU     = 512  // MIN_MESSAGE_SIZE
	eciesMTU   = 1812 // proposal 155

	chokeAbove = 60000 // a greater delay chokes
	chokeDelay = 60001 // what we say; 61000 would make i2pd take us for Java
	gapChoke   = 65535 // i2pd: too much is missing
	// oldGapChoke is the same of i2pd up to 2.57, though no choking by the letter.
	oldGapChoke = 60000
)

// instant is a time relative to the Mux's first moment.
type instant = time.Duration

const never instant = math.MaxInt64

func orDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	} else if *v < 0 {
		*v = math.MaxInt
	}
}

func (c *Config) defaults() {
	orDefault(&c.MTU, eciesMTU)
	orDefault(&c.MaxWindow, 4096)
	orDefault(&c.Reassembly, 4096)
	orDefault(&c.ReceiveBuffer, 1<<20)
	orDefault(&c.SendBuffer, 256<<10)
	orDefault(&c.MaxKeepAlives, 8)
	c.InitialRTO = cmp.Or(c.InitialRTO, 9*time.Second)
	c.HalfOpen = cmp.Or(c.HalfOpen, 10*time.Minute)
	c.MaxSilence = cmp.Or(c.MaxSilence, 3*time.Minute)
	if c.PathRTT == nil {
		c.PathRTT = func() time.Duration { return 0 }
	}
	c.KeepAlive = cmp.Or(c.KeepAlive, 90*time.Second)
	l := &c.Limits
	orDefault(&l.Streams, 2048)
	orDefault(&l.SYNsPerSecond, 500)
	orDefault(&l.Memory, 32<<20)
	orDefault(&l.Unacked, 32<<20)
	for _, v := range []*int{&l.PeerPerMinute, &l.PeerPerHour, &l.PeerPerDay, &l.TotalPerMinute, &l.TotalPerHour, &l.TotalPerDay} {
		orDefault(v, math.MaxInt)
	}
	c.MTU = min(max(c.MTU, minMTU), maxPacket/2)
}

// Counters of what a Mux refused or dropped, and of what it did: a field for each
// thing that a metric tells.
type Counters struct {
	In, Out        uint64 // packets
	Malformed      uint64
	UnknownStream  uint64
	Disowned       uint64 // packets of an unknown stream whose senders were told
	BadSignature   uint64
	WrongRecipient uint64 // a SYN made for another destination
	Replayed       uint64 // a SYN seen before
	Refused        uint64 // SYNs over a limit
	Absent         uint64 // SYNs to a port where nobody takes streams
	Untold         uint64 // of both, those whose RESET went beyond what is sent of them
	Dropped        uint64 // packets over a memory limit
	Unread         uint64 // streams that were given up, as what was not read took the memory of others
	Idle           uint64 // streams that gave their place to others
	Pings          uint64
	Opened         uint64 // streams
	Accepted       uint64 // streams that peers opened
	Traffic        Totals // of all streams that there were
	RoundTrips     tally.Durations
}
