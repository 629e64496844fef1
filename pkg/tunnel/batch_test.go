package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// hops are some of every kind, each with keys of its own.
type hops struct {
	participants []*Participant
	gateways     []*Gateway
	endpoints    []*Endpoint
	creators     []*Outbound // of the endpoints
}

func newHops(t *testing.T, n int) *hops {
	t.Helper()
	var h hops
	for i := range n {
		seed := byte(i)
		keys := LayerKeys{Layer: i2p.HashOf([]byte{seed}), IV: i2p.HashOf([]byte{seed, 1})}
		next := i2p.HashOf([]byte{seed, 2})
		p := NewParticipant(ParticipantConfig{Keys: keys, NextRouter: next, NextTunnel: 1, Rand: seeded(seed)})
		g := NewGateway(GatewayConfig{Keys: keys, NextRouter: next, NextTunnel: 2, Rand: seeded(seed)})
		o := NewOutbound(OutboundConfig{Layers: []LayerKeys{keys}, Rand: seeded(seed)})
		h.participants, h.gateways = append(h.participants, p), append(h.gateways, g)
		h.endpoints, h.creators = append(h.endpoints, NewEndpoint(EndpointConfig{Keys: keys})), append(h.creators, o)
	}
	return &h
}

// event is what came out of a hop, in words.
func event(o Out) string {
	defer o.Message.Release()
	return fmt.Sprintf("%v %d %x", o.To, o.Message.ID, i2p.HashOf(o.Message.Body))
}

// TestBatchAlone: a batch does what the hops do one by one, in that order.
func TestBatchAlone(t *testing.T) {
	buftest.NoLeak(t)
	r := rand.New(seeded(1))
	together, alone := newHops(t, 5), newHops(t, 5)
	var batch Batch
	var got, want []string
	failed := func(dst *[]string, err error) {
		if err != nil {
			*dst = append(*dst, err.Error())
		}
	}
	delivered := func(dst *[]string, ds []Delivery, err error) {
		failed(dst, err)
		for _, d := range ds {
			*dst = append(*dst, event(d.Forward(epoch, 1)))
		}
	}
	for range 60 {
		for range r.IntN(30) {
			i := r.IntN(5)
			switch r.IntN(3) {
			case 0:
				body := make([]byte, i2np.TunnelDataLen)
				seeded(byte(r.IntN(256))).Read(body)
				m := i2np.Message{Type: i2np.TunnelDataType, Body: body}
				a, b := m.Own(), m.Own()
				errA := batch.Forward(together.participants[i], a)
				out, errB := alone.participants[i].Forward(b)
				if !errors.Is(errB, errA) {
					t.Fatal(errA, errB)
				}
				if errB != nil {
					a.Release()
					b.Release()
				} else {
					want = append(want, event(out))
				}
			case 1:
				raw := i2np.Message{Type: i2np.DataType, Body: make([]byte, r.IntN(5000))}.AppendStandard(nil)
				n, err := batch.Add(together.gateways[i], epoch, raw)
				outs, errB := alone.gateways[i].Add(nil, epoch, raw)
				if err != nil || errB != nil || n != len(outs) {
					t.Fatal(n, err, errB)
				}
				for _, o := range outs {
					want = append(want, event(o))
				}
			default:
				m := i2np.Message{Type: i2np.DataType, ID: 1, Body: bytes.Repeat([]byte{byte(i)}, r.IntN(3000))}
				outs, err := alone.creators[i].Send(nil, epoch, Delivery{Kind: ToRouter, Router: i2p.HashOf(nil), Message: m})
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range outs {
					if err := batch.Handle(together.endpoints[i], o.Message.Own()); err != nil {
						t.Fatal(err)
					}
					ds, err := alone.endpoints[i].Handle(nil, epoch, o.Message)
					delivered(&want, ds, err)
				}
			}
		}
		batch.Run(
			func(o Out) { got = append(got, event(o)) },
			func(e *Endpoint, m i2np.Message) {
				ds, err := e.Reassemble(nil, epoch, m)
				delivered(&got, ds, err)
			})
		if batch.Len() != 0 {
			t.Fatalf("%d messages left", batch.Len())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("together:\n%q\nalone:\n%q", got, want)
		}
	}
	if len(got) < 500 {
		t.Errorf("%d messages came out", len(got))
	}
	for i := range together.endpoints {
		together.endpoints[i].Close()
		alone.endpoints[i].Close()
	}
}

// TestBatchAgain: work that is added while work comes out waits for the next
// Run.
func TestBatchAgain(t *testing.T) {
	h := newHops(t, 2)
	var batch Batch
	raw := i2np.Message{Type: i2np.DataType, Body: make([]byte, 100)}.AppendStandard(nil)
	add := func(g *Gateway) {
		if _, err := batch.Add(g, epoch, raw); err != nil {
			t.Fatal(err)
		}
	}
	add(h.gateways[0])
	add(h.gateways[0])
	for run, wanted := range []struct{ g, n int }{{0, 2}, {1, 2}} {
		n := 0
		batch.Run(func(o Out) {
			n++
			if o.To != h.gateways[wanted.g].NextRouter() {
				t.Errorf("run %d: a message for another router", run)
			}
			o.Message.Release()
			if run == 0 {
				add(h.gateways[1])
			}
		}, nil)
		if n != wanted.n {
			t.Errorf("run %d: %d messages", run, n)
		}
	}
	if batch.Len() != 0 {
		t.Errorf("%d messages left", batch.Len())
	}
}

// TestBatchOfClosed: an endpoint that is closed while a batch has messages for it, as one
// whose tunnel gives way to another's, keeps nothing of them.
func TestBatchOfClosed(t *testing.T) {
	buftest.NoLeak(t)
	h, budget := newHops(t, 1), NewBudget(0)
	e := NewEndpoint(EndpointConfig{Keys: LayerKeys{Layer: i2p.HashOf([]byte{0}), IV: i2p.HashOf([]byte{0, 1})}, Budget: budget})
	outs, err := h.creators[0].Send(nil, epoch, Delivery{Kind: ToRouter, Router: i2p.HashOf(nil), Message: i2np.Message{Type: i2np.DataType, Body: make([]byte, 3000)}})
	if err != nil || len(outs) < 3 {
		t.Fatal(len(outs), err)
	}
	var batch Batch
	for i, o := range outs {
		if i == len(outs)-1 { // the message is never whole
			o.Message.Release()
		} else if err := batch.Handle(e, o.Message); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	batch.Run(nil, func(e *Endpoint, m i2np.Message) {
		if ds, err := e.Reassemble(nil, epoch, m); len(ds) > 0 || err != nil {
			t.Error(len(ds), err)
		}
	})
	if budget.Held() != 0 {
		t.Errorf("%d fragments are held for ever", budget.Held())
	}
}
