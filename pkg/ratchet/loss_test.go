package ratchet

import (
	"bytes"
	"testing"
	"time"
)

// A peer that lost its state, as by a restart with the same key, answers
// nothing: some messages become New Session messages until it is back.
func TestPeerRestarts(t *testing.T) {
	a, b := connected(t, Config{})
	b2 := newEnd(t, 3, Config{})
	b2.static = b.static
	b2.restart(9)
	now, news := start, 0
	for ; !a.standing(now, b) || b2.Stats().ExistingOpened == 0; now = now.Add(5 * time.Second) {
		if now.Sub(start) > 2*time.Minute {
			t.Fatal("not noticed")
		}
		m := a.seal(now, b, "x")
		if m.Kind == NewSession {
			news++
			b2.open(now, m)
			a.open(now, b2.seal(now, a, "y"))
			continue
		}
		_, _ = b2.Open(now, m.Body)
	}
	if took := now.Sub(start); news != 1 || took < silenceTimeout || took > time.Minute {
		t.Errorf("%d new sessions after %v", news, took)
	}
	say(now, b2, a, "back", ExistingSession)
}

// A peer that comes back at once says so itself.
func TestPeerRestartsQuickly(t *testing.T) {
	for seed := range byte(6) {
		a, b := newEnd(t, 2*seed, Config{}), newEnd(t, 2*seed+1, Config{})
		say(start, a, b, "hello", NewSession)
		say(start, b, a, "hello", NewSessionReply)
		say(start, a, b, "data", ExistingSession)
		b.restart(seed)
		now := start.Add(time.Second)
		say(now, b, a, "back", NewSession)
		say(now, a, b, "well", NewSessionReply)
		say(now, b, a, "data", ExistingSession)
		say(now, a, b, "data", ExistingSession)
	}
}

// Keeping quiet is no loss of state.
func TestIdleThenBusy(t *testing.T) {
	a, b := connected(t, Config{})
	now := start
	for range 5 {
		say(now, a, b, "last word", ExistingSession)
		now = now.Add(7 * time.Minute)
		for range b.Pending(now) {
			a.open(now, b.sealPayload(now, a, Payload{}))
		}
	}
	now = now.Add(9 * time.Minute)
	say(now, a, b, "too late", NewSession)
}

// TestLostFlight: what a failing tunnel loses of a stream that doubled with
// each round trip is no more than the tag set listens ahead for.
func TestLostFlight(t *testing.T) {
	for _, flight := range []int{20, 100, 600, 1000} {
		a, b := connected(t, Config{})
		for range flight {
			say(start, a, b, "arrives", ExistingSession)
		}
		for range flight {
			a.seal(start, b, "is lost")
		}
		say(start, a, b, "arrives again", ExistingSession)
	}
}

// TestSuspect: while nothing is heard of a peer that seems to receive nothing,
// new sessions begin, in case only the first message to it is lost again.
func TestSuspect(t *testing.T) {
	a, b := connected(t, Config{})
	for range 3000 { // too many for the tag set
		a.seal(start, b, "is lost")
	}
	if _, err := b.Open(start, a.seal(start, b, "not understood").Body); err == nil {
		t.Fatal("b listens further ahead than it should")
	}
	a.Suspect(b.static.Public)
	now := start.Add(restartInterval)
	for _, want := range []Kind{NewSession, ExistingSession, NewSession} {
		if m := a.seal(now, b, "is lost"); m.Kind != want {
			t.Fatalf("%v after %v", m.Kind, now.Sub(start))
		}
		now = now.Add(restartInterval * 6 / 10)
	}
	now = now.Add(restartInterval)
	say(now, a, b, "hello", NewSession)
	say(now, b, a, "hello", NewSessionReply)
	now = now.Add(restartInterval)
	say(now, a, b, "data", ExistingSession)
}

// TestRenew: a new session begins at once where that is wished, and both sides tell that it
// takes the place of another one. Those of a first greeting take nobody's.
func TestRenew(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	first, second := a.seal(start, b, "hello"), a.seal(start, b, "hello again")
	for _, m := range []Sealed{first, second} {
		if o := b.open(start, m); o.Renewed {
			t.Errorf("%v of a first greeting: %+v", m.Kind, o)
		}
		if o := a.open(start.Add(time.Second), b.seal(start, a, "hello yourself")); o.Renewed {
			t.Errorf("the answer to a first greeting: %+v", o)
		}
	}
	say(start.Add(time.Second), a, b, "data", ExistingSession)

	now := start.Add(time.Minute)
	a.Suspect(b.static.Public)
	b.restart(7)
	if m := a.seal(now, b, "is lost"); m.Kind != NewSession { // though a session owes an answer
		t.Fatalf("sealed as %v", m.Kind)
	}
	a.Renew(b.static.Public)
	m := a.seal(now, b, "are you there?")
	if m.Kind != NewSession {
		t.Fatalf("sealed as %v", m.Kind)
	}
	if o := b.open(now, m); o.Renewed {
		t.Error("one that was started anew knows of no session before")
	}
	if o := a.open(now, b.seal(now, a, "I am")); !o.Renewed || !o.New {
		t.Errorf("%+v", o)
	}
	say(now, a, b, "data", ExistingSession)

	a.restart(8)
	if o := b.open(now.Add(time.Second), a.seal(now.Add(time.Second), b, "here I am")); !o.Renewed {
		t.Errorf("%+v", o)
	}
}

// TestFloodLost: where more of a flood gets lost than the peer listens ahead for, it is heard again after some seconds,
// though it says nothing by itself; and one that hears all is asked now and then, and no session is begun.
func TestFloodLost(t *testing.T) {
	for _, lost := range []int{0, 10, 2 * maxAhead} {
		a, b := connected(t, Config{})
		now, begun, opened := start.Add(time.Second), 0, 0
		for i := range lost + 4000 {
			m := a.seal(now, b, text("flood", i))
			if m.Kind == NewSession {
				begun++
			}
			if i >= lost {
				now = now.Add(5 * time.Millisecond)
				if _, err := b.Open(now, bytes.Clone(m.Body)); err == nil {
					opened++
				}
			}
			if len(b.Pending(now)) > 0 {
				a.open(now, b.sealPayload(now, a, Payload{}))
			}
		}
		switch {
		case lost < maxAhead && (begun > 0 || opened != 4000):
			t.Errorf("%d lost: %d sessions begun, %d opened", lost, begun, opened)
		case lost > maxAhead && (begun > 3 || opened < 4000-1200):
			t.Errorf("%d lost: %d sessions begun, %d opened", lost, begun, opened)
		}
	}
}

// TestOvertaken: what waits at a hop is opened when it comes, though as much as a session listens ahead for
// has overtaken it meanwhile, by another tunnel.
func TestOvertaken(t *testing.T) {
	a, b := connected(t, Config{})
	now := start.Add(time.Second)
	for i := range 2000 { // the first tag set begins small
		b.open(now, a.seal(now, b, text("before", i)))
		if len(b.Pending(now)) > 0 {
			a.open(now, b.sealPayload(now, a, Payload{}))
		}
	}
	var waits [][]byte
	for i := range 2000 {
		waits = append(waits, bytes.Clone(a.seal(now, b, text("waits", i)).Body))
	}
	for i := range 2000 {
		b.open(now, a.seal(now, b, text("overtakes", i)))
	}
	for i, body := range waits {
		if _, err := b.Open(now, body); err != nil {
			t.Fatalf("message %d of %d that waited: %v", i, len(waits), err)
		}
	}
}
