package streaming_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/streaming"
)

func TestReset(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	s, r := opened(t, w, a, b)
	var reset []byte
	w.tap = func(_, _ *node, payload []byte) bool {
		p := peek(t, payload)
		if !p.Flags.Has(streaming.Reset) {
			return true
		}
		if !p.Flags.Has(streaming.SignatureIncluded) || p.SequenceNum != 1 {
			t.Errorf("%v, number %d", p.Flags, p.SequenceNum)
		}
		reset = bytes.Clone(payload)
		return false // held back: a forged one first
	}
	s.conn.Reset()
	w.idle(time.Second, s)
	if s.err != streaming.ErrAborted || r.closed {
		t.Fatal(s.err, r.closed)
	}
	h, raw, _ := datagram.Decode(reset, 0)
	for i := range raw {
		forged := bytes.Clone(raw)
		forged[i] ^= 0x10
		b.mux.Handle(w.now, h.AppendStored(nil, forged))
		if r.closed {
			t.Fatalf("a RESET with byte %d changed was believed", i)
		}
	}
	b.mux.Handle(w.now, reset)
	if !errors.Is(r.err, streaming.ErrReset) {
		t.Error(r.err)
	}
	if b.mux.Counters().BadSignature == 0 {
		t.Error("forgeries are not counted")
	}
}

func TestForgedClose(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	s, r := opened(t, w, a, b)
	w.tap = func(_, to *node, payload []byte) bool {
		if p := peek(t, payload); to == b && p.Flags.Has(streaming.Close) {
			h, raw, _ := datagram.Decode(payload, 0)
			raw = bytes.Clone(raw)
			raw[len(raw)-1] ^= 1
			b.mux.Handle(w.now, h.AppendStored(nil, raw))
			return false
		}
		return true
	}
	s.conn.CloseWrite()
	w.idle(2*time.Second, s)
	if r.ended {
		t.Error("a forged CLOSE was believed")
	}
}

// TestReplayedSYN: a SYN that was seen before opens no stream, also once its stream has ended.
func TestReplayedSYN(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	victim := w.add(streaming.Config{})
	w.connect(a, victim, plain, plain)
	var syn []byte
	w.tap = func(_, _ *node, payload []byte) bool {
		if syn == nil {
			syn = bytes.Clone(payload)
		}
		return true
	}
	s, r := opened(t, w, a, b)
	victim.mux.Handle(w.now, syn)
	if len(victim.accepted) != 0 || victim.mux.Counters().WrongRecipient != 1 {
		t.Errorf("replayed to another destination: %+v", victim.mux.Counters())
	}
	b.mux.Handle(w.now, syn)
	if len(b.accepted) != 1 {
		t.Error("a repeated SYN made a second stream")
	}
	s.conn.Close()
	r.conn.Close()
	w.idle(time.Minute, s)
	if b.mux.Len() != 0 {
		t.Fatal("still there")
	}
	b.mux.Handle(w.now, syn)
	if len(b.accepted) != 1 || b.mux.Counters().Replayed != 1 {
		t.Errorf("replayed after its end: %+v", b.mux.Counters())
	}
}

// TestSYNFlood: who opens streams without end keeps nobody else from opening one.
func TestSYNFlood(t *testing.T) {
	long(t)
	limits := streaming.Limits{Streams: 200, SYNsPerSecond: 100}
	w, good, b := two(t, streaming.Config{}, streaming.Config{Limits: limits}, link{latency: 50 * ms, rate: 4e6, queue: 4 << 20})
	s, r := opened(t, w, good, b)
	bad := w.add(streaming.Config{Limits: streaming.Limits{Streams: -1}, MaxSilence: 1})
	w.connect(bad, b, plain, plain)
	s.toSend, s.finish = 2<<20, true
	for range 5000 {
		if _, err := bad.mux.Open(w.now, b.keys.Destination(), streaming.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if !w.run(10*time.Second, sideList(w, s), func() bool { return r.ended }) {
		t.Fatal("the living stream starved")
	}
	if n := b.mux.Len(); n > 201 {
		t.Errorf("%d streams", n)
	}
	if c := b.mux.Counters(); c.Refused < 4700 {
		t.Errorf("%+v", c)
	}
}

func TestRates(t *testing.T) {
	limits := streaming.Limits{PeerPerMinute: 3, TotalPerHour: 5, Reset: true}
	w, a, b := two(t, streaming.Config{}, streaming.Config{Limits: limits}, plain)
	other := w.add(streaming.Config{})
	w.connect(other, b, plain, plain)
	try := func(from *node) bool {
		before := len(b.accepted)
		s := w.dial(from, b, streaming.OpenOptions{})
		w.idle(time.Second, s)
		if ok := len(b.accepted) > before; ok == s.closed || s.closed && !errors.Is(s.err, streaming.ErrReset) {
			t.Errorf("accepted %v, but %v", ok, s.err)
		}
		return len(b.accepted) > before
	}
	for i := range 5 {
		if try(a) != (i < 3) {
			t.Errorf("stream %d of a minute", i)
		}
	}
	if !try(other) {
		t.Error("another peer must not suffer")
	}
	w.idle(time.Minute)
	if !try(a) || try(a) {
		t.Error("the total of an hour is 5")
	}
}
