package router

import (
	"sort"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
)

// transit is the tunnels of others that we are a hop of.
type transit struct {
	*core
	owned    func(id uint32) bool // whether a tunnel of ours has an id
	opener   tunnel.Opener
	budget   *tunnel.Budget
	hops     map[uint32]*transitHop
	requests *rateLimit
	shares   shares
	load     transitLoad
	lively   atomic.Pointer[map[i2p.Hash]struct{}] // who is next to us in tunnels that carry something
	swept    time.Time                             // when the endpoints were last gone through
	batch    tunnel.Batch                          // work that forward completes
	out      []tunnel.Out                          // what the last forward returned
	left     []tunnel.Delivery
	stopping bool // no more tunnels
}

// transitLoad is how many tunnels sources have asked for that hold few, of those
// that there might be room for, and how many of these found none, since it was
// asked for last.
type transitLoad struct{ asked, refused int }

func (t *transit) takeLoad() (l transitLoad) {
	l, t.load = t.load, l
	return l
}

// transitHop is our part in one tunnel of somebody's: exactly one of the
// three engines is set.
type transitHop struct {
	id          uint32
	role        tunnel.Role
	from        i2p.Hash        // who handed us the request
	networks    origin.Networks // and comes from there
	next        i2p.Hash
	weight      int // among the shares
	participant *tunnel.Participant
	gateway     *tunnel.Gateway
	endpoint    *tunnel.Endpoint
	created     time.Time
	used        time.Time
	expires     time.Time
	messages    uint64
	bytes       uint64
}

// transitGrace keeps a hop a little longer than its tunnel lives, for the
// clocks of others.
const transitGrace = time.Minute

func newTransit(c *core, budget *tunnel.Budget, owned func(uint32) bool) *transit {
	rate := c.cfg.Limits.BuildsPerSec
	return &transit{
		core: c, owned: owned, budget: budget,
		opener:   tunnel.Opener{Us: c.cfg.Hash, Static: c.cfg.Static, Replay: tunnel.NewReplayFilter(0)},
		hops:     make(map[uint32]*transitHop),
		requests: newRateLimit(rate, 2*rate),
	}
}

// carries reports whether a tunnel of somebody's has an id.
func (t *transit) carries(id uint32) bool { return t.hops[id] != nil }

// request handles a request to become a hop, and returns it where it is
// granted. What cannot be read is dropped; what can is answered, honestly, but
// with the one code that tells least (Tunnel Creation: reject with 30).
func (t *transit) request(from i2p.Hash, m i2np.Message) *tunnel.Request {
	source := t.source(from)
	if !t.requests.allow(t.now, source) {
		t.counts.BuildsLimited++
		return nil
	}
	req, err := t.opener.Open(t.now, m)
	if err != nil {
		t.counts.Malformed++
		t.cfg.Log.Debug("build request refused", "error", err)
		return nil
	}
	code, options := tunnel.Accept, i2p.Mapping(nil)
	if req.Bandwidth != (tunnel.Bandwidth{}) {
		options = tunnel.ReplyOptions(t.cfg.TransitKBps)
	}
	granted := t.accept(from, source, req)
	if granted {
		t.counts.TransitAccepted++
	} else {
		code, options = tunnel.RejectBandwidth, nil
		t.counts.TransitRefused++
	}
	answer, err := req.Answer(t.now, t.rand, code, options)
	switch {
	case err != nil:
		t.cfg.Log.Warn("build request not answered", "error", err)
	case req.Role != tunnel.RoleEndpoint:
		t.send(req.NextRouter, answer)
	default:
		t.answer(req, answer)
	}
	if !granted {
		return nil
	}
	return req
}

// answer sends an outbound endpoint's reply into the creator's inbound tunnel,
// sealed for the creator unless that tunnel begins with us.
func (t *transit) answer(req *tunnel.Request, answer i2np.Message) {
	defer answer.Release()
	if req.Garlic == nil || req.NextRouter == t.cfg.Hash {
		t.toTunnel(req.NextRouter, req.NextTunnel, answer)
		return
	}
	body, err := ratchet.SealTagged(t.rand, req.Garlic.Key, req.Garlic.Tag, []i2np.Clove{{Message: answer}})
	if err != nil {
		t.cfg.Log.Warn("build reply not sealed", "error", err)
		return
	}
	t.toTunnel(req.NextRouter, req.NextTunnel, t.message(i2np.GarlicType, i2np.AppendGarlic(nil, body)))
}

// accept makes us a hop, unless there is no room.
func (t *transit) accept(from i2p.Hash, source origin.Networks, req *tunnel.Request) bool {
	switch {
	case t.stopping:
		return false
	case req.Role != tunnel.RoleEndpoint && t.cfg.Transport.Congested(req.NextRouter):
		return false // its tunnel would be a slow one, and slow the others
	case t.carries(req.ReceiveTunnel) || t.owned(req.ReceiveTunnel):
		return false
	case !t.findRoom(source):
		return false
	}
	h := &transitHop{
		id: req.ReceiveTunnel, role: req.Role, from: from, networks: source, next: req.NextRouter,
		created: t.now, used: t.now, expires: t.now.Add(tunnel.Lifetime + transitGrace),
	}
	switch req.Role {
	case tunnel.RoleGateway:
		h.gateway = req.NewGateway(t.rand)
	case tunnel.RoleEndpoint:
		h.endpoint, h.next = req.NewEndpoint(t.budget, &t.endpoints), i2p.Hash{}
	default:
		h.participant = req.NewParticipant(t.rand, t.budget)
	}
	t.hops[h.id] = h
	t.shares.add(h)
	return true
}

// findRoom is makeRoom, and counts how it goes for those who hold little. What is
// refused otherwise is not for want of room: anybody can ask for that at will, and
// would have us say that we are congested.
func (t *transit) findRoom(from origin.Networks) (found bool) {
	modest := t.shares.modest(from, t.cfg.Limits.TransitTunnels)
	found = t.makeRoom(from)
	if modest {
		t.load.asked++
	}
	if modest && !found {
		t.load.refused++
	}
	return found
}

// makeRoom reports whether there is room for one more tunnel of a source. Another
// may be dropped for it.
func (t *transit) makeRoom(from origin.Networks) bool {
	limit := t.cfg.Limits.TransitTunnels
	if len(t.hops) < limit && t.shares.fits(from, limit) {
		return true
	}
	if limit < 0 || len(t.hops) > limit { // it was lowered since
		return false
	}
	h := t.shares.givesWay(t.now, t.rand, from)
	if h == nil {
		return false
	}
	t.drop(h)
	t.counts.TransitGaveWay++
	return true
}

// tick drops tunnels whose time is over and returns when the next one's is.
func (t *transit) tick() time.Time {
	for len(t.shares.list) > 0 && !t.now.Before(t.shares.list[0].expires) {
		t.drop(t.shares.list[0])
	}
	if next := t.shares.look(t.now); next != nil {
		t.lively.Store(&next)
	}
	if len(t.shares.list) == 0 {
		return time.Time{}
	}
	t.sweep()
	return deadline.Earliest(t.shares.list[0].expires, t.now.Add(10*time.Second))
}

// sweepEvery is how often the fragments that wait at endpoints are looked at: there
// may be thousands of tunnels.
const sweepEvery = time.Second

// sweep drops the fragments that have waited for the others for too long.
func (t *transit) sweep() {
	if t.now.Sub(t.swept) < sweepEvery {
		return
	}
	t.swept = t.now
	for _, h := range t.shares.list {
		if h.endpoint != nil {
			h.endpoint.Expire(t.now)
		}
	}
}

func (t *transit) drop(h *transitHop) {
	h.close()
	delete(t.hops, h.id)
	t.shares.remove(h)
}

func (h *transitHop) close() {
	switch {
	case h.endpoint != nil:
		h.endpoint.Close()
	case h.participant != nil:
		h.participant.Close()
	}
}

func (t *transit) close() {
	for _, h := range t.hops {
		h.close()
	}
	clear(t.hops)
	t.shares = shares{}
}

// data handles a message between two hops of a tunnel. It takes ownership.
func (t *transit) data(id uint32, m i2np.Message) {
	h := t.hops[id]
	if h == nil || h.gateway != nil {
		t.counts.Unknown++
		m.Release()
		return
	}
	h.count(t.core, 1)
	var err error
	if h.participant == nil {
		err = t.batch.Handle(h.endpoint, m)
	} else if err = t.batch.Forward(h.participant, m); err != nil {
		m.Release()
	}
	if err != nil {
		t.counts.Malformed++
	}
}

// enter handles a message that enters a tunnel at us. It borrows it.
func (t *transit) enter(id uint32, message []byte) {
	h := t.hops[id]
	if h == nil || h.gateway == nil {
		t.counts.Unknown++
		return
	}
	n, err := t.batch.Add(h.gateway, t.now, message)
	if err != nil {
		t.counts.Malformed++
	}
	h.count(t.core, n)
}

// maxBatch is how many messages of other people's tunnels wait for each other
// at most.
const maxBatch = 64

// full reports whether what has gathered should not wait for more.
func (t *transit) full() bool { return t.batch.Len() >= maxBatch }

// forward returns what has gathered, to be sent in this order. The slice is
// the caller's until the next forward.
func (t *transit) forward() []tunnel.Out {
	clear(t.out)
	t.out = t.out[:0]
	if t.batch.Len() > 0 {
		t.batch.Run(func(o tunnel.Out) { t.out = append(t.out, o) }, t.leave)
	}
	return t.out
}

// leave takes what leaves an outbound tunnel of somebody's.
func (t *transit) leave(e *tunnel.Endpoint, m i2np.Message) {
	var err error
	if t.left, err = e.Reassemble(t.left[:0], t.now, m); err != nil {
		t.counts.Malformed++
	}
	for i := range t.left {
		d := &t.left[i]
		if d.Kind == tunnel.ToLocal {
			t.counts.Unknown++ // an endpoint has no local destination
			d.Message.Release()
		} else {
			t.out = append(t.out, d.Forward(t.now, t.rand.Uint64()))
		}
		*d = tunnel.Delivery{}
	}
}

func (h *transitHop) count(c *core, messages int) {
	h.used = c.now
	h.messages += uint64(messages)
	h.bytes += uint64(messages) * i2np.TunnelDataLen
	c.counts.TransitMessages += uint64(messages)
	c.counts.TransitBytes += uint64(messages) * i2np.TunnelDataLen
}

// list describes the tunnels in the order of their ids.
func (t *transit) list() []TunnelInfo {
	out := make([]TunnelInfo, 0, len(t.hops))
	for _, h := range t.hops {
		i := TunnelInfo{
			Role: h.role, Inbound: h.role == tunnel.RoleGateway, ID: h.id,
			Created: h.created, Expires: h.expires, Messages: h.messages, Bytes: h.bytes,
		}
		if !h.next.IsZero() {
			i.Hops = []i2p.Hash{h.next}
		}
		out = append(out, i)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}
