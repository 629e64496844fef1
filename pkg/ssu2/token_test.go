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
	if n := tokens.used.len(); n > maxUsed {
		t.Fatalf("%d used tokens", n)
	}
	tokens.used.add(now.Add(time.Hour), 5, 1)
	if n := tokens.used.len(); n != 1 {
		t.Fatalf("%d used tokens an hour later", n)
	}
}

func TestTokensFile(t *testing.T) {
	tokens, now := NewTokens(draw.Seeded([32]byte{1})), start
	v6 := netip.MustParseAddrPort("[2001:db8::1]:5")
	mine := tokens.Issue(now, v6)
	tokens.Keep(now, peerAt(1), NewToken{uint32(now.Add(2 * time.Hour).Unix()), 77})
	file := TokensFile(tokens)
	again := [2]*Tokens{NewTokens(draw.Seeded([32]byte{2})), NewTokens(draw.Seeded([32]byte{3}))}
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
	late := NewTokens(draw.Seeded([32]byte{2}))
	for _, v4 := range []bool{false, true} {
		if err := late.Load(now.Add(90*time.Minute), file, v4); err != nil {
			t.Fatal(err)
		}
	}
	if late.valid(now.Add(90*time.Minute), v6, mine.Token) || late.Take(now.Add(90*time.Minute), peerAt(1)) != 77 {
		t.Error("expired ones are there, or others are not")
	}
	for _, bad := range [][]byte{nil, file[:20], []byte("SSU2tok2"), file[:len(file)-1]} {
		if err := late.Load(now, bad, true); err == nil {
			t.Errorf("%d bytes were read", len(bad))
		}
	}
}

func FuzzTokens(f *testing.F) {
	tokens := NewTokens(draw.Seeded([32]byte{1}))
	tokens.Issue(start, peerAt(1))
	f.Add(TokensFile(tokens))
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens := NewTokens(draw.Seeded([32]byte{1}))
		if err := tokens.Load(start, b, true); err == nil && len(TokensFile(tokens)) > len(b) {
			t.Fatal("more than was read")
		}
	})
}
