//go:build !race

package simtest

import (
	"bytes"
	"fmt"
	"slices"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/mesh"
	"i2ptoolkit/pkg/tunnel"
)

// probe is a question to every suspect.
type probe struct {
	name     string
	messages func(i int, to *mesh.Router) []i2np.Message
}

// probes are all kinds of questions, and of answers to what the destination asked,
// with the ids, tags and names that only it knows.
func (q *inquisition) probes(first, second *leaseset.LeaseSet2, open i2np.DatabaseLookup) (out []probe) {
	p := q.prober
	add := func(name string, f func(i int, to *mesh.Router) []i2np.Message) { out = append(out, probe{name, f}) }
	one := func(name string, f func() i2np.Message) {
		add(name, func(int, *mesh.Router) []i2np.Message { return []i2np.Message{f()} })
	}
	add("message on to a marker", func(_ int, to *mesh.Router) []i2np.Message {
		return []i2np.Message{p.sealed(to.Info(), i2np.Clove{
			Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverRouter, To: q.markers[0].Self()},
			Message:  p.message(i2np.DeliveryStatusType, i2np.DeliveryStatus{MessageID: 3}.AppendTo(nil)),
		})}
	})
	add("build on to a marker", func(_ int, to *mesh.Router) []i2np.Message {
		hops := make([]tunnel.Hop, 2)
		for i, ri := range []*routerinfo.RouterInfo{to.Info(), q.markers[1].info} {
			static, _ := ri.EncryptionKey()
			hops[i] = tunnel.Hop{Router: ri.Hash(), Static: static}
		}
		b, err := tunnel.NewBuild(p.Now(), tunnel.Config{Hops: hops, Us: p.Self(), Reply: tunnel.ReplyTo{Gateway: p.Self(), Tunnel: 5}, Rand: p.rand})
		if err != nil {
			q.t.Fatal(err)
		}
		return []i2np.Message{b.Message()}
	})
	forwards := len(out)
	kinds := map[string]i2np.LookupKind{
		"any": i2np.LookupAny, "lease set": i2np.LookupLeaseSet, "router": i2np.LookupRouterInfo, "exploration": i2np.LookupExploration,
	}
	for _, kind := range []string{"any", "lease set", "router", "exploration"} {
		for what, key := range map[string]i2p.Hash{"found": first.Hash(), "open": second.Hash(), "marker": q.markers[0].Self()} {
			one("lookup of "+kind+", "+what, func() i2np.Message {
				return p.message(i2np.DatabaseLookupType, i2np.DatabaseLookup{Key: key, From: p.Self(), Kind: kinds[kind]}.AppendTo(nil))
			})
		}
	}
	slices.SortFunc(out[forwards:], func(a, b probe) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	one("sealed lookup", func() i2np.Message {
		l := i2np.DatabaseLookup{Key: first.Hash(), From: p.Self(), Kind: i2np.LookupLeaseSet, Encryption: i2np.ReplyECIES}
		return p.message(i2np.DatabaseLookupType, l.AppendTo(nil))
	})
	for _, set := range []*leaseset.LeaseSet2{first, second} {
		one("store", func() i2np.Message {
			st := i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), ReplyToken: 7, ReplyGateway: p.Self(), Data: set.Bytes()}
			return p.message(i2np.DatabaseStoreType, st.AppendTo(nil))
		})
	}
	// A search reply names to each suspect a router that no other is told of.
	named := func(i int) i2np.Message {
		h := i2p.HashOf(binaryOf(len(q.betrays), i, first.Hash()))
		q.betrays[h] = i
		return p.message(i2np.DatabaseSearchReplyType, i2np.DatabaseSearchReply{Key: second.Hash(), Peers: []i2p.Hash{h}, From: q.floodfill.Self()}.AppendTo(nil))
	}
	add("search reply", func(i int, _ *mesh.Router) []i2np.Message { return []i2np.Message{named(i)} })
	add("garlic with a reply tag", func(i int, _ *mesh.Router) []i2np.Message {
		return []i2np.Message{p.tagged(open, i2np.Clove{Message: named(i)})}
	})
	add("garlic with a reply tag, into the tunnel", func(i int, _ *mesh.Router) []i2np.Message {
		m := p.tagged(open, i2np.Clove{Message: named(i)})
		return []i2np.Message{p.message(i2np.TunnelGatewayType, i2np.AppendTunnelGateway(nil, open.ReplyTunnel, m))}
	})
	add("search reply, within garlic", func(i int, to *mesh.Router) []i2np.Message {
		return []i2np.Message{p.sealed(to.Info(), i2np.Clove{Message: named(i)})}
	})
	one("delivery status", func() i2np.Message {
		return p.message(i2np.DeliveryStatusType, i2np.DeliveryStatus{MessageID: open.ReplyTunnel, Timestamp: i2p.DateOf(p.Now())}.AppendTo(nil))
	})
	for _, kind := range []i2np.Type{i2np.OutboundTunnelBuildReplyType, i2np.ShortTunnelBuildType} {
		one("build reply", func() i2np.Message {
			m := p.message(kind, append([]byte{4}, make([]byte, 4*218)...))
			m.ID = open.ReplyTunnel
			return m
		})
	}
	one("nothing", func() i2np.Message { return p.message(i2np.DataType, []byte{0, 0, 0, 0}) })
	return out
}

func binaryOf(a, b int, h i2p.Hash) []byte { return fmt.Appendf(nil, "%d %d %s", a, b, h) }
