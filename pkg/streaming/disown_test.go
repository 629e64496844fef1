package streaming_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/streaming"
)

// restarted is a destination that was started anew, and a peer's stream with what it was.
type restarted struct {
	w     *network
	a     *node
	s     *side
	again *streaming.Mux
	stray []byte // what a has sent since
}

func newRestarted(t *testing.T, before, after *i2p.PrivateKeys) *restarted {
	w := newNetwork(t, 1)
	a, b := w.add(streaming.Config{}), w.add(streaming.Config{Keys: before})
	w.connect(a, b, plain, plain)
	r := &restarted{w: w, a: a, s: w.dial(a, b, streaming.OpenOptions{LocalPort: 5, Port: 7})}
	r.s.toSend = 100
	w.run(time.Minute, sideList(w, r.s), func() bool { return len(b.accepted) > 0 && b.accepted[0].got == 100 })
	b.accepted[0].toSend = 4000
	w.run(time.Minute, sideList(w, r.s), func() bool { return r.s.got == 4000 })
	w.idle(time.Second, r.s)
	w.tap = func(_, _ *node, payload []byte) bool {
		r.stray = bytes.Clone(payload)
		return false
	}
	r.s.toSend = 10
	w.run(time.Second, sideList(w, r.s), func() bool { return r.stray != nil })
	if after == nil {
		after = b.keys
	}
	var err error
	if r.again, err = streaming.New(w.now, streaming.Config{Keys: after, Events: b, Rand: seeded{rand.NewChaCha8([32]byte{6})}}); err != nil {
		t.Fatal(err)
	}
	return r
}

// disown has the destination answer what came, as of a sender, and returns the answers.
func (r *restarted) disown(sender i2p.Destination, payload []byte) (out [][]byte) {
	if r.again.Handle(r.w.now, payload) {
		return nil
	}
	r.again.Disown(r.w.now, sender, payload)
	for _, batch := range r.again.Flush(r.w.now) {
		for _, p := range batch.Packets {
			if batch.Hash == sender.Hash() {
				out = append(out, bytes.Clone(p.Bytes()))
			}
			p.Release()
		}
	}
	return out
}

// TestDisown: who goes on with a stream of which a restarted destination knows nothing is
// told so at once, also where another transient key signs for it than before.
func TestDisown(t *testing.T) {
	rng := seeded{rand.NewChaCha8([32]byte{43})}
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rng)
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, keys := range map[string][2]*i2p.PrivateKeys{
		"its own key":           {k, k},
		"another transient key": {withTransient(t, k, rng, expires), withTransient(t, k, rng, expires)},
	} {
		r := newRestarted(t, keys[0], keys[1])
		out := r.disown(r.a.keys.Destination(), r.stray)
		if len(out) != 1 {
			t.Fatalf("%s: %d answers", name, len(out))
		}
		h, raw, err := datagram.Decode(out[0], 0)
		if err != nil {
			t.Fatal(err)
		}
		was, p := peek(t, r.stray), peek(t, out[0])
		if h.From != 7 || h.To != 5 || p.SendStreamID != was.ReceiveStreamID || p.ReceiveStreamID != was.SendStreamID ||
			p.SequenceNum != was.AckThrough+1 { // i2pd takes it in its turn only
			t.Errorf("%s: %+v, %+v in answer to %+v", name, h, p, was)
		}
		for i := range raw {
			forged := bytes.Clone(raw)
			forged[i] ^= 0x10
			if r.a.mux.Handle(r.w.now, h.AppendStored(nil, forged)); r.s.closed {
				t.Fatalf("%s: with byte %d changed it was believed", name, i)
			}
		}
		if r.a.mux.Handle(r.w.now, out[0]); !r.s.closed || r.s.err != streaming.ErrReset {
			t.Errorf("%s: %v, %v", name, r.s.closed, r.s.err)
		}
		if c := r.again.Counters(); c.Disowned != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestNotDisowned: nothing is said to a RESET, which would go to and fro for ever, to an echo,
// to what opens a stream, nor by a destination whose user has left: another one may have come
// elsewhere.
func TestNotDisowned(t *testing.T) {
	for name, change := range map[string]func(*streaming.Mux, *streaming.Packet){
		"RESET":   func(_ *streaming.Mux, p *streaming.Packet) { p.Flags |= streaming.Reset },
		"echo":    func(_ *streaming.Mux, p *streaming.Packet) { p.Flags |= streaming.Echo },
		"opening": func(_ *streaming.Mux, p *streaming.Packet) { p.SendStreamID = 0 },
		"retired": func(m *streaming.Mux, _ *streaming.Packet) { m.Retire() },
	} {
		r := newRestarted(t, nil, nil)
		h, raw, err := datagram.Decode(r.stray, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := streaming.ParsePacket(raw)
		if err != nil {
			t.Fatal(err)
		}
		change(r.again, &p)
		if out := r.disown(r.a.keys.Destination(), h.AppendStored(nil, p.AppendTo(nil))); len(out) > 0 {
			t.Errorf("%s: %d answers", name, len(out))
		}
	}
}

// TestDisownIsBounded: a flood of packets of no stream gets few answers, and that of one peer
// leaves some to others.
func TestDisownIsBounded(t *testing.T) {
	r := newRestarted(t, nil, nil)
	told := 0
	for range 2000 {
		told += len(r.disown(r.a.keys.Destination(), r.stray))
	}
	if told != 256 {
		t.Errorf("one peer is told %d times", told)
	}
	for i := range 10 {
		other := r.w.add(streaming.Config{}).keys.Destination()
		for range 100 {
			told += len(r.disown(other, r.stray))
		}
		if i == 0 && told != 256+100 {
			t.Errorf("another peer is told %d times", told-256)
		}
	}
	if told != 512 {
		t.Errorf("all are told %d times", told)
	}
	r.w.now = r.w.now.Add(time.Second)
	if n := len(r.disown(r.a.keys.Destination(), r.stray)); n != 1 {
		t.Error("a peer was not told a second later")
	}
}
