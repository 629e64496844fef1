package ssu2

import (
	"encoding/binary"
	"fmt"
)

// Reason is the code in a Termination block (SSU2, Termination).
type Reason byte

// The reasons of the specification.
const (
	ReasonNormal              Reason = 0
	ReasonTerminationReceived Reason = 1
	ReasonIdleTimeout         Reason = 2
	ReasonShutdown            Reason = 3
	ReasonAEADFailure         Reason = 4
	ReasonOptions             Reason = 5
	ReasonSignatureType       Reason = 6
	ReasonClockSkew           Reason = 7
	ReasonPadding             Reason = 8
	ReasonFraming             Reason = 9
	ReasonPayload             Reason = 10
	ReasonSessionRequest      Reason = 11
	ReasonSessionCreated      Reason = 12
	ReasonSessionConfirmed    Reason = 13
	ReasonTimeout             Reason = 14
	ReasonSignature           Reason = 15
	ReasonStaticKey           Reason = 16
	ReasonBanned              Reason = 17
	ReasonBadToken            Reason = 18
	ReasonLimits              Reason = 19
	ReasonVersion             Reason = 20
	ReasonNetID               Reason = 21
	ReasonReplaced            Reason = 22
)

var reasonNames = [...]string{
	"normal close", "termination received", "idle timeout", "router shutdown",
	"data phase AEAD failure", "incompatible options", "incompatible signature type",
	"clock skew", "padding violation", "AEAD framing error", "payload format error",
	"Session Request error", "Session Created error", "Session Confirmed error", "timeout",
	"RouterInfo signature verification failure",
	"s parameter missing, invalid or mismatched in RouterInfo", "banned", "bad token",
	"connection limits", "incompatible version", "wrong network id", "replaced by a new session",
}

// String is the specification's name of the reason.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", byte(r))
}

// Termination is the data of a Termination block:
//
//	0  8 bytes  big-endian number of valid data packets received, 0 in the handshake
//	8  1 byte   reason
//	9  more, unspecified
//
// It is answered with ReasonTerminationReceived. i2pd, which answers so, keeps
// the session until it is told the same in turn, and prefers it to a new one.
type Termination struct {
	Packets uint64
	Reason  Reason
	More    []byte
}

const terminationLen = 9

// TerminationBlockLen is the size of a Termination block without more.
const TerminationBlockLen = BlockHeaderLen + terminationLen

// ParseTermination reads the data of a Termination block.
func ParseTermination(data []byte) (Termination, error) {
	if len(data) < terminationLen {
		return Termination{}, sizeError("termination", len(data))
	}
	return Termination{binary.BigEndian.Uint64(data), Reason(data[8]), data[terminationLen:]}, nil
}

// AppendTo appends the block.
func (t Termination) AppendTo(out []byte) []byte {
	out = appendHeader(out, BlockTermination, terminationLen+len(t.More))
	out = binary.BigEndian.AppendUint64(out, t.Packets)
	return append(append(out, byte(t.Reason)), t.More...)
}

// TerminationError says why a session or a handshake ended, and which side
// wanted it.
type TerminationError struct {
	Reason Reason
	Remote bool  // the peer said so
	Err    error // what lay behind it, or nil
}

// Error names the side and the reason.
func (e *TerminationError) Error() string {
	side := "closed by us"
	if e.Remote {
		side = "closed by the peer"
	}
	if e.Err != nil {
		return fmt.Sprintf("ssu2: %s: %s: %v", side, e.Reason, e.Err)
	}
	return fmt.Sprintf("ssu2: %s: %s", side, e.Reason)
}

// Unwrap returns what lay behind the termination.
func (e *TerminationError) Unwrap() error { return e.Err }
