package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// ConnectionID names a session at the side that receives packets with it
// (SSU2, Connection ID Numbering). It stays the same from the first message to
// the last.
type ConnectionID uint64

// HeaderKeys are the two keys that protect the headers of one direction (SSU2,
// Header Encryption).
type HeaderKeys struct{ K1, K2 [32]byte }

// Keys are those of one direction of the data phase (SSU2, KDF for data
// phase).
type Keys struct {
	Header HeaderKeys
	Data   [32]byte
}

// newKeys derives the keys of a direction from its half of Noise's split and
// the intro key of the side that receives.
func newKeys(half, receiver [32]byte) Keys {
	data, header := noise.HKDF2(half[:], nil, "HKDFSSU2DataKeys")
	return Keys{HeaderKeys{receiver, header}, data}
}

// Established is what a finished handshake leaves to the data phase.
type Established struct {
	Initiator bool // we are Alice
	AskedTag  bool // and have asked for a relay tag
	LocalID   ConnectionID
	RemoteID  ConnectionID
	Send      Keys
	Receive   Keys
	// NextPacket is the number of the first packet that we send. Alice's Session
	// Confirmed was her packet 0, so she goes on with 1, and Bob, who has
	// received it, acknowledges packet 0 at once.
	NextPacket uint32
	// Confirmed is Alice's Session Confirmed, which is sent again until packet 0
	// is acknowledged; nil for Bob.
	Confirmed *Resend
	Hybrid    kem.Kind // what the keys depend on beside X25519
	Peer      Peer
	Path      Path
	Said      Said
}

// Peer is the router at the other end. Its RouterInfo is verified and names
// the static key that it has proved to hold.
type Peer struct {
	Static [32]byte
	Info   *routerinfo.RouterInfo
	Flood  bool // Bob: Alice asks that it be flooded
}

// Path is where the peer is, and what is known of the way there.
type Path struct {
	Remote netip.AddrPort
	MTU    int // of IP packets, 1280 to 1500
	RTT    time.Duration
	Skew   time.Duration // how far the peer's clock runs ahead, round trip compensated
}

// Said is what the peer's handshake said beside.
type Said struct {
	Address       netip.AddrPort // how it sees us; invalid where it did not say
	Options       *Options
	RelayTag      RelayTag  // Bob's tag for Alice; 0 for none
	WantsRelayTag bool      // Alice asks for one
	Token         *NewToken // for the next time; the endpoint has kept it
	FirstPacket   uint32    // number of the peer's first data packet
	// Confirmed are the blocks of Session Confirmed behind the RouterInfo. Those
	// of the fields above have been read; others, of I2NP messages, relays and
	// peer tests, belong to the data phase.
	Confirmed []byte
}

// Resend is a message of the handshake that is sent again, unchanged, until
// it is answered (SSU2, Handshake Retransmission).
type Resend struct {
	Datagrams [][]byte
	next      time.Time // zero: not again
	interval  time.Duration
	left      int
	again     bool // was sent more than once
}

func newResend(now time.Time, first time.Duration, times int, datagrams ...[]byte) *Resend {
	return &Resend{Datagrams: datagrams, next: now.Add(first), interval: first, left: times}
}

// measured is the round trip of a message that was sent once; 0 otherwise,
// since it is not known which of them was answered.
func (r *Resend) measured(now, sent time.Time) time.Duration {
	if r.again {
		return 0
	}
	return max(now.Sub(sent), 0)
}

// Deadline is when Tick is due; zero is never.
func (r *Resend) Deadline() time.Time { return r.next }

// Tick returns the datagrams to send again, if it is time. The interval
// doubles with each.
func (r *Resend) Tick(now time.Time) [][]byte {
	if r.next.IsZero() || now.Before(r.next) {
		return nil
	}
	r.again = true
	r.interval *= 2
	r.next = now.Add(r.interval)
	if r.left--; r.left <= 0 {
		r.next = time.Time{}
	}
	return r.Datagrams
}
