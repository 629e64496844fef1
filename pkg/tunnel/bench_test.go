package tunnel

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

func BenchmarkParticipant(b *testing.B) {
	p := NewParticipant(ParticipantConfig{Keys: benchLayers(1)[0], NextTunnel: 1, Rand: seeded(1)})
	body := make([]byte, i2np.TunnelDataLen)
	b.SetBytes(1024)
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n++
		binary.LittleEndian.PutUint64(body[4:], n*0x9e3779b97f4a7c15)
		_ = p.Apply(body) // one in some 200,000 passes for a duplicate
	}
}

// BenchmarkBatch is the work of 8 participants of one message each; a
// message's share of the time is ns/msg.
func BenchmarkBatch(b *testing.B) {
	var ps [8]*Participant
	var ms [8]i2np.Message
	for i := range ps {
		ps[i] = NewParticipant(ParticipantConfig{Keys: benchLayers(1)[0], NextTunnel: 1, Rand: seeded(1)})
		ms[i] = i2np.Message{Type: i2np.TunnelDataType, Body: make([]byte, i2np.TunnelDataLen)}
	}
	var batch Batch
	b.SetBytes(1024 * int64(len(ps)))
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		for i, p := range ps {
			n++
			binary.LittleEndian.PutUint64(ms[i].Body[4:], n*0x9e3779b97f4a7c15)
			_ = batch.Forward(p, ms[i])
		}
		batch.Run(func(Out) {}, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ps)), "ns/msg")
}

func benchLayers(n int) []LayerKeys {
	keys := make([]LayerKeys, n)
	for i := range keys {
		keys[i].Layer[0] = byte(i)
		keys[i].IV = [32]byte{7: 0xa5, 15: 0x5a} // with none, all messages were alike to a filter
	}
	return keys
}

// BenchmarkOutbound sends messages of 1,000 and 3,600 bytes through 3 hops.
func BenchmarkOutbound(b *testing.B) {
	for _, size := range []int{900, 3600} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			o := NewOutbound(OutboundConfig{Layers: benchLayers(3), Rand: seeded(1)})
			m := i2np.Message{Type: i2np.GarlicType, ID: 1, Body: make([]byte, size)}
			var outs []Out
			ds := []Delivery{{Kind: ToTunnel, Tunnel: 1, Message: m}}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				outs, _ = o.Send(outs[:0], epoch, ds...)
				for i := range outs {
					outs[i].Message.Release()
				}
			}
		})
	}
}

// BenchmarkInbound takes messages out of 3 layers: those that fit into a tunnel
// message, and those of a stream, which need two.
func BenchmarkInbound(b *testing.B) {
	for _, size := range []int{900, 1800} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			g := NewGateway(GatewayConfig{Rand: seeded(1)})
			t := NewInbound(InboundConfig{Layers: benchLayers(3)})
			raw := i2np.Message{Type: i2np.GarlicType, ID: 1, Body: make([]byte, size)}.AppendStandard(nil)
			outs, _ := g.Add(nil, epoch, raw)
			for _, out := range outs {
				(&layer{keys: g.layer.keys}).decrypt(out.Message.Body)
				for i := range t.layers {
					l := layer{keys: t.layers[i].keys}
					l.encrypt(out.Message.Body)
				}
			}
			var ds []Delivery
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				clear(t.seen.lines)
				t.seen.n = 0
				ds = ds[:0]
				for _, out := range outs {
					owner := buf.Copy(out.Message.Body)
					var err error
					ds, err = t.Handle(ds, epoch, i2np.Message{Type: i2np.TunnelDataType, Body: owner.Bytes(), Owner: owner})
					if err != nil {
						b.Fatal(err)
					}
				}
				if len(ds) != 1 {
					b.Fatalf("%d messages", len(ds))
				}
				ds[0].Message.Release()
			}
		})
	}
}

// BenchmarkIVFilter has the messages of 500 tunnels come by turns, so that what a
// filter looks at is not in the processor's caches.
func BenchmarkIVFilter(b *testing.B) {
	filters := make([]ivFilter, 500)
	for i := range filters {
		filters[i] = newIVFilter(nil, LayerKeys{IV: [32]byte{byte(i), byte(i >> 8), 7: 0xa5, 9: 3, 15: 0x5a}})
	}
	body := make([]byte, i2np.TunnelDataLen)
	n := uint64(0)
	turn := func() {
		for i := range filters {
			n++
			binary.LittleEndian.PutUint64(body[tunnelIDLen:], n)
			filters[i].seen(body)
		}
	}
	for range 40_000 {
		turn()
	}
	for i := 0; b.Loop(); i++ {
		n++
		binary.LittleEndian.PutUint64(body[tunnelIDLen:], n)
		filters[i%len(filters)].seen(body)
	}
}

func BenchmarkGateway(b *testing.B) {
	g := NewGateway(GatewayConfig{Rand: seeded(1)})
	raw := i2np.Message{Type: i2np.GarlicType, ID: 1, Body: make([]byte, 900)}.AppendStandard(nil)
	var outs []Out
	b.SetBytes(900)
	b.ReportAllocs()
	for b.Loop() {
		outs, _ = g.Add(outs[:0], epoch, raw)
		outs[0].Message.Release()
	}
}

func BenchmarkBuild(b *testing.B) {
	static := noise.GenerateKey(seeded(1))
	cfg := Config{Inbound: true, Rand: seeded(2)}
	for i := range 3 {
		cfg.Hops = append(cfg.Hops, Hop{Router: i2p.HashOf([]byte{byte(i)}), Static: static.Public})
	}
	for b.Loop() {
		x, err := NewBuild(epoch, cfg)
		if err != nil {
			b.Fatal(err)
		}
		x.Message().Release()
	}
}

func BenchmarkOpenRequest(b *testing.B) {
	static := noise.GenerateKey(seeded(1))
	us := i2p.HashOf([]byte("router"))
	x, err := NewBuild(epoch, Config{Inbound: true, Rand: seeded(2), Hops: []Hop{{Router: us, Static: static.Public}}})
	if err != nil {
		b.Fatal(err)
	}
	m := x.Message()
	defer m.Release()
	random := seeded(3)
	for b.Loop() {
		r, err := OpenRequest(us, static, epoch, m)
		if err != nil {
			b.Fatal(err)
		}
		a, _ := r.Answer(epoch, random, Accept, nil)
		a.Release()
	}
}
