package ssu2

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// amplification is how many bytes may go out for one that came.
const amplification = 3

// TestNeverMoreOutThanIn floods Bob with requests of all sizes from forged
// addresses: never more than three times the bytes come back, and junk gets no
// answer.
func TestNeverMoreOutThanIn(t *testing.T) {
	alice, bob, w := newPair(t, 8)
	r := rand.New(rand.NewPCG(8, 8))
	_, first, _ := alice.Dial(w.now, bob.target)
	request := first.Send[0].Data
	for i := range 2000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), uint16(1000+i))
		var packet []byte
		switch i % 3 {
		case 0:
			packet = request
		case 1:
			h := alice.header(TypeTokenRequest, Version, ConnectionID(r.Uint64()), ConnectionID(r.Uint64()), 0)
			packet = sealIntro(h, bob.cfg.Intro, AppendPadding(AppendDateTime(nil, w.now), r.IntN(40)))
		case 2:
			h := alice.header(TypeSessionRequest, Version, ConnectionID(r.Uint64()), ConnectionID(r.Uint64()), Token(r.Uint64()))
			packet = append(h.AppendTo(nil), make([]byte, minKeyed-LongHeaderLen+r.IntN(100))...)
			bob.keys.maskLong(packet, keyLen)
		}
		out := 0
		for _, d := range bob.Handle(w.now, from, packet).Send {
			if d.To != from {
				t.Fatalf("an answer to %v went to %v", from, d.To)
			}
			out += len(d.Data)
		}
		if out == 0 || out > amplification*len(packet) {
			t.Fatalf("%d bytes for %d", out, len(packet))
		}
	}
	// An observer may send a packet back with which connection ids are one.
	same := sealIntro(alice.header(TypeTokenRequest, Version, 5, 5, 0), bob.cfg.Intro, AppendPadding(AppendDateTime(nil, w.now), 9))
	if out := bob.Handle(w.now, alice4, same); len(out.Send) != 0 {
		t.Fatal("one connection id for both sides got an answer")
	}
	retries := bob.Counts().Retries
	junk := make([]byte, 1500)
	stream := rand.NewChaCha8([32]byte{8})
	for range 5000 {
		stream.Read(junk)
		if out := bob.Handle(w.now, alice4, junk[:r.IntN(len(junk))]); len(out.Send) != 0 {
			t.Fatal("junk got an answer")
		}
	}
	if c := bob.Counts(); c.Retries != retries || c.Junk < 4900 {
		t.Fatalf("counts %+v", c)
	}
	if ours, theirs := bob.Pending(); ours+theirs != 0 || !bob.Deadline().IsZero() {
		t.Fatal("Bob has kept something")
	}
}

// TestReplays brings every datagram of a handshake once more, later, to who
// got it: no second session, and nothing from Bob but a Retry to who asks.
func TestReplays(t *testing.T) {
	alice, bob, w := newPair(t, 9)
	var all []flight
	w.onSend = func(f flight) []flight { all = append(all, f); return []flight{f} }
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	w.onSend = nil
	for _, after := range []time.Duration{time.Second, 15 * time.Second, 3 * time.Minute} {
		w.run(after)
		for _, f := range all {
			s := w.sides[f.to]
			out := s.Handle(w.now, f.from, f.data)
			if out.Established != nil || len(out.Failed) > 0 {
				t.Fatalf("after %v: %+v", after, out)
			}
			if n := len(out.Send); n > 0 && (n > 1 || len(out.Send[0].Data) > amplification*len(f.data)) {
				t.Fatalf("after %v: %d answers", after, n)
			}
		}
	}
	// A replayed Session Request has no good token, and costs no exchange.
	if c := bob.Counts(); c.Replayed != 0 || c.Established != 1 {
		t.Fatalf("counts %+v", c)
	}
}

// TestReplayedKey replays a Session Request whose token has been forgotten, by
// a flood, before its time was over.
func TestReplayedKey(t *testing.T) {
	alice, bob, w := newPair(t, 13)
	var request []byte
	w.onSend = func(f flight) []flight {
		if header := bob.keys.Unmask(f.data); f.to == bob4 && MessageType(header[12]) == TypeSessionRequest {
			request = f.data
		}
		return []flight{f}
	}
	w.dial(t, alice, bob)
	w.run(time.Second)
	agree(t, alice, bob)
	for i := range 2 * maxUsed {
		bob.tokens.spend(w.now, bob4, Token(i+1))
	}
	if r := bob.Handle(w.now, alice4, request); len(r.Send) != 0 || bob.Counts().Replayed != 1 {
		t.Fatalf("%d answers, %+v", len(r.Send), bob.Counts())
	}
}

// TestRepeatedRequest repeats a Session Request, as Alice does whose answer was
// lost: Bob repeats his, a few times.
func TestRepeatedRequest(t *testing.T) {
	alice, bob, w := newPair(t, 14)
	target := bob.target
	target.Token = bob.Tokens().Issue(w.now, alice4).Token
	_, r, _ := alice.Dial(w.now, target)
	first := bob.Handle(w.now, alice4, r.Send[0].Data)
	answers := 0
	for range 10 {
		for _, d := range bob.Handle(w.now, alice4, r.Send[0].Data).Send {
			if !bytes.Equal(d.Data, first.Send[0].Data) {
				t.Fatal("another answer")
			}
			answers++
		}
	}
	if answers != resends {
		t.Fatalf("%d answers", answers)
	}
}

// TestForgedSource: who overhears a handshake, and sends its datagrams from elsewhere before they
// arrive, has nothing sent to anybody, and ends nothing; and what he makes up is not kept.
func TestForgedSource(t *testing.T) {
	alice, bob, w := newPair(t, 15)
	target := bob.target
	target.Token = bob.Tokens().Issue(w.now, alice4).Token
	_, r, _ := alice.Dial(w.now, target)
	request := r.Send[0].Data
	created := bob.Handle(w.now, alice4, bytes.Clone(request)).Send[0].Data
	confirmed := alice.Handle(w.now, bob4, bytes.Clone(created)).Send
	elsewhere := netip.MustParseAddrPort("203.0.113.9:4567")
	made := bytes.Clone(confirmed[0].Data)
	made[len(made)-30] ^= 1 // before what the header's masks are made of
	for _, d := range [][]byte{request, confirmed[0].Data, made} {
		for range 10 {
			r := bob.Handle(w.now, elsewhere, bytes.Clone(d))
			if len(r.Send) > 0 || r.Established != nil || len(r.Failed) > 0 {
				t.Fatalf("%+v", r)
			}
		}
	}
	if bob.Endpoint.early > 0 {
		t.Errorf("%d packets are kept", bob.Endpoint.early)
	}
	for i, d := range confirmed {
		if r := bob.Handle(w.now, alice4, bytes.Clone(d.Data)); (r.Established != nil) != (i == len(confirmed)-1) {
			t.Errorf("after %d of %d packets of Alice's: %v", i+1, len(confirmed), r.Established)
		}
	}
}

// TestTriesOfToken bounds the exchanges that one token costs.
func TestTriesOfToken(t *testing.T) {
	alice, bob, w := newPair(t, 10)
	target := bob.target
	target.Token = bob.Tokens().Issue(w.now, alice4).Token
	_, r, _ := alice.Dial(w.now, target)
	packet := bytes.Clone(r.Send[0].Data)
	packet[70] ^= 1
	for range 10 {
		bob.Handle(w.now, alice4, packet)
	}
	if c := bob.Counts(); c.Forged != maxTries || c.Retries != 10-maxTries {
		t.Fatalf("counts %+v", c)
	}
}
