package router

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
)

// test is a message on its way out through one tunnel of ours and back in
// through another.
type test struct {
	id      uint64 // the policy's name for it
	out, in *ownTunnel
	sent    time.Time
}

// test sends a DeliveryStatus around, sealed with a one-time key so that
// neither the endpoint nor the gateway can tell it from other garlic.
func (ps *pools) test(p *party, a tunnel.Action) {
	out, in := p.out.find(a.ID), p.in.find(a.Back)
	if out == nil || in == nil {
		p.policy.TestFailed(ps.now, a.Test)
		return
	}
	status := ps.message(i2np.DeliveryStatusType, nil)
	status.Body = i2np.DeliveryStatus{MessageID: status.ID, Timestamp: i2p.DateOf(ps.now)}.AppendTo(nil)
	key, tag := ps.newOneTime(in)
	body, err := ratchet.SealTagged(ps.rand, key, tag, []i2np.Clove{{Message: status}})
	if err != nil {
		p.policy.TestFailed(ps.now, a.Test)
		return
	}
	p.expected.tests[status.ID] = test{a.Test, out, in, ps.now}
	ps.outbound(out, toTunnel(in.gateway, in.gatewayID), ps.message(i2np.GarlicType, i2np.AppendGarlic(nil, body)))
}

func (pl *pool) find(ref uint64) *ownTunnel {
	for _, t := range pl.tunnels {
		if t.ref == ref {
			return t
		}
	}
	return nil
}

// testReturned takes a DeliveryStatus that may be a test's.
func (ps *pools) testReturned(p *party, w way, id uint32) {
	t, ok := p.expected.tests[id]
	if !ok || w.tunnel != t.in {
		ps.unexpected(func(e *expected) bool {
			_, test := e.tests[id]
			_, store := e.stores[id]
			return test || store
		})
		return
	}
	delete(p.expected.tests, id)
	ps.counts.TestsOK++
	rtt := ps.now.Sub(t.sent)
	p.policy.TestOK(ps.now, t.id, rtt)
	recovered := t.out.failing || t.in.failing
	for _, own := range []*ownTunnel{t.out, t.in} {
		own.failing, own.rtt = false, rtt
		ps.doubts.trust(own.hops)
		for _, h := range own.hops {
			ps.peers.TunnelTested(ps.now, h, true, rtt, len(own.hops))
		}
	}
	if recovered {
		ps.changed(p)
	}
}

// testTimeout gives a test up. Until another one says more, both its tunnels
// are used after those that nothing is known against.
func (ps *pools) testTimeout(p *party, name uint64) {
	for id, t := range p.expected.tests {
		if t.id != name {
			continue
		}
		delete(p.expected.tests, id)
		ps.counts.TestsFailed++
		for _, own := range []*ownTunnel{t.out, t.in} {
			if !p.policy.Failing(own.ref) {
				continue
			}
			own.failing = true
			ps.doubt(own.hops)
			for _, h := range own.hops {
				ps.peers.TunnelTested(ps.now, h, false, 0, len(own.hops))
			}
		}
		ps.changed(p)
		return
	}
}
