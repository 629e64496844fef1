package streaming_test

import (
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// signedClose is what a CLOSE has.
const signedClose = streaming.Close | streaming.SignatureIncluded

type packet = streaming.Packet

// hang is what a peer does that lets nothing get through.
type hang struct {
	sends bool                // our side
	every time.Duration       // the peer says something
	says  func(n int) *packet // the n-th time; nil: nothing
	end   error               // nil: it lives
	least time.Duration
	most  time.Duration
}

var hangs = map[string]hang{
	"sends, and acknowledges nothing": {
		sends: true, every: time.Second, end: streaming.ErrTimeout, least: 3 * time.Minute, most: 5 * time.Minute,
		says: func(n int) *packet { return &packet{SequenceNum: uint32(n), Payload: []byte("x")} },
	},
	"acknowledges what was not sent": {
		sends: true, every: time.Second, end: streaming.ErrTimeout, least: 3 * time.Minute, most: 5 * time.Minute,
		says: func(int) *packet { return &packet{AckThrough: 1 << 30} },
	},
	"never has the second packet": {
		sends: true, every: time.Second, end: streaming.ErrTimeout, least: 3 * time.Minute, most: 6 * time.Minute,
		says: func(int) *packet { return &packet{AckThrough: 400, NACKs: []byte{0, 0, 0, 2}} },
	},
	"misses more than it can name": {
		sends: true, every: time.Second, end: streaming.ErrTimeout, least: 3 * time.Minute, most: 6 * time.Minute,
		says: func(int) *packet { return &packet{Flags: streaming.DelayRequested, Delay: 65535} },
	},
	"chokes, and is heard no more": {
		sends: true, every: time.Second, end: streaming.ErrTimeout, least: 3 * time.Minute, most: 5 * time.Minute,
		says: func(n int) *packet {
			if n > 1 {
				return nil
			}
			return &packet{AckThrough: 2, Flags: streaming.DelayRequested, Delay: 61000}
		},
	},
	"chokes once, and acknowledges the same again and again": {
		sends: true, every: time.Second, end: streaming.ErrTimeout, least: 3 * time.Minute, most: 5 * time.Minute,
		says: func(n int) *packet {
			if n > 1 {
				return &packet{AckThrough: 2}
			}
			return &packet{AckThrough: 2, Flags: streaming.DelayRequested, Delay: 61000}
		},
	},
	"chokes": {
		sends: true, every: 5 * time.Second,
		says: func(int) *packet { return &packet{AckThrough: 2, Flags: streaming.DelayRequested, Delay: 61000} },
	},
	"leaves a gap": {
		every: time.Second, end: streaming.ErrTruncated, least: 10 * time.Minute, most: 11 * time.Minute,
		says: func(int) *packet { return &packet{SequenceNum: 2, AckThrough: 0, Payload: []byte("x")} },
	},
	"leaves a gap before its end": {
		every: 30 * time.Second, end: streaming.ErrTruncated, least: 10 * time.Minute, most: 11 * time.Minute,
		says: func(n int) *packet {
			if n > 1 {
				return &packet{}
			}
			return &packet{SequenceNum: 2, Flags: signedClose}
		},
	},
	"is silent": {end: streaming.ErrTimeout, every: time.Hour, least: 3 * time.Minute, most: 15 * time.Minute, says: func(int) *packet { return nil }},
}

// TestHangs: whatever a peer does that is heard, and yet lets nothing get through, a stream ends
// with an error in bounded time. One that says why it takes nothing is waited for.
func TestHangs(t *testing.T) {
	for name, c := range hangs {
		t.Run(name, func(t *testing.T) {
			f := newForeign(t, streaming.Config{})
			s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
			id := f.answer(s)
			if c.sends {
				s.toSend = 4 << 20
			}
			begun := f.w.now
			for n := 1; !s.closed && f.w.now.Sub(begun) < 20*time.Minute; n++ {
				if p := c.says(n); p != nil {
					p.SendStreamID, p.ReceiveStreamID = id, 99
					f.send(*p)
				}
				f.take(c.every, s)
			}
			took := f.w.now.Sub(begun)
			if c.end == nil {
				if s.closed {
					t.Errorf("it ended after %v: %v", took, s.err)
				}
				return
			}
			if !s.closed || !errors.Is(s.err, c.end) || c.every < time.Hour && (took < c.least || took > c.most) {
				t.Errorf("closed %v after %v: %v", s.closed, took, s.err)
			}
		})
	}
}

// TestKeepAliveUnanswered: who does not answer a keep-alive is looked for by another path, once
// for each, and is asked again there.
func TestKeepAliveUnanswered(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
	id := f.answer(s)
	f.take(time.Second, s)
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99})
	if out := f.take(89*time.Second, s); len(out) > 0 || f.a.stalled > 0 {
		t.Fatalf("%d packets, stalled %d times", len(out), f.a.stalled)
	}
	if out := f.take(2*time.Second, s); len(out) != 1 || f.a.stalled > 0 {
		t.Fatalf("%d packets, stalled %d times", len(out), f.a.stalled)
	}
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99})
	if out := f.take(80*time.Second, s); len(out) > 0 || f.a.stalled > 0 {
		t.Fatalf("answered: %d packets, stalled %d times", len(out), f.a.stalled)
	}
	if out := f.take(80*time.Second, s); len(out) != 2 || f.a.stalled != 1 {
		t.Errorf("unanswered: %d packets, stalled %d times", len(out), f.a.stalled)
	}
}

// TestBrokenOffSlowly: a peer that takes a packet now and then of what was written before a stream was broken off, is
// given no more than a while for all of it.
func TestBrokenOffSlowly(t *testing.T) {
	for name, breakOff := range map[string]func(*streaming.Conn){
		"its application reads on": (*streaming.Conn).BreakOff,
		"its application has gone": func(c *streaming.Conn) { c.BreakOff(); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newForeign(t, streaming.Config{})
			s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
			id := f.answer(s)
			s.toSend = 4 << 20
			f.take(time.Second, s)
			breakOff(s.conn)
			begun := f.w.now
			var last []packet
			for n := uint32(1); !s.closed && f.w.now.Sub(begun) < 3*time.Hour; n++ {
				f.send(packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: n})
				last = f.take(10*time.Second, s)
			}
			if took := f.w.now.Sub(begun); !errors.Is(s.err, streaming.ErrAborted) || took < 9*time.Minute || took > 11*time.Minute {
				t.Errorf("it ended after %v: %v", took, s.err)
			}
			if len(last) == 0 || !last[len(last)-1].Flags.Has(streaming.Reset) {
				t.Error("the peer is not told")
			}
		})
	}
}
