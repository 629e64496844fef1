package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// theirTest is a test of which we are Charlie.
type theirTest struct {
	bob     i2p.Hash
	alice   netip.AddrPort // where she says she is
	intro   [32]byte
	answer  PeerTest // signed by us
	resend  *Resend  // of 5
	repeats int      // of 7
	expires time.Time
}

// handle2 answers Bob with 3, and sends 5 to where Alice says she is.
func (p *PeerTests) handle2(now time.Time, bob i2p.Hash, m PeerTest, out *PeerTestResult) {
	if p.theirs[m.Nonce] != nil || p.done.seen(asked{bob, m.Nonce}) > 0 {
		p.counts.Unexpected++ // a repetition
		return
	}
	intro, code := p.judge(now, bob, m, p.self.Find(m.Hash))
	answer := m
	answer.Message, answer.Code, answer.Hash = 3, code, i2p.Hash{}
	if err := answer.SignAnswer(p.self.Signing, bob, m.Hash); err != nil {
		panic("ssu2: " + err.Error()) // routers' keys sign
	}
	out.Blocks = append(out.Blocks, ToPeer{Peer: bob, Block: answer.AppendTo(nil)})
	if code != PeerTestAccept {
		p.counts.Refused++
		return
	}
	p.counts.Answered++
	p.done.add(now, asked{bob, m.Nonce}, 1)
	packet := p.test(now, 5, intro, answer, nil)
	p.theirs[m.Nonce] = &theirTest{
		bob: bob, alice: m.Alice, intro: intro, answer: answer,
		resend: newResend(now, testResend, testResends, packet), expires: now.Add(testLife),
	}
	out.Send = append(out.Send, Datagram{m.Alice, packet})
}

// judge decides on a test, and returns Alice's intro key.
func (p *PeerTests) judge(now time.Time, bob i2p.Hash, m PeerTest, info *routerinfo.RouterInfo) (intro [32]byte, code PeerTestCode) {
	v4 := m.Alice.Addr().Is4()
	switch {
	case info == nil:
		return intro, PeerTestCharlieAliceUnknown
	case m.Version != Version || !fresh(m.Timestamp, now):
		return intro, PeerTestCharlieRefuses
	case !p.self.Address(v4).IsValid() || !p.self.mayBe(m.Alice):
		return intro, PeerTestCharlieAddress
	case m.Hash == p.self.Hash || p.self.Connected(m.Hash): // a message 5 of our own would be no stranger's
		return intro, PeerTestCharlieConnected
	case !p.mayTest(bob, m.Alice.Addr()):
		return intro, PeerTestCharlieLimit
	case !m.VerifyRequest(keyOf(info), bob):
		p.counts.Forged++
		return intro, PeerTestCharlieSignature
	}
	address, ok := ssu2At(info, v4)
	if !ok {
		return intro, PeerTestCharlieAddress
	}
	intro, _ = address.IntroKey()
	return intro, PeerTestAccept
}

// mayTest bounds tests by who asks for them, and by the host that is tested: many who name one do not have it flooded.
func (p *PeerTests) mayTest(bob i2p.Hash, alice netip.Addr) bool {
	of, to := 0, 0
	for _, t := range p.theirs {
		if t.bob == bob {
			of++
		}
		if origin.HostOf(t.alice.Addr()) == origin.HostOf(alice) {
			to++
		}
	}
	return len(p.theirs) < maxTests && of < maxTestsOf && to < maxTestsTo
}

// test makes message 5 or 7. The latter says where Alice is.
func (p *PeerTests) test(now time.Time, message byte, intro [32]byte, answer PeerTest, at *netip.AddrPort) []byte {
	answer.Message = message
	payload := AppendDateTime(nil, now)
	if at != nil {
		payload = AppendAddress(payload, *at)
	}
	alices, charlies := nonceIDs(answer.Nonce)
	return p.self.outside(TypePeerTest, alices, charlies, intro, answer.AppendTo(payload))
}

// handle6 tells Alice where she is, which may not be where she thinks. Who
// else has heard of the nonce gets no more than a few answers, each about as
// long as the question.
func (p *PeerTests) handle6(now time.Time, from netip.AddrPort, m *PeerTest, out *PeerTestResult) {
	t := p.theirs[m.Nonce]
	switch {
	case t == nil || t.repeats >= maxRepeats7:
		p.counts.Unexpected++
	case from.Addr().Is4() != t.alice.Addr().Is4() || !p.self.mayBe(from):
		p.counts.Forged++
	default:
		t.repeats++
		t.resend.next = time.Time{}
		out.Send = append(out.Send, Datagram{from, p.test(now, 7, t.intro, t.answer, &from)})
	}
}
