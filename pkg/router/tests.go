package router

import (
	"maps"
	"slices"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
)

// tests are the messages that are on their way out through one tunnel of ours
// and back in through another, and what comes of them.
type tests struct {
	*core
	parties *parties
	paths   *paths
	ends    *ends
	sent    map[awaited]*tunnel.Test[*ownTunnel]
}

func newTests(c *core, parties *parties, paths *paths, ends *ends) *tests {
	return &tests{core: c, parties: parties, paths: paths, ends: ends, sent: make(map[awaited]*tunnel.Test[*ownTunnel])}
}

// start sends a DeliveryStatus around, sealed with a one-time key so that
// neither the endpoint nor the gateway can tell it from other garlic.
func (ts *tests) start(x *tunnel.Test[*ownTunnel]) bool {
	status := ts.message(i2np.DeliveryStatusType, nil)
	status.Body = i2np.DeliveryStatus{MessageID: status.ID, Timestamp: i2p.DateOf(ts.now)}.AppendTo(nil)
	key, tag := ts.newOneTime(x.In, i2p.Hash{})
	body, err := ratchet.SealTagged(ts.rand, key, tag, []i2np.Clove{{Message: status}})
	if err != nil {
		return false
	}
	ts.sent[awaited{status.ID, way{tunnel: x.In}}] = x
	ts.ends.enter(x.Out, toTunnel(x.In.gateway, x.In.gatewayID, ts.message(i2np.GarlicType, i2np.AppendGarlic(nil, body))))
	return true
}

// expects reports whether a test's return is waited for, in whatever way.
func (ts *tests) expects(id uint32) bool { return inAnyWay(ts.sent, id) }

// returned takes a DeliveryStatus that may be a test's, and reports false where
// it is none. changed says that a tunnel has proved itself which seemed to fail.
func (ts *tests) returned(w way, id uint32) (p *party, changed, ok bool) {
	x, ok := ts.sent[awaited{id, w}]
	if !ok {
		return nil, false, false
	}
	delete(ts.sent, awaited{id, w})
	ts.counts.TestsOK++
	changed = x.Out.Failing() || x.In.Failing()
	p = x.In.party
	p.pool.TestOK(ts.now, x)
	rtt := ts.now.Sub(x.Sent)
	for _, t := range [...]*ownTunnel{x.Out, x.In} {
		if !t.carried && !t.zeroHop() {
			t.carried = true
			ts.parties.fates(t).Carried++
		}
		ts.paths.doubts.trust(t.hops)
		for _, h := range t.hops {
			ts.peers.TunnelTested(ts.now, h, true, rtt, len(t.hops))
		}
	}
	return p, changed, true
}

// lost gives a test up. Until another one says more, both its tunnels are used
// after those that nothing is known against.
func (ts *tests) lost(x *tunnel.Test[*ownTunnel]) {
	maps.DeleteFunc(ts.sent, func(_ awaited, o *tunnel.Test[*ownTunnel]) bool { return o == x })
	ts.counts.TestsFailed++
	var hops []i2p.Hash // each once, though it may be in both
	for _, t := range x.Failing() {
		for _, h := range t.hops {
			if !slices.Contains(hops, h) {
				hops = append(hops, h)
			}
			ts.peers.TunnelTested(ts.now, h, false, 0, len(t.hops))
		}
	}
	ts.paths.doubt(hops)
}

// forget waits for none of a party's.
func (ts *tests) forget(p *party) {
	maps.DeleteFunc(ts.sent, func(_ awaited, x *tunnel.Test[*ownTunnel]) bool { return x.In.party == p })
}
