package ssu2

import (
	"errors"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// A router finds out whether others reach it (SSU2, Peer Test Process):
//
//	Alice                     Bob                  Charlie
//	  1  ------------------->
//	                            Alice's RouterInfo
//	  2                         ------------------->
//	  3                         <-------------------  signed by Charlie
//	         Charlie's RouterInfo
//	  4  <-------------------
//	  5  <------------------------------------------  to an address that has sent him nothing
//	  6  ------------------------------------------>
//	  7  <------------------------------------------  with Alice's address as he sees it
//
// 1 to 4 go in sessions, 5 to 7 outside of them, and may be lost.
const (
	testLife    = 20 * time.Second
	wait5       = 3 * time.Second // after 4 Alice gives 5 so long before she sends 6
	testResend  = time.Second
	testResends = 2 // more, of 5 and of 6
	maxTests    = 128
	maxPassing  = 1 << 10 // at Bob
	maxFrom     = 16      // of one host, at Bob
	maxTestsOf  = 4       // of one Alice at Bob, and of one Bob at Charlie, in testLife
	maxTestsTo  = 3       // of one host, at Charlie
	maxRepeats7 = 3       // of one 7
)

// Verdict is what a peer test says of our reachability over one family.
type Verdict int

// The verdicts of the specification's table (SSU2, Results State Machine).
const (
	VerdictUnknown Verdict = iota
	VerdictReachable
	VerdictFirewalled
	VerdictSymmetricNAT
)

// String names the verdict.
func (v Verdict) String() string {
	return [...]string{"unknown", "reachable", "firewalled", "symmetric NAT"}[v]
}

// PeerTestOutcome is a test of ours that is over.
type PeerTestOutcome struct {
	Verdict Verdict
	Bob     i2p.Hash
	Charlie i2p.Hash       // zero where there was none
	V4      bool           // the family
	Tested  netip.AddrPort // the address that we said we have
	Seen    netip.AddrPort // the one that Charlie has seen; invalid where he did not say
	Code    PeerTestCode   // why there was none
}

// PeerTestResult is what follows from a block, a message or the time.
type PeerTestResult struct {
	Send    []Datagram
	Blocks  []ToPeer
	Outcome *PeerTestOutcome
}

// PeerTestCounts are what has been done and refused.
type PeerTestCounts struct {
	Passed     uint64 // Bob: tests passed on
	Answered   uint64 // Charlie: tests taken part in
	Ended      uint64 // Alice: tests that came to a verdict
	Refused    uint64 // by us, as Bob or Charlie
	Forged     uint64 // signatures that do not verify
	Unexpected uint64 // messages of no test, and repetitions
	Malformed  uint64
}

// PeerTests is a router's part in peer tests, in all roles. One goroutine owns
// it; it is handed the Peer Test blocks of all sessions.
type PeerTests struct {
	self   Self
	choose func(v4 bool, not []i2p.Hash) (charlie i2p.Hash, ok bool)
	ours   map[uint32]*ourTest
	passed map[uint32]*passedTest
	theirs map[uint32]*theirTest
	done   *once[asked]
	later  later
	counts PeerTestCounts
}

// NewPeerTests takes part in tests. As Bob choose gives it, at once, a router
// with a session and the capability for tests over IPv4 or IPv6, that is none of some.
func NewPeerTests(self Self, choose func(v4 bool, not []i2p.Hash) (charlie i2p.Hash, ok bool)) *PeerTests {
	return &PeerTests{
		self: self, choose: choose,
		ours: map[uint32]*ourTest{}, passed: map[uint32]*passedTest{}, theirs: map[uint32]*theirTest{},
		done: newAsked(),
	}
}

// Counts is what has happened so far.
func (p *PeerTests) Counts() PeerTestCounts { return p.counts }

// ErrPeerTest means that a test cannot be begun.
var ErrPeerTest = errors.New("ssu2: no peer test")

// Handle takes the data of a Peer Test block from a session: messages 1 to 4.
// at is where the peer is.
func (p *PeerTests) Handle(now time.Time, from i2p.Hash, at netip.AddrPort, data []byte) PeerTestResult {
	return p.handle(now, from, at, data, true)
}

func (p *PeerTests) handle(now time.Time, from i2p.Hash, at netip.AddrPort, data []byte, patient bool) (out PeerTestResult) {
	m, err := ParsePeerTest(data)
	if err != nil {
		p.counts.Malformed++
		return out
	}
	switch m.Message {
	case 1:
		p.handle1(now, from, at, m, &out)
	case 2:
		if p.self.Find(m.Hash) == nil && patient && p.later.hold(now, from, data) {
			return out
		}
		p.handle2(now, from, m, &out)
	case 3:
		p.handle3(from, m, &out)
	case 4:
		if m.Code == PeerTestAccept && p.self.Find(m.Hash) == nil && patient && p.later.hold(now, from, data) {
			return out
		}
		p.handle4(now, from, m, &out)
	default:
		p.counts.Unexpected++
	}
	return out
}

// HandleMessage takes a Peer Test that came outside of a session: 5 to 7.
func (p *PeerTests) HandleMessage(now time.Time, m *Message) (out PeerTestResult) {
	var test *PeerTest
	var seen netip.AddrPort
	dated := false
	for bs := (Blocks{Payload: m.Payload}); ; {
		block, ok, err := bs.Next()
		if err != nil {
			p.counts.Malformed++
			return out
		}
		if !ok {
			break
		}
		switch block.Type {
		case BlockDateTime:
			seconds, err := ParseDateTime(block.Data)
			dated = err == nil && fresh(seconds, now)
		case BlockAddress:
			seen, _ = ParseAddress(block.Data)
		case BlockPeerTest:
			if parsed, err := ParsePeerTest(block.Data); err == nil {
				test = &parsed
			}
		}
	}
	if !dated || test == nil {
		p.counts.Malformed++
		return out
	}
	asker, other := m.Header.Dest, m.Header.Source
	if test.Message == 6 {
		asker, other = other, asker
	}
	if nonce, ok := nonceOf(asker, other); !ok || nonce != test.Nonce {
		p.counts.Unexpected++
		return out
	}
	switch test.Message {
	case 5:
		p.handle5(now, m.From, test.Nonce, &out)
	case 6:
		p.handle6(now, m.From, test, &out)
	case 7:
		p.handle7(m.From, test.Nonce, seen, &out)
	default:
		p.counts.Unexpected++
	}
	return out
}

// Deadline is when Tick is due; zero is never.
func (p *PeerTests) Deadline() (next time.Time) {
	due := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, t := range p.ours {
		due(t.expires)
		due(t.send6)
		if t.resend != nil {
			due(t.resend.Deadline())
		}
	}
	for _, t := range p.passed {
		due(t.expires)
	}
	for _, t := range p.theirs {
		due(t.expires)
		due(t.resend.Deadline())
	}
	due(p.later.deadline())
	return next
}

// Tick sends again what is due, and ends what has waited too long.
func (p *PeerTests) Tick(now time.Time) (out PeerTestResult) {
	if peer, data, ok := p.later.take(now); ok {
		return p.handle(now, peer, netip.AddrPort{}, data, false)
	}
	for nonce, t := range p.ours {
		if !now.Before(t.expires) {
			p.end(nonce, t, &out)
			return out // one at a time: the next Tick is due
		}
		if !t.send6.IsZero() && !now.Before(t.send6) {
			p.send6(now, nonce, t, &out)
		}
		if t.resend != nil {
			for _, d := range t.resend.Tick(now) {
				out.Send = append(out.Send, Datagram{t.charlieAt, d})
			}
		}
	}
	for nonce, t := range p.passed {
		if !now.Before(t.expires) {
			delete(p.passed, nonce)
		}
	}
	for nonce, t := range p.theirs {
		if !now.Before(t.expires) {
			delete(p.theirs, nonce)
			continue
		}
		for _, d := range t.resend.Tick(now) {
			out.Send = append(out.Send, Datagram{t.alice, d})
		}
	}
	return out
}
