package ssu2

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// test has Alice begin a peer test, and returns its outcome.
func (y *yard) test(alice, bob *actor) *PeerTestOutcome {
	y.t.Helper()
	out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
	if err != nil {
		y.t.Fatal(err)
	}
	y.tested(alice, out)
	y.run(testLife + time.Second)
	if len(alice.outcome) != 1 {
		y.t.Fatalf("%d outcomes", len(alice.outcome))
	}
	return alice.outcome[0]
}

// TestVerdicts tests a router behind each kind of NAT.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		nat  nat
		want Verdict
	}{{public, VerdictReachable}, {firewall, VerdictFirewalled}, {symmetric, VerdictSymmetricNAT}, {blackboxed, VerdictUnknown}} {
		t.Run(fmt.Sprint(c.want), func(t *testing.T) {
			y, alice, bob, charlie := trio(t, c.nat, public)
			got := y.test(alice, bob)
			if got.Verdict != c.want || got.Bob != bob.info.Hash() || got.Charlie != charlie.info.Hash() || got.Tested != alice4 || !got.V4 {
				t.Fatalf("outcome %+v", got)
			}
			switch {
			case c.nat == blackboxed:
			case got.Seen.Addr() != alice4.Addr() || (got.Seen == alice4) == (c.nat == symmetric):
				t.Errorf("seen as %v", got.Seen)
			}
			y.run(testLife)
			if n := len(alice.tests.ours) + len(bob.tests.passed) + len(charlie.tests.theirs); n != 0 {
				t.Errorf("%d tests are remembered", n)
			}
			if a, b, c := alice.tests.Counts(), bob.tests.Counts(), charlie.tests.Counts(); a.Ended != 1 || b.Passed != 1 || c.Answered != 1 ||
				a.Forged+b.Forged+c.Forged+b.Refused+c.Refused != 0 {
				t.Errorf("counts %+v %+v %+v", a, b, c)
			}
		})
	}
}

// TestLostTestMessages loses the first of each message outside of sessions.
func TestLostTestMessages(t *testing.T) {
	for which := range 3 {
		y, alice, bob, _ := trio(t, public, public)
		n := 0
		y.wire.onSend = func(f flight) []flight {
			if n++; n-1 == which {
				return nil
			}
			return y.pass(f)
		}
		// Without its 5 Charlie's next one comes a second later: before Alice's 6.
		if got := y.test(alice, bob); got.Verdict != VerdictReachable || !got.Seen.IsValid() {
			t.Errorf("datagram %d lost: %+v", which, got)
		}
	}
}

// Test5Before4 delays Bob's answer: Alice knows Charlie's key only then.
func Test5Before4(t *testing.T) {
	y, alice, bob, _ := trio(t, public, public)
	var held *ToPeer
	y.onBlock = func(from, to *actor, b *ToPeer) bool {
		if from == bob && to == alice && held == nil {
			held = b
			return false
		}
		return true
	}
	out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
	if err != nil {
		t.Fatal(err)
	}
	y.tested(alice, out)
	y.run(time.Second)
	y.deliver(bob, []ToPeer{*held})
	y.run(time.Second)
	if len(alice.outcome) != 1 || alice.outcome[0].Verdict != VerdictReachable || alice.outcome[0].Seen != alice4 {
		t.Fatalf("outcomes %v", alice.outcome)
	}
}

// TestNo4 has 5 arrive and 4 not: reachable all the same.
func TestNo4(t *testing.T) {
	y, alice, bob, _ := trio(t, public, public)
	y.onBlock = func(from, to *actor, _ *ToPeer) bool { return from != bob || to != alice }
	if got := y.test(alice, bob); got.Verdict != VerdictReachable || got.Seen.IsValid() {
		t.Fatalf("outcome %+v", got)
	}
}

func TestPeerTestRefused(t *testing.T) {
	flip := func(which func(from, to *actor) bool) func(from, to *actor, b *ToPeer) bool {
		return func(from, to *actor, b *ToPeer) bool {
			if which(from, to) {
				b.Block[len(b.Block)-1] ^= 1
			}
			return true
		}
	}
	for _, c := range []struct {
		want PeerTestCode
		do   func(y *yard, alice, bob, charlie *actor)
	}{
		{PeerTestBobNoCharlie, func(_ *yard, _, bob, charlie *actor) { delete(bob.linked, charlie.info.Hash()) }},
		{PeerTestBobSignature, func(y *yard, _, bob, _ *actor) { y.onBlock = flip(func(_, to *actor) bool { return to == bob }) }},
		{PeerTestBobAddress, func(_ *yard, alice, _, _ *actor) {
			alice.tests.self.Address = func(bool) netip.AddrPort { return netip.MustParseAddrPort("192.0.2.99:4567") }
		}},
		{PeerTestBobAddress, func(_ *yard, alice, _, _ *actor) {
			alice.tests.self.Address = func(bool) netip.AddrPort { return netip.AddrPortFrom(alice4.Addr(), 80) }
		}},
		{PeerTestBobLimit, func(y *yard, alice, bob, charlie *actor) {
			for i := range uint32(maxTestsOf) {
				bob.tests.passed[i] = &passedTest{alice: alice.info.Hash(), expires: y.now.Add(testLife)}
			}
		}},
		{PeerTestCharlieAliceUnknown, func(y *yard, _, _, charlie *actor) {
			y.onBlock = func(_, to *actor, b *ToPeer) bool {
				if to == charlie {
					b.Before = nil
				}
				return true
			}
		}},
		{PeerTestCharlieSignature, func(y *yard, _, _, charlie *actor) {
			y.onBlock = flip(func(_, to *actor) bool { return to == charlie })
		}},
		{PeerTestCharlieAddress, func(_ *yard, _, _, charlie *actor) {
			charlie.tests.self.Address = func(bool) netip.AddrPort { return netip.AddrPort{} }
		}},
		{PeerTestCharlieConnected, func(_ *yard, alice, _, charlie *actor) { charlie.linked[alice.info.Hash()] = true }},
		{PeerTestCharlieLimit, func(y *yard, _, bob, charlie *actor) {
			for i := range uint32(maxTestsOf) {
				charlie.tests.theirs[i] = &theirTest{bob: bob.info.Hash(), resend: &Resend{}, expires: y.now.Add(testLife)}
			}
		}},
	} {
		t.Run(c.want.String(), func(t *testing.T) {
			y, alice, bob, charlie := trio(t, public, public)
			c.do(y, alice, bob, charlie)
			got := y.test(alice, bob)
			if got.Code != c.want || got.Verdict != VerdictUnknown || y.packets[charlie4] != 0 {
				t.Fatalf("outcome %+v, Charlie has sent %d packets", got, y.packets[charlie4])
			}
		})
	}
}

// TestAnotherCharlie: Bob asks another where the first has a session with Alice, but not for ever.
func TestAnotherCharlie(t *testing.T) {
	for connected := range mostCharlies + 1 {
		y, alice, bob, charlie := trio(t, firewall, public)
		charlies := []*actor{charlie}
		for i := range mostCharlies {
			c := y.add(byte(10+i), netip.MustParseAddrPort(fmt.Sprintf("198.51.%d.1:4567", 100+i)), public)
			y.link(bob, c)
			charlies = append(charlies, c)
		}
		slices.SortFunc(charlies, func(a, b *actor) int { return a.info.Hash().Compare(b.info.Hash()) }) // as Bob chooses
		for _, c := range charlies[:connected] {
			c.linked[alice.info.Hash()] = true
		}
		got := y.test(alice, bob)
		if connected < mostCharlies && (got.Verdict != VerdictFirewalled || got.Charlie != charlies[connected].info.Hash()) {
			t.Errorf("%d are connected: %+v", connected, got)
		}
		if connected == mostCharlies && got.Code != PeerTestCharlieConnected {
			t.Errorf("all who may be asked are connected: %+v", got)
		}
		if c := bob.tests.Counts(); c.Passed != 1 || len(bob.tests.passed) != 0 {
			t.Errorf("%d are connected: counts %+v", connected, c)
		}
	}
}

// TestForgedTestMessages forges 4 to 7: no verdict comes of it.
func TestForgedTestMessages(t *testing.T) {
	// 4: not signed by the Charlie that it names.
	y, alice, bob, _ := trio(t, public, public)
	y.onBlock = func(from, to *actor, b *ToPeer) bool {
		if to == alice {
			b.Block[len(b.Block)-1] ^= 1
		}
		return true
	}
	y.wire.onSend = func(f flight) []flight { return nil }
	if got := y.test(alice, bob); got.Verdict != VerdictUnknown || alice.tests.Counts().Forged != 1 {
		t.Fatalf("forged 4: %+v", got)
	}

	// 5 and 7 from another host than Charlie's; 6 of another family.
	y, alice, bob, charlie := trio(t, firewall, public)
	y.wire.onSend = func(f flight) []flight { return nil }
	out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
	if err != nil {
		t.Fatal(err)
	}
	y.tested(alice, out)
	var nonce uint32
	for nonce = range alice.tests.ours {
	}
	asker, other := nonceIDs(nonce)
	message := func(number byte, from netip.AddrPort, dest, source ConnectionID) *Message {
		p := PeerTest{Message: number, Version: Version, Nonce: nonce, Timestamp: timestamp(y.now), Alice: alice4}
		return &Message{from, LongHeader{Dest: dest, Source: source}, p.AppendTo(AppendAddress(AppendDateTime(nil, y.now), alice4))}
	}
	elsewhere := netip.MustParseAddrPort("192.0.2.66:4567")
	for name, m := range map[string]*Message{
		"5 from elsewhere": message(5, elsewhere, asker, other),
		"5 of other ids":   message(5, charlie4, asker+1, other),
		"5, ids swapped":   message(5, charlie4, other, asker),
		"7 before 6":       message(7, charlie4, asker, other),
		"4 outside":        {charlie4, LongHeader{Dest: asker, Source: other}, AppendDateTime(nil, y.now)},
		"1 outside":        message(6, charlie4, asker, other),
	} {
		if r := alice.tests.HandleMessage(y.now, m); r.Outcome != nil || len(r.Send) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	late := message(5, charlie4, asker, other)
	if r := alice.tests.HandleMessage(y.now.Add(time.Hour), late); r.Outcome != nil || len(r.Send) > 0 {
		t.Errorf("5 from another time: %+v", r)
	}
	if alice.tests.ours[nonce].got5 {
		t.Error("5 is taken for Charlie's")
	}
	if r := charlie.tests.HandleMessage(y.now, message(6, alice6, other, asker)); len(r.Send) > 0 {
		t.Error("6 over another family has got an answer")
	}
	// No more than a few answers to whoever has heard of the nonce.
	answers := 0
	for range 10 {
		r := charlie.tests.HandleMessage(y.now, message(6, elsewhere, other, asker))
		answers += len(r.Send)
	}
	if answers != maxRepeats7 {
		t.Errorf("%d answers to 6", answers)
	}
	if c := alice.tests.Counts(); c.Forged == 0 || c.Unexpected == 0 || c.Malformed == 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestTestsAreBounded(t *testing.T) {
	y, alice, bob, _ := trio(t, public, public)
	for range maxTests {
		if _, err := alice.tests.Begin(y.now, bob.info.Hash(), true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := alice.tests.Begin(y.now, bob.info.Hash(), true); err == nil {
		t.Fatal("one more")
	}
	if _, err := bob.tests.Begin(y.now, alice.info.Hash(), false); err == nil {
		t.Fatal("a test over IPv6 without an address")
	}
}

// FuzzPeerTests hands blocks and messages of strangers to all roles: nothing
// is sent outside of sessions.
func FuzzPeerTests(f *testing.F) {
	y, alice, bob, charlie := trio(f, public, public)
	y.test(alice, bob)
	for _, a := range []*actor{alice, bob, charlie} {
		for _, b := range a.blocks {
			f.Add(b.Block)
		}
	}
	f.Add(bytes.Repeat([]byte{BlockHeaderLen}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		block, _, err := ParseBlock(b)
		if err != nil {
			return
		}
		_, alice, bob, charlie := trio(t, public, public)
		for _, a := range []*actor{alice, bob, charlie} {
			out := a.tests.Handle(start, i2p.Hash{1}, alice4, block.Data)
			if len(out.Send) > 0 || out.Outcome != nil {
				t.Fatalf("%+v", out)
			}
			out = a.tests.HandleMessage(start, &Message{From: charlie4, Payload: b})
			if len(out.Send)+len(out.Blocks) > 0 || out.Outcome != nil {
				t.Fatalf("%+v", out)
			}
		}
	})
}
