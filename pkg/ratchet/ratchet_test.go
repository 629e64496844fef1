package ratchet

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

func TestConversation(t *testing.T) {
	for _, hybrid := range []i2p.EncryptionType{0, i2p.CryptoMLKEM512X25519, i2p.CryptoMLKEM768X25519, i2p.CryptoMLKEM1024X25519} {
		a, b := connected(t, Config{Hybrid: hybrid})
		for i := range 100 {
			say(start, a, b, text("a", i), ExistingSession)
			say(start, b, a, text("b", i), ExistingSession)
		}
		if a.roster.len() != 1 || b.roster.len() != 1 {
			t.Errorf("hybrid %d: %d and %d sessions, want 1 each", hybrid, a.roster.len(), b.roster.len())
		}
	}
}

func TestAnonymous(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	m := a.sealPayload(start, b, Payload{Cloves: []i2np.Clove{clove("raw")}, Anonymous: true})
	o := b.open(start, m)
	if o.From != [32]byte{} || len(o.Cloves) != 1 || a.roster.len() != 0 || b.roster.len() != 0 {
		t.Fatalf("opened %+v, %d and %d sessions", o, a.roster.len(), b.roster.len())
	}
}

func TestBundle(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	p := Payload{Cloves: []i2np.Clove{clove("data")}, Bundle: []i2np.Clove{clove("lease set")}}
	b.open(start, a.sealPayload(start, b, p))
	a.open(start, b.sealPayload(start, a, p))
	b.open(start, a.sealPayload(start, b, p))
	if got := len(b.got); got != 3 || b.got[0] != "lease set" || b.got[1] != "data" || b.got[2] != "data" || len(a.got) != 1 {
		t.Fatalf("a got %q, b got %q", a.got, b.got)
	}
}

func TestAcks(t *testing.T) {
	a, b := connected(t, Config{})
	a.acks = nil
	m := a.sealPayload(start, b, Payload{AckRequest: true})
	b.open(start, m)
	a.open(start, b.seal(start, a, "data")) // carries the ack
	if len(a.acks) != 1 || a.acks[0] != m.ID {
		t.Fatalf("acks %+v, want %+v", a.acks, m.ID)
	}
	a.open(start, b.seal(start, a, "data"))
	if len(a.acks) != 1 {
		t.Fatalf("acknowledged again: %+v", a.acks)
	}
}

// Silent peers still complete the handshake and get their acks: Pending names
// them, and an empty message settles it.
func TestPending(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	now := start
	step := func(from, to *end, kind Kind) {
		t.Helper()
		if due := from.Pending(now); len(due) != 0 {
			t.Fatalf("due at once: %v", due)
		}
		if d := from.Deadline(); d != now.Add(responseDelay) {
			t.Fatalf("deadline %v, want %v", d, now.Add(responseDelay))
		}
		now = now.Add(responseDelay)
		due := from.Pending(now)
		if len(due) != 1 || due[0].Static != to.static.Public {
			t.Fatalf("due: %v", due)
		}
		m := from.sealPayload(now, to, Payload{})
		if m.Kind != kind {
			t.Fatalf("sealed as %v, want %v", m.Kind, kind)
		}
		to.open(now, m)
		if due := from.Pending(now.Add(time.Minute)); len(due) != 0 {
			t.Fatalf("still due: %v", due)
		}
	}
	b.open(now, a.seal(now, b, "hello"))
	step(b, a, NewSessionReply)
	step(a, b, ExistingSession)
	b.open(now, a.sealPayload(now, b, Payload{AckRequest: true}))
	step(b, a, ExistingSession)
	b.open(now, a.sealPayload(now, b, Payload{AckRequest: true}))
	reminders := 0
	for range 20 {
		now = now.Add(2 * time.Second)
		reminders += len(b.Pending(now))
	}
	if reminders != responseTries {
		t.Errorf("%d reminders, want %d", reminders, responseTries)
	}
}

func TestReplayAndClock(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	m := a.seal(start, b, "once")
	b.open(start, m)
	malleated := bytes.Clone(m.Body)
	malleated[31] ^= 0x80 // a bit that Elligator2 ignores
	for _, body := range [][]byte{m.Body, malleated} {
		if _, err := b.Open(start.Add(time.Minute), bytes.Clone(body)); !errors.Is(err, ErrReplay) {
			t.Errorf("error %v, want %v", err, ErrReplay)
		}
	}
	for _, v := range []struct {
		skew time.Duration
		ok   bool
	}{{-5*time.Minute - time.Second, false}, {-4 * time.Minute, true}, {time.Minute, true}, {2*time.Minute + time.Second, false}} {
		m := a.seal(start.Add(v.skew), b, "skewed")
		_, err := b.Open(start, m.Body)
		if ok := err == nil; ok != v.ok || !ok && !errors.Is(err, ErrClock) {
			t.Errorf("skew %v: error %v", v.skew, err)
		}
	}
	for range 3 { // the filter's generations turn over, and the date takes over
		start := start.Add(8 * time.Minute)
		b.open(start, a.sealPayload(start, b, Payload{Anonymous: true}))
		if _, err := b.Open(start, bytes.Clone(m.Body)); err == nil {
			t.Error("replayed later")
		}
	}
	a, b = connected(t, Config{})
	d := a.seal(start, b, "data")
	b.open(start, d)
	if _, err := b.Open(start, bytes.Clone(d.Body)); err == nil {
		t.Error("an Existing Session message was opened twice")
	}
}

// Who sees a tag pass by may send junk under it first.
func TestForgeryDoesNotBurnTags(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	forge := func(e *end, m Sealed) {
		t.Helper()
		bad := bytes.Clone(m.Body)
		bad[len(bad)-1] ^= 1
		if _, err := e.Open(start, bad); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("forged %v: error %v", m.Kind, err)
		}
		if _, err := e.Open(start, bytes.Clone(m.Body[:24])); err == nil {
			t.Fatalf("truncated %v was opened", m.Kind)
		}
		e.open(start, m)
	}
	forge(b, a.seal(start, b, "1"))
	forge(a, b.seal(start, a, "2"))
	first, second := a.seal(start, b, "3"), a.seal(start, b, "4")
	forge(b, second)
	forge(b, first)
	if b.tags.skipped != 0 {
		t.Errorf("%d skipped keys left", b.tags.skipped)
	}
}

func TestTerminate(t *testing.T) {
	a, b := connected(t, Config{})
	late := b.seal(start, a, "late")
	o := b.open(start, a.sealPayload(start, b, Payload{Terminate: true, Reason: 3}))
	if !o.Terminated || o.Reason != 3 {
		t.Fatalf("opened %+v", o)
	}
	a.open(start, late)
	say(start, a, b, "anew", NewSession)
	say(start, b, a, "anew", NewSessionReply)
	for _, e := range []*end{a, b} {
		e.Tick(start.Add(4 * time.Minute))
	}
	if a.roster.len() != 1 || b.roster.len() != 0 {
		t.Errorf("%d and %d sessions", a.roster.len(), b.roster.len())
	}
}

func TestExpiry(t *testing.T) {
	a, b := connected(t, Config{})
	c := newEnd(t, 9, Config{})
	b.open(start, c.seal(start, b, "never answered"))
	b.Expect(start, [32]byte{1}, [8]byte{1}, time.Minute)
	for now := start; now.Before(start.Add(12 * time.Minute)); now = now.Add(time.Minute) {
		for _, e := range []*end{a, b, c} {
			e.Tick(now)
		}
	}
	for _, e := range []*end{a, b, c} {
		if st := e.Stats(); st.Sessions != 0 || st.Tags != 0 || len(e.roster.peers) != 0 || !e.Deadline().IsZero() || e.expected.len() != 0 {
			t.Errorf("left over: %+v, %d peers, deadline %v", st, len(e.roster.peers), e.Deadline())
		}
	}
}

// A flood of handshakes costs bounded memory, and leaves established sessions
// alone; what is of those can be told from it before it is opened.
func TestFlood(t *testing.T) {
	a, b := connected(t, Config{Limits: Limits{HalfOpen: 20, Replays: 200}})
	refused, now := 0, start
	for i := range 300 {
		now = now.Add(20 * time.Millisecond)
		c := newEnd(t, byte(i%50+10), Config{})
		p, err := c.Seal(now, b.peer(), Payload{Cloves: []i2np.Clove{clove("flood")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Open(now, p.Body); err != nil {
			refused++
		}
	}
	if st := b.Stats(); b.roster.stages[halfOpen].Len() > 20 || refused == 0 || st.Sessions > 21 {
		t.Errorf("%d half open, %d refused, %+v", b.roster.stages[halfOpen].Len(), refused, st)
	}
	say(now, a, b, "still here", ExistingSession)
	junk := make([]byte, 200)
	if b.Knows(now, junk) || b.Knows(now, junk[:3]) || !b.Knows(now, a.seal(now, b, "known").Body) {
		t.Error("junk is known, or what is of a session is not")
	}
	if !MayBegin(junk) || MayBegin(junk[:minNew-1]) {
		t.Error("what may begin a session is told by its length")
	}
}

func TestDeterministic(t *testing.T) {
	run := func() []byte {
		a, b := newEnd(t, 1, Config{Limits: Limits{RatchetAfter: 5}}), newEnd(t, 2, Config{Limits: Limits{RatchetAfter: 5}})
		var trace []byte
		for i := range 40 {
			ma := a.seal(start, b, text("a", i))
			b.open(start, ma)
			mb := b.seal(start, a, text("b", i))
			a.open(start, mb)
			trace = append(append(trace, ma.Body...), mb.Body...)
		}
		return trace
	}
	if !bytes.Equal(run(), run()) {
		t.Error("two runs with the same seeds differ")
	}
}

func TestTooLong(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	for _, v := range []struct {
		n  int
		ok bool
	}{{63000, true}, {63500, false}, {1 << 20, false}} {
		_, err := a.Seal(start, b.peer(), Payload{Cloves: []i2np.Clove{clove(string(make([]byte, v.n)))}})
		if (err == nil) != v.ok {
			t.Errorf("%d bytes: %v", v.n, err)
		}
	}
	if _, err := a.Seal(start, Peer{Static: b.static.Public, Type: i2p.CryptoMLKEM768X25519}, Payload{}); !errors.Is(err, ErrType) {
		t.Errorf("error %v, want %v", err, ErrType)
	}
	if _, err := a.Seal(start, Peer{}, Payload{}); err == nil {
		t.Error("sealed to a zero key")
	}
}
