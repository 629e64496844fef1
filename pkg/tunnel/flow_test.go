package tunnel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

var flowSizes = []int{17, 100, 900, 950, 985, 1000, 1001, 1002, 1016, 1500, 1996, 2000, 4096, 20_000, 60_016, i2np.MaxTunnelMessage}

func same(t *testing.T, got i2np.Message, want []byte) {
	t.Helper()
	if b := got.AppendStandard(nil); !bytes.Equal(b, want) {
		t.Fatalf("%d bytes came, other than the %d sent", len(b), len(want))
	}
}

// TestFlow carries messages through an outbound tunnel, from its endpoint to
// the gateway of an inbound one, and through that.
func TestFlow(t *testing.T) {
	for n := 0; n <= MaxHops; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newNetwork(t, n)
			defer w.close()
			out, in := w.outbound(n), w.inbound(n)
			defer in.Close()
			if len(out.layers) != n || len(in.layers) != n {
				t.Fatalf("%d and %d hops", len(out.layers), len(in.layers))
			}
			gateway, id := in.Gateway()
			var came []i2np.Message
			ours := func(m i2np.Message) {
				ds, err := in.Handle(nil, w.now, m)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range ds {
					came = append(came, d.Message)
				}
			}
			var deliver func(d Delivery)
			deliver = func(d Delivery) { w.carry([]Out{d.Forward(w.now, 1)}, ours, deliver) }
			for _, size := range flowSizes {
				m := w.message(size)
				want := m.AppendStandard(nil)
				outs, err := out.Send(nil, w.now, Delivery{Kind: ToTunnel, Router: gateway, Tunnel: id, Message: m})
				if err != nil {
					t.Fatal(err)
				}
				w.carry(outs, ours, deliver)
				if len(came) != 1 {
					t.Fatalf("%d bytes: %d messages came", size, len(came))
				}
				same(t, came[0], want)
				came[0].Release()
				came = came[:0]
			}
		})
	}
}

func TestRouterDelivery(t *testing.T) {
	w := newNetwork(t, 2)
	defer w.close()
	o := w.outbound(2)
	m := w.message(300)
	want := m.AppendStandard(nil)
	outs, err := o.Send(nil, w.now, Delivery{Kind: ToRouter, Router: w.us, Message: m})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	w.carry(outs, nil, func(d Delivery) {
		n++
		f := d.Forward(w.now, 0)
		if d.Kind != ToRouter || f.To != w.us {
			t.Errorf("%+v", d)
		}
		same(t, f.Message, want)
		f.Message.Release()
	})
	if n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

// TestBatch hands many messages over at once: they share tunnel messages,
// and come out in order.
func TestBatch(t *testing.T) {
	w := newNetwork(t, 3)
	defer w.close()
	out, in := w.outbound(3), w.inbound(3)
	defer in.Close()
	r := rand.New(seeded(9))
	var ds []Delivery
	var want [][]byte
	total := 0
	for range 200 {
		size := 17 + r.IntN(400)
		if r.IntN(10) == 0 {
			size = 17 + r.IntN(5000)
		}
		m := w.message(size)
		ds, want = append(ds, Delivery{Kind: ToRouter, Router: w.us, Message: m}), append(want, m.AppendStandard(nil))
		total += size + 35
	}
	outs, err := out.Send(nil, w.now, ds...)
	if err != nil {
		t.Fatal(err)
	}
	if least := total/maxPayload + 1; len(outs) > least*115/100 {
		t.Errorf("%d tunnel messages for %d bytes, %d would do", len(outs), total, least)
	}
	next := 0
	w.carry(outs, nil, func(d Delivery) {
		same(t, d.Message, want[next])
		next++
		d.Message.Release()
	})
	if next != len(want) {
		t.Fatalf("%d of %d messages came", next, len(want))
	}
	g, _ := in.Gateway()
	var back []Out
	for _, gw := range w.routers[g].gateways {
		if back, err = gw.Add(nil, w.now, want...); err != nil {
			t.Fatal(err)
		}
	}
	next = 0
	w.carry(back, func(m i2np.Message) {
		got, err := in.Handle(nil, w.now, m)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got {
			same(t, d.Message, want[next])
			next++
			d.Message.Release()
		}
	}, nil)
	if next != len(want) {
		t.Fatalf("%d of %d messages came back", next, len(want))
	}
}

// TestDisorder shuffles, duplicates and loses tunnel messages on their way
// to the endpoint: what comes out is right, and comes once.
func TestDisorder(t *testing.T) {
	w := newNetwork(t, 1)
	defer w.close()
	o := w.outbound(1)
	var e *Endpoint
	for _, e = range w.routers[w.hops[0].Router].endpoints {
	}
	r := rand.New(seeded(7))
	complete, came := 0, 0
	for round := range 300 {
		w.now = w.now.Add(2 * time.Second)
		var ds []Delivery
		want := map[uint32][]byte{}
		for range 1 + r.IntN(4) {
			m := w.message(17 + r.IntN(12_000))
			want[m.ID] = m.AppendStandard(nil)
			ds = append(ds, Delivery{Kind: ToTunnel, Router: w.us, Tunnel: 5, Message: m})
		}
		outs, err := o.Send(nil, w.now, ds...)
		if err != nil {
			t.Fatal(err)
		}
		for range r.IntN(4) {
			m := outs[r.IntN(len(outs))].Message
			outs = append(outs, Out{Message: m.Own()})
		}
		r.Shuffle(len(outs), func(i, j int) { outs[i], outs[j] = outs[j], outs[i] })
		lossless := round%2 == 0
		if !lossless {
			outs[0].Message.Release()
			outs = outs[1:]
		} else {
			complete += len(want)
		}
		for _, x := range outs {
			got, err := e.Handle(nil, w.now, x.Message)
			if err != nil && !errors.Is(err, ErrDuplicate) {
				t.Fatal(err)
			}
			for _, d := range got {
				f := d.Forward(w.now, 1)
				g, err := i2np.ParseTunnelGateway(f.Message.Body)
				if err != nil || g.Tunnel != 5 || f.To != w.us || !bytes.Equal(g.Message, want[d.Message.ID]) {
					t.Fatalf("round %d: wrong message, %v", round, err)
				}
				delete(want, d.Message.ID)
				f.Message.Release()
				if lossless {
					came++
				}
			}
		}
		if lossless && len(want) > 0 {
			t.Fatalf("round %d: %d messages did not come", round, len(want))
		}
	}
	if came != complete {
		t.Errorf("%d of %d messages came", came, complete)
	}
	if s := e.counts; s.Expired == 0 || s.Duplicates == 0 || s.Bad != 0 {
		t.Errorf("%+v", s)
	}
	e.Expire(w.now.Add(time.Minute))
	if e.parts.held != 0 || len(e.parts.partials) != 0 {
		t.Errorf("%d fragments held at the end", e.parts.held)
	}
}

func TestParticipant(t *testing.T) {
	p := NewParticipant(ParticipantConfig{NextRouter: i2p.HashOf(nil), NextTunnel: 77, Rand: seeded(1)})
	body := make([]byte, i2np.TunnelDataLen)
	seeded(4).Read(body)
	swapped := bytes.Clone(body)
	copy(swapped[4:], body[20:36])
	copy(swapped[20:], body[4:20])
	first := bytes.Clone(body)
	o, err := p.Forward(i2np.Message{Type: i2np.TunnelDataType, ID: 5, Body: body})
	if err != nil || o.To != i2p.HashOf(nil) || binary.BigEndian.Uint32(body) != 77 || o.Message.ID == 5 {
		t.Fatalf("%+v, %v", o, err)
	}
	for _, b := range [][]byte{first, swapped} {
		if err := p.Apply(b); !errors.Is(err, ErrDuplicate) {
			t.Error(err)
		}
	}
	if err := p.Apply(body[1:]); err == nil {
		t.Error("1027 bytes were taken")
	}
	l := layer{keys: p.layer.keys}
	l.decrypt(body)
	if !bytes.Equal(body[4:], first[4:]) {
		t.Error("decrypting does not undo encrypting")
	}
}

func TestIVFilter(t *testing.T) {
	f := newIVFilter(nil, LayerKeys{IV: [32]byte{1, 2, 3, 8: 4}})
	body := make([]byte, i2np.TunnelDataLen)
	r := seeded(5)
	const n = 100_000
	bodies := make([][32]byte, n)
	false_, asked, forgotten := 0, 0, 0
	for i := range bodies {
		r.Read(bodies[i][:])
		copy(body[4:], bodies[i][:])
		if f.seen(body) {
			false_++
		}
		if !f.seen(body) {
			t.Fatal("not remembered")
		}
		if i >= 8000 && i%1000 == 0 {
			for _, back := range []int{1, 100, 8000} {
				copy(body[4:], bodies[i-back][:])
				if !f.seen(body) {
					t.Fatalf("message %d forgotten at %d", i-back, i)
				}
			}
		}
		if i >= 50_000 && i%10 == 0 { // what was asked for before is put into it no more
			copy(body[4:], bodies[i-16_001][:])
			if asked++; !f.seen(body) {
				forgotten++
			}
		}
		if len(f.lines) > ivLinesMax {
			t.Fatal("too large")
		}
	}
	if forgotten*100 > asked {
		t.Errorf("of %d messages, 16,000 before, %d are forgotten", asked, forgotten)
	}
	if false_ > 3 {
		t.Errorf("%d false positives in %d", false_, n)
	}
	// What a hostile hop sends must not slow it down, nor take up more.
	clear(body)
	for i := range n {
		binary.LittleEndian.PutUint64(body[4:], uint64(i)<<40)
		f.seen(body)
	}
}

// TestIVFilterBudget: the filters of all tunnels together take no more than the budget; those
// that come too late remember what came last, and what a tunnel had is there for others after it.
func TestIVFilterBudget(t *testing.T) {
	budget := NewBudget(0)
	r := seeded(7)
	body := make([]byte, i2np.TunnelDataLen)
	carry := func(p *Participant, n int) {
		for range n {
			r.Read(body[4:36])
			if err := p.Apply(body); err != nil {
				t.Fatal(err)
			}
		}
	}
	hop := func() *Participant {
		return NewParticipant(ParticipantConfig{NextTunnel: 1, Budget: budget, Rand: r})
	}
	size := int(unsafe.Sizeof(ivLine{}))
	budget.filters.max = int64(2 * ivLinesMax * size)
	var all []*Participant
	lines := 0
	for range 8 {
		p := hop()
		carry(p, 5000)
		all, lines = append(all, p), lines+len(p.seen.lines)
	}
	held, refused := budget.Filters()
	if most := 2*ivLinesMax + len(all)*ivLinesFree; lines > most || held > 2*ivLinesMax*size || refused == 0 {
		t.Errorf("%d lines, of %d; %d bytes, %d refused", lines, most, held, refused)
	}
	late := all[7]
	r.Read(body[4:36])
	again := bytes.Clone(body)
	if late.Apply(body) != nil || late.Apply(again) != ErrDuplicate {
		t.Error("a late one does not remember its last message")
	}
	for _, p := range all {
		p.Close()
	}
	if held, _ := budget.Filters(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
	p := hop()
	if carry(p, 5000); len(p.seen.lines) != ivLinesMax {
		t.Errorf("there is room, and the filter has %d lines", len(p.seen.lines))
	}
}

// TestIVFilterKeys: which messages go into one line is another matter with other keys.
func TestIVFilterKeys(t *testing.T) {
	a, b := newIVFilter(nil, LayerKeys{IV: [32]byte{1}}), newIVFilter(nil, LayerKeys{IV: [32]byte{1}}, LayerKeys{IV: [32]byte{15: 1}})
	r := seeded(6)
	body := make([]byte, i2np.TunnelDataLen)
	first := make([]byte, i2np.TunnelDataLen)
	r.Read(first[4:36])
	a.seen(first)
	b.seen(first)
	for sent := 0; a.line(a.hash(first)).has(a.hash(first)); sent++ { // by one who knows a's keys
		if sent > 1e6 {
			t.Fatal("not to be had out of a")
		}
		r.Read(body[4:36])
		if a.line(a.hash(body)) == a.line(a.hash(first)) {
			a.seen(body)
			b.seen(body)
		}
	}
	if !b.seen(first) {
		t.Error("out of b as well")
	}
}

func TestPadding(t *testing.T) {
	for n := range 40 {
		b := make([]byte, n)
		fillNonzero(b, seeded(byte(n)))
		if slices.Contains(b, 0) {
			t.Errorf("zero in % x", b)
		}
	}
	for _, w := range []uint64{0, 1, 1 << 63, 0x00ff00ff00ff00ff, 0x0100000000000001} {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], nonzero(w))
		if slices.Contains(b[:], 0) {
			t.Errorf("%x gives % x", w, b)
		}
	}
}
