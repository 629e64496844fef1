package ssu2

import "fmt"

// RelayCode is the answer in a Relay Response (SSU2, RelayResponse): below 64
// Bob refuses, below 128 Charlie does.
type RelayCode byte

// The codes of the specification.
const (
	RelayAccept              RelayCode = 0
	RelayBobRefuses          RelayCode = 1
	RelayBobBanned           RelayCode = 2
	RelayBobLimit            RelayCode = 3
	RelayBobSignature        RelayCode = 4
	RelayBobTagUnknown       RelayCode = 5
	RelayBobAliceUnknown     RelayCode = 6
	RelayCharlieRefuses      RelayCode = 64
	RelayCharlieAddress      RelayCode = 65
	RelayCharlieLimit        RelayCode = 66
	RelayCharlieSignature    RelayCode = 67
	RelayCharlieConnected    RelayCode = 68
	RelayCharlieBanned       RelayCode = 69
	RelayCharlieAliceUnknown RelayCode = 70
	RelayRefuses             RelayCode = 128
	firstCodeOfCharlie                 = 64
	firstCodeOfNeither                 = 128
)

// ByBob reports whether Bob refused.
func (c RelayCode) ByBob() bool { return c > 0 && c < firstCodeOfCharlie }

// PeerTestCode is the answer in a Peer Test (SSU2, PeerTest): below 64 Bob
// refuses, below 128 Charlie does.
type PeerTestCode byte

// The codes of the specification.
const (
	PeerTestAccept              PeerTestCode = 0
	PeerTestBobRefuses          PeerTestCode = 1
	PeerTestBobNoCharlie        PeerTestCode = 2
	PeerTestBobLimit            PeerTestCode = 3
	PeerTestBobSignature        PeerTestCode = 4
	PeerTestBobAddress          PeerTestCode = 5
	PeerTestCharlieRefuses      PeerTestCode = 64
	PeerTestCharlieAddress      PeerTestCode = 65
	PeerTestCharlieLimit        PeerTestCode = 66
	PeerTestCharlieSignature    PeerTestCode = 67
	PeerTestCharlieConnected    PeerTestCode = 68
	PeerTestCharlieBanned       PeerTestCode = 69
	PeerTestCharlieAliceUnknown PeerTestCode = 70
	PeerTestRefuses             PeerTestCode = 128
)

// ByBob reports whether Bob refused.
func (c PeerTestCode) ByBob() bool { return c > 0 && c < firstCodeOfCharlie }

func describe(code byte, bob, charlie []string) string {
	switch {
	case code == 0:
		return "accepted"
	case int(code) <= len(bob):
		return "refused by Bob: " + bob[code-1]
	case code < firstCodeOfCharlie:
		return fmt.Sprintf("refused by Bob: code %d", code)
	case int(code) < firstCodeOfCharlie+len(charlie):
		return "refused by Charlie: " + charlie[code-firstCodeOfCharlie]
	case code < firstCodeOfNeither:
		return fmt.Sprintf("refused by Charlie: code %d", code)
	}
	return fmt.Sprintf("refused: code %d", code)
}

var charlieRefusals = []string{
	"no reason", "unsupported address", "limit exceeded", "signature failure",
	"Alice is already connected", "Alice is banned", "Alice is unknown",
}

// String is the specification's wording.
func (c RelayCode) String() string {
	return describe(byte(c), []string{
		"no reason", "Charlie is banned", "limit exceeded", "signature failure",
		"relay tag not found", "Alice's RouterInfo not found",
	}, charlieRefusals)
}

// String is the specification's wording.
func (c PeerTestCode) String() string {
	return describe(byte(c), []string{
		"no reason", "no Charlie available", "limit exceeded", "signature failure",
		"address unsupported",
	}, charlieRefusals)
}
