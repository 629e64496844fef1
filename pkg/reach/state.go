package reach

// State is how others reach us over one family (SSU2, Peer Test, Results State Machine).
type State byte

// The states. Their order is that of what is tried when several hold: NoAddress and
// Disconnected come from the machine, the others from peers.
const (
	Unknown      State = iota // not found out yet
	OK                        // whoever knows the address reaches us
	Firewalled                // only whom we have sent to
	SymmetricNAT              // so, and each sees us at another port
	Disconnected              // nobody is heard, whatever we send
	NoAddress                 // the machine has no address of the family
)

var stateTexts = [...]string{
	Unknown: "unknown", OK: "ok", Firewalled: "firewalled", SymmetricNAT: "symmetric-nat",
	Disconnected: "disconnected", NoAddress: "no-address",
}

// String is the word for the state.
func (s State) String() string { return stateTexts[s] }

// Reason is why a state holds.
type Reason byte

// The reasons.
const (
	Untested     Reason = iota // no test has come to an end
	Undecided                  // tests contradict each other, or only one network has told
	TestsReached               // peer tests: a stranger reached us
	PeersCame                  // strangers have opened sessions
	TestsBlocked               // peer tests: a stranger did not reach us
	PortsDiffer                // and peers of several networks see us at different ports
	Silence                    // nothing was heard for a while
	NoSocket                   // the family is not listened on, or the machine has no address of it
)

var reasonTexts = [...]string{
	Untested: "untested", Undecided: "undecided", TestsReached: "tests-reached", PeersCame: "peers-came",
	TestsBlocked: "tests-blocked", PortsDiffer: "ports-differ", Silence: "silence", NoSocket: "no-socket",
}

// String is the word for the reason.
func (r Reason) String() string { return reasonTexts[r] }
