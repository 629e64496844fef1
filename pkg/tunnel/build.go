package tunnel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

// standardRecords is the number of records of a build message, unless the
// tunnel has more hops; then there are eight.
const standardRecords = 4

// Hop is a router that a tunnel is built through.
type Hop struct {
	Router i2p.Hash
	Static [32]byte // its X25519 encryption key
}

// ReplyTo names the inbound tunnel through which the reply to an outbound
// build comes.
type ReplyTo struct {
	Gateway i2p.Hash
	Tunnel  uint32
}

// Config says which tunnel to build.
type Config struct {
	Inbound   bool
	Hops      []Hop // in the order of message flow, 1 to MaxHops
	Us        i2p.Hash
	Reply     ReplyTo // outbound
	Tunnel    uint32  // inbound: the ID that we receive with; 0 is drawn
	Long      bool    // records of 528 bytes, for hops older than 0.9.51
	Bandwidth Bandwidth
	Rand      io.Reader      // nil is crypto/rand
	Budget    *Budget        // inbound: of fragments, may be nil
	Counts    *EndpointStats // inbound: to count in, may be nil
}

// Build is a tunnel that was asked for and not yet agreed to.
type Build struct {
	cfg     Config
	hops    []buildHop
	replyID uint32
	ours    uint32 // inbound: our tunnel ID
	records int
	message i2np.Message
	random  *draw.Source

	own    int // inbound: the record that only we understand, and its sum
	ownSum [sha256.Size]byte
}

// buildHop is a hop with what was put into its record.
type buildHop struct {
	Hop
	receive uint32
	index   int
	keys    recordKeys
}

// NewBuild makes the build message. It costs two X25519 operations for each
// hop, and is for a worker to call.
func NewBuild(now time.Time, cfg Config) (*Build, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	b := &Build{cfg: cfg, hops: make([]buildHop, len(cfg.Hops)), ours: cfg.Tunnel, own: -1, random: draw.From(cfg.Rand)}
	needed := len(cfg.Hops)
	if cfg.Inbound {
		needed++
	}
	b.records = standardRecords
	if needed > standardRecords {
		b.records = i2np.MaxBuildRecords
	}
	b.draw()
	records := make([]byte, b.records*b.recordLen())
	b.random.Fill(records) // fake records are random
	for i := range b.hops {
		if err := b.writeRecord(now, records, i); err != nil {
			return nil, err
		}
	}
	b.writeOwn(records)
	b.conceal(records)
	b.wrap(now, records)
	return b, nil
}

func (c *Config) check() error {
	if len(c.Hops) < 1 || len(c.Hops) > MaxHops {
		return fmt.Errorf("tunnel: %d hops, 1 to %d expected", len(c.Hops), MaxHops)
	}
	seen := map[i2p.Hash]bool{c.Us: true}
	for _, h := range c.Hops {
		if seen[h.Router] {
			return errors.New("tunnel: a router is in the tunnel twice")
		}
		seen[h.Router] = true
	}
	if !c.Inbound && c.Reply.Tunnel == 0 {
		return errors.New("tunnel: an outbound build needs a tunnel for its reply")
	}
	return nil
}

func (b *Build) recordLen() int {
	if b.cfg.Long {
		return i2np.LongRecordLen
	}
	return i2np.ShortRecordLen
}

// draw draws the tunnel IDs, the reply's message ID and the records' order.
func (b *Build) draw() {
	b.replyID = b.random.Nonzero32()
	if b.cfg.Inbound && b.ours == 0 {
		b.ours = b.random.Nonzero32()
	}
	order := b.random.Perm(b.records)
	for i := range b.hops {
		h := &b.hops[i]
		h.Hop, h.index, h.receive = b.cfg.Hops[i], order[i], b.random.Nonzero32()
	}
	if b.cfg.Inbound {
		b.own = order[len(b.hops)]
	}
}

// writeRecord writes and encrypts the record of hop i and keeps its keys.
func (b *Build) writeRecord(now time.Time, records []byte, i int) error {
	h, last := &b.hops[i], i == len(b.hops)-1
	r := requestRecord{
		receiveTunnel: h.receive,
		minutes:       uint32(now.Unix() / 60),
		expiration:    requestLifetime,
		sendMessageID: b.replyID,
	}
	switch {
	case !last:
		r.nextTunnel, r.nextRouter = b.hops[i+1].receive, b.hops[i+1].Router
		r.sendMessageID = b.random.Nonzero32()
	case b.cfg.Inbound:
		r.nextTunnel, r.nextRouter = b.ours, b.cfg.Us
	default:
		r.nextTunnel, r.nextRouter = b.cfg.Reply.Tunnel, b.cfg.Reply.Gateway
		r.flags = flagEndpoint
	}
	if b.cfg.Inbound && i == 0 {
		r.flags = flagGateway
	}
	r.options = b.cfg.Bandwidth.options(r.flags == flagGateway)
	if b.cfg.Long {
		for _, k := range [][]byte{r.layer.Layer[:], r.layer.IV[:], r.replyKey[:], r.replyIV[:]} {
			b.random.Fill(k)
		}
	}
	plaintext, err := b.pad(r.appendTo(nil, !b.cfg.Long))
	if err != nil {
		return err
	}
	record := recordAt(records, !b.cfg.Long, h.index)
	copy(record, h.Router[:toPeerLen])
	state, err := sealRequest(record[toPeerLen:], plaintext, h.Static, b.random)
	if err != nil {
		return err
	}
	if b.cfg.Long {
		h.keys = longKeys(&state, &r)
	} else {
		h.keys = deriveShort(&state, r.flags == flagEndpoint)
	}
	return nil
}

// pad fills a request record with random bytes.
func (b *Build) pad(p []byte) ([]byte, error) {
	n := shortRequestLen
	if b.cfg.Long {
		n = longRequestLen
	}
	if len(p) > n {
		return nil, fmt.Errorf("tunnel: build request of %d bytes, at most %d", len(p), n)
	}
	at := len(p)
	p = append(p, make([]byte, n-at)...)
	b.random.Fill(p[at:])
	return p, nil
}

// writeOwn turns one of an inbound build's fake records into one that the
// last hop takes for the next router's (Implementation Notes, Build Records).
func (b *Build) writeOwn(records []byte) {
	if b.own < 0 {
		return
	}
	record := recordAt(records, !b.cfg.Long, b.own)
	nobodys := noise.GenerateKey(b.random).Public
	copy(record, b.cfg.Us[:toPeerLen])
	copy(record[toPeerLen:], nobodys[:])
	b.ownSum = sha256.Sum256(record)
}

// conceal decrypts each record with the keys of all hops before it, so that
// their encrypting reveals it.
func (b *Build) conceal(records []byte) {
	for i := len(b.hops) - 1; i >= 0; i-- {
		k := &b.hops[i].keys
		for j := i + 1; j < len(b.hops); j++ {
			k.decryptOther(recordAt(records, k.short, b.hops[j].index), b.hops[j].index)
		}
		if b.own >= 0 {
			k.decryptOther(recordAt(records, k.short, b.own), b.own)
		}
	}
}

func (b *Build) wrap(now time.Time, records []byte) {
	m := i2np.Message{Type: i2np.ShortTunnelBuildType, ID: b.random.Nonzero32(), Expiration: i2np.Expiration(now, buildExpiration, b.random.Uint64())}
	if b.cfg.Long {
		m.Type = i2np.VariableTunnelBuildType
	}
	m.Owner = buf.Get(1 + len(records))
	m.Body = m.Owner.Bytes()
	i2np.BuildRecords{Type: m.Type, Records: records}.AppendTo(m.Body[:0])
	b.message = m
}

// Message hands the build message over, once: its receiver owns it. An
// inbound build goes to FirstHop through an outbound tunnel, wrapped for it
// unless the tunnel ends there; an outbound one straight to FirstHop.
func (b *Build) Message() i2np.Message {
	m := b.message
	b.message = i2np.Message{}
	return m
}

// Inbound reports whether the tunnel will be inbound.
func (b *Build) Inbound() bool { return b.cfg.Inbound }

// Hops returns the hops in the order of message flow.
func (b *Build) Hops() []Hop { return b.cfg.Hops }

// FirstHop is the router that the build message goes to.
func (b *Build) FirstHop() Hop { return b.cfg.Hops[0] }

// ReplyID is the message ID of the reply.
func (b *Build) ReplyID() uint32 { return b.replyID }

// ReplyType is the message type of the reply: for an inbound build it is the
// build message that the last hop sends on.
func (b *Build) ReplyType() i2np.Type {
	switch {
	case b.cfg.Inbound && b.cfg.Long:
		return i2np.VariableTunnelBuildType
	case b.cfg.Inbound:
		return i2np.ShortTunnelBuildType
	case b.cfg.Long:
		return i2np.VariableTunnelBuildReplyType
	}
	return i2np.OutboundTunnelBuildReplyType
}

// ReplyGarlic is the key and tag with which the reply of an outbound build
// with short records is wrapped. The endpoint may leave the wrapping out.
func (b *Build) ReplyGarlic() (key GarlicKey, ok bool) {
	if b.cfg.Inbound || b.cfg.Long {
		return GarlicKey{}, false
	}
	return b.hops[len(b.hops)-1].keys.garlic, true
}
