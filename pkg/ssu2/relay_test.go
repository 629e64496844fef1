package ssu2

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

var charlie4 = netip.MustParseAddrPort("203.0.113.3:4567")

// trio is Alice, Bob and Charlie, with sessions between Bob and the others.
func trio(t testing.TB, aliceNAT, charlieNAT nat) (y *yard, alice, bob, charlie *actor) {
	y = newYard(t)
	alice, bob, charlie = y.add(1, alice4, aliceNAT), y.add(2, bob4, public), y.add(3, charlie4, charlieNAT)
	y.link(alice, bob)
	y.link(bob, charlie)
	return y, alice, bob, charlie
}

// introduce has Alice ask for Charlie, whose RouterInfo she knows.
func (y *yard) introduce(alice, bob, charlie *actor, tag RelayTag) {
	y.t.Helper()
	out, err := alice.relay.Ask(y.now, bob.info.Hash(), charlie.info, charlie.info.SSU2()[0], tag, true)
	if err != nil {
		y.t.Fatal(err)
	}
	y.relayed(alice, out)
}

// TestIntroduction has Alice reach Charlie, with every NAT before each that
// can be passed.
func TestIntroduction(t *testing.T) {
	for _, c := range []struct {
		alice, charlie nat
		reached        bool
	}{
		{public, firewall, true}, {public, symmetric, true}, {firewall, firewall, true},
		{symmetric, public, true}, {public, public, true},
		// A symmetric NAT opens a port that the other side cannot know.
		{symmetric, firewall, false}, {firewall, symmetric, false}, {symmetric, symmetric, false},
		{public, blackboxed, false},
	} {
		t.Run(fmt.Sprint(c.alice, c.charlie), func(t *testing.T) {
			y, alice, bob, charlie := trio(t, c.alice, c.charlie)
			tag, ok := bob.relay.Grant(charlie.info.Hash())
			if again, _ := bob.relay.Grant(charlie.info.Hash()); !ok || again != tag {
				t.Fatalf("tags %d, %d", tag, again)
			}
			y.introduce(alice, bob, charlie, tag)
			began := y.now
			for range 100 {
				y.run(100 * time.Millisecond)
				if len(charlie.done) > 0 {
					break
				}
			}
			if reached := len(alice.done) == 1 && len(charlie.done) == 1; reached != c.reached {
				t.Fatalf("reached: %v; dialled %v, failures %v; %+v %+v", reached, alice.dialled, alice.failures, alice.relay.Counts(), charlie.relay.Counts())
			}
			if !c.reached {
				return
			}
			a, b := alice.done[0], charlie.done[0]
			if a.Send != b.Receive || a.LocalID != b.RemoteID {
				t.Fatal("not the same session")
			}
			if took := y.now.Sub(began); took > 400*time.Millisecond && c.charlie != symmetric {
				t.Errorf("took %v", took)
			}
			charlie.relay.Reached(b.Path.Remote)
			y.run(relayLife + time.Second)
			if n := len(alice.relay.asked) + len(bob.relay.passed) + len(charlie.relay.holes); n != 0 {
				t.Errorf("%d introductions are remembered", n)
			}
			if len(alice.refused) != 0 || !alice.relay.Deadline().IsZero() {
				t.Errorf("refused %v", alice.refused)
			}
		})
	}
}

// TestIntroductionRefused has Bob and Charlie refuse, each for every reason.
func TestIntroductionRefused(t *testing.T) {
	for _, c := range []struct {
		want RelayCode
		do   func(y *yard, alice, bob, charlie *actor, tag *RelayTag)
	}{
		{RelayBobTagUnknown, func(_ *yard, _, _, _ *actor, tag *RelayTag) { *tag++ }},
		{RelayBobTagUnknown, func(_ *yard, _, bob, charlie *actor, _ *RelayTag) { bob.relay.Revoke(charlie.info.Hash()) }},
		{RelayBobTagUnknown, func(_ *yard, _, bob, charlie *actor, _ *RelayTag) { delete(bob.linked, charlie.info.Hash()) }},
		{RelayBobAliceUnknown, func(_ *yard, alice, bob, _ *actor, _ *RelayTag) { delete(bob.known, alice.info.Hash()) }},
		{RelayBobSignature, func(y *yard, _, bob, _ *actor, _ *RelayTag) {
			y.onBlock = func(_, to *actor, b *ToPeer) bool {
				if to == bob {
					b.Block[len(b.Block)-1] ^= 1
				}
				return true
			}
		}},
		{RelayBobRefuses, nil}, // asked in another time than it arrives
		{RelayBobLimit, func(y *yard, alice, bob, charlie *actor, _ *RelayTag) {
			for i := range uint32(maxPassedTo) {
				bob.relay.passed[i] = &passing{alice: alice.info.Hash(), charlie: charlie.info.Hash(), answered: true, expires: y.now.Add(relayLife)}
			}
		}},
		{RelayCharlieAliceUnknown, func(y *yard, _, _, charlie *actor, _ *RelayTag) {
			y.onBlock = func(_, to *actor, b *ToPeer) bool {
				if to == charlie {
					b.Before = nil
				}
				return true
			}
		}},
		{RelayCharlieSignature, func(y *yard, _, _, charlie *actor, _ *RelayTag) {
			y.onBlock = func(_, to *actor, b *ToPeer) bool {
				if to == charlie {
					b.Block[len(b.Block)-1] ^= 1
				}
				return true
			}
		}},
		{RelayCharlieAddress, func(_ *yard, _, _, charlie *actor, _ *RelayTag) {
			charlie.relay.self.Address = func(bool) netip.AddrPort { return netip.AddrPort{} }
		}},
		{RelayBobRefuses, func(_ *yard, alice, _, _ *actor, _ *RelayTag) {
			alice.relay.self.Address = func(bool) netip.AddrPort { return netip.MustParseAddrPort("192.0.2.53:53") }
		}},
		{RelayCharlieConnected, func(_ *yard, alice, _, charlie *actor, _ *RelayTag) { charlie.linked[alice.info.Hash()] = true }},
		{RelayCharlieLimit, func(y *yard, _, bob, charlie *actor, _ *RelayTag) {
			for i := range uint32(maxHolesOf) {
				charlie.relay.holes[i] = &hole{bob: bob.info.Hash(), resend: &Resend{}, expires: y.now.Add(relayLife)}
			}
		}},
	} {
		t.Run(c.want.String(), func(t *testing.T) {
			y, alice, bob, charlie := trio(t, public, firewall)
			tag, _ := bob.relay.Grant(charlie.info.Hash())
			if c.do == nil {
				out, err := alice.relay.Ask(y.now.Add(-MaxSkew-time.Minute), bob.info.Hash(), charlie.info, charlie.info.SSU2()[0], tag, true)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range alice.relay.asked {
					a.expires = y.now.Add(relayLife)
				}
				y.relayed(alice, out)
			} else {
				c.do(y, alice, bob, charlie, &tag)
				y.introduce(alice, bob, charlie, tag)
			}
			y.run(2 * time.Second)
			if len(alice.refused) != 1 || alice.refused[0].Code != c.want || alice.refused[0].Charlie != charlie.info.Hash() {
				t.Fatalf("refused %v; %+v", alice.refused, alice.relay.Counts())
			}
			if len(alice.dialled) != 0 || w(charlie) != 0 {
				t.Fatal("dialled, or punched, all the same")
			}
			if n := bob.relay.Counts().Refused + charlie.relay.Counts().Refused; n != 1 {
				t.Fatalf("%d refusals", n)
			}
		})
	}
}

// w is how many holes were punched.
func w(a *actor) uint64 { return a.relay.Counts().Punched }

// TestNobodyAnswers has the introduction end by itself.
func TestNobodyAnswers(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, firewall)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	y.onBlock = func(_, to *actor, _ *ToPeer) bool { return to != charlie }
	y.introduce(alice, bob, charlie, tag)
	y.run(relayLife + time.Second)
	if len(alice.refused) != 1 || alice.refused[0].Code != RelayAccept || len(bob.relay.passed) != 0 {
		t.Fatalf("refused %v", alice.refused)
	}
}

// TestOneAnswerLost loses the response in the session or the Hole Punch: the
// other one will do.
func TestOneAnswerLost(t *testing.T) {
	for _, lose := range []string{"response", "punch"} {
		y, alice, bob, charlie := trio(t, public, firewall)
		tag, _ := bob.relay.Grant(charlie.info.Hash())
		switch lose {
		case "response":
			y.onBlock = func(from, to *actor, b *ToPeer) bool { return from != bob || to != alice }
		case "punch":
			y.wire.onSend = func(f flight) []flight {
				out := y.pass(f) // the hole is open
				if f.from == charlie4 && f.to == alice4 && charlie.relay.Counts().Punched == 0 {
					return nil
				}
				return out
			}
		}
		y.introduce(alice, bob, charlie, tag)
		y.run(time.Second)
		if len(charlie.done) != 1 {
			t.Fatalf("without the %s: %v, %v", lose, alice.dialled, alice.failures)
		}
	}
}

// punched is Charlie's Hole Punch, which Alice has not handled; she has no answer by way of Bob.
func punched(t *testing.T) (y *yard, alice *actor, punch *Message) {
	t.Helper()
	y, alice, bob, charlie := trio(t, public, firewall)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	y.onBlock = func(from, to *actor, _ *ToPeer) bool { return from != bob || to != alice }
	y.wire.onSend = func(f flight) []flight {
		if f.from == charlie4 && punch == nil {
			punch = alice.Handle(y.now, f.from, f.data).Message
		}
		return nil
	}
	y.introduce(alice, bob, charlie, tag)
	if punch == nil {
		t.Fatal("no Hole Punch")
	}
	return y, alice, punch
}

// TestForgedHolePunch forges Charlie's Hole Punch, bit by bit and as a whole.
func TestForgedHolePunch(t *testing.T) {
	y, alice, punch := punched(t)
	for bit := range 8 * len(punch.Payload) {
		forged := *punch
		forged.Payload = bytes.Clone(punch.Payload)
		forged.Payload[bit/8] ^= 1 << (bit % 8)
		if out := alice.relay.HandleHolePunch(y.now, &forged); out.Dial != nil {
			// What is not signed: the date, Alice's address, flags, the token, padding.
			if out.Dial.At != charlie4 {
				t.Fatalf("bit %d: dials %v", bit, out.Dial.At)
			}
		}
		for _, a := range alice.relay.asked { // it is looked at as if it were the first
			a.dialled, a.dials, a.answers = netip.AddrPort{}, 0, 0
		}
	}
	elsewhere := *punch
	elsewhere.From = netip.MustParseAddrPort("192.0.2.66:4567")
	late := *punch
	other := *punch
	other.Header.Dest++
	for name, m := range map[string]*Message{"from elsewhere": &elsewhere, "of another nonce": &other} {
		if out := alice.relay.HandleHolePunch(y.now, m); out.Dial != nil || out.Refused != nil {
			t.Errorf("%s: %+v", name, out)
		}
	}
	if out := alice.relay.HandleHolePunch(y.now.Add(MaxSkew+time.Minute), &late); out.Dial != nil {
		t.Error("late")
	}
	if out := alice.relay.HandleHolePunch(y.now, punch); out.Dial == nil || out.Dial.At != charlie4 || out.Dial.Token == 0 {
		t.Errorf("the true one: %+v", out)
	}
	if out := alice.relay.HandleHolePunch(y.now, punch); out.Dial != nil {
		t.Error("dials twice")
	}
	c := alice.relay.Counts()
	if c.Forged == 0 || c.Malformed == 0 || c.Unexpected == 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestRelayRepetitions(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, firewall)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	y.introduce(alice, bob, charlie, tag)
	for _, b := range append(append(alice.blocks, bob.blocks...), charlie.blocks...) {
		block, _, _ := ParseBlock(b.Block)
		to := y.byHash[b.Peer]
		for _, from := range []*actor{alice, bob, charlie} {
			var out RelayResult
			switch block.Type {
			case BlockRelayIntro:
				out = to.relay.HandleIntro(y.now, from.info.Hash(), block.Data)
			case BlockRelayResponse:
				out = to.relay.HandleResponse(y.now, from.info.Hash(), block.Data)
			case BlockRelayRequest:
				out = to.relay.HandleRequest(y.now, from.info.Hash(), from.at, block.Data)
			}
			if len(out.Send)+len(out.Blocks) > 0 || out.Dial != nil {
				t.Errorf("block %d once more: %+v", block.Type, out)
			}
		}
	}
}

// TestOthersAnswer has somebody answer who was not asked.
func TestOthersAnswer(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, public)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	y.onBlock = func(_, to *actor, _ *ToPeer) bool { return to == bob }
	charlie.known[alice.info.Hash()] = alice.info
	y.introduce(alice, bob, charlie, tag)
	out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
	if err != nil {
		t.Fatal(err)
	}
	y.tested(alice, out)
	if len(bob.relay.passed) != 1 || len(bob.tests.passed) != 1 {
		t.Fatal("Bob has passed nothing on")
	}
	for nonce := range bob.relay.passed {
		data := RelayResponse{Code: RelayCharlieRefuses, Nonce: nonce}.AppendTo(nil)[BlockHeaderLen:]
		if out := bob.relay.HandleResponse(y.now, alice.info.Hash(), data); len(out.Blocks) != 0 {
			t.Error("Bob takes Alice for Charlie, in an introduction")
		}
		data = RelayResponse{Code: RelayBobRefuses, Nonce: nonce}.AppendTo(nil)[BlockHeaderLen:]
		if out := alice.relay.HandleResponse(y.now, charlie.info.Hash(), data); out.Refused != nil {
			t.Error("Alice takes Charlie for Bob, in an introduction")
		}
	}
	// Bob has kept the introduction for an hour.
	old := charlie.relay.HandleIntro(y.now.Add(time.Hour), bob.info.Hash(), bob.blocks[0].Block[BlockHeaderLen:])
	if len(old.Send) != 0 || charlie.relay.Counts().Punched != 0 {
		t.Error("Charlie punches a hole for an old introduction")
	}
	for nonce := range bob.tests.passed {
		p := PeerTest{Message: 3, Code: PeerTestCharlieRefuses, Nonce: nonce, Alice: alice4, Signature: make([]byte, 64)}
		if out := bob.tests.Handle(y.now, alice.info.Hash(), alice4, p.AppendTo(nil)[BlockHeaderLen:]); len(out.Blocks) != 0 {
			t.Error("Bob takes Alice for Charlie, in a test")
		}
		p.Message = 4
		if out := alice.tests.Handle(y.now, charlie.info.Hash(), charlie4, p.AppendTo(nil)[BlockHeaderLen:]); out.Outcome != nil {
			t.Error("Alice takes Charlie for Bob, in a test")
		}
	}
}

func TestSignatures(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, public)
	bobs, charlies, alices := bob.info.Hash(), charlie.info.Hash(), alice.info.Hash()
	key := func(a *actor) (k i2p.Hash) { return a.info.Hash() }
	in := Introduction{Nonce: 1, Tag: 2, Timestamp: timestamp(y.now), Version: 2, Alice: v6}
	if err := in.Sign(alice.router.Signing, bobs, charlies); err != nil {
		t.Fatal(err)
	}
	public := keyOf(alice.info)
	if !in.Verify(public, bobs, charlies) || in.Verify(public, charlies, bobs) || in.Verify(keyOf(bob.info), bobs, charlies) {
		t.Error("introduction")
	}
	p := PeerTest{Message: 3, Nonce: 1, Version: 2, Alice: v4}
	if err := p.SignAnswer(charlie.router.Signing, bobs, alices); err != nil {
		t.Fatal(err)
	}
	if !p.VerifyAnswer(keyOf(charlie.info), bobs, alices) || p.VerifyRequest(keyOf(charlie.info), bobs) || p.VerifyAnswer(keyOf(charlie.info), bobs, key(bob)) {
		t.Error("peer test")
	}
	if keyOf(nil).Verify(nil, nil) {
		t.Error("nobody's key")
	}
}
