package ssu2

import (
	"container/list"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/dchest/siphash"

	"i2ptoolkit/pkg/draw"
)

// How long tokens are good for, and how many are kept (SSU2, Tokens).
const (
	// TokenRenew is when the peer of a session that lasts is to be given another one (SSU2, Tokens).
	TokenRenew   = 30 * time.Minute
	retrySlot    = 10 * time.Second // a token of a Retry lives for one to two of them
	tokenLife    = time.Hour        // of a New Token block
	tokenMargin  = 10 * time.Second // a token that ends so soon is not used any more
	maxTokenLife = 24 * time.Hour   // peers' tokens are kept no longer
	maxTokens    = 1 << 12          // of each kind
	maxTries     = 3                // Session Requests with one token that do not open
	maxUsed      = 1 << 16
)

// Tokens issues and checks the tokens with which peers prove their address,
// and keeps those that peers have issued. A token is good once, and for one
// address.
//
// The token of a Retry is a MAC of the address under a secret, so that a flood
// of forged addresses has nothing to fill; what is remembered is its use. The
// tokens of New Token blocks go to peers of established sessions only, are
// random, and are kept, one for each address.
type Tokens struct {
	random *draw.Source
	k1, k2 uint64
	issued tokenTable
	kept   tokenTable
	used   *once[Token]

	changes uint64 // of issued and kept
}

// NewTokens makes a store without tokens.
func NewTokens(random *draw.Source) *Tokens {
	return &Tokens{
		random: random, k1: random.Uint64(), k2: random.Uint64(),
		issued: newTokenTable(), kept: newTokenTable(),
		used: newOnce[Token](2*retrySlot, maxUsed),
	}
}

// retry is the token of a Retry to an address: the same again within a slot,
// as a repeated request wants it (SSU2, Handshake Retransmission, Retry).
func (t *Tokens) retry(now time.Time, to netip.AddrPort) Token {
	return t.mac(now.UnixNano()/int64(retrySlot), to)
}

// ForAlice is a token for somebody who is introduced to us and will dial from there, as one of
// a Retry. Any goroutine may ask for it.
func (t *Tokens) ForAlice(now time.Time, from netip.AddrPort) Token { return t.retry(now, from) }

func (t *Tokens) mac(slot int64, to netip.AddrPort) Token {
	var b [26]byte
	binary.BigEndian.PutUint64(b[:], uint64(slot))
	ip := to.Addr().As16()
	copy(b[8:], ip[:])
	binary.BigEndian.PutUint16(b[24:], to.Port())
	return max(Token(siphash.Hash(t.k1, t.k2, b[:])), 1)
}

// valid reports whether a token proves the address.
func (t *Tokens) valid(now time.Time, from netip.AddrPort, token Token) bool {
	if token == 0 {
		return false
	}
	if e := t.issued.get(from); e != nil && e.token == token {
		return now.Before(e.expires) && t.used.seen(token) < maxTries
	}
	slot := now.UnixNano() / int64(retrySlot)
	return (token == t.mac(slot, from) || token == t.mac(slot-1, from)) && t.used.seen(token) < maxTries
}

// spend uses a valid token up.
func (t *Tokens) spend(now time.Time, from netip.AddrPort, token Token) {
	if e := t.issued.get(from); e != nil && e.token == token {
		t.issued.remove(from)
		t.changes++
	}
	t.used.add(now, token, maxTries)
}

// tried counts a request that had a valid token and did not open. It may be
// forged by who sees the token go by, so a few do not spoil it; more would
// cost an exchange each.
func (t *Tokens) tried(now time.Time, token Token) { t.used.add(now, token, 1) }

// Issue makes a token for the peer of an established session, in place of any
// that it had.
func (t *Tokens) Issue(now time.Time, to netip.AddrPort) NewToken {
	token := Token(t.random.Uint64())
	for token == 0 {
		token = Token(t.random.Uint64())
	}
	expires := now.Add(tokenLife).Truncate(time.Second)
	t.issued.put(now, to, token, expires)
	t.changes++
	return NewToken{uint32(expires.Unix()), token}
}

// Keep remembers a token that a peer has issued for its address.
func (t *Tokens) Keep(now time.Time, of netip.AddrPort, n NewToken) {
	life := min(SkewOf(n.Expires, now), maxTokenLife)
	if n.Token != 0 && life > tokenMargin {
		t.kept.put(now, of, n.Token, now.Add(life))
		t.changes++
	}
}

// Take returns the token for a peer's address, and forgets it; 0 for none.
func (t *Tokens) Take(now time.Time, of netip.AddrPort) Token {
	e := t.kept.get(of)
	if e == nil {
		return 0
	}
	t.kept.remove(of)
	t.changes++
	if !now.Add(tokenMargin).Before(e.expires) {
		return 0
	}
	return e.token
}

// Forget drops all tokens of New Token blocks: our address has changed, and they were good for
// the old one (SSU2, Tokens). Those of a Retry prove where a peer is, and end by themselves.
func (t *Tokens) Forget() {
	t.issued, t.kept = newTokenTable(), newTokenTable()
	t.changes++
}

// Left drops the tokens of a peer's address, which it has no more.
func (t *Tokens) Left(peer netip.AddrPort) {
	t.issued.remove(peer)
	t.kept.remove(peer)
	t.changes++
}

// Changes grows whenever TokensFile would be another one.
func (t *Tokens) Changes() uint64 { return t.changes }

// The file of the tokens (SSU2, Tokens: they may be kept across restarts):
//
//	0  8 bytes  "SSU2tok1"
//	8  entries of 35 bytes: kind, 0 issued or 1 kept, IP as IPv6, port, token,
//	   seconds since 1970 at which it expires (8 bytes); big-endian
const (
	tokenMagic    = "SSU2tok1"
	tokenEntryLen = 1 + 16 + 2 + 8 + 8
)

// TokensFile is the file of the tokens of New Token blocks, which may be read
// again after a restart. Those of a Retry, and who used what, are not in it: a file is to be
// read once. One that was written while the router ran may have tokens that were used since. What
// is good for that is a request that somebody has recorded, for as long as its date is good: it is
// answered once, and comes to no session.
func TokensFile(stores ...*Tokens) []byte {
	out := []byte(tokenMagic)
	for _, t := range stores {
		out = t.AppendFile(out)
	}
	return out
}

// AppendFile appends a store to what it has appended of others; out is empty at first.
func (t *Tokens) AppendFile(out []byte) []byte {
	if len(out) == 0 {
		out = append(out, tokenMagic...)
	}
	for kind, table := range []*tokenTable{&t.issued, &t.kept} {
		for l := table.order.Front(); l != nil; l = l.Next() {
			e := l.Value.(*tokenEntry)
			ip := e.peer.Addr().As16()
			out = append(append(out, byte(kind)), ip[:]...)
			out = binary.BigEndian.AppendUint16(out, e.peer.Port())
			out = binary.BigEndian.AppendUint64(out, uint64(e.token))
			out = binary.BigEndian.AppendUint64(out, uint64(e.expires.Unix()))
		}
	}
	return out
}

// Load adds what TokensFile wrote for addresses of a family, but for what has
// expired since. Of a file that is not one nothing is taken.
func (t *Tokens) Load(now time.Time, b []byte, v4 bool) error {
	if len(b) < len(tokenMagic) || string(b[:len(tokenMagic)]) != tokenMagic || (len(b)-len(tokenMagic))%tokenEntryLen != 0 {
		return fmt.Errorf("ssu2: %d bytes are no file of tokens", len(b))
	}
	for b = b[len(tokenMagic):]; len(b) > 0; b = b[tokenEntryLen:] {
		table := &t.issued
		if b[0] != 0 {
			table = &t.kept
		}
		peer := netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[1:17])).Unmap(), binary.BigEndian.Uint16(b[17:]))
		token, expires := Token(binary.BigEndian.Uint64(b[19:])), time.Unix(int64(binary.BigEndian.Uint64(b[27:])), 0)
		if token != 0 && peer.Addr().Is4() == v4 && expires.After(now) && expires.Sub(now) <= maxTokenLife {
			table.put(now, peer, token, expires)
		}
	}
	return nil
}

// tokenTable is tokens by address, the oldest of which go when it is full.
type tokenTable struct {
	byPeer map[netip.AddrPort]*list.Element
	order  *list.List // of *tokenEntry, the oldest in front
}

type tokenEntry struct {
	peer    netip.AddrPort
	token   Token
	expires time.Time
}

func newTokenTable() tokenTable {
	return tokenTable{map[netip.AddrPort]*list.Element{}, list.New()}
}

func (t *tokenTable) get(peer netip.AddrPort) *tokenEntry {
	if l := t.byPeer[peer]; l != nil {
		return l.Value.(*tokenEntry)
	}
	return nil
}

func (t *tokenTable) remove(peer netip.AddrPort) {
	if l := t.byPeer[peer]; l != nil {
		t.order.Remove(l)
		delete(t.byPeer, peer)
	}
}

func (t *tokenTable) put(now time.Time, peer netip.AddrPort, token Token, expires time.Time) {
	t.remove(peer)
	for oldest := t.order.Front(); oldest != nil; oldest = t.order.Front() {
		e := oldest.Value.(*tokenEntry)
		if t.order.Len() < maxTokens && now.Before(e.expires) {
			break
		}
		t.remove(e.peer)
	}
	t.byPeer[peer] = t.order.PushBack(&tokenEntry{peer, token, expires})
}
