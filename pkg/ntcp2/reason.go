package ntcp2

import "fmt"

// Reason is the code in a Termination block (NTCP2, Termination).
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
	ReasonMessage1            Reason = 11
	ReasonMessage2            Reason = 12
	ReasonMessage3            Reason = 13
	ReasonReadTimeout         Reason = 14
	ReasonSignature           Reason = 15
	ReasonStaticKey           Reason = 16
	ReasonBanned              Reason = 17
)

var reasonNames = [...]string{
	"normal close", "termination received", "idle timeout", "router shutdown",
	"data phase AEAD failure", "incompatible options", "incompatible signature type",
	"clock skew", "padding violation", "AEAD framing error", "payload format error",
	"message 1 error", "message 2 error", "message 3 error", "intra-frame read timeout",
	"RouterInfo signature verification failure",
	"s parameter missing, invalid or mismatched in RouterInfo", "banned",
}

// String is the specification's name of the reason.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", byte(r))
}

// TerminationError says why a session ended, and which side wanted it.
type TerminationError struct {
	Reason Reason
	Remote bool  // the peer sent the Termination block
	Err    error // what lay behind it, or nil
}

// Error names the side and the reason.
func (e *TerminationError) Error() string {
	side := "closed by us"
	if e.Remote {
		side = "closed by the peer"
	}
	if e.Err != nil {
		return fmt.Sprintf("ntcp2: %s: %s: %v", side, e.Reason, e.Err)
	}
	return fmt.Sprintf("ntcp2: %s: %s", side, e.Reason)
}

// Unwrap returns what lay behind the termination.
func (e *TerminationError) Unwrap() error { return e.Err }
