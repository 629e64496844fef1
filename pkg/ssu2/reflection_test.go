package ssu2

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

// What strangers can have a router send to who has asked for nothing, as Charlie and as Bob.

// request is Alice's block for a Bob, as she has signed it.
func (y *yard) request(alice, bob, charlie *actor, nonce uint32, at netip.AddrPort) Introduction {
	y.t.Helper()
	in := Introduction{Nonce: nonce, Tag: 1, Timestamp: timestamp(y.now), Version: Version, Alice: at}
	if err := in.Sign(alice.router.Signing, bob.info.Hash(), charlie.info.Hash()); err != nil {
		y.t.Fatal(err)
	}
	return in
}

// intro has Bob introduce Alice to Charlie as a host of hers, and returns what Charlie sends outside of sessions.
func (y *yard) intro(alice, bob, charlie *actor, nonce uint32, at netip.AddrPort) []Datagram {
	y.t.Helper()
	charlie.known[alice.info.Hash()] = alice.info
	block := RelayIntro{AliceHash: alice.info.Hash(), Introduction: y.request(alice, bob, charlie, nonce, at)}.AppendTo(nil)
	return charlie.relay.HandleIntro(y.now, bob.info.Hash(), block[BlockHeaderLen:]).Send
}

// second is a message 2 from Bob to Charlie.
func (y *yard) second(alice, bob, charlie *actor, nonce uint32, at netip.AddrPort) []Datagram {
	y.t.Helper()
	charlie.known[alice.info.Hash()] = alice.info
	m := PeerTest{Message: 2, Hash: alice.info.Hash(), Version: Version, Nonce: nonce, Timestamp: timestamp(y.now), Alice: at}
	if err := m.SignRequest(alice.router.Signing, bob.info.Hash()); err != nil {
		y.t.Fatal(err)
	}
	return charlie.tests.Handle(y.now, bob.info.Hash(), bob.at, m.AppendTo(nil)[BlockHeaderLen:]).Send
}

// TestSignedOnce: Bob may repeat what Alice has signed for as long as its date is good, and Charlie does it once.
func TestSignedOnce(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, public)
	charlie.known[alice.info.Hash()] = alice.info
	intro := RelayIntro{AliceHash: alice.info.Hash(), Introduction: y.request(alice, bob, charlie, 1, alice4)}.AppendTo(nil)[BlockHeaderLen:]
	m := PeerTest{Message: 2, Hash: alice.info.Hash(), Version: Version, Nonce: 1, Timestamp: timestamp(y.now.Add(MaxSkew)), Alice: alice4}
	if err := m.SignRequest(alice.router.Signing, bob.info.Hash()); err != nil {
		t.Fatal(err)
	}
	test := m.AppendTo(nil)[BlockHeaderLen:]
	punches, tests := 0, 0
	for end := y.now.Add(5 * time.Minute); y.now.Before(end); y.now = y.now.Add(time.Second) {
		for due := charlie.relay.Deadline(); !due.IsZero() && !y.now.Before(due); due = charlie.relay.Deadline() {
			punches += len(charlie.relay.Tick(y.now).Send)
		}
		for due := charlie.tests.Deadline(); !due.IsZero() && !y.now.Before(due); due = charlie.tests.Deadline() {
			tests += len(charlie.tests.Tick(y.now).Send)
		}
		punches += len(charlie.relay.HandleIntro(y.now, bob.info.Hash(), intro).Send)
		tests += len(charlie.tests.Handle(y.now, bob.info.Hash(), bob.at, test).Send)
	}
	if punches != 1+holePunches || tests != 1+testResends {
		t.Errorf("for a signature each %d holes were punched, %d tests sent", punches, tests)
	}
}

// TestUninvited: who has given us no tag that we asked for introduces nobody to us, and holds nothing back.
func TestUninvited(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, firewall)
	charlie.unasked[bob.info.Hash()] = true
	if sent := y.intro(alice, bob, charlie, 1, alice4); len(sent) != 0 || charlie.relay.Counts().Refused != 1 {
		t.Errorf("%d datagrams; %+v", len(sent), charlie.relay.Counts())
	}
	delete(charlie.known, alice.info.Hash())
	block := RelayIntro{AliceHash: alice.info.Hash(), Introduction: y.request(alice, bob, charlie, 2, alice4)}.AppendTo(nil)
	if charlie.relay.HandleIntro(y.now, bob.info.Hash(), block[BlockHeaderLen:]); len(charlie.relay.later.held) != 0 {
		t.Error("it waits for a RouterInfo")
	}
}

// TestOneHost: however many routers ask by however many Bobs, one host gets a few holes and tests at a time; and one
// host that asks leaves room for others.
func TestOneHost(t *testing.T) {
	y := newYard(t)
	charlie := y.add(3, charlie4, firewall)
	victim := netip.MustParseAddr("198.51.7.7")
	holes, tests := 0, 0
	var bobs []*actor
	for i := range 4 {
		bob := y.add(byte(20+i), netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 52, byte(i), 1}), 4567), public)
		y.link(bob, charlie)
		bobs = append(bobs, bob)
		for j := range 5 {
			at := netip.AddrPortFrom(victim, uint16(2000+10*i+j))
			alice := y.add(byte(40+10*i+j), at, public)
			nonce := uint32(1 + 10*i + j)
			holes += len(y.intro(alice, bob, charlie, nonce, at))
			tests += len(y.second(alice, bob, charlie, nonce, at))
		}
	}
	if holes != maxHolesTo || tests != maxTestsTo {
		t.Errorf("%d holes, %d tests", holes, tests)
	}
	other := y.add(100, netip.MustParseAddrPort("198.51.7.8:4567"), public)
	if len(y.intro(other, bobs[0], charlie, 1000, other.at)) != 1 || len(y.second(other, bobs[3], charlie, 1000, other.at)) != 1 {
		t.Error("another is refused for it")
	}
	charlie.relay.Reached(netip.AddrPortFrom(victim, 2000)) // it has come
	again := y.add(101, netip.AddrPortFrom(victim, 3000), public)
	if len(y.intro(again, bobs[0], charlie, 1001, again.at)) != 1 {
		t.Error("who has come leaves no room")
	}
}

// TestNobodyThere: no Bob passes on, and no Charlie sends, what is for where no router may be; nor for where Alice is
// not seen.
func TestNobodyThere(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, public)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	for i, at := range []string{"10.0.0.1:4567", "127.0.0.1:4567", "192.168.1.1:4567", "192.0.2.53:53", "[::ffff:192.0.2.1]:4567", "224.0.0.1:4567"} {
		nonce, at := uint32(i+1), netip.MustParseAddrPort(at)
		if n := len(y.intro(alice, bob, charlie, nonce, at)) + len(y.second(alice, bob, charlie, nonce, at)); n != 0 {
			t.Errorf("Charlie sends %d to %v", n, at)
		}
		in := y.request(alice, bob, charlie, nonce, at)
		in.Tag = tag
		if err := in.Sign(alice.router.Signing, bob.info.Hash(), charlie.info.Hash()); err != nil {
			t.Fatal(err)
		}
		bob.relay.HandleRequest(y.now, alice.info.Hash(), at, RelayRequest{0, in}.AppendTo(nil)[BlockHeaderLen:])
	}
	elsewhere := y.request(alice, bob, charlie, 50, netip.MustParseAddrPort("198.51.7.7:4567"))
	elsewhere.Tag = tag
	if err := elsewhere.Sign(alice.router.Signing, bob.info.Hash(), charlie.info.Hash()); err != nil {
		t.Fatal(err)
	}
	data := RelayRequest{0, elsewhere}.AppendTo(nil)[BlockHeaderLen:]
	bob.relay.HandleRequest(y.now, alice.info.Hash(), alice4, data)
	if c := bob.relay.Counts(); c.Introduced != 0 || c.Refused != 7 {
		t.Errorf("Bob: %+v", c)
	}
	if out := bob.relay.HandleRequest(y.now, alice.info.Hash(), alice6, data); len(out.Blocks) != 1 || out.Blocks[0].Peer != charlie.info.Hash() {
		t.Error("a session of the other family tells where she is not")
	}
	if c := charlie.relay.Counts(); c.Forged+charlie.tests.Counts().Forged != 0 {
		t.Errorf("signatures were looked at first: %+v", c)
	}
}

// TestSeventhElsewhere: message 7 goes to no port of a service, whatever the source of a message 6 is.
func TestSeventhElsewhere(t *testing.T) {
	y, alice, bob, charlie := trio(t, firewall, public)
	y.second(alice, bob, charlie, 7, alice4)
	asker, other := nonceIDs(7)
	for at, want := range map[string]int{"192.0.2.66:53": 0, "10.0.0.9:4567": 0, "192.0.2.66:4567": 1} {
		p := PeerTest{Message: 6, Version: Version, Nonce: 7, Timestamp: timestamp(y.now), Alice: alice4}
		m := &Message{netip.MustParseAddrPort(at), LongHeader{Dest: other, Source: asker}, p.AppendTo(AppendDateTime(nil, y.now))}
		if n := len(charlie.tests.HandleMessage(y.now, m).Send); n != want {
			t.Errorf("%d answers to %s", n, at)
		}
	}
}

// TestAliceIsBounded: who gets answers at once asks no more than who gets none, and leaves Charlie for others.
func TestAliceIsBounded(t *testing.T) {
	y, alice, bob, charlie := trio(t, firewall, public)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	passed, tests := 0, 0
	y.onBlock = func(from, to *actor, b *ToPeer) bool {
		if from == bob && to == charlie {
			if block, _, _ := ParseBlock(b.Block); block.Type == BlockRelayIntro {
				passed++
			} else {
				tests++
			}
		}
		return true
	}
	y.wire.onSend = func(flight) []flight { return nil }
	for range 10 {
		y.introduce(alice, bob, charlie, tag)
		out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
		if err != nil {
			t.Fatal(err)
		}
		y.tested(alice, out)
	}
	if passed != maxPassedTo || tests != maxTestsOf {
		t.Errorf("%d introductions and %d tests were passed on", passed, tests)
	}
}

// TestPunchesAreBounded: an introducer knows the nonce, and can make Hole Punches of any source: few are verified, and
// few dials follow from Charlie's word.
func TestPunchesAreBounded(t *testing.T) {
	y, alice, punch := punched(t)
	low, forged := *punch, *punch
	low.From = netip.AddrPortFrom(charlie4.Addr(), 53)
	if out := alice.relay.HandleHolePunch(y.now, &low); out.Dial != nil {
		t.Error("dials a port of a service")
	}
	dials := 0
	for i := range 5 {
		m := *punch
		m.From = netip.AddrPortFrom(charlie4.Addr(), uint16(5000+i))
		if out := alice.relay.HandleHolePunch(y.now, &m); out.Dial != nil {
			dials++
		}
	}
	forged.From = netip.MustParseAddrPort("192.0.2.66:4567")
	for range 100 {
		alice.relay.HandleHolePunch(y.now, &forged)
	}
	if dials != maxDials {
		t.Errorf("%d dials", dials)
	}
	if n := alice.relay.Counts().Forged; n != maxAnswers-6 {
		t.Errorf("%d signatures were verified after six", n)
	}
}

// TestOwnTest: Bob hands us our own request as if it were another's: nobody else is there to reach us.
func TestOwnTest(t *testing.T) {
	y, alice, bob, _ := trio(t, public, public)
	alice.known[alice.info.Hash()] = alice.info
	if sent := y.second(alice, bob, alice, 7, alice4); len(sent) != 0 {
		t.Error("we test ourselves")
	}
	out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := ParsePeerTest(bytes.Clone(out.Blocks[0].Block[BlockHeaderLen:]))
	m.Message, m.Hash = 4, alice.info.Hash()
	if err := m.SignAnswer(alice.router.Signing, bob.info.Hash(), alice.info.Hash()); err != nil {
		t.Fatal(err)
	}
	if out := alice.tests.Handle(y.now, bob.info.Hash(), bob.at, m.AppendTo(nil)[BlockHeaderLen:]); out.Outcome == nil || out.Outcome.Charlie != (i2p.Hash{}) {
		t.Errorf("we are our own Charlie: %+v", out.Outcome)
	}
}

// TestHeldBack: of one peer few blocks wait for a RouterInfo.
func TestHeldBack(t *testing.T) {
	y, _, bob, charlie := trio(t, public, firewall)
	stranger := y.add(9, netip.MustParseAddrPort("198.51.7.7:4567"), public)
	for i := range uint32(20) {
		block := RelayIntro{AliceHash: stranger.info.Hash(), Introduction: y.request(stranger, bob, charlie, i, stranger.at)}.AppendTo(nil)
		charlie.relay.HandleIntro(y.now, bob.info.Hash(), block[BlockHeaderLen:])
	}
	if n := len(charlie.relay.later.held); n != maxHeldOf {
		t.Errorf("%d wait", n)
	}
}

// TestSlowKeys: signatures that take long to check are not checked.
func TestSlowKeys(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, public)
	keys, err := i2p.GenerateDestination(sign.ECDSA_SHA512_P521, i2p.CryptoX25519, nil)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys, Published: i2p.DateOf(start), Addresses: alice.info.SSU2(), Options: map[string]string{"netId": "99"}})
	if err != nil {
		t.Fatal(err)
	}
	alice.info, alice.router = slow, keys
	if n := len(y.intro(alice, bob, charlie, 1, alice4)) + len(y.second(alice, bob, charlie, 1, alice4)); n != 0 {
		t.Errorf("%d datagrams", n)
	}
	if charlie.relay.Counts().Forged != 1 || charlie.tests.Counts().Forged != 1 {
		t.Errorf("%+v, %+v", charlie.relay.Counts(), charlie.tests.Counts())
	}
}

// TestForgedAnswers: Bob, who forges what Charlie signs, has a few of them looked at, and of a test the first.
func TestForgedAnswers(t *testing.T) {
	y, alice, bob, charlie := trio(t, public, public)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	y.onBlock = func(_, _ *actor, _ *ToPeer) bool { return false }
	y.introduce(alice, bob, charlie, tag)
	out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
	if err != nil {
		t.Fatal(err)
	}
	y.tested(alice, out)
	alice.known[charlie.info.Hash()] = charlie.info
	for nonce := range alice.relay.asked {
		data := RelayResponse{Nonce: nonce, Timestamp: timestamp(y.now), Version: Version, Charlie: charlie4, Signature: make([]byte, 64)}.AppendTo(nil)
		for range 50 {
			alice.relay.HandleResponse(y.now, bob.info.Hash(), data[BlockHeaderLen:])
		}
	}
	for nonce := range alice.tests.ours {
		m := PeerTest{Message: 4, Hash: charlie.info.Hash(), Version: Version, Nonce: nonce, Timestamp: timestamp(y.now), Alice: alice4, Signature: make([]byte, 64)}
		for range 50 {
			alice.tests.Handle(y.now, bob.info.Hash(), bob.at, m.AppendTo(nil)[BlockHeaderLen:])
		}
	}
	if a, b := alice.relay.Counts().Forged, alice.tests.Counts().Forged; a != maxAnswers || b != 1 {
		t.Errorf("%d and %d were looked at", a, b)
	}
}

// TestManyOfOneHost: many routers of one host leave Bob for others.
func TestManyOfOneHost(t *testing.T) {
	y := newYard(t)
	bob, other := y.add(2, bob4, public), y.add(4, netip.MustParseAddrPort("198.51.9.1:4567"), firewall)
	for i := range 30 {
		charlie := y.add(byte(100+i), netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 60, byte(i), 1}), 4567), firewall)
		y.link(bob, charlie)
	}
	y.link(bob, other)
	y.onBlock = func(_, to *actor, _ *ToPeer) bool { return to == bob }
	ask := func(alice *actor) {
		for _, hash := range slices.SortedFunc(maps.Keys(bob.linked), i2p.Hash.Compare) {
			if charlie := y.byHash[hash]; charlie.at.Addr().As4()[1] == 60 {
				tag, _ := bob.relay.Grant(hash)
				y.introduce(alice, bob, charlie, tag)
			}
		}
		for range 2 * maxTestsOf {
			out, err := alice.tests.Begin(y.now, bob.info.Hash(), true)
			if err != nil {
				t.Fatal(err)
			}
			y.tested(alice, out)
		}
	}
	y.link(bob, y.add(3, charlie4, public)) // for the tests
	for i := range 10 {
		alice := y.add(byte(20+i), netip.AddrPortFrom(alice4.Addr(), uint16(5000+i)), firewall)
		y.link(alice, bob)
		ask(alice)
	}
	if a, b := bob.relay.Counts().Introduced, bob.tests.Counts().Passed; a != maxPassedFrom || b != maxFrom {
		t.Errorf("%d introductions and %d tests were passed on", a, b)
	}
	ask(other)
	if a, b := bob.relay.Counts().Introduced, bob.tests.Counts().Passed; a != maxPassedFrom+maxPassedOf || b != maxFrom+maxTestsOf {
		t.Errorf("%d introductions and %d tests with those of another host", a, b)
	}
}
