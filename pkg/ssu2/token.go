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

	where   Where
	waiting *waiting // of the run before, until it is clear where we are
	changes uint64   // of issued, kept and where
}

// Where is where we are, as tokens see it: they are bound to both ends of a path (SSU2, Tokens).
type Where struct {
	From netip.AddrPort // the machine's own, from which we send; its address is not valid where it is not known
	Seen netip.AddrPort // at which others see us, which a NAT may have chosen; not valid where not enough of them agree. The port is 0 where each sees another.
}

// outside is where we come from for others: where nobody says, there is no NAT before a public address.
func (w Where) outside() netip.AddrPort {
	if a := w.From.Addr(); !w.Seen.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !carriers.Contains(a) {
		return w.From
	}
	return w.Seen
}

var carriers = netip.MustParsePrefix("100.64.0.0/10") // a provider's, behind its NAT (RFC 6598)

// left reports whether who is there now was elsewhere before.
func (w Where) left(before Where) bool {
	moved := func(a, b netip.AddrPort) bool {
		return a.IsValid() && b.IsValid() && (a.Addr() != b.Addr() || a.Port() != b.Port() && a.Port() != 0 && b.Port() != 0)
	}
	return moved(w.From, before.From) || moved(w.Seen, before.Seen)
}

// waiting are tokens for where others saw us in the run before.
type waiting struct {
	issued, kept tokenTable
	seen         netip.AddrPort
}

// Here tells where we are. Who is elsewhere than before forgets all tokens, which were for that; those of
// the run before are good once it is clear that we still are where we were (SSU2, Tokens: they may
// be persisted, if it is ensured that the IP and port have not changed since).
func (t *Tokens) Here(w Where) {
	if !w.From.IsValid() {
		w.From = t.where.From
	}
	left := w.left(t.where)
	if !left && !w.Seen.IsValid() {
		w.Seen = t.where.Seen // nobody says anything else
	}
	if w == t.where {
		return
	}
	if left {
		t.Forget()
	}
	t.where = w
	t.changes++
	t.settle()
}

// settle takes the tokens of the run before, or drops them, where that is clear.
func (t *Tokens) settle() {
	if t.waiting == nil {
		return
	}
	at := t.where.outside()
	if !at.IsValid() && t.waiting.seen == t.where.From {
		at = t.where.From // there was no NAT, and we send from there as before
	}
	if !at.IsValid() {
		return
	}
	if t.waiting.seen == at {
		t.issued.add(t.waiting.issued)
		t.kept.add(t.waiting.kept)
	}
	t.waiting = nil
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
	return t.mac(now.UnixNano()/int64(retrySlot), to, forRetry)
}

// ForAlice is a token for somebody who is introduced to us and will dial from there; it lives as long as one of
// a Retry, and is another: it goes through Bob, who could use it up for whom he names. Any goroutine may ask for it.
func (t *Tokens) ForAlice(now time.Time, from netip.AddrPort) Token {
	return t.mac(now.UnixNano()/int64(retrySlot), from, forAlice)
}

// What a token was made for, as the MAC has it.
const (
	forRetry byte = iota
	forAlice
)

func (t *Tokens) mac(slot int64, to netip.AddrPort, use byte) Token {
	b := make([]byte, 26, 27)
	binary.BigEndian.PutUint64(b[:], uint64(slot))
	ip := to.Addr().As16()
	copy(b[8:], ip[:])
	binary.BigEndian.PutUint16(b[24:], to.Port())
	if use != forRetry {
		b = append(b, use)
	}
	return max(Token(siphash.Hash(t.k1, t.k2, b)), 1)
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
	for _, use := range []byte{forRetry, forAlice} {
		if token == t.mac(slot, from, use) || token == t.mac(slot-1, from, use) {
			return t.used.seen(token) < maxTries
		}
	}
	return false
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
	t.issued, t.kept, t.waiting = newTokenTable(), newTokenTable(), nil
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
//	0  8 bytes  "SSU2tok2"
//	8  entries of 35 bytes: kind, IP as IPv6, port, token, seconds since 1970 at which it
//	   expires (8 bytes); big-endian. Kinds are 0 issued, 1 kept; and 2 from where we sent
//	   and 3 where others saw us, which have no token and do not expire. What holds for a family stands
//	   before its tokens.
const (
	tokenMagic    = "SSU2tok2"
	tokenEntryLen = 1 + 16 + 2 + 8 + 8

	kindIssued, kindKept, kindFrom, kindSeen = 0, 1, 2, 3
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
	entry := func(kind byte, at netip.AddrPort, token Token, expires uint64) {
		ip := at.Addr().As16()
		out = append(append(out, kind), ip[:]...)
		out = binary.BigEndian.AppendUint16(out, at.Port())
		out = binary.BigEndian.AppendUint64(out, uint64(token))
		out = binary.BigEndian.AppendUint64(out, expires)
	}
	for i, at := range []netip.AddrPort{t.where.From, t.where.outside()} {
		if !at.IsValid() {
			return out // nobody could tell afterwards whether we are there still
		}
		entry(kindFrom+byte(i), at, 0, 0)
	}
	for kind, table := range []*tokenTable{&t.issued, &t.kept} {
		for l := table.order.Front(); l != nil; l = l.Next() {
			e := l.Value.(*tokenEntry)
			entry(byte(kind), e.peer, e.token, uint64(e.expires.Unix()))
		}
	}
	return out
}

// Load adds what TokensFile wrote for addresses of a family, but for what has
// expired since, and for what was good from another address than Here has told. Of a file that is not one nothing is taken.
func (t *Tokens) Load(now time.Time, b []byte, v4 bool) error {
	if len(b) < len(tokenMagic) || string(b[:len(tokenMagic)]) != tokenMagic || (len(b)-len(tokenMagic))%tokenEntryLen != 0 {
		return fmt.Errorf("ssu2: %d bytes are no file of tokens", len(b))
	}
	w := &waiting{issued: newTokenTable(), kept: newTokenTable()}
	here := false
	tables := map[byte]*tokenTable{kindIssued: &w.issued, kindKept: &w.kept}
	for b = b[len(tokenMagic):]; len(b) > 0; b = b[tokenEntryLen:] {
		at := netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[1:17])).Unmap(), binary.BigEndian.Uint16(b[17:]))
		token, expires := Token(binary.BigEndian.Uint64(b[19:])), time.Unix(int64(binary.BigEndian.Uint64(b[27:])), 0)
		if at.Addr().Is4() != v4 {
			continue
		}
		switch kind := b[0]; {
		case kind == kindFrom:
			here = at == t.where.From
		case kind == kindSeen:
			w.seen = at
		case tables[kind] != nil && token != 0 && expires.After(now) && expires.Sub(now) <= maxTokenLife:
			tables[kind].put(now, at, token, expires)
		}
	}
	if here && w.seen.Port() != 0 {
		t.waiting = w
		t.settle()
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

// add puts in what there is of another, but for peers whose tokens are newer.
func (t *tokenTable) add(o tokenTable) {
	for l := o.order.Front(); l != nil; l = l.Next() {
		e := l.Value.(*tokenEntry)
		if t.get(e.peer) == nil && len(t.byPeer) < maxTokens {
			t.byPeer[e.peer] = t.order.PushBack(e)
		}
	}
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
