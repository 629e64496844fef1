package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// passedTest is a test between two peers of ours.
type passedTest struct {
	alice, charlie i2p.Hash
	expires        time.Time
}

// handle1 chooses a Charlie for Alice.
func (p *PeerTests) handle1(now time.Time, alice i2p.Hash, at netip.AddrPort, m PeerTest, out *PeerTestResult) {
	if p.passed[m.Nonce] != nil {
		p.counts.Unexpected++ // a repetition
		return
	}
	info := p.self.Find(alice)
	var charlie i2p.Hash
	code := PeerTestAccept
	switch {
	case info == nil || !m.VerifyRequest(keyOf(info), p.self.Hash):
		p.counts.Forged++
		code = PeerTestBobSignature
	case m.Version != Version || !fresh(m.Timestamp, now):
		code = PeerTestBobRefuses
	case !usable(m.Alice) || m.Alice.Port() < minAlicePort || !sameHost(m.Alice.Addr(), at.Addr()):
		code = PeerTestBobAddress
	case len(p.passed) >= maxTests || p.passedFor(alice) >= maxTestsOf:
		code = PeerTestBobLimit
	default:
		var ok bool
		if charlie, ok = p.choose(m.Alice.Addr().Is4(), alice); !ok || charlie == alice {
			code = PeerTestBobNoCharlie
		}
	}
	if code != PeerTestAccept {
		// Alice's own signed part goes back to her.
		p.counts.Refused++
		m.Message, m.Code, m.Hash = 4, code, i2p.Hash{}
		out.Blocks = append(out.Blocks, ToPeer{Peer: alice, Block: m.AppendTo(nil)})
		return
	}
	p.counts.Passed++
	p.passed[m.Nonce] = &passedTest{alice, charlie, now.Add(testLife)}
	m.Message, m.Hash = 2, alice
	out.Blocks = append(out.Blocks, ToPeer{charlie, info, m.AppendTo(nil)})
}

func (p *PeerTests) passedFor(alice i2p.Hash) (n int) {
	for _, t := range p.passed {
		if t.alice == alice {
			n++
		}
	}
	return n
}

// handle3 passes Charlie's answer on.
func (p *PeerTests) handle3(charlie i2p.Hash, m PeerTest, out *PeerTestResult) {
	t := p.passed[m.Nonce]
	if t == nil || t.charlie != charlie {
		p.counts.Unexpected++
		return
	}
	delete(p.passed, m.Nonce)
	m.Message, m.Hash = 4, charlie
	to := ToPeer{Peer: t.alice, Block: m.AppendTo(nil)}
	if m.Code == PeerTestAccept {
		to.Before = p.self.Find(charlie)
	}
	out.Blocks = append(out.Blocks, to)
}
