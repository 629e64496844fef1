package ssu2

import (
	"io"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// Config is what the handshakes of a router need.
type Config struct {
	Hash   i2p.Hash      // our router's
	Static noise.KeyPair // our SSU2 static key
	Intro  [32]byte      // our intro key
	NetID  byte
	MTU    int           // of our network, 1280 to 1500; 0 is 1500
	Info   func() []byte // our RouterInfo, as Alice sends it in Session Confirmed
	// Options say what padding we want; Alice sends them.
	Options Options
	// Hybrids are what our address offers. Without any we ask nobody for one.
	Hybrids []kem.Kind
	// MaxPending bounds the handshakes that others have begun and MaxPerPrefix
	// those of an IPv4 /24 or an IPv6 /56; 0 is a sensible bound.
	MaxPending, MaxPerPrefix int
	Rand                     io.Reader // nil is crypto/rand
	// Unpadded leaves the padding out, which others may do: for tests and vectors.
	Unpadded bool
}

const (
	defaultMaxPending   = 1 << 10
	defaultMaxPerPrefix = 1 << 5
	maxEarly            = 8       // packets kept of one peer that come before its Session Confirmed
	maxEarlyTotal       = 1 << 10 // of all
	ephemeralLimit      = 1 << 16
)

// Target is the router that Alice wants to reach, from its RouterInfo's
// address.
type Target struct {
	Info   *routerinfo.RouterInfo
	At     netip.AddrPort
	Static [32]byte
	Intro  [32]byte
	MTU    int
	// Hybrids are what the address offers, the preferred first.
	Hybrids []kem.Kind
	// WantRelayTag asks Bob to introduce others to us.
	WantRelayTag bool
	// What an introduction has settled; zero without one.
	LocalID, RemoteID ConnectionID
	Token             Token
}

// hash is the router's; zero where it is not known, to whom no hybrid can be had.
func (t *Target) hash() (hash i2p.Hash) {
	if t.Info == nil {
		return hash
	}
	return t.Info.Hash()
}

// TargetOf is the target that a RouterInfo's published address names.
func TargetOf(info *routerinfo.RouterInfo, a routerinfo.Address) (t Target, ok bool) {
	t = Target{Info: info, At: a.AddrPort(), MTU: a.MTU(), Hybrids: a.Hybrids()}
	var static, intro bool
	t.Static, static = a.StaticKey()
	t.Intro, intro = a.IntroKey()
	return t, static && intro && t.At.IsValid() && a.IsSSU2()
}

// Datagram is what is to be sent. Its data is not changed any more.
type Datagram struct {
	To   netip.AddrPort
	Data []byte
}

// Message is a Peer Test or a Hole Punch that came outside of a session. It
// opened with our intro key, which everybody knows: it proves nothing.
type Message struct {
	From    netip.AddrPort
	Header  LongHeader
	Payload []byte
}

// Failure is a handshake that has ended without a session.
type Failure struct {
	Initiator bool
	LocalID   ConnectionID // Alice's, as Dial returned it
	Remote    netip.AddrPort
	Err       error
}

// Result is what follows from a datagram or from the time.
type Result struct {
	Send        []Datagram
	Established *Established // a handshake is done
	Early       [][]byte     // packets that came for that session before it stood
	Failed      []Failure
	Message     *Message
}

func (r *Result) send(to netip.AddrPort, data ...[]byte) {
	for _, d := range data {
		r.Send = append(r.Send, Datagram{to, d})
	}
}

// Counts are what the endpoint has refused, dropped and answered.
type Counts struct {
	Junk        uint64 // datagrams that no message is in, for us
	Forged      uint64 // that did not authenticate
	Retries     uint64 // Retries sent
	Skewed      uint64 // requests from another time
	Replayed    uint64 // ephemeral keys seen before
	Limited     uint64 // requests above a limit
	EarlyDrops  uint64 // packets before Session Confirmed that were not kept
	Resent      uint64 // messages sent again
	Established uint64
	Failed      uint64
}

// Endpoint runs all handshakes of one socket. One goroutine owns it: it hands
// in the datagrams that belong to no session that stands, and calls Tick when
// Deadline has come.
type Endpoint struct {
	cfg        Config
	random     *draw.Source
	keys       HeaderKeys
	noise      map[kem.Kind]noise.State // Bob's, as begin makes them
	tokens     *Tokens
	ephemerals *once[[keyLen]byte]
	out        map[netip.AddrPort]*initiator
	in         map[ConnectionID]*responder
	prefixes   map[netip.Prefix]int // of in
	early      int                  // packets kept in all of in
	next       time.Time            // not after the earliest deadline; zero for none
	counts     Counts
}

// NewEndpoint makes an endpoint without handshakes.
func NewEndpoint(cfg Config) *Endpoint {
	if cfg.MTU == 0 {
		cfg.MTU = routerinfo.MaxSSU2MTU
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = defaultMaxPending
	}
	if cfg.MaxPerPrefix == 0 {
		cfg.MaxPerPrefix = defaultMaxPerPrefix
	}
	random := draw.From(cfg.Rand)
	states := map[kem.Kind]noise.State{}
	for _, kind := range append([]kem.Kind{kem.None}, cfg.Hybrids...) {
		states[kind] = begin(kind, cfg.Static.Public, cfg.Hash)
	}
	return &Endpoint{
		cfg: cfg, random: random,
		keys:       introKeys(cfg.Intro),
		noise:      states,
		tokens:     NewTokens(random),
		ephemerals: newOnce[[keyLen]byte](2*MaxSkew, ephemeralLimit),
		out:        map[netip.AddrPort]*initiator{},
		in:         map[ConnectionID]*responder{},
		prefixes:   map[netip.Prefix]int{},
	}
}

// Tokens is the endpoint's store of tokens, which its owner feeds with those
// of the data phase.
func (e *Endpoint) Tokens() *Tokens { return e.tokens }

// Counts is what has happened so far.
func (e *Endpoint) Counts() Counts { return e.counts }

// Pending is how many handshakes we and others have begun and not ended.
func (e *Endpoint) Pending() (ours, theirs int) { return len(e.out), len(e.in) }

// Handle works in a datagram that belongs to no session that stands (SSU2,
// Inbound Packet Handling). It borrows the packet.
func (e *Endpoint) Handle(now time.Time, from netip.AddrPort, packet []byte) (r Result) {
	if len(packet) < MinPacket || len(packet) > routerinfo.MaxSSU2MTU {
		e.counts.Junk++
		return r
	}
	header := e.keys.Unmask(packet)
	h, _, _ := ParseShortHeader(header[:])
	if in := e.in[h.Dest]; in != nil {
		e.handleResponder(now, from, in, h.Type, packet, &r)
		return r
	}
	if out := e.out[from]; out != nil && DestOf(&out.target.Intro, packet) == out.local {
		e.handleInitiator(now, out, packet, &r)
		return r
	}
	if !e.handleStranger(now, from, h.Type, packet, &r) {
		e.counts.Junk++
	}
	return r
}

// handleStranger handles what needs no state: it reports false for what is
// not addressed to our intro key.
func (e *Endpoint) handleStranger(now time.Time, from netip.AddrPort, t MessageType, packet []byte, r *Result) bool {
	least := minLong
	switch t {
	case TypeSessionRequest:
		least = minKeyed
	case TypeTokenRequest, TypePeerTest, TypeHolePunch:
	default:
		return false
	}
	if len(packet) < least {
		return false
	}
	header, key := e.keys.unmaskLong(packet)
	h, _, _ := ParseLongHeader(header[:])
	kind, ok := kindOf(h.Version)
	switch {
	case !ok || h.NetID != e.cfg.NetID:
		return false
	case (t == TypeSessionRequest || t == TypeTokenRequest) && !e.speaks(kind):
		return false // as a router does that knows of no hybrids
	case h.Source == h.Dest || t == TypeSessionRequest && len(packet) < minKeyed+sectionLen(kind.PublicLen()):
		e.counts.Junk++
	case t == TypeSessionRequest:
		e.handleRequest(now, from, h, header, key, packet, r)
	case t == TypeTokenRequest:
		e.handleTokenRequest(now, from, h, packet, r)
	default:
		h, payload, ok := openIntro(packet, e.cfg.Intro)
		if !ok {
			e.counts.Forged++
			return true
		}
		r.Message = &Message{from, h, payload}
	}
	return true
}

// Deadline is not after the time at which Tick has something to do; zero is
// never.
func (e *Endpoint) Deadline() time.Time { return e.next }

// due has Tick called at t, if no earlier.
func (e *Endpoint) due(t time.Time) {
	if !t.IsZero() && (e.next.IsZero() || t.Before(e.next)) {
		e.next = t
	}
}

// Tick sends again what is due, and gives up what has waited too long.
func (e *Endpoint) Tick(now time.Time) (r Result) {
	if e.next.IsZero() || now.Before(e.next) {
		return r
	}
	e.next = time.Time{}
	for _, o := range e.out {
		if !now.Before(o.deadline()) {
			e.failOut(o, failed(o.awaits(), ErrTimeout), &r)
			continue
		}
		e.again(now, o.target.At, o.resend, &r)
		e.due(o.deadline())
	}
	for _, i := range e.in {
		if !now.Before(i.deadline) {
			e.failIn(i, failed(TypeSessionConfirmed, ErrTimeout), &r)
			continue
		}
		e.again(now, i.remote, i.created, &r)
		e.due(i.deadline)
	}
	return r
}

func (e *Endpoint) again(now time.Time, to netip.AddrPort, resend *Resend, r *Result) {
	if packets := resend.Tick(now); packets != nil {
		e.counts.Resent++
		r.send(to, packets...)
	}
	e.due(resend.Deadline())
}

// header is a long header of ours, with a packet number that means nothing.
func (e *Endpoint) header(t MessageType, version byte, dest, source ConnectionID, token Token) LongHeader {
	return LongHeader{
		Dest: dest, Number: uint32(e.random.Uint64()), Type: t,
		Version: version, NetID: e.cfg.NetID, Source: source, Token: token,
	}
}

// The padding of handshake messages: up to paddingMost bytes, and as much as
// room has.
const paddingMost = 32

// pad appends a Padding block. The payload gets its least size in any case.
func (e *Endpoint) pad(payload []byte, room int) []byte {
	if e.cfg.Unpadded && len(payload) >= MinPayload {
		return payload
	}
	n := 0
	if !e.cfg.Unpadded {
		n = e.random.Below(paddingMost)
	}
	n = max(n, MinPayload-len(payload)-BlockHeaderLen)
	if n = min(n, room-len(payload)-BlockHeaderLen); n < 0 {
		return payload
	}
	return AppendPadding(payload, n)
}

// datagramRoom is what a datagram may have on an MTU: IP and UDP take the
// rest.
func datagramRoom(mtu int, to netip.Addr) int {
	if to.Is4() {
		return mtu - 28
	}
	return mtu - 48
}
