package router

import (
	"bytes"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/sign"
)

// destination opens tunnels without hops for a local destination of router i.
func (m *mesh) destination(i int) (tunnels *Tunnels, arrived *[]i2np.Message) {
	arrived = new([]i2np.Message)
	tunnels = m.routers[i].OpenTunnels(TunnelsConfig{
		Name: "local", Inbound: Shape{Quantity: 1}, Outbound: Shape{Quantity: 1},
		Deliver: func(_ uint32, msg i2np.Message) {
			msg.Release()
			*arrived = append(*arrived, msg)
		},
	})
	m.run(5*time.Second, nil)
	if len(tunnels.p.in.tunnels()) != 1 {
		m.t.Fatal("the destination has no inbound tunnel")
	}
	return tunnels, arrived
}

// downTunnel sends a message into a destination's inbound tunnel.
func (m *mesh) downTunnel(i int, to *Tunnels, msg i2np.Message) {
	in := to.p.in.tunnels()[0]
	body := i2np.AppendTunnelGateway(nil, in.gatewayID, msg)
	m.routers[i].Deliver(stranger(9), m.message(i2np.TunnelGatewayType, 77, body).Own())
	m.step()
}

// TestMessageIDContexts: what came down a destination's tunnel tells nobody
// anything about what comes directly: a message with the same id is processed
// in both contexts, in either order (CVE-2023-36325).
func TestMessageIDContexts(t *testing.T) {
	for _, tunnelFirst := range []bool{true, false} {
		m := newMesh(t, 1, nil)
		r, own := m.routers[0], m.infos[0]
		dest, arrived := m.destination(0)
		const id = 4711
		asker := stranger(1)
		down := func() {
			m.downTunnel(0, dest, m.message(i2np.GarlicType, id, i2np.AppendGarlic(nil, make([]byte, 64))))
			if len(*arrived) != 1 {
				t.Errorf("tunnel first %v: %d messages came down the tunnel", tunnelFirst, len(*arrived))
			}
		}
		if tunnelFirst {
			down()
		}
		for range 2 { // and a question may be asked twice
			r.Deliver(asker, m.message(i2np.DatabaseLookupType, id, m.lookupFrom(asker, own.Hash(), i2np.LookupRouterInfo)).Own())
			m.step()
			if got := m.sentTo(asker); len(got) != 1 || got[0].Type != i2np.DatabaseStoreType {
				t.Errorf("tunnel first %v: %d answers to a direct question with that id", tunnelFirst, len(got))
			}
		}
		if !tunnelFirst {
			down()
		}
	}
}

// leaseSet makes a destination's lease set.
func (m *mesh) leaseSet() leaseset.Set {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519, m.rand)
	if err != nil {
		m.t.Fatal(err)
	}
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: 4, Key: make([]byte, 32)}},
		Leases:    []leaseset.Lease{{Gateway: stranger(3), TunnelID: 3, Expires: i2p.DateOf(m.now.Add(9 * time.Minute))}},
		Published: i2p.DateOf(m.now),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return set
}

// TestLinkingThroughNetDB: a lease set that a destination has learnt through
// its tunnels, or that is its own, is not to be had from the router: the
// answer is the same as for a key that nobody knows, and comes as soon.
func TestLinkingThroughNetDB(t *testing.T) {
	for _, floodfill := range []bool{false, true} {
		m := newMesh(t, 1, func(_ int, _ *Config, db *netdb.Config) { db.Floodfill = floodfill })
		r := m.routers[0]
		dest, _ := m.destination(0)
		learnt, own := m.leaseSet(), m.leaseSet()

		r.now = m.now
		dest.p.expected.ask(m.now, learnt.Hash(), stranger(5), way{tunnel: dest.p.in.tunnels()[0]})
		store := i2np.DatabaseStore{Key: learnt.Hash(), Type: learnt.StoreType(), Data: learnt.Bytes()}
		m.downTunnel(0, dest, m.message(i2np.DatabaseStoreType, 8, store.AppendTo(nil)))
		dest.Publish(own)
		m.step()

		asker := stranger(1)
		ask := func(key i2p.Hash) i2np.DatabaseSearchReply {
			m.away = nil
			r.Deliver(asker, m.message(i2np.DatabaseLookupType, 9, m.lookupFrom(asker, key, i2np.LookupLeaseSet)).Own())
			m.step() // in the same turn of the loop
			got := m.sentTo(asker)
			if len(got) != 1 || got[0].Type != i2np.DatabaseSearchReplyType {
				t.Fatalf("floodfill %v: %d answers, of type %v", floodfill, len(got), got)
			}
			s, err := i2np.ParseDatabaseSearchReply(got[0].Body)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		unknown := ask(stranger(4))
		for name, key := range map[string]i2p.Hash{"learnt": learnt.Hash(), "own": own.Hash()} {
			s := ask(key)
			s.Key = unknown.Key
			if !bytes.Equal(s.AppendTo(nil), unknown.AppendTo(nil)) {
				t.Errorf("floodfill %v: the answer for the %s lease set differs from that for an unknown one", floodfill, name)
			}
		}
		if dest.p.segment.LeaseSet(m.now, learnt.Hash()) == nil {
			t.Errorf("floodfill %v: the destination itself did not learn the lease set", floodfill)
		}
	}
}
