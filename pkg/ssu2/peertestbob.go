package ssu2

import (
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

// mostCharlies are asked for one test, one after the other.
const mostCharlies = 3

// passedTest is a test between two peers of ours.
type passedTest struct {
	alice   i2p.Hash
	request PeerTest   // as she has signed it
	asked   []i2p.Hash // Charlies; the last has not answered, unless
	over    bool       // remembered, so that Alice does not ask without a bound
	expires time.Time
}

// handle1 chooses a Charlie for Alice.
func (p *PeerTests) handle1(now time.Time, alice i2p.Hash, at netip.AddrPort, m PeerTest, out *PeerTestResult) {
	if p.passed[m.Nonce] != nil {
		p.counts.Unexpected++ // a repetition
		return
	}
	info := p.self.Find(alice)
	t := &passedTest{alice: alice, request: m, expires: now.Add(testLife)}
	t.request.Signature = slices.Clone(m.Signature)
	code := PeerTestAccept
	switch {
	case m.Version != Version || !fresh(m.Timestamp, now):
		code = PeerTestBobRefuses
	case !p.self.mayBe(m.Alice) || !sameHost(m.Alice.Addr(), at.Addr()):
		code = PeerTestBobAddress
	case len(p.passed) >= maxPassing || !p.mayPass(alice, at.Addr()):
		code = PeerTestBobLimit
	case info == nil || !m.VerifyRequest(keyOf(info), p.self.Hash):
		p.counts.Forged++
		code = PeerTestBobSignature
	case !p.ask(t, out):
		code = PeerTestBobNoCharlie
	}
	if code != PeerTestAccept {
		// Alice's own signed part goes back to her.
		p.counts.Refused++
		m.Message, m.Code, m.Hash = 4, code, i2p.Hash{}
		out.Blocks = append(out.Blocks, ToPeer{Peer: alice, Block: m.AppendTo(nil)})
		return
	}
	p.counts.Passed++
	p.passed[m.Nonce] = t
}

// ask passes Alice's request on to a Charlie who has not been asked yet. It reports false where there is none.
func (p *PeerTests) ask(t *passedTest, out *PeerTestResult) bool {
	info := p.self.Find(t.alice)
	if info == nil || len(t.asked) == mostCharlies {
		return false
	}
	charlie, ok := p.choose(t.request.Alice.Addr().Is4(), append([]i2p.Hash{t.alice}, t.asked...))
	if !ok {
		return false
	}
	t.asked = append(t.asked, charlie)
	m := t.request
	m.Message, m.Hash = 2, t.alice
	out.Blocks = append(out.Blocks, ToPeer{charlie, info, m.AppendTo(nil)})
	return true
}

func (p *PeerTests) mayPass(alice i2p.Hash, at netip.Addr) bool {
	of, from := 0, 0
	for _, t := range p.passed {
		if t.alice == alice {
			of++
		}
		if origin.HostOf(t.request.Alice.Addr()) == origin.HostOf(at) { // she is there: see sameHost
			from++
		}
	}
	return of < maxTestsOf && from < maxFrom
}

// handle3 passes Charlie's answer on. Where he refuses, mostly as Alice has a session with him of which we
// cannot know, another is asked (SSU2, Peer Test Process, "Bob could try another Charlie here").
func (p *PeerTests) handle3(charlie i2p.Hash, m PeerTest, out *PeerTestResult) {
	t := p.passed[m.Nonce]
	if t == nil || t.over || t.asked[len(t.asked)-1] != charlie {
		p.counts.Unexpected++
		return
	}
	if m.Code != PeerTestAccept && m.Code != PeerTestCharlieSignature && p.ask(t, out) {
		return
	}
	t.over = true
	m.Message, m.Hash = 4, charlie
	to := ToPeer{Peer: t.alice, Block: m.AppendTo(nil)}
	if m.Code == PeerTestAccept {
		to.Before = p.self.Find(charlie)
	}
	out.Blocks = append(out.Blocks, to)
}
