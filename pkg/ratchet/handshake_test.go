package ratchet

import (
	"testing"

	"i2ptoolkit/pkg/i2p"
)

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
