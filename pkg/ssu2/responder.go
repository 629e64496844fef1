package ssu2

import (
	"bytes"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// responder is Bob's side of a handshake, from the Session Request that proved
// Alice's address with a token. Before it Bob keeps nothing.
//
//	Token Request ------------------> Retry with a token, or silence
//	Session Request, no good token -> Retry with a token
//	Session Request, good token ----> Session Created, or Retry with a Termination
//	                                     |
//	                                     v waits for Session Confirmed
//	Session Confirmed --------------> done
type responder struct {
	remote    netip.AddrPort
	local     ConnectionID
	remoteID  ConnectionID
	kind      kem.Kind    // of the hybrid that it is
	noise     noise.State // behind Session Created
	ephemeral noise.KeyPair
	keys      HeaderKeys // of Session Confirmed
	request   []byte     // Alice's packet, to know it again
	created   *Resend
	repeats   int
	sent      time.Time
	deadline  time.Time
	seconds   uint32 // what Alice's clock said
	said      Said
	parts     confirmedParts
	early     [][]byte
}

// retry sends a Retry: a token, or a Termination (SSU2, Retry). It is not sent
// again. A request has 56 bytes at least and a Retry 122 at most: less than
// three times as much.
func (e *Endpoint) retry(now time.Time, to netip.AddrPort, h LongHeader, t *Termination, r *Result) {
	payload := AppendAddress(AppendDateTime(nil, now), to)
	var token Token
	if t == nil {
		token = e.tokens.retry(now, to)
	} else {
		payload = t.AppendTo(payload)
	}
	payload = e.pad(payload, routerinfo.MinSSU2MTU)
	e.counts.Retries++
	r.send(to, sealIntro(e.header(TypeRetry, h.Version, h.Source, h.Dest, token), e.cfg.Intro, payload))
}

// handleTokenRequest answers with a token. One from another time may be a
// replay, and gets no answer (SSU2, Replay Prevention).
func (e *Endpoint) handleTokenRequest(now time.Time, from netip.AddrPort, h LongHeader, packet []byte, r *Result) {
	_, payload, ok := openIntro(packet, e.cfg.Intro)
	if !ok {
		e.counts.Forged++
		return
	}
	g, err := readGreeting(payload)
	if err != nil {
		e.counts.Forged++
		return
	}
	if _, err := g.check(TypeTokenRequest, now); err != nil {
		e.counts.Skewed++
		return
	}
	e.retry(now, from, h, nil, r)
}

// handleRequest handles a Session Request. Without a good token it costs no
// exchange: it gets one, whatever else it says (SSU2, Packet Integrity).
func (e *Endpoint) handleRequest(now time.Time, from netip.AddrPort, h LongHeader, header [LongHeaderLen]byte, key [keyLen]byte, packet []byte, r *Result) {
	if !e.tokens.valid(now, from, h.Token) {
		e.retry(now, from, h, nil, r)
		return
	}
	if e.ephemerals.seen(key) > 0 {
		e.counts.Replayed++
		return
	}
	kind, _ := kindOf(h.Version)
	var offer []byte
	s, payload, err := openKeyed(e.noise[kind], header, key, e.cfg.Static, offered(kind, &offer), packet)
	if err != nil {
		e.counts.Forged++
		e.tokens.tried(now, h.Token)
		return
	}
	e.tokens.spend(now, from, h.Token)
	e.ephemerals.add(now, key, 1)
	g, err := readGreeting(payload)
	if err == nil {
		_, err = g.check(TypeSessionRequest, now)
	}
	if err == nil {
		err = e.admit(from)
	}
	if err != nil {
		e.refuse(now, from, h, err, r)
		return
	}
	in := &responder{
		remote: from, local: h.Dest, remoteID: h.Source, kind: kind,
		request: bytes.Clone(packet), sent: now, deadline: now.Add(inboundTimeout),
		seconds: g.seconds, said: g.Said,
	}
	if err := e.create(now, in, s, key, offer); err != nil {
		e.counts.Forged++
		return
	}
	e.in[in.local] = in
	e.prefixes[prefixOf(from.Addr())]++
	e.due(in.deadline)
	e.due(in.created.Deadline())
	r.send(from, in.created.Datagrams...)
}

// refuse tells Alice, whose address is proved, why there will be no session.
func (e *Endpoint) refuse(now time.Time, from netip.AddrPort, h LongHeader, err error, r *Result) {
	reason := reasonOf(err)
	switch reason {
	case ReasonClockSkew:
		e.counts.Skewed++
	case ReasonLimits:
		e.counts.Limited++
	default:
		e.counts.Failed++
	}
	e.retry(now, from, h, &Termination{Reason: reason}, r)
}

func (e *Endpoint) admit(from netip.AddrPort) error {
	if len(e.in) >= e.cfg.MaxPending || e.prefixes[prefixOf(from.Addr())] >= e.cfg.MaxPerPrefix {
		return ErrLimit
	}
	return nil
}

func prefixOf(ip netip.Addr) netip.Prefix {
	bits := 56
	if ip.Is4() {
		bits = 24
	}
	p, _ := ip.Prefix(bits)
	return p
}

// create makes Session Created (SSU2, SessionCreated):
//
//	0   long header
//	32  Y
//	64  nothing, or a sealed ciphertext of Alice's offer: see hybrid.go
//	    sealed blocks
//
// Alice's MTU is not known yet: it keeps to the least that the handshake needs.
func (e *Endpoint) create(now time.Time, in *responder, s noise.State, alicesKey [keyLen]byte, offer []byte) error {
	x, err := answer(in.kind, offer)
	if err != nil {
		return err
	}
	ip := in.remote.Addr()
	room := datagramRoom(leastMTU(in.kind, ip), ip) - (minKeyed - MinPayload) - sectionLen(len(x.content))
	payload := e.pad(AppendAddress(AppendDateTime(nil, now), in.remote), room)
	in.ephemeral = noise.GenerateKey(e.random)
	keys := createdKeys(&s, e.cfg.Intro)
	h := e.header(TypeSessionCreated, versionOf(in.kind), in.remoteID, in.local, 0)
	s, packet, err := sealKeyed(s, h, in.ephemeral, alicesKey, x, payload)
	if err != nil {
		return err
	}
	keys.maskLong(packet, keyLen)
	in.noise, in.keys = s, confirmedKeys(&s, e.cfg.Intro)
	in.created = newResend(now, sessionCreatedResend, resends, packet)
	return nil
}

// handleResponder handles a packet for a handshake that waits for Session
// Confirmed.
func (e *Endpoint) handleResponder(now time.Time, from netip.AddrPort, in *responder, t MessageType, packet []byte, r *Result) {
	if from != in.remote {
		e.counts.Junk++ // nobody moves during the handshake (SSU2, Connection Migration)
		return
	}
	header := in.keys.Unmask(packet)
	h, _, _ := ParseShortHeader(header[:])
	switch {
	case h.Type == TypeSessionConfirmed && h.Number == 0 && h.Flags[1] == 0 && h.Flags[2] == 0:
		e.handleConfirmed(now, in, h, packet[ShortHeaderLen:], r)
	case t == TypeSessionRequest && bytes.Equal(packet, in.request):
		// Our answer was lost.
		if in.repeats++; in.repeats <= resends {
			e.counts.Resent++
			in.created.again = true
			r.send(in.remote, in.created.Datagrams...)
		}
	case len(in.early) < maxEarly && e.early < maxEarlyTotal:
		// Presumably data that overtook Session Confirmed.
		in.early = append(in.early, bytes.Clone(packet))
		e.early++
	default:
		e.counts.EarlyDrops++
	}
}

// handleConfirmed handles a packet of Session Confirmed, which ends the
// handshake when all of them are there.
func (e *Endpoint) handleConfirmed(now time.Time, in *responder, h ShortHeader, part []byte, r *Result) {
	body, whole := in.parts.add(h, part)
	if !whole {
		return
	}
	s, static, payload, err := openConfirmed(in.noise, confirmedHeader(in.local, 0, int(h.Flags[0]&0x0f)), in.ephemeral, body)
	if err != nil {
		e.counts.Forged++
		return
	}
	block, err := in.said.readConfirmed(payload)
	if err != nil {
		e.failIn(in, failed(TypeSessionConfirmed, err), r)
		return
	}
	info, address, err := verifyPeer(block, static, in.remote.Addr())
	if err != nil {
		e.failIn(in, failed(TypeSessionConfirmed, err), r)
		return
	}
	alice, _ := address.IntroKey()
	ab, ba := split(&s, alice, e.cfg.Intro)
	rtt := in.created.measured(now, in.sent)
	if in.said.Token != nil {
		e.tokens.Keep(now, in.remote, *in.said.Token)
	}
	r.Established = &Established{
		LocalID: in.local, RemoteID: in.remoteID,
		Send: ba, Receive: ab,
		Hybrid: in.kind,
		Peer:   Peer{Static: static, Info: info, Flood: block.Flags&FlagFlood != 0},
		Path:   Path{Remote: in.remote, MTU: e.mtu(address.MTU()), RTT: rtt, Skew: SkewOf(in.seconds, in.sent.Add(-rtt/2))},
		Said:   in.said,
	}
	r.Early = in.early
	e.forgetIn(in)
	e.counts.Established++
}

func (e *Endpoint) failIn(in *responder, err error, r *Result) {
	e.forgetIn(in)
	e.counts.Failed++
	r.Failed = append(r.Failed, Failure{false, in.local, in.remote, err})
}

func (e *Endpoint) forgetIn(in *responder) {
	delete(e.in, in.local)
	e.early -= len(in.early)
	p := prefixOf(in.remote.Addr())
	if e.prefixes[p]--; e.prefixes[p] == 0 {
		delete(e.prefixes, p)
	}
}
