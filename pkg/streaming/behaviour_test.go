package streaming_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/streaming"
)

const ms = time.Millisecond

var plain = link{latency: 50 * ms}

// two makes two nodes with a link.
func two(t testing.TB, ca, cb streaming.Config, l link) (w *network, a, b *node) {
	w = newNetwork(t, 3)
	a, b = w.add(ca), w.add(cb)
	w.connect(a, b, l, l)
	return w, a, b
}

// opened dials and waits until both ends stand.
func opened(t testing.TB, w *network, a, b *node) (near, far *side) {
	t.Helper()
	near = w.dial(a, b, streaming.OpenOptions{Port: 80, LocalPort: 7})
	before := len(b.accepted)
	if !w.run(20*time.Second, sideList(w, near), func() bool { return near.established && len(b.accepted) > before }) {
		t.Fatal("no stream")
	}
	return near, b.accepted[before]
}

func (w *network) idle(d time.Duration, sides ...*side) {
	w.run(d, sideList(w, sides...), func() bool { return false })
}

func peek(t testing.TB, payload []byte) streaming.Packet {
	t.Helper()
	_, raw, err := datagram.Decode(payload, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := streaming.ParsePacket(raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOneRoundTrip(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	packets := 0
	w.tap = func(from, _ *node, payload []byte) bool {
		if packets++; packets == 1 {
			p := peek(t, payload)
			want := streaming.Synchronize | streaming.FromIncluded | streaming.SignatureIncluded | streaming.MaxPacketSizeIncluded | streaming.NoAck | streaming.Close
			if p.Flags != want || !bytes.Equal(p.NACKs, b.hash[:]) || p.MaxPacketSize != 1812 {
				t.Errorf("the SYN is %v with %d NACKs, max %d", p.Flags, p.NACKCount(), p.MaxPacketSize)
			}
		}
		return true
	}
	s := w.dial(a, b, streaming.OpenOptions{Port: 80, Hold: time.Second})
	s.toSend, s.finish = 500, true
	start := w.now
	if !w.run(time.Second, sideList(w, s), func() bool { return len(b.accepted) > 0 && b.accepted[0].ended }) {
		t.Fatal("nothing arrived")
	}
	if d := w.now.Sub(start); d != 50*ms {
		t.Errorf("after %v", d)
	}
	r := b.accepted[0]
	if l, far := r.conn.Ports(); l != 80 || far != 0 {
		t.Errorf("ports %d %d", l, far)
	}
	r.toSend, r.finish = 500, true
	if !w.run(time.Minute, sideList(w, s), func() bool { return s.closed && r.closed }) || s.err != nil || r.err != nil {
		t.Errorf("%v %v", s.err, r.err)
	}
	if s.got != 500 || r.got != 500 || packets > 6 {
		t.Errorf("%d and %d bytes in %d packets", s.got, r.got, packets)
	}
	w.idle(time.Minute, s)
	if a.mux.Len()+b.mux.Len() != 0 {
		t.Error("streams linger for ever")
	}
}

func TestHalfClose(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	s, r := opened(t, w, a, b)
	s.conn.CloseWrite()
	w.idle(30*time.Second, s)
	if !r.ended || s.closed || r.closed {
		t.Fatal("one CLOSE must end one direction")
	}
	r.toSend, r.finish = 3<<20, true
	if !w.run(time.Minute, sideList(w, s), func() bool { return s.closed && r.closed }) {
		t.Fatalf("not closed: %+v", r.conn.Stats())
	}
	if s.got != 3<<20 || !bytes.Equal(s.sum.Sum(nil), r.sent.Sum(nil)) || s.err != nil || r.err != nil {
		t.Errorf("%d bytes, %v, %v", s.got, s.err, r.err)
	}
	if s.conn.Write([]byte("x")) != 0 {
		t.Error("written after the end")
	}
}

func TestBothDirections(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 40 * ms, loss: 0.02, jitter: 10 * ms, rate: 3e6, queue: 200 << 10})
	s, r := opened(t, w, a, b)
	s.toSend, s.finish, r.toSend, r.finish = 4<<20, true, 4<<20, true
	if !w.run(time.Minute, sideList(w, s), func() bool { return s.closed && r.closed }) {
		t.Fatalf("not closed: %+v %+v", s.conn.Stats(), r.conn.Stats())
	}
	if !bytes.Equal(s.sum.Sum(nil), r.sent.Sum(nil)) || !bytes.Equal(r.sum.Sum(nil), s.sent.Sum(nil)) {
		t.Error("other bytes arrived")
	}
}

func TestChoke(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{ReceiveBuffer: 100 << 10}, link{latency: 20 * ms, rate: 5e6, queue: 1 << 20})
	s, r := opened(t, w, a, b)
	r.slow = true
	s.toSend, s.finish = 2<<20, true
	w.idle(3*time.Minute, s)
	if r.got < 100<<10 || r.got > 900<<10 || s.closed {
		t.Fatalf("%d bytes without a reader; %v", r.got, s.err)
	}
	if s.conn.Stats().Choked == 0 {
		t.Error("the sender does not know")
	}
	r.slow = false
	if !w.run(20*time.Second, sideList(w, s), func() bool { return r.ended }) {
		t.Fatalf("not resumed: %d, %+v", r.got, s.conn.Stats())
	}
	if !bytes.Equal(r.sum.Sum(nil), s.sent.Sum(nil)) {
		t.Error("other bytes arrived")
	}
}

func TestLostAtTheEdges(t *testing.T) {
	for drop := range 12 {
		w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
		n := 0
		w.tap = func(_, _ *node, _ []byte) bool { n++; return n != drop+1 }
		s := w.dial(a, b, streaming.OpenOptions{})
		s.toSend, s.finish = 3000, true
		both := func() bool {
			if len(b.accepted) == 1 && b.accepted[0].ended && !b.accepted[0].finish {
				b.accepted[0].conn.CloseWrite()
			}
			return len(b.accepted) == 1 && s.closed && b.accepted[0].closed
		}
		if !w.run(40*time.Second, sideList(w, s), both) || s.err != nil || b.accepted[0].err != nil || b.accepted[0].got != 3000 {
			t.Errorf("packet %d lost: %v, %+v", drop, s.err, s.conn.Stats())
		}
	}
}

func TestFairness(t *testing.T) {
	long(t)
	for _, queue := range []int{15 << 10, 60 << 10, 200 << 10} {
		w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 50 * ms, rate: 5e5, queue: queue})
		s1, r1 := opened(t, w, a, b)
		s2, r2 := opened(t, w, a, b)
		s1.toSend = 1 << 40
		w.idle(5*time.Second, s1, s2)
		s2.toSend = 1 << 40
		w.idle(15*time.Second, s1, s2)
		x0, y0 := r1.got, r2.got
		w.idle(30*time.Second, s1, s2)
		x, y := float64(r1.got-x0), float64(r2.got-y0)
		jain := (x + y) * (x + y) / (2 * (x*x + y*y))
		t.Logf("queue %d: %.2f and %.2f MB/s, index %.3f, resent %d of %d", queue, x/30e6, y/30e6, jain, s1.conn.Stats().Resent, s1.conn.Stats().PacketsOut)
		if jain < 0.8 || x+y < 0.8*5e5*30 {
			t.Errorf("queue %d: %.2f and %.2f MB/s", queue, x/30e6, y/30e6)
		}
	}
}

func TestMTU(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{MTU: 1000}, plain)
	most := 0
	w.tap = func(from, _ *node, payload []byte) bool {
		if p := peek(t, payload); !p.Flags.Has(streaming.Synchronize) {
			most = max(most, len(p.Payload))
		} else if len(p.Payload) > 1730 {
			t.Error("too much in a SYN")
		}
		return true
	}
	s := w.dial(a, b, streaming.OpenOptions{Hold: time.Second})
	s.toSend, s.finish = 50000, true
	if !w.run(time.Minute, sideList(w, s), func() bool { return len(b.accepted) > 0 && b.accepted[0].ended }) {
		t.Fatal("not done")
	}
	if most != 1000 {
		t.Errorf("packets of %d bytes", most)
	}
}

// offlineKeys lets a transient key sign for a destination.
func offlineKeys(t testing.TB, expires time.Time) *i2p.PrivateKeys {
	t.Helper()
	rng := seeded{rand.NewChaCha8([32]byte{42})}
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rng)
	if err != nil {
		t.Fatal(err)
	}
	return withTransient(t, k, rng, expires)
}

// withTransient are a destination's keys where a transient one signs.
func withTransient(t testing.TB, k *i2p.PrivateKeys, rng io.Reader, expires time.Time) *i2p.PrivateKeys {
	t.Helper()
	transient, err := sign.GenerateKey(sign.ECDSA_SHA256_P256, rng)
	if err != nil {
		t.Fatal(err)
	}
	o := i2p.OfflineSignature{Expires: uint32(expires.Unix()), Transient: transient.Public()}
	if o.Signature, err = k.Sign(o.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
	return &i2p.PrivateKeys{Identity: k.Identity, Crypto: k.Crypto, Offline: &i2p.OfflineKeys{OfflineSignature: o, Private: transient}}
}

func TestOfflineSignature(t *testing.T) {
	for _, expired := range []bool{false, true} {
		w := newNetwork(t, 1)
		expires := w.now.Add(time.Hour)
		if expired {
			expires = w.now.Add(-time.Hour)
		}
		a, b := w.add(streaming.Config{Keys: offlineKeys(t, expires)}), w.add(streaming.Config{})
		w.connect(a, b, plain, plain)
		s := w.dial(a, b, streaming.OpenOptions{})
		s.toSend, s.finish = 5000, true
		ok := w.run(8*time.Second, sideList(w, s), func() bool { return len(b.accepted) > 0 && b.accepted[0].ended })
		if ok == expired {
			t.Errorf("expired %v: %v", expired, ok)
		}
	}
}

func TestPing(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	if _, err := a.mux.Ping(w.now, b.keys.Destination(), streaming.OpenOptions{}, []byte("are you there?")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.mux.Ping(w.now, b.keys.Destination(), streaming.OpenOptions{}, make([]byte, 33)); err == nil {
		t.Error("33 bytes")
	}
	w.idle(time.Second)
	if len(a.pongs) != 1 || a.pongs[0] != "are you there?" {
		t.Errorf("%q", a.pongs)
	}
	a.mux.Shutdown()
	a.mux.Flush(w.now)
	buftest.NoLeak(t)
	if _, err := a.mux.Ping(w.now, b.keys.Destination(), streaming.OpenOptions{}, nil); !errors.Is(err, streaming.ErrMuxClosed) {
		t.Error(err)
	}
}

func TestSilence(t *testing.T) {
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	s, r := opened(t, w, a, b)
	w.idle(2*time.Hour, s)
	if s.closed || r.closed {
		t.Fatal("an idle stream ended")
	}
	w.tap = func(_, _ *node, _ []byte) bool { return false }
	w.idle(time.Hour, s)
	if !errors.Is(s.err, streaming.ErrTimeout) || !errors.Is(r.err, streaming.ErrTimeout) {
		t.Error(s.err, r.err)
	}
}

// TestLostInARow: more packets in a row are lost than one NACK list can name,
// and the acks of those before them as well. What came before the gap must be
// acknowledged all the same, or the sender repeats it for ever.
func TestLostInARow(t *testing.T) {
	for _, lost := range []int{200, 255, 256, 264, 280} {
		w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 20 * ms, rate: 40e6, queue: 8 << 20})
		s, r := opened(t, w, a, b)
		s.toSend, s.finish = 6<<20, true
		n := 0
		w.tap = func(from, _ *node, payload []byte) bool {
			if from == a && len(payload) > 1000 {
				n++
				return n <= 2000 || n > 2000+lost
			}
			return from == a || n <= 1900 || n > 2000+lost+5
		}
		if !w.arrives(30*time.Second, s, r) {
			t.Errorf("%d lost: %d bytes; %+v", lost, r.got, s.conn.Stats())
		}
	}
}

// The same seed gives the same packets.
func TestDeterminism(t *testing.T) {
	trace := func() string {
		w, a, b := two(t, streaming.Config{}, streaming.Config{}, link{latency: 30 * ms, loss: 0.05, jitter: 10 * ms, rate: 1e6, queue: 100 << 10})
		var out bytes.Buffer
		w.tap = func(_, _ *node, p []byte) bool { out.Write(p[:min(len(p), 60)]); return true }
		var sides []*side
		for range 5 {
			s := w.dial(a, b, streaming.OpenOptions{})
			s.toSend, s.finish = 100000, true
			sides = append(sides, s)
		}
		w.idle(5*time.Second, sides...)
		return out.String()
	}
	if first, second := trace(), trace(); first != second {
		t.Error("two runs differ")
	}
}

// TestRekey: a stream goes on as it began where the destination has another transient key by then, to its end
// and to a reset; those that begin later are signed by the new one.
func TestRekey(t *testing.T) {
	w := newNetwork(t, 1)
	rng := seeded{rand.NewChaCha8([32]byte{43})}
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rng)
	if err != nil {
		t.Fatal(err)
	}
	first, second := withTransient(t, k, rng, w.now.Add(time.Hour)), withTransient(t, k, rng, w.now.Add(2*time.Hour))
	a, b := w.add(streaming.Config{Keys: first}), w.add(streaming.Config{})
	w.connect(a, b, plain, plain)
	closing := w.dial(a, b, streaming.OpenOptions{})
	if !w.run(8*time.Second, sideList(w, closing), func() bool { return len(b.accepted) == 1 }) {
		t.Fatal("no stream")
	}
	resetting := w.dial(a, b, streaming.OpenOptions{})
	if !w.run(8*time.Second, sideList(w, closing, resetting), func() bool { return len(b.accepted) == 2 }) {
		t.Fatal("no second stream")
	}
	a.mux.Rekey(second)
	closing.toSend, closing.finish = 5000, true
	if !w.run(8*time.Second, sideList(w, closing), func() bool { return b.accepted[0].ended }) {
		t.Error("a stream that began before did not end")
	}
	resetting.conn.Reset()
	if !w.run(8*time.Second, sideList(w, closing), func() bool { return b.accepted[1].closed }) || !errors.Is(b.accepted[1].err, streaming.ErrReset) {
		t.Errorf("a stream that began before was not broken off: %v", b.accepted[1].err)
	}
	var seen []sign.PublicKey
	w.tap = func(from, _ *node, payload []byte) bool {
		if p := peek(t, payload); from == a && p.Flags.Has(streaming.OfflineSignature) {
			seen = append(seen, p.Offline.Transient)
		}
		return true
	}
	later := w.dial(a, b, streaming.OpenOptions{})
	later.toSend, later.finish = 5000, true
	if !w.run(8*time.Second, sideList(w, later), func() bool { return len(b.accepted) == 3 && b.accepted[2].ended }) {
		t.Error("a stream that began later did not end")
	}
	if len(seen) == 0 {
		t.Error("nothing said who signs")
	}
	for _, k := range seen {
		if k != second.Offline.Transient {
			t.Error("it was signed by the old key")
		}
	}
}
