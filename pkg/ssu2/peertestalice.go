package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// ourTest is a test that we have begun.
type ourTest struct {
	bob, charlie i2p.Hash
	us           netip.AddrPort
	charlieAt    netip.AddrPort // known with message 4
	intro        [32]byte
	got4, got5   bool
	got7         bool
	from5        netip.AddrPort // where message 5 came from
	seen         netip.AddrPort
	send6        time.Time // when to send it although 5 has not come
	resend       *Resend   // of 6
	code         PeerTestCode
	expires      time.Time
}

// Begin is Alice's: it asks Bob, with whom there is a session over the
// family, for a test.
func (p *PeerTests) Begin(now time.Time, bob i2p.Hash, v4 bool) (out PeerTestResult, err error) {
	us := p.self.Address(v4)
	if !us.IsValid() || len(p.ours) >= maxTests {
		return out, ErrPeerTest
	}
	nonce := p.self.Random.Nonzero32()
	for p.ours[nonce] != nil {
		nonce = p.self.Random.Nonzero32()
	}
	m := PeerTest{Message: 1, Version: Version, Nonce: nonce, Timestamp: timestamp(now), Alice: us}
	if err := m.SignRequest(p.self.Signing, bob); err != nil {
		return out, err
	}
	p.ours[nonce] = &ourTest{bob: bob, us: us, expires: now.Add(testLife)}
	out.Blocks = append(out.Blocks, ToPeer{Peer: bob, Block: m.AppendTo(nil)})
	return out, nil
}

// handle4 works in Bob's answer: who Charlie is, signed by him, or why there
// is none.
func (p *PeerTests) handle4(now time.Time, bob i2p.Hash, m PeerTest, out *PeerTestResult) {
	t := p.ours[m.Nonce]
	if t == nil || t.bob != bob || t.got4 {
		p.counts.Unexpected++
		return
	}
	if m.Code != PeerTestAccept {
		t.code = m.Code
		p.end(m.Nonce, t, out)
		return
	}
	info := p.self.Find(m.Hash)
	if m.Version != Version || !fresh(m.Timestamp, now) || !m.VerifyAnswer(keyOf(info), bob, p.self.Hash) {
		p.counts.Forged++ // by Bob, who would go on
		p.end(m.Nonce, t, out)
		return
	}
	address, ok := ssu2At(info, t.us.Addr().Is4())
	at := address.AddrPort()
	if !ok || !p.self.mayBe(at) || at.Addr().Is4() != t.us.Addr().Is4() || m.Hash == p.self.Hash {
		p.counts.Unexpected++ // no Charlie that could be answered
		p.end(m.Nonce, t, out)
		return
	}
	t.got4, t.charlie, t.charlieAt = true, m.Hash, at
	t.intro, _ = address.IntroKey()
	if t.got5 && t.from5.Addr() != at.Addr() {
		t.got5 = false // from somebody else
	}
	if t.got5 {
		p.send6(now, m.Nonce, t, out)
	} else {
		t.send6 = now.Add(wait5)
	}
}

// handle5 notes that somebody has reached us who was sent nothing.
func (p *PeerTests) handle5(now time.Time, from netip.AddrPort, nonce uint32, out *PeerTestResult) {
	t := p.ours[nonce]
	switch {
	case t == nil || t.got5:
		p.counts.Unexpected++
	case t.resend != nil:
		p.counts.Unexpected++ // our message 6 has opened the way for it
	case t.got4 && from.Addr() != t.charlieAt.Addr():
		p.counts.Forged++
	default:
		t.got5, t.from5 = true, from
		if t.got4 {
			p.send6(now, nonce, t, out)
		}
	}
}

// send6 asks Charlie how he sees us.
func (p *PeerTests) send6(now time.Time, nonce uint32, t *ourTest, out *PeerTestResult) {
	m := PeerTest{Message: 6, Version: Version, Nonce: nonce, Timestamp: timestamp(now), Alice: t.us}
	if err := m.SignRequest(p.self.Signing, t.bob); err != nil {
		panic("ssu2: " + err.Error()) // routers' keys sign
	}
	alices, charlies := nonceIDs(nonce)
	payload := m.AppendTo(AppendAddress(AppendDateTime(nil, now), t.charlieAt))
	packet := p.self.outside(TypePeerTest, charlies, alices, t.intro, payload)
	t.send6 = time.Time{}
	t.resend = newResend(now, testResend, testResends, packet)
	out.Send = append(out.Send, Datagram{t.charlieAt, packet})
}

// handle7 has Charlie's view of our address: the end of the test.
func (p *PeerTests) handle7(from netip.AddrPort, nonce uint32, seen netip.AddrPort, out *PeerTestResult) {
	t := p.ours[nonce]
	switch {
	case t == nil || t.resend == nil:
		p.counts.Unexpected++
	case from.Addr() != t.charlieAt.Addr():
		p.counts.Forged++
	default:
		t.got7, t.seen = true, seen
		p.end(nonce, t, out)
	}
}

func (p *PeerTests) end(nonce uint32, t *ourTest, out *PeerTestResult) {
	delete(p.ours, nonce)
	p.counts.Ended++
	out.Outcome = &PeerTestOutcome{
		Verdict: t.verdict(), Bob: t.bob, Charlie: t.charlie,
		V4: t.us.Addr().Is4(), Tested: t.us, Seen: t.seen, Code: t.code,
	}
}

// verdict reads the specification's table (SSU2, Results State Machine). That
// a symmetric NAT of ours before may have let 5 in, and that addresses have
// changed, is for who compares several outcomes.
func (t *ourTest) verdict() Verdict {
	switch {
	case t.got5:
		return VerdictReachable
	case !t.got4:
		return VerdictUnknown
	case !t.got7:
		// Charlie may have gone, and then his 5 too: the detailed table's word.
		return VerdictUnknown
	case t.seen.IsValid() && t.seen.Port() != t.us.Port():
		return VerdictSymmetricNAT
	}
	return VerdictFirewalled
}
