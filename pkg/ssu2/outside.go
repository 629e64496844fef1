package ssu2

import (
	"bytes"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

// Self is what relays and peer tests must know of the router that they are
// part of. Its funcs answer at once.
type Self struct {
	Hash    i2p.Hash
	Signing sign.PrivateKey
	NetID   byte
	Random  *draw.Source
	// Find returns a router's RouterInfo, nil where it is not known.
	Find func(i2p.Hash) *routerinfo.RouterInfo
	// Connected reports whether there is a session with the router.
	Connected func(i2p.Hash) bool
	// Address is where others see us, IPv4 or IPv6; invalid where we are not.
	Address func(v4 bool) netip.AddrPort
	// Public reports whether a router may be at an address: none is at those of one's own network, or of nobody.
	Public func(netip.Addr) bool
	// Introduces reports whether a peer has given us a tag that we have asked for.
	Introduces func(bob i2p.Hash) bool
}

// leastPort is the lowest that a router which is named by others may have; those below belong to well-known services.
const leastPort = 1024

// mayBe reports whether a router may be there to whom something is to be sent because others say so.
func (s *Self) mayBe(a netip.AddrPort) bool {
	return usable(a) && a.Port() >= leastPort && s.Public(a.Addr())
}

// asked names what a signature of Alice's asks of us as Charlie. Bob may repeat it for as long as its date is good,
// and it is done once (SSU2, Relay Process, Retransmissions).
type asked struct {
	bob   i2p.Hash
	nonce uint32
}

func newAsked() *once[asked] { return newOnce[asked](2*MaxSkew, maxAsked) }

const maxAsked = 1 << 13 // more than are granted in that time

// ToPeer is a block for the session with a peer. Where Before is set, the
// peer needs that RouterInfo first: in a RouterInfo block of the same packet,
// or in a DatabaseStore ahead of it (SSU2, RelayIntro and PeerTest).
type ToPeer struct {
	Peer   i2p.Hash
	Before *routerinfo.RouterInfo
	Block  []byte
}

// The connection ids of messages outside of a session are made of the nonce
// (SSU2, Peer Test and Hole Punch): the one of who asked is the nonce twice,
// the other its complement.
func nonceIDs(nonce uint32) (asker, other ConnectionID) {
	id := ConnectionID(nonce)<<32 | ConnectionID(nonce)
	return id, ^id
}

// nonceOf undoes nonceIDs; ok is false for other ids.
func nonceOf(asker, other ConnectionID) (nonce uint32, ok bool) {
	nonce = uint32(asker)
	want, complement := nonceIDs(nonce)
	return nonce, asker == want && other == complement
}

// outside makes a Peer Test or a Hole Punch for the holder of an intro key.
func (s *Self) outside(t MessageType, dest, source ConnectionID, intro [32]byte, payload []byte) []byte {
	h := LongHeader{
		Dest: dest, Number: uint32(s.Random.Uint64()), Type: t, Version: Version, NetID: s.NetID,
		Source: source, Token: Token(s.Random.Uint64()),
	}
	return sealIntro(h, intro, AppendPadding(payload, s.Random.Below(16)))
}

// ssu2At is a router's address of SSU2 for IPv4 or IPv6, with its intro key:
// a published one, or one that says that it has the family.
func ssu2At(info *routerinfo.RouterInfo, v4 bool) (routerinfo.Address, bool) {
	var found *routerinfo.Address
	for _, a := range info.SSU2() {
		host := a.Host()
		switch {
		case host.IsValid() && host.Is4() == v4:
			return a, true
		case !host.IsValid() && found == nil:
			found = &a
		}
	}
	if found == nil {
		return routerinfo.Address{}, false
	}
	return *found, true
}

// usable reports whether somebody can be at the address.
func usable(a netip.AddrPort) bool {
	ip := a.Addr()
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && !ip.Is4In6() && a.Port() != 0
}

// fresh reports whether a signed time is ours.
func fresh(seconds uint32, now time.Time) bool {
	skew := SkewOf(seconds, now)
	return skew <= MaxSkew && skew >= -MaxSkew
}

// keyOf is a router's signing key; the zero value, of which no signature is good, where the router is unknown or has
// one of which Quick says no.
func keyOf(info *routerinfo.RouterInfo) sign.PublicKey {
	if info == nil || !Quick(info) {
		return sign.PublicKey{}
	}
	return info.Identity().SigningKey()
}

// Quick reports whether a router's signatures take little time to check. Of other types one takes up to a hundred times
// as long; whoever has a session could ask for that with an identity of his own, again and again, and routers have had no
// such keys for years.
func Quick(info *routerinfo.RouterInfo) bool {
	t := info.Identity().SigType()
	return t == sign.EdDSA_SHA512_Ed25519 || t == sign.ECDSA_SHA256_P256
}

// later holds back blocks about routers whose RouterInfo is not there yet.
type later struct{ held []heldBlock }

type heldBlock struct {
	peer i2p.Hash
	data []byte
	at   time.Time
}

const (
	heldFor   = 300 * time.Millisecond
	maxHeld   = 32
	maxHeldOf = 4 // of one peer
)

// hold reports whether the block is held back, to be taken later.
func (l *later) hold(now time.Time, peer i2p.Hash, data []byte) bool {
	of := 0
	for _, h := range l.held {
		if h.peer == peer {
			of++
		}
	}
	if len(l.held) >= maxHeld || of >= maxHeldOf {
		return false
	}
	l.held = append(l.held, heldBlock{peer, bytes.Clone(data), now.Add(heldFor)})
	return true
}

func (l *later) deadline() time.Time {
	if len(l.held) == 0 {
		return time.Time{}
	}
	return l.held[0].at
}

// take returns the first block, when it has waited long enough.
func (l *later) take(now time.Time) (peer i2p.Hash, data []byte, ok bool) {
	if len(l.held) == 0 || now.Before(l.held[0].at) {
		return peer, nil, false
	}
	h := l.held[0]
	l.held = l.held[1:]
	return h.peer, h.data, true
}
