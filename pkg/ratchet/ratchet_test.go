package ratchet

import (
	"bytes"
	"errors"
	"math/rand/v2"
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

// A destination with a hybrid key also answers peers that use X25519, also
// with messages as long as a hybrid's.
func TestHybridFallsBack(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{Hybrid: i2p.CryptoMLKEM768X25519})
	b.typ = i2p.CryptoX25519
	say(start, a, b, string(make([]byte, 1800)), NewSession)
	say(start, b, a, "reply", NewSessionReply)
	say(start, a, b, "data", ExistingSession)
}

func TestHandshakeSizes(t *testing.T) {
	// ECIES-HYBRID, Message Format; the least payload here is a DateTime and
	// an empty padding block in NS, and only the latter in NSR.
	for _, v := range []struct {
		typ       i2p.EncryptionType
		ns, reply int
	}{{0, 96, 72}, {i2p.CryptoMLKEM512X25519, 912, 856}, {i2p.CryptoMLKEM768X25519, 1296, 1176}, {i2p.CryptoMLKEM1024X25519, 1680, 1656}} {
		a, b := newEnd(t, 1, Config{Hybrid: v.typ}), newEnd(t, 2, Config{Hybrid: v.typ})
		m := a.sealPayload(start, b, Payload{})
		if n := len(m.Body) - v.ns - 7 - 3; n < 0 || n > 15 {
			t.Errorf("type %d: New Session of %d bytes", v.typ, len(m.Body))
		}
		b.open(start, m)
		m = b.sealPayload(start, a, Payload{})
		if n := len(m.Body) - v.reply - 3; v.typ != i2p.CryptoMLKEM768X25519 && (n < 0 || n > 15) {
			t.Errorf("type %d: New Session Reply of %d bytes", v.typ, len(m.Body))
		}
		a.open(start, m)
	}
}

func TestSeveralHandshakeMessages(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	var ns, nsr []Sealed
	for i := range 4 {
		ns = append(ns, a.seal(start, b, text("a", i)))
	}
	for _, i := range []int{2, 0, 3} { // one is lost, one comes early
		b.open(start, ns[i])
	}
	for i := range 5 {
		nsr = append(nsr, b.seal(start, a, text("b", i)))
		if nsr[i].Kind != NewSessionReply {
			t.Fatalf("sealed as %v", nsr[i].Kind)
		}
	}
	for _, i := range []int{3, 0, 4} {
		a.open(start, nsr[i])
	}
	say(start, a, b, "data", ExistingSession)
	say(start, b, a, "data", ExistingSession)
	a.open(start, nsr[1]) // late, still readable
	b.open(start, ns[1])  // later than data: b answers it all the same
	say(start, b, a, "again", NewSessionReply)
	say(start, a, b, "data", ExistingSession)
	say(start, b, a, "data", ExistingSession)
}

func TestCollision(t *testing.T) {
	for seed := range byte(6) {
		a, b := newEnd(t, 2*seed, Config{}), newEnd(t, 2*seed+1, Config{})
		na, nb := a.seal(start, b, "a"), b.seal(start, a, "b")
		a.open(start, nb)
		b.open(start, na)
		ra, rb := a.seal(start, b, "ra"), b.seal(start, a, "rb")
		if ra.Kind != NewSessionReply || rb.Kind != NewSessionReply {
			t.Fatalf("sealed as %v and %v", ra.Kind, rb.Kind)
		}
		a.open(start, rb)
		b.open(start, ra)
		for i := range 10 {
			da, db := a.seal(start, b, text("a", i)), b.seal(start, a, text("b", i))
			if da.Kind != ExistingSession || db.Kind != ExistingSession {
				t.Fatalf("round %d: sealed as %v and %v", i, da.Kind, db.Kind)
			}
			a.open(start, db)
			b.open(start, da)
		}
		ia, ib := a.roster.peers[b.static.Public].current.initiator, b.roster.peers[a.static.Public].current.initiator
		if ia == ib {
			t.Errorf("seed %d: the ends settled on different sessions", seed)
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

// Tag sets of ten messages, thousands of messages both ways, a tenth of them
// lost and the others out of order within a window.
func TestKeyRatchets(t *testing.T) {
	a, b := connected(t, Config{Limits: Limits{RatchetAfter: 10}})
	rng := rand.New(rand.NewPCG(1, 2))
	sent := 0
	for round := range 800 {
		now := start.Add(time.Duration(round) * repeatEvery / 4)
		for _, d := range []struct{ from, to *end }{{a, b}, {b, a}} {
			var ms []Sealed
			for range 1 + rng.IntN(8) {
				m := d.from.seal(now, d.to, "x")
				if m.Kind != ExistingSession {
					t.Fatalf("round %d: sealed as %v", round, m.Kind)
				}
				if rng.IntN(10) > 0 {
					ms = append(ms, m)
				}
			}
			shuffle(rng, ms)
			for _, m := range ms {
				d.to.open(now, m)
			}
			sent += len(ms)
		}
	}
	for _, e := range []*end{a, b} {
		st := e.Stats()
		n := e.roster.peers[map[*end]*end{a: b, b: a}[e].static.Public].current
		if n.out.id < 100 || st.BadNextKeys != 0 || len(n.in) > 4 {
			t.Errorf("tag set %d, %d listening, %d bad keys", n.out.id, len(n.in), st.BadNextKeys)
		}
	}
	if len(a.got)+len(b.got) != sent+4 {
		t.Errorf("%d of %d messages", len(a.got)+len(b.got), sent+4)
	}
}

// A key is not in every message until its answer comes: a fast stream would send hundreds that
// take a third more of their tunnels. The answer is in the first message to whoever asks again.
func TestKeysRepeat(t *testing.T) {
	a, b := connected(t, Config{Limits: Limits{RatchetAfter: 10}})
	const key = 3 + 3 + 32
	keys := func(now time.Time, from, to *end, count int) (with int, last Sealed) {
		plain := tagLen + clovesLen([]i2np.Clove{clove("x")}) + maxPadding + blockHeaderLen + macLen
		for range count {
			if last = from.seal(now, to, "x"); len(last.Body) > plain+key/2 {
				with++
			}
		}
		return with, last
	}
	now := start.Add(time.Second)
	for i, want := range []int{1, 0, 0, 0, 1, 0} {
		if got, _ := keys(now.Add(time.Duration(i)*repeatEvery/4), a, b, 10-8*min(i, 1)); got != want {
			t.Errorf("%d messages with a key after %v, want %d", got, time.Duration(i)*repeatEvery/4, want)
		}
	}
	now = now.Add(2 * repeatEvery)
	asks := func() {
		t.Helper()
		got, m := keys(now, a, b, 1)
		if got != 1 {
			t.Fatal("no key is asked for again")
		}
		b.open(now, m)
	}
	asks()
	if got, _ := keys(now, b, a, 4); got != 1 {
		t.Errorf("%d answers to the first question", got)
	}
	now = now.Add(repeatEvery)
	if got, _ := keys(now, b, a, 1); got != 1 {
		t.Errorf("%d answers repeated", got)
	}
	asks()
	if got, _ := keys(now, b, a, 4); got != 1 {
		t.Errorf("%d answers to the second question", got)
	}
}

// When no answer comes the old tag set goes on to its end, and then a new
// session begins.
func TestTagSetRunsOut(t *testing.T) {
	a, b := connected(t, Config{})
	n := 0
	var m Sealed
	for m = a.seal(start, b, "x"); m.Kind == ExistingSession; m = a.seal(start, b, "x") {
		b.open(start, m)
		n++
		if a.acks != nil {
			a.acks = nil
		}
	}
	if n != maxIndex || m.Kind != NewSession {
		t.Fatalf("%d messages, then %v", n, m.Kind)
	}
	b.open(start, m)
	say(start, b, a, "reply", NewSessionReply)
	say(start, a, b, "data", ExistingSession)
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

func TestHandshakeConfirms(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	ns := a.seal(start, b, "1")
	b.open(start, ns)
	nsr := b.seal(start, a, "2")
	a.open(start, nsr)
	b.open(start, a.seal(start, b, "3"))
	if len(a.acks) != 1 || a.acks[0] != ns.ID || len(b.acks) != 1 || b.acks[0] != nsr.ID {
		t.Fatalf("acks %+v and %+v", a.acks, b.acks)
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

func TestTagLimit(t *testing.T) {
	b := newEnd(t, 1, Config{Limits: Limits{Tags: 200}})
	for i := range byte(40) {
		c := newEnd(t, 10+i, Config{})
		b.open(start, c.seal(start, b, "x"))
		c.open(start, b.seal(start, c, "y"))
		b.open(start, c.seal(start, b, "z"))
		if st := b.Stats(); st.Tags > 200 {
			t.Fatalf("%d tags", st.Tags)
		}
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

// TestLateUse: a peer that uses the first of its handshakes last, and has
// established as many others as it may, gets that one.
func TestLateUse(t *testing.T) {
	bob := newEnd(t, 2, Config{Limits: Limits{PerPeer: 2}})
	var alices []*end
	for i := range 3 {
		a := newEnd(t, 1, Config{})
		a.restart(byte(i))
		alices = append(alices, a)
		say(start, a, bob, "hello", NewSession)
		say(start, bob, a, "hello yourself", NewSessionReply)
		if i > 0 {
			say(start, a, bob, "ready", ExistingSession)
		}
	}
	say(start, alices[0], bob, "late", ExistingSession)
	say(start, alices[0], bob, "again", ExistingSession)
	if n := bob.roster.len(); n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
}

// TestHaste: a peer that begins with message after message, as it has no answer yet, has one at once, and others
// after a pause, however many of its sessions make place for others meanwhile.
func TestHaste(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	now := start
	b.open(now, a.seal(now, b, "first"))
	if len(b.Pending(now)) > 0 {
		t.Fatal("the first is answered at once")
	}
	b.open(now, a.seal(now, b, "second"))
	if due := b.Pending(now); len(due) != 1 {
		t.Fatalf("%d are due after the second", len(due))
	}
	b.sealPayload(now, a, Payload{}) // which gets lost
	for i := range 40 {
		now = now.Add(hasteDelay / 100)
		b.open(now, a.seal(now, b, "more"))
		if due := b.Pending(now); len(due) > 0 {
			t.Fatalf("due again after %d", i)
		}
	}
	if at := start.Add(hasteDelay); b.Deadline() != at || len(b.Pending(at)) != 1 {
		t.Errorf("due at %v, want %v", b.Deadline().Sub(start), at.Sub(start))
	}
	a.open(now, b.sealPayload(now, a, Payload{}))
	m := a.seal(now, b, "the rest")
	if m.Kind != ExistingSession {
		t.Errorf("sealed as %v", m.Kind)
	}
	b.open(now, m)
	if later := now.Add(time.Minute); len(b.Pending(later)) > 0 {
		t.Error("what was begun before is still to be answered")
	}
}

// TestHasteOfReplies: who is replied to with message after message, as the session was not used yet, uses it at once.
func TestHasteOfReplies(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	b.open(start, a.seal(start, b, "hello"))
	for i := range 3 {
		a.open(start, b.seal(start, a, "reply"))
		if due := a.Pending(start); (len(due) > 0) != (i == 1) {
			t.Fatalf("%d are due after reply %d", len(due), i)
		}
		if i == 1 {
			a.sealPayload(start, b, Payload{})
		}
	}
}

// TestAllows: before a session stands a few messages begin one, then one in a while, until it is answered or seems
// to be never; likewise replies.
func TestAllows(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	wants := func(e, to *end, now time.Time, n int, next time.Time) {
		t.Helper()
		if got, at := e.Allows(now, to.peer()); got != n || at != next {
			t.Errorf("%d allowed and more at %v, want %d at %v", got, at.Sub(start), n, next.Sub(start))
		}
	}
	never := time.Time{}
	wants(a, b, start, 8, never)
	first := a.seal(start, b, "0")
	for i := 1; i < 8; i++ {
		wants(a, b, start, 8-i, never)
		a.seal(start, b, "more")
	}
	wants(a, b, start, 0, start.Add(greetEvery))
	now := start.Add(greetEvery)
	wants(a, b, now, 1, never)
	a.seal(now, b, "one more")
	wants(a, b, now, 0, now.Add(greetEvery))
	wants(a, b, start.Add(greetPatience-greetEvery/2), 1, never)
	wants(a, b, start.Add(greetPatience), anyNumber, never)

	b.open(now, first)
	for i := range 8 {
		wants(b, a, now, 8-i, never)
		b.seal(now, a, "reply")
	}
	wants(b, a, now, 0, now.Add(greetEvery))
	wants(b, a, now.Add(greetPatience), anyNumber, never)

	c, d := connected(t, Config{})
	wants(c, d, start, floodWindow, never)
	for range floodWindow {
		d.open(start, c.seal(start, d, "much"))
	}
	wants(c, d, start, 0, start.Add(floodPatience))
	blind := start.Add(floodPatience)
	wants(c, d, blind, floodBlind, never)
	c.seal(blind, d, "to the blind")
	wants(c, d, blind, 0, blind.Add(floodEvery))
	if due := d.Pending(start.Add(floodAsk)); len(due) != 1 {
		t.Error("who waits for a sign is not answered at once")
	}
	c.open(blind, d.sealPayload(blind, c, Payload{}))
	wants(c, d, blind, floodWindow, never)
}

// TestFirstIsKept: of many New Session messages the first can still be answered, and the last.
func TestFirstIsKept(t *testing.T) {
	for _, at := range []int{0, 1, 39} {
		a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
		for i := range 40 {
			if m := a.seal(start, b, "more"); i == at {
				b.open(start, m)
			}
		}
		a.open(start, b.seal(start, a, "answer"))
		say(start, a, b, "ready", ExistingSession)
	}
}
