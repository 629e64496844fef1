package tunnel

import (
	"errors"
	"testing"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
)

// plain makes the TunnelData body of some fragments, as an assembler sees it.
func plain(fs ...fragment) i2np.Message {
	f := framer{random: seeded(2)}
	for i := range fs {
		b := fs[i].appendTo(nil)
		copy(f.extend(len(b)), b)
	}
	return f.flush(nil)[0].Message
}

// TestFragmentFlood sends beginnings of messages that never end.
func TestFragmentFlood(t *testing.T) {
	before := buf.InUse()
	budget := NewBudget(150)
	a := newAssembler(ivFilter{}, false, budget, nil)
	now := epoch
	for id := range uint32(2000) {
		for n := range 8 {
			m := plain(fragment{id: id, number: n, data: make([]byte, 900)})
			if _, err := a.handle(nil, now, m.Body, m.Owner); err != nil {
				t.Fatal(err)
			}
		}
		if held := buf.InUse() - before; held > 150 || budget.Held() != int(held) || len(a.parts.order) > maxPartials {
			t.Fatalf("%d buffers held, %d counted, %d messages", held, budget.Held(), len(a.parts.order))
		}
	}
	if a.counts.Evicted == 0 {
		t.Error("nothing evicted")
	}
	a.parts.close()
	if n := buf.InUse(); n != before || budget.Held() != 0 {
		t.Errorf("%d buffers in use, %d before; budget %d", n, before, budget.Held())
	}
}

func TestFragmentNonsense(t *testing.T) {
	before := buf.InUse()
	body := make([]byte, 900)
	for name, fs := range map[string][]fragment{
		"twice":              {{id: 1, number: 1, data: body}, {id: 1, number: 1, data: body}},
		"two lasts":          {{id: 1, number: 2, last: true, data: body}, {id: 1, number: 3, last: true, data: body}},
		"after the last":     {{id: 1, number: 2, last: true, data: body}, {id: 1, number: 4, data: body}},
		"last before others": {{id: 1, number: 4, data: body}, {id: 1, number: 2, last: true, data: body}},
	} {
		a := newAssembler(ivFilter{}, false, nil, nil)
		for i := range fs {
			m := plain(fs[i])
			if _, err := a.handle(nil, epoch, m.Body, m.Owner); err != nil {
				t.Fatal(err)
			}
		}
		if a.counts.Dropped != 1 || a.parts.held != 1 {
			t.Errorf("%s: %+v, %d held", name, a.counts, a.parts.held)
		}
		a.parts.close()
	}
	a := newAssembler(ivFilter{}, false, nil, nil) // more than a message may have
	for n := range 64 {
		m := plain(fragment{id: 1, number: n, last: n == 63, data: make([]byte, 990)})
		if ds, _ := a.handle(nil, epoch, m.Body, m.Owner); len(ds) > 0 {
			t.Error("delivered")
		}
	}
	a.parts.close()
	// A local endpoint takes no delivery to others.
	a = newAssembler(ivFilter{}, true, nil, nil)
	m := plain(fragment{address: address{kind: ToRouter}, last: true, data: make([]byte, 16)})
	if ds, _ := a.handle(nil, epoch, m.Body, m.Owner); len(ds) != 0 || a.counts.Dropped != 1 {
		t.Errorf("%d deliveries, %+v", len(ds), a.counts)
	}
	if n := buf.InUse(); n != before {
		t.Errorf("%d buffers in use, %d before", n, before)
	}
}

func TestBadTunnelData(t *testing.T) {
	w := newNetwork(t, 1)
	defer w.close()
	o, in := w.outbound(1), w.inbound(1)
	defer in.Close()
	var e *Endpoint
	for _, e = range w.routers[w.hops[0].Router].endpoints {
	}
	outs, err := o.Send(nil, w.now, Delivery{Message: w.message(50)})
	if err != nil {
		t.Fatal(err)
	}
	outs[0].Message.Body[1000] ^= 1
	if _, err := e.Handle(nil, w.now, outs[0].Message); !errors.Is(err, ErrChecksum) {
		t.Error(err)
	}
	if _, err := e.Handle(nil, w.now, i2np.Message{Body: make([]byte, 5)}); err == nil {
		t.Error("5 bytes were taken")
	}
	if _, err := in.Handle(nil, w.now, i2np.Message{Type: i2np.TunnelDataType, Body: make([]byte, 1028)}); !errors.Is(err, ErrChecksum) {
		t.Error(err)
	}
	if _, err := in.Handle(nil, w.now, i2np.Message{Type: i2np.GarlicType}); err == nil {
		t.Error("a garlic message was taken")
	}
	if _, err := w.inbound(0).Handle(nil, w.now, i2np.Message{Type: i2np.TunnelGatewayType, Body: make([]byte, 6)}); err != nil {
		t.Error(err)
	}
	if _, err := o.Send(nil, w.now, Delivery{Message: w.message(i2np.MaxTunnelMessage + 1)}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	g := NewGateway(GatewayConfig{Rand: seeded(1)})
	if outs, err := g.Add(nil, w.now, make([]byte, 15), make([]byte, 17)); err == nil || len(outs) != 0 {
		t.Error("junk was put into a tunnel")
	}
}
