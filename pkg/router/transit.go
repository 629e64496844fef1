package router

import (
	"sort"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tally"
	"i2ptoolkit/pkg/tunnel"
)

// transit holds the tunnels of others that we are a hop of.
type transit struct {
	opener   tunnel.Opener
	budget   *tunnel.Budget
	hops     map[uint32]*transitHop
	perPeer  map[i2p.Hash]int
	requests sourceLimit
	oldest   []*transitHop // in the order of their expiry
	batch    tunnel.Batch  // work that forward completes
	out      []tunnel.Out  // scratch
	arrived  []tunnel.Delivery
	gone     tunnel.EndpointStats // of endpoints that have ended
}

// transitHop is our part in one tunnel of somebody's: exactly one of the
// three engines is set.
type transitHop struct {
	id          uint32
	role        tunnel.Role
	from        i2p.Hash // who handed us the request
	next        i2p.Hash
	participant *tunnel.Participant
	gateway     *tunnel.Gateway
	endpoint    *tunnel.Endpoint
	created     time.Time
	expires     time.Time
	messages    uint64
	bytes       uint64
}

// transitGrace keeps a hop a little longer than its tunnel lives, for the
// clocks of others.
const transitGrace = time.Minute

func newTransit(r *Router) transit {
	l := r.cfg.Limits
	return transit{
		opener:  tunnel.Opener{Us: r.cfg.Hash, Static: r.cfg.Static, Replay: tunnel.NewReplayFilter(0)},
		budget:  tunnel.NewBudget(0),
		hops:    make(map[uint32]*transitHop),
		perPeer: make(map[i2p.Hash]int),
		requests: sourceLimit{
			rate: l.BuildsPerPeer, burst: 2 * l.BuildsPerPeer,
			allRate: l.BuildsPerSec, allBurst: 2 * l.BuildsPerSec,
			maxSources: maxSources, sources: make(map[i2p.Hash]*bucket),
		},
	}
}

// buildRequest handles a request to become a hop. What cannot be read is
// dropped; what can is answered, honestly, but with the one code that tells
// least (Tunnel Creation: reject with 30).
func (r *Router) buildRequest(from i2p.Hash, m i2np.Message) {
	if !r.transit.requests.allow(r.now, from) {
		r.counts.BuildsLimited++
		return
	}
	req, err := r.transit.opener.Open(r.now, m)
	if err != nil {
		r.counts.Malformed++
		r.cfg.Log.Debug("build request refused", "error", err)
		return
	}
	code, options := tunnel.Accept, i2p.Mapping(nil)
	if req.Bandwidth != (tunnel.Bandwidth{}) {
		options = tunnel.ReplyOptions(r.cfg.TransitKBps)
	}
	if !r.acceptTransit(from, req) {
		code, options = tunnel.RejectBandwidth, nil
		r.counts.TransitRefused++
	} else {
		r.counts.TransitAccepted++
		r.noteTransit(from, req)
	}
	answer, err := req.Answer(r.now, r.rand, code, options)
	if err != nil {
		r.cfg.Log.Warn("build request not answered", "error", err)
		return
	}
	if req.Role != tunnel.RoleEndpoint {
		r.send(req.NextRouter, answer)
		return
	}
	r.buildAnswer(req, answer)
}

// buildAnswer sends an outbound endpoint's reply into the creator's inbound
// tunnel, sealed for the creator unless that tunnel begins with us.
func (r *Router) buildAnswer(req *tunnel.Request, answer i2np.Message) {
	defer answer.Release()
	if req.Garlic == nil || req.NextRouter == r.cfg.Hash {
		r.toTunnel(req.NextRouter, req.NextTunnel, answer)
		return
	}
	body, err := ratchet.SealTagged(r.rand, req.Garlic.Key, req.Garlic.Tag, []i2np.Clove{{Message: answer}})
	if err != nil {
		r.cfg.Log.Warn("build reply not sealed", "error", err)
		return
	}
	r.toTunnel(req.NextRouter, req.NextTunnel, r.message(i2np.GarlicType, i2np.AppendGarlic(nil, body)))
}

// acceptTransit makes us a hop, unless a limit is reached.
func (r *Router) acceptTransit(from i2p.Hash, req *tunnel.Request) bool {
	t := &r.transit
	switch {
	case r.stopping || len(t.hops) >= r.cfg.Limits.TransitTunnels:
		return false
	case t.perPeer[from] >= r.cfg.Limits.TransitPerPeer:
		return false
	case req.Role != tunnel.RoleEndpoint && r.cfg.Transport.Congested(req.NextRouter):
		return false // its tunnel would be a slow one, and slow the others
	case t.hops[req.ReceiveTunnel] != nil || r.inbound[req.ReceiveTunnel] != nil:
		return false
	}
	h := &transitHop{
		id: req.ReceiveTunnel, role: req.Role, from: from, next: req.NextRouter,
		created: r.now, expires: r.now.Add(tunnel.Lifetime + transitGrace),
	}
	switch req.Role {
	case tunnel.RoleGateway:
		h.gateway = tunnel.NewGateway(tunnel.GatewayConfig{Keys: req.Keys, NextRouter: req.NextRouter, NextTunnel: req.NextTunnel, Rand: r.rand})
	case tunnel.RoleEndpoint:
		h.endpoint, h.next = tunnel.NewEndpoint(tunnel.EndpointConfig{Keys: req.Keys, Budget: t.budget}), i2p.Hash{}
	default:
		h.participant = tunnel.NewParticipant(tunnel.ParticipantConfig{Keys: req.Keys, NextRouter: req.NextRouter, NextTunnel: req.NextTunnel, Rand: r.rand})
	}
	t.hops[h.id] = h
	t.oldest = append(t.oldest, h)
	t.perPeer[from]++
	return true
}

// expire drops tunnels whose time is over and returns when the next one's is.
func (t *transit) expire(now time.Time) time.Time {
	n := 0
	for n < len(t.oldest) && !now.Before(t.oldest[n].expires) {
		t.drop(t.oldest[n])
		n++
	}
	t.oldest = t.oldest[n:]
	if len(t.oldest) == 0 {
		t.oldest = nil // let go of the array
		return time.Time{}
	}
	for _, h := range t.oldest {
		if h.endpoint != nil {
			h.endpoint.Expire(now)
		}
	}
	next := t.oldest[0].expires
	if poll := now.Add(10 * time.Second); poll.Before(next) {
		return poll // for fragments that wait at endpoints
	}
	return next
}

// endpoints are the counts of all endpoints that there were, those of our own
// tunnels that have gone included.
func (t *transit) endpoints() tunnel.EndpointStats {
	all := t.gone
	for _, h := range t.oldest {
		if h.endpoint != nil {
			tally.Add(&all, h.endpoint.Stats())
		}
	}
	return all
}

func (t *transit) drop(h *transitHop) {
	if h.endpoint != nil {
		h.endpoint.Close()
		tally.Add(&t.gone, h.endpoint.Stats())
	}
	delete(t.hops, h.id)
	if t.perPeer[h.from]--; t.perPeer[h.from] <= 0 {
		delete(t.perPeer, h.from)
	}
}

func (t *transit) close() {
	for _, h := range t.oldest {
		t.drop(h)
	}
	t.oldest = nil
}

// tunnelData handles a message between two hops of a tunnel: one of ours, or
// one that we carry. It takes ownership.
func (r *Router) tunnelData(from i2p.Hash, m i2np.Message) {
	d, err := i2np.ParseTunnelData(m.Body)
	if err != nil {
		r.counts.Malformed++
		m.Release()
		return
	}
	if in := r.inbound[d.Tunnel]; in != nil {
		r.receive(in, m)
		return
	}
	h := r.transit.hops[d.Tunnel]
	if h == nil || h.gateway != nil {
		r.counts.Unknown++
		m.Release()
		return
	}
	h.count(r, 1)
	if h.participant == nil {
		err = r.transit.batch.Handle(h.endpoint, m)
	} else if err = r.transit.batch.Forward(h.participant, m); err != nil {
		m.Release()
	}
	if err != nil {
		r.counts.Malformed++
	}
	r.forwardFull()
}

// maxBatch is how many messages of other people's tunnels wait for each other
// at most.
const maxBatch = 64

func (r *Router) forwardFull() {
	if r.transit.batch.Len() >= maxBatch {
		r.forward()
	}
}

// forward sends on the messages of other people's tunnels that have gathered.
// The loop calls it when it has nothing else to do, and before it sends
// anything else, so that messages leave in the order in which they came.
func (r *Router) forward() {
	for r.transit.batch.Len() > 0 { // again for what came to ourselves
		r.transit.batch.Run(func(o tunnel.Out) { r.send(o.To, o.Message) }, r.endpoint)
	}
}

// endpoint sends on what leaves an outbound tunnel of somebody's.
func (r *Router) endpoint(e *tunnel.Endpoint, m i2np.Message) {
	// What is delivered may come back to this router and to this function, so
	// the scratch slice is taken, not shared.
	scratch := r.transit.arrived[:0]
	r.transit.arrived = nil
	deliveries, err := e.Reassemble(scratch, r.now, m)
	if err != nil {
		r.counts.Malformed++
	}
	for i := range deliveries {
		d := &deliveries[i]
		if d.Kind == tunnel.DeliverLocal {
			r.counts.Unknown++ // an endpoint has no local destination
			d.Message.Release()
			continue
		}
		out := d.Forward(r.now, r.random32())
		r.send(out.To, out.Message)
		*d = tunnel.Delivery{}
	}
	r.transit.arrived = deliveries[:0]
}

// tunnelGateway handles a message that enters a tunnel at us. It takes
// ownership.
func (r *Router) tunnelGateway(m i2np.Message) {
	g, err := i2np.ParseTunnelGateway(m.Body)
	if err != nil {
		r.counts.Malformed++
		m.Release()
		return
	}
	if in := r.inbound[g.Tunnel]; in != nil {
		if !in.zeroHop() {
			r.counts.Unknown++
			m.Release()
			return
		}
		r.receive(in, m)
		return
	}
	defer m.Release()
	h := r.transit.hops[g.Tunnel]
	if h == nil || h.gateway == nil {
		r.counts.Unknown++
		return
	}
	n, err := r.transit.batch.Add(h.gateway, r.now, g.Message)
	if err != nil {
		r.counts.Malformed++
	}
	h.count(r, n)
	r.forwardFull()
}

func (r *Router) sendAll(outs []tunnel.Out) {
	for i := range outs {
		r.send(outs[i].To, outs[i].Message)
		outs[i] = tunnel.Out{}
	}
}

func (h *transitHop) count(r *Router, messages int) {
	h.messages += uint64(messages)
	h.bytes += uint64(messages) * i2np.TunnelDataLen
	r.counts.TransitMessages += uint64(messages)
	r.counts.TransitBytes += uint64(messages) * i2np.TunnelDataLen
}

// list returns the hops in the order of their ids.
func (t *transit) list() []*transitHop {
	out := make([]*transitHop, 0, len(t.hops))
	for _, h := range t.hops {
		out = append(out, h)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out
}
