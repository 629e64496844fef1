package ssu2

import (
	"errors"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// asking is an introduction that we have asked for.
type asking struct {
	nonce   uint32
	bob     i2p.Hash
	charlie *routerinfo.RouterInfo
	address routerinfo.Address
	v4      bool
	dialled netip.AddrPort
	dials   int
	answers int // that came, good or not
	expires time.Time
}

// ErrRelay means that an introduction cannot be asked for.
var ErrRelay = errors.New("ssu2: no introduction")

// Ask is Alice's: it asks Bob, with whom there is a session, to introduce us
// to the router behind his tag, which publishes the address.
func (r *Relay) Ask(now time.Time, bob i2p.Hash, charlie *routerinfo.RouterInfo, address routerinfo.Address, tag RelayTag, v4 bool) (out RelayResult, err error) {
	us := r.self.Address(v4)
	if !us.IsValid() || len(r.asked) >= maxAsking {
		return out, ErrRelay
	}
	nonce := r.self.Random.Nonzero32()
	for r.asked[nonce] != nil {
		nonce = r.self.Random.Nonzero32()
	}
	if _, ok := targetBehind(charlie, address, us, nonce, 0); !ok {
		return out, ErrRelay
	}
	q := RelayRequest{Introduction: Introduction{Nonce: nonce, Tag: tag, Timestamp: timestamp(now), Version: Version, Alice: us}}
	if err := q.Sign(r.self.Signing, bob, charlie.Hash()); err != nil {
		return out, err
	}
	r.asked[nonce] = &asking{nonce: nonce, bob: bob, charlie: charlie, address: address, v4: v4, expires: now.Add(relayLife)}
	out.Blocks = append(out.Blocks, ToPeer{Peer: bob, Block: q.AppendTo(nil)})
	return out, nil
}

// HandleHolePunch is Alice's: a Hole Punch came from Charlie (SSU2, Hole
// Punch). Everybody can make one; its response is signed.
func (r *Relay) HandleHolePunch(now time.Time, m *Message) (out RelayResult) {
	nonce, ok := nonceOf(m.Header.Dest, m.Header.Source)
	a := r.asked[nonce]
	if !ok || a == nil {
		r.counts.Unexpected++
		return out
	}
	var response *RelayResponse
	dated := false
	for bs := (Blocks{Payload: m.Payload}); ; {
		block, ok, err := bs.Next()
		if err != nil {
			r.counts.Malformed++
			return out
		}
		if !ok {
			break
		}
		switch block.Type {
		case BlockDateTime:
			seconds, err := ParseDateTime(block.Data)
			dated = err == nil && fresh(seconds, now)
		case BlockRelayResponse:
			if parsed, err := ParseRelayResponse(block.Data); err == nil {
				response = &parsed
			}
		}
	}
	if !dated || response == nil || response.Nonce != nonce {
		r.counts.Malformed++
		return out
	}
	r.answered(now, a, *response, m.From, &out)
	return out
}

// answered works in a Relay Response: from Bob's session, or from a Hole
// Punch, which has come from somewhere.
func (r *Relay) answered(now time.Time, a *asking, response RelayResponse, from netip.AddrPort, out *RelayResult) {
	inSession := !from.IsValid()
	if response.Code.ByBob() {
		// Bob himself says so, in his session; signed or not.
		if inSession && !a.dialled.IsValid() {
			r.refused(a, response.Code, out)
		}
		return
	}
	if a.answers == maxAnswers { // each costs a signature: Bob knows the nonce, too
		r.counts.Unexpected++
		return
	}
	a.answers++
	if response.Version != Version || !fresh(response.Timestamp, now) || !response.Verify(keyOf(a.charlie), a.bob) {
		r.counts.Forged++
		return
	}
	if response.Code != RelayAccept {
		if !a.dialled.IsValid() {
			r.refused(a, response.Code, out)
		}
		return
	}
	at := response.Charlie
	if !inSession {
		if from.Addr() != at.Addr() {
			r.counts.Forged++
			return
		}
		at = from // a symmetric NAT gives him another port
	}
	if !r.self.mayBe(at) || at.Addr().Is4() != a.v4 || a.dialled == at || inSession && a.dialled.IsValid() || a.dials == maxDials {
		r.counts.Unexpected++
		return
	}
	target, _ := targetBehind(a.charlie, a.address, at, a.nonce, response.Token)
	if !a.dialled.IsValid() {
		r.counts.Dialled++
	}
	a.dials++
	a.dialled, out.Dial = at, &target
}

func (r *Relay) refused(a *asking, code RelayCode, out *RelayResult) {
	delete(r.asked, a.nonce)
	out.Refused = &RelayRefusal{a.charlie.Hash(), a.bob, code}
}
