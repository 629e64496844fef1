package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// A router that cannot be reached is introduced (SSU2, Relay Process):
//
//	Alice                         Bob                  Charlie
//	  Relay Request  --------------->  (by Charlie's tag)
//	                                 Alice's RouterInfo
//	                                 Relay Intro ---------->
//	                                   <----------- Relay Response, signed, with a token
//	       <--------- Relay Response
//	       <------------------------------------------- Hole Punch, with the same response
//	  Session Request ------------------------------------->
//
// Alice dials as soon as one of the two answers is there. If Charlie's NAT
// gives the Hole Punch another port than he says, she dials that.
const (
	relayLife       = 20 * time.Second
	holePunchResend = time.Second
	holePunches     = 2   // more
	maxAsking       = 256 // of ours
	maxPassed       = 1 << 10
	maxPassedOf     = 16 // of one Alice, in relayLife
	maxPassedTo     = 4  // of one Alice to one Charlie
	maxPassedFrom   = 64 // of one host
	maxHoles        = 256
	maxHolesOf      = 64 // by one Bob
	maxHolesTo      = 4  // for one host
	maxAnswers      = 8  // that are looked at, of one introduction of ours
	maxDials        = 3  // that follow from one
	maxTags         = 1 << 10
)

// RelayResult is what follows from a block, a message or the time.
type RelayResult struct {
	Send    []Datagram
	Blocks  []ToPeer
	Dial    *Target // Alice: this may be dialled now
	Refused *RelayRefusal
}

// RelayRefusal is an introduction of ours that will not be.
type RelayRefusal struct {
	Charlie i2p.Hash
	Bob     i2p.Hash
	Code    RelayCode // RelayAccept: nobody has answered
}

// RelayCounts are what the relay has done and refused.
type RelayCounts struct {
	Introduced uint64 // Bob: introductions passed on
	Punched    uint64 // Charlie: holes punched
	Dialled    uint64 // Alice: introductions that came about
	Refused    uint64 // by us, as Bob or Charlie
	Forged     uint64 // signatures that do not verify
	Unexpected uint64 // answers to nothing, and repetitions
	Malformed  uint64
}

// Relay is a router's part in introductions, in all roles. One goroutine owns
// it; it is handed the relay blocks of all sessions.
type Relay struct {
	self   Self
	token  func(now time.Time, alice netip.AddrPort) Token
	tags   map[RelayTag]i2p.Hash
	tagOf  map[i2p.Hash]RelayTag
	asked  map[uint32]*asking
	passed map[uint32]*passing
	holes  map[uint32]*hole
	done   *once[asked]
	later  later
	counts RelayCounts
}

// passing is an introduction at Bob. It is remembered when it has been answered, too: who gets answers at once would
// ask without a bound, and use up what Charlie does for us.
type passing struct {
	alice, charlie i2p.Hash
	host           origin.Host // Alice's
	answered       bool
	expires        time.Time
}

// NewRelay makes a relay. As Charlie it gives Alice a token, from Tokens.ForAlice of the
// endpoint that she will dial.
func NewRelay(self Self, token func(now time.Time, alice netip.AddrPort) Token) *Relay {
	return &Relay{
		self: self, token: token,
		tags: map[RelayTag]i2p.Hash{}, tagOf: map[i2p.Hash]RelayTag{},
		asked: map[uint32]*asking{}, passed: map[uint32]*passing{}, holes: map[uint32]*hole{}, done: newAsked(),
	}
}

// Counts is what has happened so far.
func (r *Relay) Counts() RelayCounts { return r.counts }

// Grant gives a peer of a session the tag by which others find it here, the
// same again as long as the session lasts; ok is false when there are too
// many.
func (r *Relay) Grant(charlie i2p.Hash) (tag RelayTag, ok bool) {
	if tag, ok = r.tagOf[charlie]; ok {
		return tag, true
	}
	if len(r.tags) >= maxTags {
		return 0, false
	}
	for tag = RelayTag(r.self.Random.Nonzero32()); r.tags[tag] != (i2p.Hash{}); {
		tag = RelayTag(r.self.Random.Nonzero32())
	}
	r.tags[tag], r.tagOf[charlie] = charlie, tag
	return tag, true
}

// Revoke ends a peer's tag, with its session.
func (r *Relay) Revoke(charlie i2p.Hash) {
	delete(r.tags, r.tagOf[charlie])
	delete(r.tagOf, charlie)
}

// HandleRequest is Bob's: Alice, who is there, asks to be introduced.
func (r *Relay) HandleRequest(now time.Time, alice i2p.Hash, at netip.AddrPort, data []byte) (out RelayResult) {
	q, err := ParseRelayRequest(data)
	if err != nil {
		r.counts.Malformed++
		return out
	}
	if r.passed[q.Nonce] != nil {
		r.counts.Unexpected++ // a repetition
		return out
	}
	info := r.self.Find(alice)
	charlie, known := r.tags[q.Tag]
	code := RelayAccept
	switch {
	case !known || !r.self.Connected(charlie):
		code = RelayBobTagUnknown
	case info == nil:
		code = RelayBobAliceUnknown
	case q.Version != Version || !fresh(q.Timestamp, now) || !r.comesFrom(q.Alice, at):
		code = RelayBobRefuses
	case len(r.passed) >= maxPassed || !r.mayPass(alice, charlie, origin.HostOf(at.Addr())):
		code = RelayBobLimit
	case !q.Verify(keyOf(info), r.self.Hash, charlie):
		r.counts.Forged++
		code = RelayBobSignature
	}
	if code != RelayAccept {
		out.Blocks = append(out.Blocks, ToPeer{Peer: alice, Block: r.refusal(now, code, q.Nonce, r.self.Hash).AppendTo(nil)})
		return out
	}
	r.counts.Introduced++
	r.passed[q.Nonce] = &passing{alice: alice, charlie: charlie, host: origin.HostOf(at.Addr()), expires: now.Add(relayLife)}
	out.Blocks = append(out.Blocks, ToPeer{charlie, info, RelayIntro{q.Flags, alice, q.Introduction}.AppendTo(nil)})
	return out
}

// comesFrom reports whether Alice may be where she says, who is seen there: Charlie is to send something to it. A session
// of the other family does not tell.
func (r *Relay) comesFrom(alice, seen netip.AddrPort) bool {
	return r.self.mayBe(alice) && (alice.Addr().Is4() != seen.Addr().Is4() || sameHost(alice.Addr(), seen.Addr()))
}

func (r *Relay) mayPass(alice, charlie i2p.Hash, host origin.Host) bool {
	of, to, from := 0, 0, 0
	for _, p := range r.passed {
		if p.host == host {
			from++
		}
		if p.alice == alice {
			of++
			if p.charlie == charlie {
				to++
			}
		}
	}
	return of < maxPassedOf && to < maxPassedTo && from < maxPassedFrom
}

// refusal is a signed Relay Response that refuses.
func (r *Relay) refusal(now time.Time, code RelayCode, nonce uint32, bob i2p.Hash) RelayResponse {
	r.counts.Refused++
	return r.response(RelayResponse{Code: code, Nonce: nonce, Timestamp: timestamp(now), Version: Version}, bob)
}

func (r *Relay) response(response RelayResponse, bob i2p.Hash) RelayResponse {
	if err := response.Sign(r.self.Signing, bob); err != nil {
		panic("ssu2: " + err.Error()) // routers' keys sign
	}
	return response
}

// HandleResponse is Alice's, from Bob, and Bob's, from Charlie, who passes it
// on as it is.
func (r *Relay) HandleResponse(now time.Time, from i2p.Hash, data []byte) (out RelayResult) {
	response, err := ParseRelayResponse(data)
	if err != nil {
		r.counts.Malformed++
		return out
	}
	if a := r.asked[response.Nonce]; a != nil && a.bob == from {
		r.answered(now, a, response, netip.AddrPort{}, &out)
		return out
	}
	p := r.passed[response.Nonce]
	if p == nil || p.charlie != from || p.answered {
		r.counts.Unexpected++
		return out
	}
	p.answered = true
	out.Blocks = append(out.Blocks, ToPeer{Peer: p.alice, Block: Block{BlockRelayResponse, data}.AppendTo(nil)})
	return out
}

// Deadline is when Tick is due; zero is never.
func (r *Relay) Deadline() (next time.Time) {
	due := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, a := range r.asked {
		due(a.expires)
	}
	for _, p := range r.passed {
		due(p.expires)
	}
	for _, h := range r.holes {
		due(h.expires)
		due(h.resend.Deadline())
	}
	due(r.later.deadline())
	return next
}

// Tick punches holes again, and forgets what is over.
func (r *Relay) Tick(now time.Time) (out RelayResult) {
	if peer, data, ok := r.later.take(now); ok {
		return r.handleIntro(now, peer, data, false)
	}
	for nonce, a := range r.asked {
		if now.Before(a.expires) {
			continue
		}
		delete(r.asked, nonce)
		if !a.dialled.IsValid() {
			out.Refused = &RelayRefusal{a.charlie.Hash(), a.bob, RelayAccept}
			return out // one at a time: the next Tick is due
		}
	}
	for nonce, p := range r.passed {
		if !now.Before(p.expires) {
			delete(r.passed, nonce)
		}
	}
	for nonce, h := range r.holes {
		if !now.Before(h.expires) {
			delete(r.holes, nonce)
			continue
		}
		for _, d := range h.resend.Tick(now) {
			out.Send = append(out.Send, Datagram{h.alice, d})
		}
	}
	return out
}

// targetBehind is Charlie, where an introduction finds him.
func targetBehind(info *routerinfo.RouterInfo, a routerinfo.Address, at netip.AddrPort, nonce uint32, token Token) (Target, bool) {
	t := Target{Info: info, At: at, MTU: a.MTU(), Hybrids: a.Hybrids(), Token: token}
	var static, intro bool
	t.Static, static = a.StaticKey()
	t.Intro, intro = a.IntroKey()
	t.LocalID, t.RemoteID = nonceIDs(nonce)
	return t, static && intro
}
