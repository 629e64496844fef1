package control

// What GET /v1/wait can wait for.
const (
	WaitReady   = "ready"   // the router listens, and its control socket answers
	WaitTunnels = "tunnels" // exploratory tunnels stand both ways
)

// Open is the body of POST /v1/sessions: a local destination that lives as long as the
// request's connection. The answer is a stream of SessionEvent lines.
type Open struct {
	// Key is a private key file's content; empty asks for a transient destination.
	Key []byte `json:"key,omitempty"`
	// Listen names the ports on which incoming streams wait for an accept from the start.
	// Port 0 takes the streams for any port that has no listener of its own.
	Listen []uint16 `json:"listen,omitempty"`
	// Options are I2CP options by their documented names: inbound.length, outbound.quantity, …
	// Those that package options does not obey are refused, but for those that have no effect.
	Options map[string]string `json:"options,omitempty"`
}

// The kinds of SessionEvent.
const (
	SessionOpened = "opened" // first line: ID and Destination are set
	SessionReady  = "ready"  // tunnels stand and the lease set is published
	SessionEnd    = "end"    // the peer has ended its writing to a stream, in order: Stream
	SessionStream = "stream" // a stream ended: Stream, BytesIn, BytesOut, Error
	SessionClosed = "closed" // last line, when the router ends the session
)

// SessionEvent is one line of a session's answer.
type SessionEvent struct {
	Event       string `json:"event"`
	ID          string `json:"id,omitempty"`          // secret: what connect and accept name
	Destination string `json:"destination,omitempty"` // I2P base64
	B32         string `json:"b32,omitempty"`         // the address: of an encrypted lease set the b33 one
	Stream      uint64 `json:"stream,omitempty"`
	BytesIn     uint64 `json:"bytes_in,omitempty"`  // from the peer
	BytesOut    uint64 `json:"bytes_out,omitempty"` // to the peer
	Error       *Error `json:"error,omitempty"`
}

// Connect is the body of POST /v1/sessions/{id}/connect, which upgrades to a raw stream.
// Each direction ends by itself. Before a tool ends its writing it announces that with
// POST /v1/sessions/{id}/streams/{stream}/end; else the stream is broken off.
type Connect struct {
	// Destination is a name of any kind, or a service of one: _smtp._tcp.example.i2p, whose record says
	// at which port it is.
	Destination   string `json:"destination"`
	Port          uint16 `json:"port"`
	TimeoutMillis int64  `json:"timeout_ms,omitempty"`
}

// Rekey is the body of POST /v1/sessions/{id}/key: the destination goes on with other keys of its own, a
// transient one in place of another, and so do its streams.
type Rekey struct {
	Key []byte `json:"key"` // a private key file's content
}

// Ping is the body of POST /v1/sessions/{id}/ping, whose answer is a Pong.
type Ping struct {
	Destination   string `json:"destination"` // any name of one
	TimeoutMillis int64  `json:"timeout_ms,omitempty"`
}

// Pong is that a destination has echoed.
type Pong struct {
	RTTMicros int64  `json:"rtt_us"`
	B32       string `json:"b32"`
}

// Accept is the body of POST /v1/sessions/{id}/accept, which upgrades to a raw stream
// when a peer connects.
type Accept struct {
	Port uint16 `json:"port"` // one of Open.Listen
	// Last ends the listening to the port with this stream: those that come after it are refused.
	Last bool `json:"last,omitempty"`
}

// Headers of the 101 answer to connect and accept, and the protocol's name in Upgrade.
const (
	UpgradeProtocol   = "i2p-stream"
	HeaderStream      = "I2P-Stream"      // SessionEvent.Stream of this stream
	HeaderDestination = "I2P-Destination" // the peer's destination, I2P base64
	HeaderHalfCloses  = "I2P-Half-Closes" // "true": a peer that was dialled is known to go on sending after our end
	HeaderEncryption  = "I2P-Encryption"  // the type of key by which the stream is encrypted, such as MLKEM768_X25519; empty: not known
)
