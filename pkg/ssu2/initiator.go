package ssu2

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// initiator is Alice's side of a handshake.
//
//	without a token                        with one
//	   | Token Request                        | Session Request
//	   v                                      v
//	waits for Retry ---- Retry: ----> waits for Session Created
//	                  Session Request         |  ^ | Retry: Session Request anew
//	                                          |  +-+
//	                                          v Session Confirmed
//	                                       done
type initiator struct {
	target   Target
	kind     kem.Kind // of the hybrid that it is
	local    ConnectionID
	remote   ConnectionID
	started  time.Time
	sent     time.Time // the message that waits for its answer
	resend   *Resend
	requests []request // those that a Session Created may answer, the last one at the end
}

// request is a Session Request that was sent. A Retry makes another, and does
// not take back what went before: whoever sees the packets go by can forge
// one.
type request struct {
	noise     noise.State
	ephemeral noise.KeyPair
	kem       kem.Key
	keys      HeaderKeys // of the Session Created that answers
	token     Token
}

const maxRequests = 3

func (o *initiator) deadline() time.Time {
	return earlier(o.sent.Add(messageTimeout), o.started.Add(outboundTimeout))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// awaits is the message that has not come.
func (o *initiator) awaits() MessageType {
	if len(o.requests) == 0 {
		return TypeRetry
	}
	return TypeSessionCreated
}

// Dial begins a handshake. It returns the connection id that names it in what
// follows, and what to send.
func (e *Endpoint) Dial(now time.Time, target Target) (ConnectionID, Result, error) {
	if e.out[target.At] != nil {
		return 0, Result{}, failed(TypeTokenRequest, ErrPending)
	}
	o := &initiator{target: target, kind: e.choose(target), local: target.LocalID, remote: target.RemoteID, started: now, sent: now}
	for o.local == o.remote || o.local == 0 || o.remote == 0 {
		o.local, o.remote = ConnectionID(e.random.Uint64()), ConnectionID(e.random.Uint64())
	}
	token := target.Token
	if token == 0 {
		token = e.tokens.Take(now, target.At)
	}
	var r Result
	if token == 0 {
		e.requestToken(now, o, &r)
	} else if err := e.request(now, o, token, &r); err != nil {
		return 0, Result{}, err
	}
	e.out[target.At] = o
	e.due(o.deadline())
	return o.local, r, nil
}

// Cancel forgets a handshake that Dial has begun, if it is still under way.
func (e *Endpoint) Cancel(at netip.AddrPort, id ConnectionID) {
	if o := e.out[at]; o != nil && o.local == id {
		delete(e.out, at)
	}
}

func (e *Endpoint) requestToken(now time.Time, o *initiator, r *Result) {
	h := e.header(TypeTokenRequest, versionOf(o.kind), o.remote, o.local, 0)
	packet := sealIntro(h, o.target.Intro, e.pad(AppendDateTime(nil, now), routerinfo.MinSSU2MTU))
	o.resend = newResend(now, tokenRequestResend, tokenRequestResends, packet)
	e.due(o.resend.Deadline())
	r.send(o.target.At, packet)
}

// request sends a Session Request with a token (SSU2, SessionRequest):
//
//	0   long header
//	32  X
//	64  nothing, or a sealed encapsulation key: see hybrid.go
//	    sealed blocks
func (e *Endpoint) request(now time.Time, o *initiator, token Token, r *Result) error {
	payload := AppendDateTime(nil, now)
	if o.target.WantRelayTag {
		payload = AppendRelayTagRequest(payload)
	}
	room := datagramRoom(e.mtu(o.target.MTU), o.target.At.Addr()) - (minKeyed - MinPayload) - sectionLen(o.kind.PublicLen())
	payload = e.pad(payload, room)
	ephemeral := noise.GenerateKey(e.random)
	key, offer := e.offer(o.kind)
	h := e.header(TypeSessionRequest, versionOf(o.kind), o.remote, o.local, token)
	s, packet, err := sealKeyed(begin(o.kind, o.target.Static, o.target.hash()), h, ephemeral, o.target.Static, offer, payload)
	if err != nil {
		return failed(TypeSessionRequest, err)
	}
	keys := introKeys(o.target.Intro)
	keys.maskLong(packet, keyLen)
	o.requests = append(o.requests, request{s, ephemeral, key, createdKeys(&s, o.target.Intro), token})
	o.sent = now
	o.resend = newResend(now, sessionRequestResend, resends, packet)
	e.due(o.resend.Deadline())
	r.send(o.target.At, packet)
	return nil
}

// handleInitiator handles what came from where Alice waits for an answer, with
// her connection id. Each answer has other keys, and a type may appear under the wrong ones by chance:
// only what opens is one.
func (e *Endpoint) handleInitiator(now time.Time, o *initiator, packet []byte, r *Result) {
	keys := introKeys(o.target.Intro)
	if header := keys.Unmask(packet); MessageType(header[12]) == TypeRetry && e.handleRetry(now, o, packet, r) {
		return
	}
	for i := range o.requests {
		header := o.requests[i].keys.Unmask(packet)
		if MessageType(header[12]) == TypeSessionCreated && len(packet) >= minKeyed && e.handleCreated(now, o, &o.requests[i], packet, r) {
			return
		}
	}
	e.counts.Forged++
}

// answers reports whether a header is of the handshake and of our network.
func (e *Endpoint) answers(o *initiator, h LongHeader) bool {
	return known(h.Version) && h.NetID == e.cfg.NetID && h.Dest == o.local && h.Source == o.remote
}

// handleRetry handles Bob's Retry: a token for another Session Request, or the
// reason why there will be none (SSU2, Retry).
func (e *Endpoint) handleRetry(now time.Time, o *initiator, packet []byte, r *Result) bool {
	h, payload, ok := openIntro(packet, o.target.Intro)
	if !ok || !e.answers(o, h) {
		return false
	}
	g, err := readGreeting(payload)
	if err != nil {
		return false
	}
	if t := g.termination; t != nil {
		err := &TerminationError{Reason: t.Reason, Remote: true}
		e.failOut(o, &HandshakeError{Message: TypeRetry, Skew: g.toldSkew(t.Reason, now), Err: err}, r)
		return true
	}
	if h.Version != versionOf(o.kind) {
		return false // a Termination may be of any (SSU2 Hybrid, Long Header), and nothing else
	}
	if _, err := g.check(TypeRetry, now); err != nil {
		e.failOut(o, err, r)
		return true
	}
	if h.Token == 0 {
		return false
	}
	for _, q := range o.requests {
		if q.token == h.Token {
			return true // once more, or late
		}
	}
	if len(o.requests) == maxRequests {
		e.failOut(o, failed(TypeRetry, ErrRetries), r)
		return true
	}
	if err := e.request(now, o, h.Token, r); err != nil {
		e.failOut(o, err, r)
	}
	return true
}

// toldSkew is the peer's clock where it refuses ours.
func (g *greeting) toldSkew(reason Reason, now time.Time) time.Duration {
	if reason != ReasonClockSkew || !g.dated {
		return 0
	}
	return SkewOf(g.seconds, now)
}

// handleCreated handles Bob's Session Created, and answers with Session
// Confirmed.
func (e *Endpoint) handleCreated(now time.Time, o *initiator, q *request, packet []byte, r *Result) bool {
	header, key := q.keys.unmaskLong(packet)
	h, _, _ := ParseLongHeader(header[:])
	if !e.answers(o, h) || h.Version != versionOf(o.kind) {
		return false
	}
	s, payload, err := openKeyed(q.noise, header, key, q.ephemeral, answered(o.kind, &q.kem), packet)
	if err != nil {
		return false
	}
	// Whoever made this knows Bob's static key.
	g, err := readGreeting(payload)
	if err != nil {
		e.failOut(o, failed(TypeSessionCreated, err), r)
		return true
	}
	if t := g.termination; t != nil {
		e.failOut(o, failed(TypeSessionCreated, &TerminationError{Reason: t.Reason, Remote: true}), r)
		return true
	}
	skew, err := g.check(TypeSessionCreated, now)
	if err != nil {
		e.failOut(o, err, r)
		return true
	}
	s, packets, err := e.confirm(o, s, key)
	if err != nil {
		e.failOut(o, failed(TypeSessionConfirmed, err), r)
		return true
	}
	if g.Token != nil {
		e.tokens.Keep(now, o.target.At, *g.Token)
	}
	rtt := o.resend.measured(now, o.sent)
	ab, ba := split(&s, e.cfg.Intro, o.target.Intro)
	r.Established = &Established{
		Initiator: true, AskedTag: o.target.WantRelayTag,
		LocalID: o.local, RemoteID: o.remote,
		Send: ab, Receive: ba,
		NextPacket: 1,
		Confirmed:  newResend(now, confirmedResend, resends, packets...),
		Hybrid:     o.kind,
		Peer:       Peer{Static: o.target.Static, Info: o.target.Info},
		Path:       Path{Remote: o.target.At, MTU: e.mtu(o.target.MTU), RTT: rtt, Skew: skew + rtt/2},
		Said:       g.Said,
	}
	r.send(o.target.At, packets...)
	delete(e.out, o.target.At)
	e.counts.Established++
	return true
}

// confirm makes Session Confirmed: our static key, our RouterInfo, Options.
// Its packets keep to the least MTU, since the way is not known yet.
func (e *Endpoint) confirm(o *initiator, s noise.State, bobsKey [keyLen]byte) (noise.State, [][]byte, error) {
	payload := e.cfg.Options.AppendTo(CompressRouterInfo(e.cfg.Info()).AppendTo(nil))
	room := datagramRoom(routerinfo.MinSSU2MTU, o.target.At.Addr()) - ShortHeaderLen
	overhead := part1Len + MACLen
	// Padding does not make for one more packet.
	payload = e.pad(payload, (len(payload)+overhead+room-1)/room*room-overhead)
	sizes, err := confirmedSizes(len(payload)+overhead, room)
	if err != nil {
		return s, nil, err
	}
	keys := confirmedKeys(&s, o.target.Intro)
	s, body, err := sealConfirmed(s, confirmedHeader(o.remote, 0, len(sizes)), e.cfg.Static, bobsKey, payload)
	if err != nil {
		return s, nil, err
	}
	return s, cutConfirmed(o.remote, keys, body, sizes), nil
}

// mtu is the one that both sides have at most.
func (e *Endpoint) mtu(theirs int) int {
	if theirs == 0 {
		theirs = routerinfo.MaxSSU2MTU
	}
	return min(e.cfg.MTU, theirs)
}

func (e *Endpoint) failOut(o *initiator, err error, r *Result) {
	delete(e.out, o.target.At)
	e.counts.Failed++
	r.Failed = append(r.Failed, Failure{true, o.local, o.target.At, err})
}
