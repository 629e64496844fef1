// Package elgamalaes is the garlic encryption that the network began with,
// ElGamal/AES+SessionTags, for one local destination: sessions that go one way,
// with 32-byte tags that are delivered in messages and used up by others
// (ElGamal/AES + SessionTag Encryption).
//
// A Sessions value is an engine: it owns no goroutine and no clock. What tells
// that tags have come is a DeliveryStatus message that travels along as a clove
// of its own: the caller makes the clove, which needs a way back, and says when
// the message has returned. Nothing in a message tells who has sealed it.
package elgamalaes

import (
	"errors"
	"io"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2np"
)

// Errors that a caller may want to tell apart.
var (
	ErrShort     = errors.New("elgamalaes: message is too short")
	ErrDecrypt   = errors.New("elgamalaes: message does not decrypt")
	ErrReplay    = errors.New("elgamalaes: new session message was seen before")
	ErrClock     = errors.New("elgamalaes: message's expiration is out of range")
	ErrBusy      = errors.New("elgamalaes: too many new session messages")
	ErrMalformed = errors.New("elgamalaes: malformed block")
	ErrTooLong   = errors.New("elgamalaes: payload is too long")
)

// The times of the protocol ("Existing Session Message Specification", and what Java and i2pd do).
const (
	sendLife    = 12 * time.Minute // of tags, for who uses them
	receiveLife = 15 * time.Minute // and for who listens to them
	sendMargin  = 90 * time.Second // tags with less left are replaced
	confirmWait = 3 * time.Second  // tags on their way are counted on for so long
	confirmLife = time.Minute      // and are good when they are confirmed within this
	restarts    = time.Second      // between two sessions begun anew with a peer that seems not to listen
	rateSpan    = 3 * time.Second  // over which messages are counted to guess how many tags are needed

	sweepInterval = 15 * time.Second
)

// How many tags are delivered at a time: as Java does by default, and more where many are used.
const (
	DefaultTags = 40
	DefaultLow  = 30
	mostTags    = 100
	maxTags     = 200 // in one message (AES Block)
)

// Limits bound what strangers can make a Sessions keep and compute. A zero field means its default.
type Limits struct {
	Tags        int // that peers have delivered; 1 << 17
	SessionTags int // of these in one session; 1 << 15: i2pd delivers 40 in each message of a window until some are confirmed
	Peers       int // sessions of ours; 1024
	PerSecond   int // new session messages that are decrypted; 50
	Replays     int // such messages remembered; 1 << 14
	Cloves      int // in one message; 64
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		p *int
		n int
	}{
		{&l.Tags, 1 << 17}, {&l.SessionTags, 1 << 15}, {&l.Peers, 1024},
		{&l.PerSecond, 50}, {&l.Replays, 1 << 14}, {&l.Cloves, 64},
	} {
		if *f.p <= 0 {
			*f.p = f.n
		}
	}
	return l
}

// Config is what a Sessions needs.
type Config struct {
	Key  *elgamal.PrivateKey // ours, as published in the lease set
	Rand io.Reader           // nil is crypto/rand

	// Tags is how many are delivered at a time, and Low the number below which more are. 0 are
	// the defaults; to deliver none, Low is negative.
	Tags, Low int

	Limits Limits
}

// Stats counts what happened since New.
type Stats struct {
	NewSealed, ExistingSealed uint64
	NewOpened, ExistingOpened uint64
	Failed                    uint64 // did not decrypt
	Busy                      uint64 // new sessions beyond the limit of a second
	Replayed, BadClock        uint64
	Malformed                 uint64
	TagsSent, TagsConfirmed   uint64
	TagsReceived              uint64
	TagsEvicted, TagsExpired  uint64 // of those received
	Unconfirmed               uint64 // deliveries of tags
	Restarts                  uint64 // sessions given up as the peer seems not to have them
	Sessions, Tags            int    // now: ours, and tags of peers
}

// Sessions holds the sessions of one destination. It is not safe for concurrent use: one loop owns it.
type Sessions struct {
	key      *elgamal.PrivateKey
	limits   Limits
	random   *draw.Source
	outgoing outgoing
	incoming incoming
	replays  replays
	fresh    bucket.Bucket // new session messages that may be decrypted
	sweepAt  time.Time
	stats    Stats
}

// New returns an engine without sessions.
func New(cfg Config) *Sessions {
	limits := cfg.Limits.withDefaults()
	if cfg.Tags <= 0 {
		cfg.Tags = DefaultTags
	}
	if cfg.Low == 0 {
		cfg.Low = DefaultLow
	}
	return &Sessions{
		key: cfg.Key, limits: limits, random: draw.From(cfg.Rand),
		outgoing: newOutgoing(min(cfg.Tags, maxTags), max(cfg.Low, 0)),
		incoming: newIncoming(limits),
		replays:  replays{limit: limits.Replays},
	}
}

// Payload is what to seal.
type Payload struct {
	Cloves []i2np.Clove

	// Bundle is put in front of Cloves in a new session message only, and its coming is to be
	// confirmed. It should hold our lease set, which the peer needs to answer.
	Bundle []i2np.Clove

	// Status makes the clove that brings the confirmation with an id back. Where there is
	// none, as it is nil or reports false, no tags are delivered.
	Status func(id uint32) (clove i2np.Clove, ok bool)

	// Confirm asks for a confirmation even where no tags are delivered.
	Confirm bool

	// Tags and Low are those of Config for this payload. 0 are those of Config.
	Tags, Low int
}

// Sealed is a sealed message: the garlic body without its length field.
type Sealed struct {
	Body []byte
	New  bool   // it begins a session
	ID   uint32 // of its confirmation; 0: none was asked for
}

// Opened is an opened message. Its cloves alias the body that was opened.
type Opened struct {
	New    bool
	Cloves []i2np.Clove
}

// Stats returns the counters.
func (s *Sessions) Stats() Stats {
	st := s.stats
	st.Sessions, st.Tags = len(s.outgoing.peers), len(s.incoming.tags)
	st.TagsEvicted, st.TagsExpired, st.Unconfirmed = s.incoming.evicted, s.incoming.expired, s.outgoing.unconfirmed
	return st
}

// Key is ours.
func (s *Sessions) Key() *elgamal.PrivateKey { return s.key }

// Deadline returns when Tick next has something to do, or the zero time.
func (s *Sessions) Deadline() time.Time { return s.sweepAt }

// Tick drops what has expired.
func (s *Sessions) Tick(now time.Time) {
	if s.sweepAt.IsZero() || now.Before(s.sweepAt) {
		return
	}
	s.outgoing.expire(now)
	s.incoming.expire(now)
	s.replays.expire(now)
	s.sweepAt = time.Time{}
	if len(s.outgoing.peers) > 0 || len(s.incoming.tags) > 0 || len(s.replays.seen) > 0 {
		s.sweep(now)
	}
}

// sweep has Tick look for what has expired, within sweepInterval.
func (s *Sessions) sweep(now time.Time) {
	s.sweepAt = deadline.Earliest(s.sweepAt, now.Add(sweepInterval))
}
