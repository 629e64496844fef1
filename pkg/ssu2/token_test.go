package ssu2

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
)

func peerAt(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1000)
}

func TestRetryTokens(t *testing.T) {
	tokens, now := NewTokens(draw.Seeded([32]byte{1})), start.Truncate(retrySlot)
	token := tokens.retry(now, peerAt(1))
	for _, c := range []struct {
		after time.Duration
		from  netip.AddrPort
		token Token
		want  bool
	}{
		{0, peerAt(1), token, true},
		{retrySlot, peerAt(1), token, true},
		{2*retrySlot - 1, peerAt(1), token, true},
		{2 * retrySlot, peerAt(1), token, false},
		{-1, peerAt(1), token, false},
		{0, peerAt(2), token, false},
		{0, netip.AddrPortFrom(peerAt(1).Addr(), 1001), token, false},
		{0, peerAt(1), token + 1, false},
		{0, peerAt(1), 0, false},
	} {
		if got := tokens.valid(now.Add(c.after), c.from, c.token); got != c.want {
			t.Errorf("after %v from %v: %v", c.after, c.from, got)
		}
	}
	if tokens.retry(now.Add(retrySlot-1), peerAt(1)) != token {
		t.Error("another token within the slot")
	}
	tokens.spend(now, peerAt(1), token)
	if tokens.valid(now, peerAt(1), token) || tokens.valid(now.Add(retrySlot), peerAt(1), token) {
		t.Error("good twice")
	}
}

// TestTokensOfOtherAddresses: who moves, we or a peer, has no tokens of where it was.
func TestTokensOfOtherAddresses(t *testing.T) {
	tokens, now := NewTokens(draw.Seeded([32]byte{1})), start
	issued := func(i int) bool { return tokens.issued.get(peerAt(i)) != nil }
	kept := func(i int) bool { return tokens.kept.get(peerAt(i)) != nil }
	for i := range 3 {
		tokens.Issue(now, peerAt(i))
		tokens.Keep(now, peerAt(i), NewToken{uint32(now.Add(time.Hour).Unix()), 1})
	}
	before := tokens.Changes()
	tokens.Left(peerAt(1))
	if issued(1) || kept(1) || !issued(2) || !kept(2) || tokens.Changes() == before {
		t.Error("tokens of a peer that has moved, or none of another")
	}
	tokens.Forget()
	if issued(0) || kept(2) {
		t.Error("tokens of an address that was ours")
	}
}

func TestIssuedTokens(t *testing.T) {
	tokens, now := NewTokens(draw.Seeded([32]byte{1})), start
	first, second := tokens.Issue(now, peerAt(1)), tokens.Issue(now, peerAt(1))
	if int64(first.Expires) != now.Add(tokenLife).Unix() {
		t.Errorf("expires %d", first.Expires)
	}
	if tokens.valid(now, peerAt(1), first.Token) || !tokens.valid(now, peerAt(1), second.Token) {
		t.Error("only the last one is good")
	}
	if tokens.valid(now, peerAt(2), second.Token) || tokens.valid(now.Add(tokenLife), peerAt(1), second.Token) {
		t.Error("good elsewhere, or for too long")
	}
	tokens.spend(now, peerAt(1), second.Token)
	if tokens.valid(now, peerAt(1), second.Token) {
		t.Error("good twice")
	}
}

func TestKeptTokens(t *testing.T) {
	tokens, now := NewTokens(draw.Seeded([32]byte{1})), start
	keep := func(peer int, life time.Duration, token Token) {
		tokens.Keep(now, peerAt(peer), NewToken{uint32(now.Add(life).Unix()), token})
	}
	keep(1, time.Hour, 11)
	keep(2, time.Minute, 22)
	keep(3, -time.Hour, 33)
	keep(4, 5*time.Second, 44)
	keep(5, time.Hour, 0)
	keep(6, 300*24*time.Hour, 66)
	for _, c := range []struct {
		peer  int
		after time.Duration
		want  Token
	}{{1, 0, 11}, {1, 0, 0}, {2, 55 * time.Second, 0}, {3, 0, 0}, {4, 0, 0}, {5, 0, 0}, {6, 25 * time.Hour, 0}} {
		if got := tokens.Take(now.Add(c.after), peerAt(c.peer)); got != c.want {
			t.Errorf("peer %d after %v: token %d, want %d", c.peer, c.after, got, c.want)
		}
	}
}

func TestTokensAreBounded(t *testing.T) {
	tokens, now := NewTokens(draw.Seeded([32]byte{1})), start
	for i := range 3 * maxTokens {
		tokens.Issue(now, peerAt(i))
		tokens.Keep(now, peerAt(i), NewToken{uint32(now.Add(time.Hour).Unix()), 1})
	}
	if a, b := len(tokens.issued.byPeer), len(tokens.kept.byPeer); a != maxTokens || b != maxTokens || tokens.kept.order.Len() != b {
		t.Fatalf("%d and %d tokens", a, b)
	}
	if tokens.Take(now, peerAt(3*maxTokens-1)) == 0 || tokens.Take(now, peerAt(0)) != 0 {
		t.Fatal("the oldest did not go first")
	}
	for i := range 3 * maxUsed {
		tokens.spend(now, peerAt(i), Token(i+1))
	}
	used := func() int { return len(tokens.used.now) + len(tokens.used.old) }
	if n := used(); n > maxUsed {
		t.Fatalf("%d used tokens", n)
	}
	tokens.used.add(now.Add(time.Hour), 5, 1)
	if n := used(); n != 1 {
		t.Fatalf("%d used tokens an hour later", n)
	}
}

// homeOf is where a router is that is seen as it is.
func homeOf(v4 bool) Where {
	if v4 {
		return Where{From: netip.MustParseAddrPort("23.1.0.1:7000")}
	}
	return Where{From: netip.MustParseAddrPort("[2a0b::1]:7000")}
}

func TestTokensFile(t *testing.T) {
	now := start
	var stores, again [2]*Tokens
	for i, v4 := range []bool{false, true} {
		stores[i], again[i] = NewTokens(draw.Seeded([32]byte{1})), NewTokens(draw.Seeded([32]byte{2}))
		stores[i].Here(homeOf(v4))
		again[i].Here(homeOf(v4))
	}
	v6 := netip.MustParseAddrPort("[2001:db8::1]:5")
	mine := stores[0].Issue(now, v6)
	stores[1].Keep(now, peerAt(1), NewToken{uint32(now.Add(2 * time.Hour).Unix()), 77})
	file := TokensFile(stores[:]...)
	for i, v4 := range []bool{false, true} {
		if err := again[i].Load(now.Add(time.Minute), file, v4); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(TokensFile(again[:]...), file) {
		t.Error("the file has changed")
	}
	if !again[0].valid(now.Add(time.Minute), v6, mine.Token) || again[1].Take(now.Add(time.Minute), peerAt(1)) != 77 {
		t.Error("tokens are missing")
	}
	if again[0].kept.order.Len()+again[1].issued.order.Len() != 0 {
		t.Error("tokens of the other family were taken")
	}
	for i, v4 := range []bool{false, true} {
		late := NewTokens(draw.Seeded([32]byte{2}))
		late.Here(homeOf(v4))
		if err := late.Load(now.Add(90*time.Minute), file, v4); err != nil {
			t.Fatal(err)
		}
		if i == 0 && late.valid(now.Add(90*time.Minute), v6, mine.Token) || i == 1 && late.Take(now.Add(90*time.Minute), peerAt(1)) != 77 {
			t.Error("expired ones are there, or others are not")
		}
	}
	for _, bad := range [][]byte{nil, file[:20], []byte("SSU2tok1"), file[:len(file)-1]} {
		if err := again[1].Load(now, bad, true); err == nil {
			t.Errorf("%d bytes were read", len(bad))
		}
	}
}

// TestTokensElsewhere: tokens of the run before are good where we are the same for peers as then, as soon as
// that is clear, and nowhere else (SSU2, Tokens).
func TestTokensElsewhere(t *testing.T) {
	at := netip.MustParseAddrPort
	private, public := at("192.168.0.2:7000"), at("23.1.0.1:7000")
	for _, c := range []struct {
		name         string
		before, then Where
		said         netip.AddrPort // what others say after the restart
		first, last  bool           // the tokens are good at once, and in the end
	}{
		{"a public address", Where{From: public}, Where{From: public}, netip.AddrPort{}, true, true},
		{"and others see it", Where{public, public}, Where{From: public}, public, true, true},
		{"another public address", Where{From: public}, Where{From: at("23.1.0.2:7000")}, netip.AddrPort{}, false, false},
		{"another port", Where{From: public}, Where{From: at("23.1.0.1:7001")}, netip.AddrPort{}, false, false},
		{"it is not known from where we send", Where{From: public}, Where{}, public, false, false},
		{"nor was it known", Where{Seen: public}, Where{From: public}, public, false, false},
		{"behind a NAT, as before", Where{private, public}, Where{From: private}, public, false, true},
		{"behind a NAT, whose address has changed", Where{private, public}, Where{From: private}, at("23.9.0.1:7000"), false, false},
		{"behind a NAT, with another port", Where{private, public}, Where{From: private}, at("23.1.0.1:7001"), false, false},
		{"behind a NAT, and nobody says where", Where{private, public}, Where{From: private}, netip.AddrPort{}, false, false},
		{"behind a NAT, and nobody had said where", Where{From: private}, Where{From: private}, public, false, false},
		{"behind a provider's, and nobody had said where", Where{From: at("100.64.0.2:7000")}, Where{From: at("100.64.0.2:7000")}, public, false, false},
		{"behind a NAT with a port for each peer", Where{private, netip.AddrPortFrom(public.Addr(), 0)}, Where{From: private}, netip.AddrPortFrom(public.Addr(), 0), false, false},
		{"in another home with the same addresses", Where{private, public}, Where{From: private}, at("23.7.0.1:7000"), false, false},
		{"a private network without a NAT", Where{private, private}, Where{From: private}, netip.AddrPort{}, true, true},
		{"public, and then behind a NAT", Where{From: public}, Where{From: private}, public, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := NewTokens(draw.Seeded([32]byte{1}))
			tokens.Here(c.before)
			mine := tokens.Issue(start, peerAt(2)).Token
			tokens.Keep(start, peerAt(1), NewToken{uint32(start.Add(time.Hour).Unix()), 77})
			again := NewTokens(draw.Seeded([32]byte{2}))
			again.Here(c.then)
			if err := again.Load(start, TokensFile(tokens), true); err != nil {
				t.Fatal(err)
			}
			for i, want := range []bool{c.first, c.last} {
				if got := again.valid(start, peerAt(2), mine); got != want {
					t.Errorf("step %d: a token that we gave is good: %v, expected %v", i, got, want)
				}
				if got := again.kept.get(peerAt(1)) != nil; got != want {
					t.Errorf("step %d: a token that we got is there: %v, expected %v", i, got, want)
				}
				again.Here(Where{From: c.then.From, Seen: c.said})
			}
		})
	}
}

// TestTokensOfAMove: who is elsewhere while it runs has no tokens, neither of this run nor of the one before; who
// only hears nothing about it keeps them.
func TestTokensOfAMove(t *testing.T) {
	at := netip.MustParseAddrPort
	private, public := at("192.168.0.2:7000"), at("23.1.0.1:7000")
	was := Where{private, public}
	for _, c := range []struct {
		name string
		now  Where
		keep bool
	}{
		{"the machine has another address", Where{at("192.168.0.3:7000"), public}, false},
		{"the NAT has another address", Where{private, at("23.9.0.1:7000")}, false},
		{"the NAT has another port", Where{private, at("23.1.0.1:7009")}, false},
		{"nobody says where", Where{From: private}, true},
		{"each sees another port", Where{private, netip.AddrPortFrom(public.Addr(), 0)}, true},
		{"the system does not say from where", Where{netip.AddrPortFrom(netip.Addr{}, 7000), public}, true},
	} {
		tokens := NewTokens(draw.Seeded([32]byte{1}))
		tokens.Here(was)
		tokens.Keep(start, peerAt(1), NewToken{uint32(start.Add(time.Hour).Unix()), 77})
		tokens.Here(c.now)
		if got := tokens.Take(start, peerAt(1)) == 77; got != c.keep {
			t.Errorf("%s: the token is there: %v, expected %v", c.name, got, c.keep)
		}
	}
	file := NewTokens(draw.Seeded([32]byte{1}))
	file.Here(was)
	file.Keep(start, peerAt(1), NewToken{uint32(start.Add(time.Hour).Unix()), 77})
	again := NewTokens(draw.Seeded([32]byte{2}))
	again.Here(Where{From: private})
	if err := again.Load(start, TokensFile(file), true); err != nil {
		t.Fatal(err)
	}
	again.Here(Where{From: at("192.168.0.3:7000")})
	again.Here(Where{private, public})
	if again.Take(start, peerAt(1)) != 0 {
		t.Error("tokens that waited are good after a move")
	}
	// What waited is no newer than what a peer has given meanwhile.
	again.Here(was)
	if err := again.Load(start, TokensFile(file), true); err != nil {
		t.Fatal(err)
	}
	if again.Take(start, peerAt(1)) != 77 {
		t.Error("the place is known, and the token was not taken at once")
	}
	newer := NewTokens(draw.Seeded([32]byte{2}))
	newer.Here(Where{From: private})
	if err := newer.Load(start, TokensFile(file), true); err != nil {
		t.Fatal(err)
	}
	newer.Keep(start, peerAt(1), NewToken{uint32(start.Add(time.Hour).Unix()), 78})
	newer.Here(was)
	if got := newer.Take(start, peerAt(1)); got != 78 {
		t.Errorf("token %d, expected the newer one", got)
	}
}

func FuzzTokens(f *testing.F) {
	tokens := NewTokens(draw.Seeded([32]byte{1}))
	tokens.Here(homeOf(true))
	tokens.Issue(start, peerAt(1))
	f.Add(TokensFile(tokens))
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens := NewTokens(draw.Seeded([32]byte{1}))
		tokens.Here(homeOf(true))
		empty := len(TokensFile(tokens))
		if err := tokens.Load(start, b, true); err == nil && len(TokensFile(tokens)) > max(len(b), empty) {
			t.Fatal("more than was read")
		}
	})
}

// TestIntroducedToken: the token that goes through Bob is not that of a Retry: who names another's address, and uses it up
// from there, is in nobody's way.
func TestIntroducedToken(t *testing.T) {
	tokens := NewTokens(draw.From(nil))
	theirs, honest := tokens.ForAlice(start, alice4), tokens.retry(start, alice4)
	if theirs == honest || !tokens.valid(start, alice4, theirs) || tokens.valid(start, bob4, theirs) || tokens.valid(start.Add(3*retrySlot), alice4, theirs) {
		t.Fatal("not a token of its own, or not good where and when it is to be")
	}
	tokens.spend(start, alice4, theirs)
	if tokens.valid(start, alice4, theirs) || !tokens.valid(start, alice4, honest) {
		t.Error("one is used up, and the other is not")
	}
}
