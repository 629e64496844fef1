package ssu2

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// MaxSkew is how far two routers' clocks may differ (SSU2, Replay Prevention).
const MaxSkew = 2 * time.Minute

// When messages of the handshake are sent again, and for how long (SSU2,
// Handshake Retransmission and Recommended Constants). The interval doubles.
const (
	tokenRequestResend   = 3 * time.Second
	tokenRequestResends  = 2
	sessionRequestResend = 1250 * time.Millisecond
	sessionCreatedResend = time.Second
	confirmedResend      = 1250 * time.Millisecond
	resends              = 3
	messageTimeout       = 15 * time.Second // Alice, for each of her messages
	outboundTimeout      = 20 * time.Second // Alice, for the whole
	inboundTimeout       = 12 * time.Second // Bob
)

// The ways in which a handshake fails.
var (
	ErrAuthentication = errors.New("message does not authenticate")
	ErrKey            = errors.New("unusable public key")
	ErrClockSkew      = errors.New("clock skew")
	ErrTimeout        = errors.New("no answer")
	ErrRetries        = errors.New("too many retries")
	ErrNoDate         = errors.New("message without date")
	ErrRouterInfo     = errors.New("no usable RouterInfo")
	ErrStaticKey      = errors.New("static key is not in the RouterInfo")
	ErrAddress        = errors.New("address is not the published one")
	ErrPending        = errors.New("handshake with the address is under way")
	ErrLimit          = errors.New("too many handshakes")
)

// HandshakeError is a failed handshake: the message that failed, or was not
// answered, and why.
type HandshakeError struct {
	Message MessageType
	Skew    time.Duration // with ErrClockSkew: how far the peer's clock runs ahead
	Err     error
}

// Error names message and cause.
func (e *HandshakeError) Error() string {
	if e.Skew != 0 {
		return fmt.Sprintf("ssu2: %s: %v: %v", e.Message, e.Err, e.Skew)
	}
	return fmt.Sprintf("ssu2: %s: %v", e.Message, e.Err)
}

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

func failed(m MessageType, err error) error { return &HandshakeError{Message: m, Err: err} }

// greeting is the payload of a handshake message, but for Session Confirmed.
type greeting struct {
	Said
	dated       bool
	seconds     uint32
	termination *Termination
}

// readGreeting takes a payload apart. What has no place in a handshake is
// ignored, as unknown blocks are.
func readGreeting(payload []byte) (g greeting, err error) {
	for bs := (Blocks{Payload: payload}); ; {
		block, ok, err := bs.Next()
		if err != nil {
			return greeting{}, err
		}
		if !ok {
			return g, nil
		}
		if err := g.read(block); err != nil {
			return greeting{}, err
		}
	}
}

func (g *greeting) read(block Block) (err error) {
	switch block.Type {
	case BlockDateTime:
		g.seconds, err = ParseDateTime(block.Data)
		g.dated = true
	case BlockTermination:
		var t Termination
		t, err = ParseTermination(block.Data)
		g.termination = &t
	default:
		err = g.Said.read(block)
	}
	return err
}

func (s *Said) read(block Block) (err error) {
	switch block.Type {
	case BlockOptions:
		var o Options
		o, err = ParseOptions(block.Data)
		o.More = bytes.Clone(o.More)
		s.Options = &o
	case BlockAddress:
		s.Address, err = ParseAddress(block.Data)
	case BlockRelayTagRequest:
		s.WantsRelayTag, err = true, ParseRelayTagRequest(block.Data)
	case BlockRelayTag:
		s.RelayTag, err = ParseRelayTag(block.Data)
	case BlockNewToken:
		var n NewToken
		n, err = ParseNewToken(block.Data)
		s.Token = &n
	case BlockFirstPacketNumber:
		s.FirstPacket, err = ParseFirstPacketNumber(block.Data)
	}
	return err
}

// check fails where the date is missing or says that the clocks differ.
func (g *greeting) check(m MessageType, now time.Time) (skew time.Duration, err error) {
	if !g.dated {
		return 0, failed(m, ErrNoDate)
	}
	// The sender rounded its time to the second.
	skew = SkewOf(g.seconds, now)
	if skew > MaxSkew+time.Second || skew < -MaxSkew-time.Second {
		return skew, &HandshakeError{Message: m, Skew: skew, Err: ErrClockSkew}
	}
	return skew, nil
}

// readConfirmed takes the payload of Session Confirmed apart: the RouterInfo,
// which comes first, and what is behind it.
func (s *Said) readConfirmed(payload []byte) (info RouterInfo, err error) {
	bs := Blocks{Payload: payload}
	block, _, err := bs.Next()
	if err == nil && block.Type != BlockRouterInfo {
		err = fmt.Errorf("%w: block %d comes first", ErrPayload, block.Type)
	}
	if err == nil {
		info, err = ParseRouterInfo(block.Data)
	}
	s.Confirmed = bytes.Clone(bs.Payload)
	for ok := true; ok && err == nil; {
		if block, ok, err = bs.Next(); ok {
			err = s.read(block)
		}
	}
	return info, err
}

// verifyPeer reads and checks Alice's RouterInfo: its signature, that it names
// the static key, and that she is where it says, if it does (SSU2,
// SessionConfirmed, notes). An IPv6 host may use other addresses of its /64.
func verifyPeer(block RouterInfo, static [32]byte, from netip.Addr) (*routerinfo.RouterInfo, routerinfo.Address, error) {
	raw, err := block.Decompress()
	if err != nil {
		return nil, routerinfo.Address{}, err
	}
	info, err := routerinfo.Parse(raw)
	if err != nil {
		return nil, routerinfo.Address{}, fmt.Errorf("%w: %w", ErrRouterInfo, err)
	}
	if err := info.Verify(); err != nil {
		return nil, routerinfo.Address{}, err
	}
	var found *routerinfo.Address
	published := false
	for _, a := range info.SSU2() {
		if key, _ := a.StaticKey(); key != static {
			continue
		}
		host := a.Host()
		switch {
		case host.IsValid() && sameHost(host, from):
			return info, a, nil
		case host.IsValid() && host.Is4() == from.Is4():
			published = true
		case found == nil:
			found = &a
		}
	}
	switch {
	case published:
		return nil, routerinfo.Address{}, fmt.Errorf("%w: %s", ErrAddress, from)
	case found == nil:
		return nil, routerinfo.Address{}, ErrStaticKey
	}
	return info, *found, nil
}

func sameHost(a, b netip.Addr) bool {
	if a.Is4() || b.Is4() {
		return a == b
	}
	return netip.PrefixFrom(a, 64).Masked().Contains(b)
}

// reasonOf is the reason of a Termination block for a failure.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, ErrClockSkew):
		return ReasonClockSkew
	case errors.Is(err, ErrLimit):
		return ReasonLimits
	case errors.Is(err, ErrPayload):
		return ReasonPayload
	}
	return ReasonSessionRequest
}
