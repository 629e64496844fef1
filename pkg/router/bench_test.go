package router

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// nowhere is a transport that takes everything.
type nowhere struct{}

func (nowhere) Send(_ *routerinfo.RouterInfo, m i2np.Message) error { m.Release(); return nil }
func (nowhere) SendTo(_ i2p.Hash, m i2np.Message) bool              { m.Release(); return true }
func (nowhere) Connected(i2p.Hash) bool                             { return true }
func (nowhere) Dials(*routerinfo.RouterInfo) bool                   { return true }
func (nowhere) Dial(*routerinfo.RouterInfo) error                   { return nil }
func (nowhere) Testing() bool                                       { return false }
func (nowhere) Congested(i2p.Hash) bool                             { return false }

func (nowhere) Waiting(i2p.Hash) int { return 0 }

// BenchmarkTransit prints what one message of somebody's tunnel costs a router
// that is a hop of it, from its inbox to its transport.
func BenchmarkTransit(b *testing.B) {
	for _, c := range []struct {
		role    tunnel.Role
		inbound bool
		hops    int
	}{{tunnel.RoleParticipant, false, 2}, {tunnel.RoleGateway, true, 1}, {tunnel.RoleEndpoint, false, 1}} {
		b.Run(c.role.String(), func(b *testing.B) {
			m := newMesh(b, 1, nil)
			r := m.routers[0]
			r.cfg.Transport = nowhere{}
			static, _ := m.infos[0].EncryptionKey()
			hops := []tunnel.Hop{{Router: m.infos[0].Hash(), Static: static}, {Router: stranger(2), Static: static}}[:c.hops]
			made, err := tunnel.NewBuild(m.now, tunnel.Config{
				Inbound: c.inbound, Hops: hops, Us: stranger(1), Reply: tunnel.ReplyTo{Gateway: stranger(1), Tunnel: 7}, Rand: m.rand,
			})
			if err != nil {
				b.Fatal(err)
			}
			r.Deliver(stranger(1), made.Message())
			m.step()
			carried := r.transit.list()
			if len(carried) != 1 || carried[0].Role != c.role {
				b.Fatalf("%d tunnels are carried", len(carried))
			}
			next := messagesFor(b, m, made, carried[0].ID)
			b.ReportAllocs()
			b.SetBytes(i2np.TunnelDataLen)
			sent := r.counts.TransitMessages
			b.ResetTimer()
			for n := 0; n < b.N; {
				b.StopTimer()
				for range min(maxBatch, b.N-n) {
					r.Deliver(stranger(1), next())
					n++
				}
				b.StartTimer()
				r.now = m.now
				r.in.Take()
				r.turn()
			}
			if got := r.counts.TransitMessages - sent; got < uint64(b.N) {
				b.Fatalf("%d messages were carried of %d", got, b.N)
			}
		})
	}
}

// messagesFor makes what is sent into a tunnel.
func messagesFor(b *testing.B, m *mesh, made *tunnel.Build, id uint32) func() i2np.Message {
	random := rand.NewChaCha8([32]byte{1})
	inner := make([]byte, 900)
	switch {
	case made.Inbound():
		clove := m.message(i2np.GarlicType, 5, inner)
		body := i2np.AppendTunnelGateway(nil, id, clove)
		return func() i2np.Message { return m.message(i2np.TunnelGatewayType, 7, body).Own() }
	case len(made.Hops()) > 1:
		return func() i2np.Message {
			body := buf.Get(i2np.TunnelDataLen)
			random.Read(body.Bytes())
			binary.BigEndian.PutUint32(body.Bytes(), id)
			msg := m.message(i2np.TunnelDataType, 7, body.Bytes())
			msg.Owner = body
			return msg
		}
	}
	out, err := made.NewOutbound()
	if err != nil {
		b.Fatal(err)
	}
	return func() i2np.Message {
		to := tunnel.Delivery{Kind: tunnel.ToTunnel, Router: stranger(4), Tunnel: 5, Message: m.message(i2np.GarlicType, 5, inner)}
		outs, err := out.Send(nil, m.now, to)
		if err != nil || len(outs) != 1 {
			b.Fatal(len(outs), err)
		}
		return outs[0].Message
	}
}
