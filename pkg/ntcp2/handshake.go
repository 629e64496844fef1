// Package ntcp2 is the NTCP2 transport protocol as an engine without I/O: the
// handshake of both sides, the frames of the data phase and their blocks.
//
// A Handshake is fed what the connection brought and returns what to write.
// When it is done it hands out one Sender and one Receiver, each to be owned
// by one goroutine. Nothing here knows a socket or a clock.
package ntcp2

import (
	"errors"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

// MaxSkew is how far two routers' clocks may differ (NTCP2, Clock Skew
// Guidelines).
const MaxSkew = 60 * time.Second

// Sizes of the handshake messages. A hybrid adds a section to messages 1 and 2, see hybrid.go.
const (
	keyLen        = noise.KeyLen
	headLen       = keyLen + optionsLen + macLen // messages 1 and 2 without padding and section
	part1Len      = keyLen + macLen              // message 3 part 1
	maxPaddingIn  = 1024                         // accepted behind messages 1 and 2
	maxPaddingOut = 287 - headLen                // sent; i2pd reads no longer messages
	minConfirmed  = blockHeaderLen + 1 + macLen  // message 3 part 2: a RouterInfo block at least
	maxConfirmed  = 16 << 10
	maxPadding3   = 63 // sent within message 3
)

// The ways in which a handshake fails. Each means that the connection is to be
// closed without a word; the message that failed is in the HandshakeError.
var (
	ErrAuthentication = errors.New("message does not authenticate")
	ErrReplay         = errors.New("ephemeral key seen before")
	ErrKey            = errors.New("unusable public key")
	ErrNetID          = errors.New("other network")
	ErrVersion        = errors.New("unknown version")
	ErrClockSkew      = errors.New("clock skew")
	ErrPaddingLen     = errors.New("too much padding")
	ErrConfirmedLen   = errors.New("impossible size of message 3")
	ErrExtraData      = errors.New("data behind the message")
	ErrConfirmed      = errors.New("malformed message 3")
)

// HandshakeError is a failed handshake: the message that failed, 1 to 3, and why.
type HandshakeError struct {
	Message int
	Skew    time.Duration // with ErrClockSkew: how far the peer's clock runs ahead
	Err     error
}

// Error names message and cause.
func (e *HandshakeError) Error() string {
	if e.Skew != 0 {
		return fmt.Sprintf("ntcp2: message %d: %v: %v", e.Message, e.Err, e.Skew)
	}
	return fmt.Sprintf("ntcp2: message %d: %v", e.Message, e.Err)
}

// Unwrap returns the cause, one of the sentinels.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Peer is what Alice must know of Bob, from his RouterInfo's address.
type Peer struct {
	Hash   i2p.Hash
	Static [32]byte // s=
	IV     [16]byte // i=
	Hybrid kem.Kind // pq=
}

// Config is what both sides of a handshake need.
type Config struct {
	Static noise.KeyPair // our NTCP2 static key
	NetID  byte
	// Info is our RouterInfo, which Alice sends in message 3.
	Info []byte
	// Hash and IV are ours, for Bob: they undo the obfuscation.
	Hash i2p.Hash
	IV   [16]byte
	// Hybrid is what Bob publishes; who does not ask for it is served without.
	Hybrid kem.Kind
	// Replay is shared by all of Bob's handshakes.
	Replay  *ReplayCache
	Options Options   // padding we send and ask for
	Rand    io.Reader // nil is crypto/rand
	// Unpadded leaves the padding out, which others may do: for tests and vectors.
	Unpadded bool
}

// state is what a handshake waits for.
//
//	Alice                                   Bob
//	Start: message 1 ->                     request        message 1's ephemeral key
//	                                        requestBody    its sections, without padding
//	created         message 2, no padding   requestPad     its padding; message 2 ->
//	createdPad      its padding; message 3  confirmed      message 3
//	done                                    done
//
// failed is entered from everywhere and never left.
type state int

const (
	fresh state = iota
	created
	createdPad
	request
	requestBody
	requestPad
	confirmed
	done
	failed
)

// Handshake is one side of one handshake.
type Handshake struct {
	cfg   Config
	peer  Peer // for Bob, Hash and IV are his own
	alice bool
	state state

	noise     noise.State
	unpadded  noise.State // Alice: without the padding of message 1
	ephemeral noise.KeyPair
	remote    [32]byte // the peer's ephemeral key
	hybrid
	iv     [16]byte // AES state between messages 1 and 2
	random *draw.Source

	padLen       int
	confirmedLen int
	part2        []byte // Alice: the plaintext of message 3 part 2
	times
	result Result
}

// times are those from which round trip and clock skew follow.
type times struct {
	sent        time.Time // the message that is being answered
	requestAt   time.Time // Bob: when message 1 came, and what it said
	requestTime uint32
}

// Result is what a finished handshake leaves.
type Result struct {
	Sender   *Sender
	Receiver *Receiver
	Static   [32]byte      // the peer's static key, proved
	Hybrid   kem.Kind      // what the session's keys depend on beside X25519
	Info     []byte        // Bob: the RouterInfo that Alice sent, not verified yet
	Flood    bool          // Bob: Alice asks that it be flooded
	Options  *Options      // Bob: Alice's Options block, if she sent one
	RTT      time.Duration // of the handshake's round trip
	// Skew is how far the peer's clock runs ahead, RTT compensated. Where Bob
	// finds more than MaxSkew he ends the session with ReasonClockSkew.
	Skew time.Duration
}

// NewInitiator makes Alice's side. Call Start for message 1.
func NewInitiator(cfg Config, peer Peer) *Handshake {
	cfg.fill()
	return &Handshake{cfg: cfg, peer: peer, alice: true, iv: peer.IV, hybrid: hybrid{kind: peer.Hybrid}, random: draw.From(cfg.Rand), state: fresh}
}

// NewResponder makes Bob's side, which waits for message 1.
func NewResponder(cfg Config) *Handshake {
	cfg.fill()
	peer := Peer{Hash: cfg.Hash, Static: cfg.Static.Public, IV: cfg.IV}
	return &Handshake{cfg: cfg, peer: peer, iv: cfg.IV, random: draw.From(cfg.Rand), state: request}
}

func (c *Config) fill() {
	if c.Replay == nil {
		c.Replay = NewReplayCache(0)
	}
}

// Done reports whether Result can be called.
func (h *Handshake) Done() bool { return h.state == done }

// Authenticated reports whether the peer has proved to know who we are, which
// a prober cannot; before that not a byte is to be said.
func (h *Handshake) Authenticated() bool {
	return h.state == requestPad || h.state == confirmed || h.state == done
}

// Result is what the finished handshake leaves.
func (h *Handshake) Result() Result {
	if h.state != done {
		panic("ntcp2: result of an unfinished handshake")
	}
	return h.result
}

// Need is how many bytes must lie at hand for Handle to make progress.
func (h *Handshake) Need() int {
	switch h.state {
	case created:
		return headLen + h.createdSection()
	case request:
		return keyLen
	case requestBody:
		return headLen - keyLen + h.requestSection()
	case createdPad, requestPad:
		return h.padLen
	case confirmed:
		return part1Len + h.confirmedLen
	}
	return 0
}

// Handle takes all that the connection has brought and was not used yet, uses
// the first bytes of it, and returns what to write, in one piece. It uses
// nothing while fewer than Need bytes are there. Once it has failed it must
// not be called again.
func (h *Handshake) Handle(now time.Time, in []byte) (out []byte, used int, err error) {
	for h.state != done && used+h.Need() <= len(in) {
		b := in[used : used+h.Need()]
		used += h.Need()
		more := len(in) > used
		was := h.state
		switch h.state {
		case created:
			err = h.handleCreated(now, b)
		case createdPad:
			if more {
				err = h.fail(2, ErrExtraData)
				break
			}
			out, err = h.confirm(b)
		case request:
			err = h.handleRequest(b)
		case requestBody:
			err = h.handleRequestBody(now, b)
		case requestPad:
			if more {
				err = h.fail(1, ErrExtraData)
				break
			}
			out, err = h.create(now, b)
		case confirmed:
			err = h.handleConfirmed(now, b)
		default:
			panic(fmt.Sprintf("ntcp2: handle in state %d", was))
		}
		if err != nil {
			h.state = failed
			return nil, used, err
		}
	}
	return out, used, nil
}

func (h *Handshake) fail(message int, err error) error {
	return &HandshakeError{Message: message, Err: err}
}

// begin starts the Noise state up to Bob's static key.
func (h *Handshake) begin() {
	h.noise = noise.New(protocolName(h.kind))
	h.noise.MixHash(nil) // empty prologue
	h.noise.MixHash(h.peer.Static[:])
}

// paddingOut draws the cleartext padding of messages 1 and 2.
func (h *Handshake) paddingOut() []byte {
	pad := make([]byte, h.drawPadding(maxPaddingOut))
	h.random.Fill(pad)
	return pad
}

// drawPadding draws a length of at most most. It is never 0: padding that is
// not there is not hashed (NTCP2, KDF for message 2), but emissary hashes the
// empty string.
func (h *Handshake) drawPadding(most int) int {
	if h.cfg.Unpadded {
		return 0
	}
	return 1 + h.random.Below(most)
}

// checkSkew fails when the compensated skew is too large.
func checkSkew(message int, skew time.Duration) error {
	if skew > MaxSkew || skew < -MaxSkew {
		return &HandshakeError{Message: message, Skew: skew, Err: ErrClockSkew}
	}
	return nil
}
