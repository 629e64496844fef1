package streaming_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/streaming"
)

// TestAbsent: who opens a stream to a port where nobody takes any is told in one round trip,
// also by one whose packets a transient key signs. Who is refused for other reasons is not,
// unless that is wished.
func TestAbsent(t *testing.T) {
	for _, tt := range []struct {
		answer  streaming.Answer
		offline bool
		limits  streaming.Limits
		told    bool
	}{
		{streaming.Absent, false, streaming.Limits{}, true},
		{streaming.Absent, true, streaming.Limits{}, true},
		{streaming.Refuse, false, streaming.Limits{}, false},
		{streaming.Refuse, false, streaming.Limits{Reset: true}, true},
	} {
		w := newNetwork(t, 1)
		cfg := streaming.Config{Limits: tt.limits}
		if tt.offline {
			cfg.Keys = offlineKeys(t, w.now.Add(time.Hour))
		}
		a, b := w.add(streaming.Config{}), w.add(cfg)
		w.connect(a, b, plain, plain)
		b.answer = tt.answer
		s := w.dial(a, b, streaming.OpenOptions{Port: 7})
		w.run(2*plain.latency+50*ms, sideList(w, s), func() bool { return s.closed })
		if s.closed != tt.told || tt.told && (s.err != streaming.ErrRefused || !errors.Is(s.err, streaming.ErrReset)) {
			t.Errorf("%+v: %v, %v", tt, s.closed, s.err)
		}
		c := b.mux.Counters()
		if (c.Absent == 1) != (tt.answer == streaming.Absent) || (c.Refused == 1) != (tt.answer == streaming.Refuse) || b.mux.Len() != 0 {
			t.Errorf("%+v: %+v, %d streams", tt, c, b.mux.Len())
		}
	}
}

// TestRefusalIsDue: a refusal, which is no stream's, is to be sent at once.
func TestRefusalIsDue(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	b.answer = streaming.Absent
	if _, err := a.mux.Open(w.now, b.keys.Destination(), streaming.OpenOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, batch := range a.mux.Flush(w.now) {
		for _, p := range batch.Packets {
			b.mux.Handle(w.now, p.Bytes())
			p.Release()
		}
	}
	if at := b.mux.Deadline(); at.IsZero() || at.After(w.now) {
		t.Errorf("due at %v", at)
	}
	if out := b.mux.Flush(w.now); len(out) != 1 || !b.mux.Deadline().IsZero() {
		t.Errorf("%d batches, then due at %v", len(out), b.mux.Deadline())
	}
}

// TestForgedRefusal: nobody but the peer says no for it.
func TestForgedRefusal(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	other := w.add(streaming.Config{Keys: offlineKeys(t, w.now.Add(time.Hour))})
	w.connect(a, other, plain, plain)
	b.answer, other.answer = streaming.Absent, streaming.Absent
	var no []byte
	w.tap = func(from, _ *node, payload []byte) bool {
		if from == a {
			return true
		}
		no = bytes.Clone(payload)
		return false
	}
	s, elsewhere := w.dial(a, b, streaming.OpenOptions{}), w.dial(a, other, streaming.OpenOptions{})
	w.run(2*plain.latency, sideList(w, s), func() bool { return no != nil })
	h, raw, err := datagram.Decode(no, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		forged := bytes.Clone(raw)
		forged[i] ^= 0x10
		if a.mux.Handle(w.now, h.AppendStored(nil, forged)); s.closed {
			t.Fatalf("with byte %d changed it was believed", i)
		}
	}
	// Another destination signs for itself, by its transient key, and names the stream.
	no = nil
	w.run(time.Minute, sideList(w, elsewhere), func() bool { return no != nil })
	h, raw, err = datagram.Decode(no, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := streaming.ParsePacket(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Flags.Has(streaming.OfflineSignature) || elsewhere.closed {
		t.Fatal("not the packet that was meant")
	}
	foreign := bytes.Clone(raw)
	copy(foreign, []byte{byte(s.conn.ID() >> 24), byte(s.conn.ID() >> 16), byte(s.conn.ID() >> 8), byte(s.conn.ID())})
	if a.mux.Handle(w.now, h.AppendStored(nil, foreign)); s.closed {
		t.Error("another's no was believed")
	}
}

// TestRefusalsAreBounded: a flood of SYNs gets few answers, and those of one peer leave some
// to others.
func TestRefusalsAreBounded(t *testing.T) {
	w, good, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	b.answer = streaming.Absent
	flood := func(n int) {
		bad := w.add(streaming.Config{Limits: streaming.Limits{Streams: -1}, MaxSilence: 1})
		w.connect(bad, b, plain, plain)
		for range n {
			if _, err := bad.mux.Open(w.now, b.keys.Destination(), streaming.OpenOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	flood(300)
	w.idle(plain.latency + 10*ms)
	if c := b.mux.Counters(); c.Absent != 300 || c.Untold != 280 || c.Out != 20 {
		t.Errorf("one peer: %+v", c)
	}
	s := w.dial(good, b, streaming.OpenOptions{})
	if !w.run(2*plain.latency+50*ms, sideList(w, s), func() bool { return s.closed }) {
		t.Error("another peer was not told")
	}
	for range 20 {
		flood(20)
	}
	w.idle(plain.latency + 10*ms)
	if c := b.mux.Counters(); c.Out > 250 || c.Untold < 400 {
		t.Errorf("many peers: %+v", c)
	}
}
