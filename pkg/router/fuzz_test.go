package router

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
)

// FuzzDirect hands a router whatever a peer may send: the input is a message's type and body.
// It comes over a session, sealed in garlic to the router as a clove for itself, and down the
// tunnel of a destination; of its first bytes some name what there is: a tunnel, an id that an
// answer is awaited for. Nothing panics, and little is kept.
func FuzzDirect(f *testing.F) {
	m := newMesh(f, 1, nil)
	r, own := m.routers[0], m.infos[0]
	static, _ := own.EncryptionKey()
	dest, arrived := m.destination(0)
	in := dest.p.in.tunnels()[0]
	asker := stranger(1)

	garlic, err := ratchet.SealToRouter(m.rand, m.now, static, []i2np.Clove{{Message: m.message(i2np.DatabaseLookupType, 3, m.lookupFrom(asker, own.Hash(), i2np.LookupRouterInfo))}})
	if err != nil {
		f.Fatal(err)
	}
	set := m.leaseSet()
	for _, seed := range []struct {
		kind i2np.Type
		body []byte
	}{
		{i2np.DatabaseLookupType, m.lookupFrom(asker, own.Hash(), i2np.LookupRouterInfo)},
		{i2np.DatabaseStoreType, i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}.AppendTo(nil)},
		{i2np.DatabaseSearchReplyType, i2np.DatabaseSearchReply{Key: own.Hash(), Peers: []i2p.Hash{asker}, From: asker}.AppendTo(nil)},
		{i2np.DeliveryStatusType, i2np.DeliveryStatus{MessageID: 1, Timestamp: i2p.DateOf(m.now)}.AppendTo(nil)},
		{i2np.GarlicType, i2np.AppendGarlic(nil, garlic)},
		{i2np.TunnelGatewayType, i2np.AppendTunnelGateway(nil, in.gatewayID, m.message(i2np.GarlicType, 5, i2np.AppendGarlic(nil, make([]byte, 64))))},
		{i2np.TunnelDataType, make([]byte, i2np.TunnelDataLen)},
		{i2np.DataType, i2np.AppendData(nil, []byte("x"))},
	} {
		f.Add(byte(seed.kind), byte(0), seed.body)
		f.Add(byte(seed.kind), byte(1), seed.body)
	}
	build := m.buildRequest(0, asker)
	f.Add(byte(build.Type), byte(0), bytes.Clone(build.Body))
	build.Release()
	const few = 1024
	f.Fuzz(func(t *testing.T, kind, how byte, body []byte) {
		if len(body) > i2np.MaxTunnelMessage/2 {
			return
		}
		body = bytes.Clone(body)
		if how&1 != 0 && len(body) >= 4 { // a tunnel of ours
			binary.BigEndian.PutUint32(body, in.gatewayID)
		}
		if how&2 != 0 && len(body) >= 4 { // one that we carry, if there is any
			for id := range r.transit.hops {
				binary.BigEndian.PutUint32(body, id)
				break
			}
		}
		msg := m.message(i2np.Type(kind), binary.BigEndian.Uint32(append(bytes.Clone(body), 0, 0, 0, 1)), body)
		r.Deliver(stranger(int(how>>4)), msg.Own())
		clove := i2np.Clove{Message: msg}
		if how&4 != 0 {
			clove.Delivery = i2np.DeliveryInstructions{Kind: i2np.DeliverTunnel, To: own.Hash(), Tunnel: in.gatewayID}
		}
		sealed, err := ratchet.SealToRouter(m.rand, m.now, static, []i2np.Clove{clove})
		if err != nil {
			t.Fatal(err)
		}
		r.Deliver(stranger(int(how>>4)), m.message(i2np.GarlicType, 6, i2np.AppendGarlic(nil, sealed)).Own())
		m.downTunnel(0, dest, msg)
		m.run(100*time.Millisecond, nil)
		m.away, *arrived = nil, nil
		if n := buf.InUse(); n > few || len(r.transit.hops) > few {
			t.Fatalf("%d buffers are kept, %d tunnels are carried", n, len(r.transit.hops))
		}
		if tunnels := dest.p.in.tunnels(); len(tunnels) > 0 {
			in = tunnels[0] // they are renewed as time passes
		}
	})
}
