package ratchet

import (
	"testing"
	"time"
)

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

// TestAllows: before a session stands one message in a while begins one, however long there is no answer; of replies there are
// a few, then one in a while, until the session is used or seems to be never.
func TestAllows(t *testing.T) {
	a, b := newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
	wants := func(e, to *end, now time.Time, n int, next time.Time) {
		t.Helper()
		if got, at := e.Allows(now, to.peer()); got != n || at != next {
			t.Errorf("%d allowed and more at %v, want %d at %v", got, at.Sub(start), n, next.Sub(start))
		}
	}
	never := time.Time{}
	wants(a, b, start, 1, never)
	first := a.seal(start, b, "0")
	now := start
	for range 20 {
		wants(a, b, now, 0, now.Add(greetEvery))
		now = now.Add(greetEvery)
		wants(a, b, now, 1, never)
		a.seal(now, b, "more")
	}

	b.open(now, first)
	for i := range 8 {
		wants(b, a, now, 8-i, never)
		b.seal(now, a, "reply")
	}
	wants(b, a, now, 0, now.Add(replyEvery))
	wants(b, a, now.Add(replyPatience), anyNumber, never)

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
