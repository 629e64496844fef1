package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// hole is what Charlie has opened for Alice.
type hole struct {
	bob     i2p.Hash
	alice   netip.AddrPort
	resend  *Resend
	expires time.Time
}

// HandleIntro is Charlie's: Bob introduces Alice. Her RouterInfo may come a
// little later, in a DatabaseStore that goes another way. The answer goes to Bob, and
// with a Hole Punch to where Alice says she is. Nobody but Bob has proved where
// anybody is: so much as one of her signatures buys is sent there, once, and only
// for a Bob by whom we are to be found.
func (r *Relay) HandleIntro(now time.Time, bob i2p.Hash, data []byte) RelayResult {
	return r.handleIntro(now, bob, data, true)
}

func (r *Relay) handleIntro(now time.Time, bob i2p.Hash, data []byte, patient bool) (out RelayResult) {
	q, err := ParseRelayIntro(data)
	if err != nil {
		r.counts.Malformed++
		return out
	}
	if r.holes[q.Nonce] != nil || r.done.seen(asked{bob, q.Nonce}) > 0 {
		r.counts.Unexpected++ // a repetition
		return out
	}
	var intro [32]byte
	code := RelayCharlieRefuses
	if r.self.Introduces(bob) {
		info := r.self.Find(q.AliceHash)
		if info == nil && patient && r.later.hold(now, bob, data) {
			return out
		}
		intro, code = r.judge(now, bob, q, info)
	}
	if code != RelayAccept {
		out.Blocks = append(out.Blocks, ToPeer{Peer: bob, Block: r.refusal(now, code, q.Nonce, bob).AppendTo(nil)})
		return out
	}
	us := r.self.Address(q.Alice.Addr().Is4())
	response := r.response(RelayResponse{
		Nonce: q.Nonce, Timestamp: timestamp(now), Version: Version, Charlie: us, Token: r.token(now, q.Alice),
	}, bob).AppendTo(nil)
	alices, ours := nonceIDs(q.Nonce)
	payload := append(AppendAddress(AppendDateTime(nil, now), q.Alice), response...)
	punch := r.self.outside(TypeHolePunch, alices, ours, intro, payload)
	r.done.add(now, asked{bob, q.Nonce}, 1)
	r.holes[q.Nonce] = &hole{bob, q.Alice, newResend(now, holePunchResend, holePunches, punch), now.Add(relayLife)}
	r.counts.Punched++
	out.Blocks = append(out.Blocks, ToPeer{Peer: bob, Block: response})
	out.Send = append(out.Send, Datagram{q.Alice, punch})
	return out
}

// judge decides on an introduction, and returns Alice's intro key.
func (r *Relay) judge(now time.Time, bob i2p.Hash, q RelayIntro, info *routerinfo.RouterInfo) (intro [32]byte, code RelayCode) {
	v4 := q.Alice.Addr().Is4()
	switch {
	case info == nil:
		return intro, RelayCharlieAliceUnknown
	case q.Version != Version || !fresh(q.Timestamp, now):
		return intro, RelayCharlieRefuses
	case !r.self.Address(v4).IsValid() || !r.self.mayBe(q.Alice):
		return intro, RelayCharlieAddress
	case q.AliceHash == r.self.Hash || r.self.Connected(q.AliceHash):
		return intro, RelayCharlieConnected
	case !r.mayPunch(bob, q.Alice.Addr()):
		return intro, RelayCharlieLimit
	case !q.Verify(keyOf(info), bob, r.self.Hash):
		r.counts.Forged++
		return intro, RelayCharlieSignature
	}
	address, ok := ssu2At(info, v4)
	if !ok {
		return intro, RelayCharlieAliceUnknown
	}
	intro, _ = address.IntroKey()
	return intro, RelayAccept
}

// mayPunch bounds holes by who asks for them, and by the host to which they are: one Alice leaves room for others, and
// many who name one host do not have it flooded.
func (r *Relay) mayPunch(bob i2p.Hash, alice netip.Addr) bool {
	of, to := 0, 0
	for _, h := range r.holes {
		if h.bob == bob {
			of++
		}
		if origin.HostOf(h.alice.Addr()) == origin.HostOf(alice) {
			to++
		}
	}
	return len(r.holes) < maxHoles && of < maxHolesOf && to < maxHolesTo
}

// Reached tells Charlie that somebody has come from there: the hole was for that, and makes room.
func (r *Relay) Reached(from netip.AddrPort) {
	for nonce, h := range r.holes {
		if h.alice == from {
			delete(r.holes, nonce)
		}
	}
}
