package elgamalaes

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// end is a destination in a test. What it confirms comes back when the test says so.
type end struct {
	*Sessions
	t testing.TB
}

func newEnd(t testing.TB, n byte, cfg Config) *end {
	cfg.Rand = draw.Seeded([32]byte{n})
	cfg.Key = elgamal.GenerateKey(cfg.Rand)
	return &end{New(cfg), t}
}

func (e *end) public() [elgamal.KeyLen]byte { return e.Key().Public().Bytes() }

func message(now time.Time, text string) i2np.Clove {
	return i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: i2p.Hash{1}},
		Message:  i2np.Message{Type: i2np.DataType, ID: 7, Expiration: i2p.DateOf(now.Add(time.Minute)), Body: []byte(text)},
	}
}

// status is the clove that is to come back.
func status(now time.Time) func(uint32) (i2np.Clove, bool) {
	return func(id uint32) (i2np.Clove, bool) {
		return i2np.Clove{
			Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverTunnel, To: i2p.Hash{2}, Tunnel: 3},
			Message: i2np.Message{
				Type: i2np.DeliveryStatusType, ID: 8, Expiration: i2p.DateOf(now.Add(time.Minute)),
				Body: i2np.DeliveryStatus{MessageID: id}.AppendTo(nil),
			},
		}, true
	}
}

func (e *end) seal(now time.Time, to *end, text string) Sealed {
	e.t.Helper()
	s, err := e.Seal(now, to.public(), Payload{Cloves: []i2np.Clove{message(now, text)}, Status: status(now)})
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

// open opens a copy, and checks what is in it; it returns the id that is to be confirmed.
func (e *end) open(now time.Time, s Sealed, text string) (confirm uint32) {
	e.t.Helper()
	o, err := e.Open(now, bytes.Clone(s.Body))
	if err != nil {
		e.t.Fatalf("%q: %v", text, err)
	}
	got := ""
	for _, c := range o.Cloves {
		switch c.Message.Type {
		case i2np.DeliveryStatusType:
			st, err := i2np.ParseDeliveryStatus(c.Message.Body)
			if err != nil || c.Delivery.Kind != i2np.DeliverTunnel {
				e.t.Fatalf("confirmation: %v", err)
			}
			confirm = st.MessageID
		case i2np.DataType:
			got += string(c.Message.Body)
		}
	}
	if got != text || o.New != s.New || confirm != s.ID {
		e.t.Fatalf("got %q, new %v, to confirm %d; want %q, %v, %d", got, o.New, confirm, text, s.New, s.ID)
	}
	return confirm
}

func (e *end) confirm(now time.Time, id uint32, from *end) {
	e.t.Helper()
	if peer, ok := e.Confirmed(now, id); !ok || peer != from.public() {
		e.t.Fatalf("confirmation of %d not waited for", id)
	}
}

// met are two ends of which alice has tags of bob's.
func met(t testing.TB, cfg Config) (alice, bob *end) {
	alice, bob = newEnd(t, 1, cfg), newEnd(t, 2, Config{})
	alice.confirm(start, bob.open(start, alice.seal(start, bob, "hello"), "hello"), bob)
	return alice, bob
}

func TestSession(t *testing.T) {
	alice, bob := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	first := alice.seal(start, bob, "one")
	if !first.New || first.ID == 0 {
		t.Fatalf("first message %+v", first)
	}
	if n := bob.open(start, first, "one"); n == 0 {
		t.Fatal("nothing to confirm")
	}
	// The tags are not used before the peer is known to have them.
	second := alice.seal(start, bob, "two")
	if !second.New || second.ID != 0 {
		t.Fatalf("second message: new %v, confirmation %d", second.New, second.ID)
	}
	bob.open(start, second, "two")
	alice.confirm(start, first.ID, bob)
	third := alice.seal(start, bob, "three")
	if third.New || len(third.Body) >= elgamal.BlockLen {
		t.Fatalf("third message: new %v, %d bytes", third.New, len(third.Body))
	}
	if !bob.Knows(start, third.Body) || MayBegin(third.Body) {
		t.Error("it is not told from a new session")
	}
	bob.open(start, third, "three")
	if _, ok := alice.Confirmed(start, first.ID); ok {
		t.Error("confirmed twice")
	}
	// Nothing of it lets bob answer: sessions go one way.
	if back := bob.seal(start, alice, "four"); !back.New {
		t.Error("an answer without a session of its own")
	} else {
		alice.open(start, back, "four")
	}
}

// TestRefill sends on and on: after the first there is always a tag, and no more are delivered than are needed.
func TestRefill(t *testing.T) {
	alice, bob := met(t, Config{})
	now := start
	const messages = 1000
	delivered := 0
	for i := range messages {
		now = now.Add(time.Second)
		text := fmt.Sprint(i)
		s := alice.seal(now, bob, text)
		if s.New {
			t.Fatalf("message %d begins a session", i)
		}
		if id := bob.open(now, s, text); id != 0 {
			delivered++
			alice.confirm(now, id, bob)
		}
	}
	if most := messages/DefaultTags + 1; delivered > most || delivered < most-2 {
		t.Errorf("%d deliveries for %d messages, want %d or so", delivered, messages, most)
	}
	if n := bob.Stats().Tags; n > 2*DefaultTags {
		t.Errorf("%d tags left", n)
	}
}

// TestVolley sends a lot before anything can be confirmed, as a stream with a large window does.
func TestVolley(t *testing.T) {
	alice, bob := met(t, Config{})
	now := start
	fresh := 0
	for range 20 {
		var ids []uint32
		for range 100 {
			now = now.Add(5 * time.Millisecond)
			s := alice.seal(now, bob, "x")
			if s.New {
				fresh++
			}
			if id := bob.open(now, s, "x"); id != 0 {
				ids = append(ids, id)
			}
		}
		for _, id := range ids { // a round trip later
			alice.confirm(now, id, bob)
		}
	}
	if fresh > 150 {
		t.Errorf("%d of 2000 messages had no tag", fresh)
	}
}

// TestGenerous: i2pd delivers tags in every message of a window until the first are confirmed, and uses all of them,
// in the order in which they were.
func TestGenerous(t *testing.T) {
	alice, bob := met(t, Config{})
	const window = 512
	var ids []uint32
	for range window {
		s := sealRaw(alice, bob, generous(alice, bob, &ids))
		if _, err := bob.Open(start, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		alice.confirm(start, id, bob)
	}
	for i := range window * (DefaultTags - 1) { // a tag each has gone into those messages
		if _, err := bob.Open(start, sealRaw(alice, bob, block{payload: i2np.Garlic{Expiration: i2p.DateOf(start)}.AppendTo(nil)}.appendTo(nil))); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// generous is a block with tags, of which alice notes that they were delivered. There is always one to seal it with.
func generous(alice, bob *end, ids *[]uint32) []byte {
	n := alice.outgoing.peers[bob.public()]
	if len(n.sets) == 0 || len(n.sets[0].tags) == 0 {
		alice.confirm(start, (*ids)[0], bob)
		*ids = (*ids)[1:]
	}
	tags := alice.newTags(DefaultTags)
	*ids = append(*ids, alice.random.Nonzero32())
	alice.outgoing.deliver(start, n, (*ids)[len(*ids)-1], tags)
	b := block{payload: i2np.Garlic{Expiration: i2p.DateOf(start)}.AppendTo(nil)}
	for i := range tags {
		b.tags = append(b.tags, tags[i][:]...)
	}
	return b.appendTo(nil)
}

func TestLostConfirmation(t *testing.T) {
	alice, bob := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	first := alice.seal(start, bob, "lost")
	for range 10 { // those that follow closely deliver no more
		if s := alice.seal(start.Add(time.Second), bob, "x"); s.ID != 0 {
			t.Error("more tags while the first are on their way")
		}
	}
	later := start.Add(confirmWait)
	again := alice.seal(later, bob, "again")
	if again.ID == 0 || !again.New {
		t.Fatalf("no other delivery: %+v", again.ID)
	}
	alice.confirm(later, bob.open(later, again, "again"), bob)
	if s := alice.seal(later, bob, "on"); s.New {
		t.Error("the tags of the second delivery are not used")
	} else {
		bob.open(later, s, "on")
	}
	end := start.Add(confirmLife + sweepInterval)
	alice.Tick(end)
	if _, ok := alice.Confirmed(end, first.ID); ok || alice.Stats().Unconfirmed != 1 {
		t.Errorf("what was not confirmed is not forgotten: %+v", alice.Stats())
	}
}

// TestLifetimes: who sends gives a tag up before who listens does.
func TestLifetimes(t *testing.T) {
	alice, bob := met(t, Config{})
	for _, at := range []time.Duration{sendLife - time.Second, sendLife} {
		now := start.Add(at)
		s := alice.seal(now, bob, "x")
		if fresh := at >= sendLife; s.New != fresh {
			t.Errorf("after %v: new %v", at, s.New)
		}
		bob.open(now, s, "x")
	}

	alice, bob = met(t, Config{})
	late := alice.seal(start, bob, "late")
	o, err := bob.Open(start.Add(receiveLife-time.Millisecond), bytes.Clone(late.Body))
	if o != nil || !errors.Is(err, ErrClock) { // the tag is known, and the message is too old by itself
		t.Errorf("a tag in its last moment: %v", err)
	}
	if bob.Knows(start.Add(receiveLife), late.Body) {
		t.Error("a tag beyond its life is listened to")
	}
	bob.Tick(start.Add(receiveLife))
	if st := bob.Stats(); st.Tags != 0 || st.TagsExpired == 0 || len(bob.incoming.sessions) != 0 || bob.incoming.strange.Len() != 0 {
		t.Errorf("left of expired tags: %+v", st)
	}
	alice.Tick(start.Add(sendLife))
	if n := alice.Stats().Sessions; n != 0 {
		t.Errorf("%d idle sessions left", n)
	}
	if !alice.Deadline().IsZero() {
		t.Error("an empty engine has a deadline")
	}
}

// TestRestart has bob forget all: alice, told that nothing gets through, begins anew.
func TestRestart(t *testing.T) {
	alice, bob := met(t, Config{})
	newBob := &end{New(Config{Key: bob.Key()}), t}
	if _, err := newBob.Open(start, alice.seal(start, bob, "lost").Body); err == nil {
		t.Fatal("opened without the tag")
	}
	alice.Suspect(start, bob.public())
	s := alice.seal(start, newBob, "back")
	if !s.New || s.ID == 0 {
		t.Fatalf("not begun anew: %v", s.New)
	}
	alice.confirm(start, newBob.open(start, s, "back"), newBob)
	alice.Suspect(start, bob.public()) // not twice in a row
	if s = alice.seal(start, newBob, "on"); s.New {
		t.Error("begun anew again at once")
	}
	newBob.open(start, s, "on")
}

// TestNoWayBack: without a way for confirmations there are no tags.
func TestNoWayBack(t *testing.T) {
	alice, bob := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	for range 3 {
		s, err := alice.Seal(start, bob.public(), Payload{
			Cloves:  []i2np.Clove{message(start, "x")},
			Status:  func(uint32) (i2np.Clove, bool) { return i2np.Clove{}, false },
			Confirm: true,
		})
		if err != nil || !s.New || s.ID != 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		bob.open(start, s, "x")
	}
	if n := bob.Stats().Tags; n != 0 {
		t.Errorf("%d tags delivered", n)
	}
	if _, err := alice.Seal(start, [elgamal.KeyLen]byte{}, Payload{}); !errors.Is(err, elgamal.ErrKey) {
		t.Errorf("to no key: %v", err)
	}
	long := message(start, string(make([]byte, maxPayload)))
	if _, err := alice.Seal(start, bob.public(), Payload{Cloves: []i2np.Clove{long}}); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// TestBundle: what the peer needs to answer goes along until it has tags.
func TestBundle(t *testing.T) {
	alice, bob := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	var ids []uint32
	for i, want := range []string{"set x", "set x", "x"} {
		s, err := alice.Seal(start, bob.public(), Payload{
			Cloves: []i2np.Clove{message(start, "x")}, Bundle: []i2np.Clove{message(start, "set ")}, Status: status(start),
		})
		if err != nil || (s.ID != 0) != s.New {
			t.Fatalf("message %d: confirmed by %d, %v", i, s.ID, err)
		}
		ids = append(ids, bob.open(start, s, want))
		if i == 1 {
			alice.confirm(start, ids[1], bob) // that brought no tags
			alice.confirm(start, ids[0], bob)
		}
	}
}

// TestConfirmOnly asks for a confirmation where no tags are needed: of our lease set.
func TestConfirmOnly(t *testing.T) {
	alice, bob := met(t, Config{})
	s, err := alice.Seal(start, bob.public(), Payload{Cloves: []i2np.Clove{message(start, "x")}, Status: status(start), Confirm: true})
	if err != nil || s.ID == 0 {
		t.Fatal(err)
	}
	before := bob.Stats().TagsReceived
	alice.confirm(start, bob.open(start, s, "x"), bob)
	if bob.Stats().TagsReceived != before {
		t.Error("tags where none are needed")
	}
}
