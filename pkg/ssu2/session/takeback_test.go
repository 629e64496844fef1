package session

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/ssu2"
)

// TestTakeBack: what a session gives back, and what has arrived by then, is all that it was given, whatever
// was on its way; it keeps none of it, and goes on.
func TestTakeBack(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed, scene{rate: 200e3, delay: 50 * ms, queue: 1 << 20, loss: 0.1, reorder: 0.2, lag: 30 * ms}, nil)
		a := w.a
		const messages = 120
		w.run(time.Second, nil)
		for id := range uint32(messages) {
			size := []int{100, 1028, 5000}[id%3]
			if err := a.s.Send(w.message(id+1, size), Urgency(id%2)); err != nil {
				t.Fatal(err)
			}
		}
		a.flush()
		w.run(time.Duration(seed)*50*ms, nil)
		back := a.s.TakeBack()
		all := map[uint32]bool{}
		for _, m := range back {
			if all[m.ID] {
				t.Errorf("seed %d: message %d is given back twice", seed, m.ID)
			}
			all[m.ID] = true
			m.Release()
		}
		w.run(10*time.Second, nil)
		for id := range w.b.got {
			all[id] = true
		}
		if len(all) != messages {
			t.Errorf("seed %d: %d of %d messages arrived or were given back", seed, len(all), messages)
		}
		if n := a.s.Held(); n != 0 || a.s.outbox.count != 0 || a.s.outbox.fresher != 0 {
			t.Errorf("seed %d: %d bytes are held, %d messages, %d bytes to be sent", seed, n, a.s.outbox.count, a.s.outbox.fresher)
		}
		before := w.b.bytes
		if err := a.s.Send(w.message(messages+1, 3000), Bulk); err != nil {
			t.Fatal(err)
		}
		a.flush()
		if !w.run(10*time.Second, func() bool { return w.b.bytes == before+3000 }) {
			t.Errorf("seed %d: nothing more arrives", seed)
		}
		w.end()
	}
}

// TestTakeBackEnded: a session that ends while it has packets on their way, at the peer's word or at ours, has
// nothing to give back, and is not harmed by being asked.
func TestTakeBackEnded(t *testing.T) {
	for _, remote := range []bool{false, true} {
		w := newWorld(t, 1, scene{rate: 200e3, delay: 50 * ms, queue: 1 << 20}, nil)
		w.run(time.Second, nil)
		for id := range uint32(20) {
			if err := w.a.s.Send(w.message(id+1, 1028), Bulk); err != nil {
				t.Fatal(err)
			}
		}
		w.a.flush()
		if w.a.s.snd.Flying() == 0 {
			t.Fatal("nothing is on its way")
		}
		if remote {
			w.b.s.Close(w.now, ssu2.ReasonReplaced)
			w.b.flush()
			if !w.run(time.Second, func() bool { return w.a.s.Ended() != nil }) {
				t.Fatal("the session goes on")
			}
		} else {
			w.a.s.Close(w.now, ssu2.ReasonReplaced)
		}
		for _, m := range w.a.s.TakeBack() {
			t.Errorf("remote %v: message %d is given back", remote, m.ID)
			m.Release()
		}
		w.run(10*time.Second, nil)
		w.end()
	}
}
