// Package ratchet is the garlic encryption of one context, a local
// destination's or the router's: ECIES-X25519-AEAD-Ratchet sessions with tag
// sets and key ratchets, their ML-KEM hybrids, and the one-shot forms that
// routers use.
//
// A Sessions value is an engine: it owns no goroutine and no clock. Seal picks
// the message form by itself: New Session until the peer has answered, New
// Session Reply until the peer has used our answer, Existing Session from then
// on. Open recognises all forms. The caller delivers the cloves, and sends
// something, even an empty payload, to the peers that Pending names.
package ratchet

import (
	"errors"
	"io"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

// Speaks reports whether there are sessions with keys of a type.
func Speaks(t i2p.EncryptionType) bool { return t == i2p.CryptoX25519 || kemOf(t) != kem.None }

// Errors that a caller may want to tell apart.
var (
	ErrShort     = errors.New("ratchet: message is too short")
	ErrDecrypt   = errors.New("ratchet: message does not authenticate")
	ErrReplay    = errors.New("ratchet: new session message was seen before")
	ErrClock     = errors.New("ratchet: message's date is out of range")
	ErrBusy      = errors.New("ratchet: too many new session messages")
	ErrMalformed = errors.New("ratchet: malformed payload")
	ErrTooLong   = errors.New("ratchet: payload is too long")
	ErrType      = errors.New("ratchet: encryption type is not spoken")
)

// Limits bound what strangers can make a Sessions keep and compute. A zero
// field means its default.
type Limits struct {
	Established  int // sessions that carry data; 4096
	HalfOpen     int // sessions begun by peers and not yet used by them; 1024
	Unanswered   int // our own new session messages awaiting a reply; 1024
	Tags         int // session tags and skipped keys kept, all sessions together; 1 << 19
	Expected     int // one-time tags, see Expect; 4096
	Replays      int // new session messages remembered; 1 << 19
	PerPeer      int // handshakes kept with one peer, each way; 8
	Replies      int // replies to one new session message; 32
	CloveCount   int // cloves accepted in one message; 64
	RatchetAfter int // messages after which a tag set asks for its successor; 4096
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		p *int
		n int
	}{
		{&l.Established, 4096}, {&l.HalfOpen, 1024}, {&l.Unanswered, 1024}, {&l.Tags, 1 << 19},
		{&l.Expected, 4096}, {&l.Replays, 1 << 19}, {&l.PerPeer, 8},
		{&l.Replies, 32}, {&l.CloveCount, 64}, {&l.RatchetAfter, 4096},
	} {
		if *f.p <= 0 {
			*f.p = f.n
		}
	}
	return l
}

// The times of the protocol (ECIES, Parameters).
const (
	sendTimeout     = 8 * time.Minute  // of an idle session, for the sender
	receiveTimeout  = 10 * time.Minute // and for the receiver
	replyTimeout    = 3 * time.Minute  // a handshake's, and that of a replaced tag set
	maxPast         = 5 * time.Minute  // of a DateTime
	maxFuture       = 2 * time.Minute
	responseDelay   = time.Second           // before an empty response is due
	hasteDelay      = 20 * time.Millisecond // between two to a peer that begins more than one session meanwhile
	responseTries   = 3
	sweepInterval   = 15 * time.Second
	ackInterval     = 10 * time.Second // between ack requests while the peer is silent
	silenceTimeout  = 30 * time.Second // after which a silent peer gets a new session message
	silenceSpan     = 15 * time.Second // over which at least silenceCount messages went unanswered
	silenceCount    = 3
	floodCount      = 512                  // messages that went unanswered: more than peers listen ahead for may be lost at once,
	floodTimeout    = 4 * time.Second      // and after this a session may be one in which nothing can be opened any more
	floodAsk        = 5 * time.Millisecond // between ack requests among so many, of which floodAsks went before
	floodAsks       = 32
	restartInterval = time.Second // between new session messages to a silent peer
)

// Config is what a Sessions needs.
type Config struct {
	Static noise.KeyPair // our X25519 key, as published in the lease set

	// Hybrid is an ML-KEM hybrid that peers may use besides X25519; 0 is none.
	// HybridStatic is its X25519 key; when zero, Static serves both.
	Hybrid       i2p.EncryptionType
	HybridStatic noise.KeyPair

	Rand   io.Reader // nil is crypto/rand; encapsulation for ML-KEM reads that in any case
	Limits Limits
}

// Peer is the far end of a session: one encryption key of its lease set.
type Peer struct {
	Static [32]byte
	Type   i2p.EncryptionType // 0 is X25519
}

// Payload is what to seal. The engine adds the blocks of the protocol itself.
type Payload struct {
	Cloves []i2np.Clove

	// Bundle is put in front of Cloves in a New Session message only. It
	// should hold our lease set, which the peer needs to answer.
	Bundle []i2np.Clove

	// AckRequest asks the peer to confirm the message. In an Existing Session
	// that takes a block; a handshake message is confirmed by its answer.
	AckRequest bool

	// Anonymous sends a message without our key, which cannot be answered
	// (New Session without binding) and makes no session.
	Anonymous bool

	// Terminate ends the session with the given reason.
	Terminate bool
	Reason    byte
}

// Kind is the form of a message.
type Kind byte

// The forms of messages.
const (
	NewSession Kind = iota + 1
	NewSessionReply
	ExistingSession
	OneTime    // sealed with a key and tag given in a request
	RouterOnly // Noise_N, to a router
)

// String returns the specification's name of the form.
func (k Kind) String() string {
	switch k {
	case NewSession:
		return "New Session"
	case NewSessionReply:
		return "New Session Reply"
	case ExistingSession:
		return "Existing Session"
	case OneTime:
		return "One-Time"
	case RouterOnly:
		return "Router"
	}
	return "unknown"
}

// MessageID names a message that we sealed, for its confirmation.
type MessageID struct {
	Session uint64
	Kind    Kind
	TagSet  uint16 // of an Existing Session message
	N       uint16 // within the tag set, or among the replies
}

// Sealed is a sealed message: the garlic body without its length field.
type Sealed struct {
	Body []byte
	Kind Kind
	ID   MessageID
}

// Opened is an opened message. Its cloves alias the body that was opened.
type Opened struct {
	Kind Kind
	From [32]byte           // the peer's static key; zero when anonymous
	Type i2p.EncryptionType // of the session

	// New says that the message began a session or completed one's
	// handshake. In a New Session the sender's lease set should be among the
	// cloves; the caller must check that it holds From before it answers.
	New bool

	// Renewed says that either side has begun the session while another one
	// stood, of which the peer may know no more.
	Renewed bool

	Cloves []i2np.Clove
	Time   time.Time   // of the DateTime block, or zero
	Acks   []MessageID // messages of ours that the peer has confirmed

	Terminated bool // the peer has ended the session
	Reason     byte

	room [2]i2np.Clove
}

// Stats counts what happened since New.
type Stats struct {
	NewSealed, RepliesSealed, ExistingSealed uint64
	NewOpened, RepliesOpened, ExistingOpened uint64
	OneTimeOpened                            uint64
	Failed                                   uint64 // did not authenticate
	Replayed, Refused, BadClock, Malformed   uint64
	BadCloves, UnknownBlocks, BadNextKeys    uint64
	Ratchets                                 uint64 // tag sets begun by exchanging keys
	Evicted, Expired                         uint64 // sessions
	Sessions, Tags                           int    // now
}
