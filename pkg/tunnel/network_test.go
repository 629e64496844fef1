package tunnel

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

var epoch = time.UnixMilli(1_790_000_000_123)

// seeded is a deterministic source of randomness.
func seeded(n byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{n}) }

// router is a hop in a test network.
type router struct {
	hash    i2p.Hash
	opener  Opener
	rand    *rand.ChaCha8
	code    byte
	options i2p.Mapping
	seen    []*Request

	participants map[uint32]*Participant
	gateways     map[uint32]*Gateway
	endpoints    map[uint32]*Endpoint
}

// network is some routers that answer at once.
type network struct {
	t       testing.TB
	now     time.Time
	rand    *rand.ChaCha8
	routers map[i2p.Hash]*router
	hops    []Hop
	us      i2p.Hash
}

func newNetwork(t testing.TB, n int) *network {
	buftest.NoLeak(t)
	w := &network{t: t, now: epoch, rand: seeded(1), routers: map[i2p.Hash]*router{}, us: i2p.HashOf([]byte("us"))}
	for i := range n {
		r := &router{hash: i2p.HashOf([]byte{byte(i)}), rand: seeded(byte(i + 10)),
			participants: map[uint32]*Participant{}, gateways: map[uint32]*Gateway{}, endpoints: map[uint32]*Endpoint{}}
		static := noise.GenerateKey(r.rand)
		r.opener = Opener{Us: r.hash, Static: static, Replay: NewReplayFilter(0)}
		w.routers[r.hash] = r
		w.hops = append(w.hops, Hop{Router: r.hash, Static: static.Public})
	}
	return w
}

func (w *network) close() {
	for _, r := range w.routers {
		for _, e := range r.endpoints {
			e.Close()
		}
	}
}

// accept answers one build message at r and makes the engine.
func (w *network) accept(r *router, m i2np.Message) (*Request, i2np.Message) {
	w.t.Helper()
	q, err := r.opener.Open(w.now, m)
	m.Release()
	if err != nil {
		w.t.Fatal(err)
	}
	r.seen = append(r.seen, q)
	if r.code == Accept {
		switch q.Role {
		case RoleParticipant:
			r.participants[q.ReceiveTunnel] = q.NewParticipant(r.rand, nil)
		case RoleGateway:
			r.gateways[q.ReceiveTunnel] = q.NewGateway(r.rand)
		case RoleEndpoint:
			r.endpoints[q.ReceiveTunnel] = q.NewEndpoint(nil, nil)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := q.Answer(w.now, r.rand, r.code, r.options)
	if err != nil {
		w.t.Fatal(err)
	}
	return q, out
}

// build sends a build through all its hops and returns the last one's answer.
func (w *network) build(cfg Config) (*Build, i2np.Message, *Request) {
	w.t.Helper()
	cfg.Us, cfg.Rand = w.us, w.rand
	if !cfg.Inbound {
		cfg.Reply = ReplyTo{Gateway: i2p.HashOf([]byte("reply")), Tunnel: 4711}
	}
	b, err := NewBuild(w.now, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	m := b.Message()
	at := b.FirstHop().Router
	var q *Request
	for range cfg.Hops {
		r := w.routers[at]
		if r == nil {
			w.t.Fatalf("no router %v", at)
		}
		q, m = w.accept(r, m)
		at = q.NextRouter
	}
	return b, m, q
}

// outbound builds an outbound tunnel that all hops accept.
func (w *network) outbound(n int) *Outbound {
	w.t.Helper()
	if n == 0 {
		return NewOutbound(OutboundConfig{Rand: w.rand})
	}
	b, m, _ := w.build(Config{Hops: w.hops[:n]})
	w.mustAccept(b, m)
	o, err := b.NewOutbound()
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// inbound builds an inbound tunnel that all hops accept.
func (w *network) inbound(n int) *Inbound {
	w.t.Helper()
	if n == 0 {
		return NewInbound(InboundConfig{Gateway: w.us, GatewayID: 99})
	}
	b, m, _ := w.build(Config{Inbound: true, Hops: w.hops[:n]})
	w.mustAccept(b, m)
	t, err := b.NewInbound()
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *network) mustAccept(b *Build, m i2np.Message) {
	w.t.Helper()
	r, err := b.HandleReply(m)
	m.Release()
	if err != nil || !r.Accepted {
		w.t.Fatalf("reply %+v, %v", r, err)
	}
}

// carry moves tunnel messages hop by hop until they are at an endpoint or
// are ours; what came out for us is returned, what came out at an endpoint
// goes to deliver.
func (w *network) carry(outs []Out, ours func(i2np.Message), deliver func(Delivery)) {
	w.t.Helper()
	for len(outs) > 0 {
		o := outs[0]
		outs = outs[1:]
		if o.To == w.us {
			ours(o.Message)
			continue
		}
		r, id := w.routers[o.To], binary.BigEndian.Uint32(o.Message.Body)
		if r == nil {
			w.t.Fatalf("no router %v", o.To)
		}
		switch {
		case o.Message.Type == i2np.TunnelGatewayType:
			g, err := i2np.ParseTunnelGateway(o.Message.Body)
			if err != nil {
				w.t.Fatal(err)
			}
			if outs, err = r.gateways[id].Add(outs, w.now, g.Message); err != nil {
				w.t.Fatal(err)
			}
			o.Message.Release()
		case r.participants[id] != nil:
			next, err := r.participants[id].Forward(o.Message)
			if err != nil {
				o.Message.Release()
				continue
			}
			outs = append(outs, next)
		case r.endpoints[id] != nil:
			ds, _ := r.endpoints[id].Handle(nil, w.now, o.Message)
			for _, d := range ds {
				deliver(d)
			}
		default:
			w.t.Fatalf("router without tunnel %d", id)
		}
	}
}

// message makes an I2NP message of n bytes, its standard header included.
func (w *network) message(n int) i2np.Message {
	b := buf.Get(n - i2np.StandardHeaderLen)
	w.rand.Read(b.Bytes())
	return i2np.Message{Type: i2np.GarlicType, ID: uint32(w.rand.Uint64() | 1), Expiration: i2p.DateOf(w.now), Body: b.Bytes(), Owner: b}
}
