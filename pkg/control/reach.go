package control

import "time"

// Reach is how others reach the router over one family, as it has found out by itself: by peer
// tests, by what peers say of its address, and by who comes.
type Reach struct {
	Family      string      `json:"family"` // IPv4, IPv6
	State       ReachState  `json:"state"`
	Reason      ReachReason `json:"reason"`
	Since       time.Time   `json:"since"`          // when the state began
	Seen        string      `json:"seen,omitempty"` // where peers of several networks see us; without a port where each sees another
	Introducers int         `json:"introducers"`    // peers that introduce others to us, and that we publish
}

// ReachState is a state of reachability.
type ReachState string

// The states.
const (
	ReachUnknown      ReachState = "unknown"       // not found out yet
	ReachOK           ReachState = "ok"            // whoever knows the address reaches us
	ReachFirewalled   ReachState = "firewalled"    // only whom we have sent to: a NAT or a firewall without a forwarded port
	ReachSymmetricNAT ReachState = "symmetric-nat" // so, and the NAT shows each peer another port
	ReachDisconnected ReachState = "disconnected"  // nobody is heard, whatever is sent
	ReachNoAddress    ReachState = "no-address"    // the machine has no address of the family
)

// ReachReason is why a state holds.
type ReachReason string

// The reasons.
const (
	ReasonUntested     ReachReason = "untested"      // unknown: no test has come to an end
	ReasonUndecided    ReachReason = "undecided"     // unknown: tests contradict each other, or peers of one network only have told
	ReasonTestsReached ReachReason = "tests-reached" // ok: in peer tests strangers reached us
	ReasonPeersCame    ReachReason = "peers-came"    // ok: strangers have opened sessions
	ReasonTestsBlocked ReachReason = "tests-blocked" // firewalled: in peer tests strangers did not reach us
	ReasonPortsDiffer  ReachReason = "ports-differ"  // symmetric-nat: peers of several networks see different ports
	ReasonSilence      ReachReason = "silence"       // disconnected: no peer was heard for a minute
	ReasonNoSocket     ReachReason = "no-socket"     // no-address
)
