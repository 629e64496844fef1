package streaming_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/streaming"
)

// foreign is a peer whose packets a test writes by hand, to behave as other
// implementations do.
type foreign struct {
	t    *testing.T
	w    *network
	keys *i2p.PrivateKeys
	a    *node
	got  []streaming.Packet // what a sent
}

func newForeign(t *testing.T, cfg streaming.Config) *foreign {
	w := newNetwork(t, 5)
	f := &foreign{t: t, w: w, a: w.add(cfg)}
	peer := w.add(streaming.Config{}) // its Mux gets nothing
	f.keys = peer.keys
	w.connect(f.a, peer, plain, plain)
	w.tap = func(from, _ *node, payload []byte) bool {
		if from == f.a {
			p := peek(t, bytes.Clone(payload))
			f.got = append(f.got, p)
		}
		return false
	}
	return f
}

func (f *foreign) send(p streaming.Packet) {
	f.t.Helper()
	var raw []byte
	if p.Flags.Has(streaming.SignatureIncluded) {
		p.Signature = make([]byte, 64)
		raw = p.AppendTo(nil)
		sig, err := f.keys.Sign(raw)
		if err != nil {
			f.t.Fatal(err)
		}
		copy(raw[len(raw)-len(p.Payload)-64:], sig)
	} else {
		raw = p.AppendTo(nil)
	}
	h := datagram.Header{Protocol: datagram.Streaming}
	f.a.mux.Handle(f.w.now, h.AppendStored(nil, raw))
}

// take returns what a has sent since the last time.
func (f *foreign) take(d time.Duration, sides ...*side) []streaming.Packet {
	f.w.idle(d, sides...)
	got := f.got
	f.got = nil
	return got
}

const synFlags = streaming.Synchronize | streaming.FromIncluded | streaming.SignatureIncluded | streaming.MaxPacketSizeIncluded

// answer makes the stream that a opened stand.
func (f *foreign) answer(s *side) (id uint32) {
	f.t.Helper()
	first := f.take(100*ms, s)
	if len(first) != 1 || !first[0].Flags.Has(streaming.Synchronize) {
		f.t.Fatalf("%d packets", len(first))
	}
	id = first[0].ReceiveStreamID
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, Flags: synFlags, From: f.keys.Destination(), MaxPacketSize: 1730})
	return id
}

// Packets may overtake the SYN; the initiator does not know our id yet.
func TestPacketsBeforeSYN(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	f.send(streaming.Packet{ReceiveStreamID: 77, SequenceNum: 1, Payload: []byte("second ")})
	f.send(streaming.Packet{ReceiveStreamID: 77, SequenceNum: 2, Payload: []byte("third")})
	f.send(streaming.Packet{ReceiveStreamID: 78, SequenceNum: 1, Payload: []byte("another's")})
	syn := streaming.Packet{ReceiveStreamID: 77, Flags: synFlags | streaming.NoAck, From: f.keys.Destination(), MaxPacketSize: 1730, NACKs: f.a.hash[:], Payload: []byte("first ")}
	f.send(syn)
	if len(f.a.accepted) != 1 {
		t.Fatal("not accepted")
	}
	s := f.a.accepted[0]
	if string(s.keep) != "first second third" {
		t.Errorf("%q", s.keep)
	}
	out := f.take(time.Second)
	if len(out) == 0 || out[0].Flags != synFlags|streaming.DelayRequested || out[0].Delay != 0 || out[0].NACKCount() != 0 || out[0].SendStreamID != 77 || out[0].AckThrough != 2 {
		t.Errorf("answered with %d packets, %+v", len(out), out[0].Flags)
	}
	// Still without our id.
	f.send(streaming.Packet{ReceiveStreamID: 77, SequenceNum: 3, Payload: []byte("!")})
	if string(s.keep) != "first second third!" {
		t.Errorf("%q", s.keep)
	}
}

// Who goes on sending after our CLOSE is known by its SYN.
func TestHalfCloses(t *testing.T) {
	for _, tt := range []struct {
		flags streaming.Flags
		delay uint16
		want  bool
	}{{0, 0, false}, {streaming.DelayRequested, 0, true}, {streaming.DelayRequested, 1, false}, {streaming.DelayRequested, 60001, false}} {
		f := newForeign(t, streaming.Config{})
		s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
		first := f.take(100*ms, s)
		if s.conn.HalfCloses() {
			t.Error("known before the peer has answered")
		}
		f.send(streaming.Packet{
			SendStreamID: first[0].ReceiveStreamID, ReceiveStreamID: 99, Flags: synFlags | tt.flags, Delay: tt.delay,
			From: f.keys.Destination(), MaxPacketSize: 1730,
		})
		if !s.conn.Established() || s.conn.HalfCloses() != tt.want {
			t.Errorf("flags %v, delay %d: half closes is %v", tt.flags, tt.delay, s.conn.HalfCloses())
		}
	}
	w, a, b := two(t, streaming.Config{}, streaming.Config{}, plain)
	if s, _ := opened(t, w, a, b); !s.conn.HalfCloses() {
		t.Error("our own is not known to")
	}
}

func TestUnsignedSYN(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	stranger, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, seeded{rand.NewChaCha8([32]byte{8})})
	if err != nil {
		t.Fatal(err)
	}
	f.send(streaming.Packet{ReceiveStreamID: 77, Flags: streaming.Synchronize | streaming.FromIncluded, From: f.keys.Destination()})
	f.send(streaming.Packet{ReceiveStreamID: 77, Flags: synFlags, From: stranger.Destination()})
	if len(f.a.accepted) != 0 || f.a.mux.Counters().BadSignature != 1 {
		t.Errorf("%d accepted, %+v", len(f.a.accepted), f.a.mux.Counters())
	}
}

func TestAnswerOfAnother(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
	id := f.take(100*ms, s)[0].ReceiveStreamID
	thief, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, seeded{rand.NewChaCha8([32]byte{8})})
	if err != nil {
		t.Fatal(err)
	}
	own := f.keys
	f.keys = thief
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, Flags: synFlags, From: thief.Destination()})
	if s.established {
		t.Fatal("established with another destination")
	}
	f.keys = own
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, Flags: synFlags, From: own.Destination()})
	if !s.established {
		t.Fatal("not established")
	}
}

// i2pd says once that it has more gaps than it can name, and never that this
// is over.
func TestGapChoke(t *testing.T) {
	for _, delay := range []uint16{60000, 65535} {
		f := newForeign(t, streaming.Config{})
		s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
		id := f.answer(s)
		s.toSend = 1 << 20
		sent := f.take(50*ms, s)
		if n := len(sent); n != 16 && n != 17 {
			t.Fatalf("%d packets", n)
		}
		last := sent[len(sent)-1].SequenceNum
		f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: 3, Flags: streaming.DelayRequested, Delay: delay})
		for _, p := range f.take(60*ms, s) {
			if p.SequenceNum > last {
				t.Errorf("delay %d: packet %d was sent", delay, p.SequenceNum)
			}
		}
		f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: last})
		if out := f.take(50*ms, s); len(out) < 4 || out[len(out)-1].SequenceNum < last+4 {
			t.Errorf("delay %d: not resumed, %d packets", delay, len(out))
		}
	}
}

// Java chokes with 61000; its unchoking may get lost.
func TestChokedUntilProbed(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
	id := f.answer(s)
	s.toSend = 1 << 20
	f.take(50*ms, s)
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: 5, Flags: streaming.DelayRequested, Delay: 61000})
	out := f.take(20*time.Second, s)
	if len(out) < 2 || len(out) > 10 {
		t.Errorf("%d probes in 20 s", len(out))
	}
	for _, p := range out {
		if p.SequenceNum != 6 {
			t.Errorf("packet %d is no probe", p.SequenceNum)
		}
	}
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: 6})
	if out = f.take(time.Second, s); len(out) < 4 {
		t.Errorf("not resumed: %d packets", len(out))
	}
}

// What is listed as missing twice is sent again without waiting for a timeout.
func TestFastRetransmit(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
	id := f.answer(s)
	s.toSend = 1 << 20
	f.take(100*ms, s)
	nacks := []byte{0, 0, 0, 2, 0, 0, 0, 4}
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: 8, NACKs: nacks})
	var again []uint32
	for _, p := range f.take(50*ms, s) {
		if p.SequenceNum <= 8 {
			again = append(again, p.SequenceNum)
			if !p.Flags.Has(streaming.DelayRequested) || p.Delay != 0 {
				t.Error("a retransmission asks for an ack at once")
			}
		}
	}
	if len(again) != 2 || again[0] != 2 || again[1] != 4 {
		t.Errorf("sent again: %v", again)
	}
	if s.conn.Stats().Timeouts != 0 {
		t.Error("that took a timeout")
	}
}

// i2pd forgets a stream once both CLOSEs went out: ours stays unanswered. The application need not wait for that, once
// what it wrote has come.
func TestPeerForgets(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
	id := f.answer(s)
	f.take(100*ms, s)
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, SequenceNum: 1, Flags: streaming.Close | streaming.SignatureIncluded})
	if out := f.take(100*ms, s); len(out) != 1 || out[0].AckThrough != 1 || !s.ended {
		t.Fatalf("%d packets", len(out))
	}
	s.conn.Write(make([]byte, 10))
	f.take(100*ms, s)
	s.conn.Close()
	if f.take(100*ms, s); !s.parted.IsZero() {
		t.Error("parted, though nobody has what was written")
	}
	f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: 1})
	if f.take(ms, s); s.parted.IsZero() || s.closed {
		t.Errorf("parted %v, closed %v", s.parted, s.closed)
	}
	out := f.take(time.Minute, s)
	if !s.closed || s.err != nil || len(out) > 6 || !out[0].Flags.Has(streaming.Close|streaming.SignatureIncluded) {
		t.Errorf("closed %v %v after %d packets", s.closed, s.err, len(out))
	}
}

func TestNACKsAndAcks(t *testing.T) {
	f := newForeign(t, streaming.Config{})
	f.send(streaming.Packet{ReceiveStreamID: 5, Flags: synFlags | streaming.NoAck, From: f.keys.Destination(), MaxPacketSize: 1730})
	s := f.a.accepted[0]
	id := s.conn.ID()
	f.take(100 * ms)
	data := func(seq uint32, flags streaming.Flags) {
		f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 5, SequenceNum: seq, Flags: flags, Payload: []byte{byte(seq)}})
	}
	data(1, 0)
	data(2, 0)
	if out := f.take(0); len(out) != 1 || out[0].AckThrough != 2 || out[0].SequenceNum != 0 {
		t.Errorf("every second packet is acknowledged at once, not %d packets", len(out))
	}
	data(3, 0)
	if out := f.take(0); len(out) != 0 {
		t.Error("a single packet is acknowledged a little later")
	}
	if out := f.take(26 * ms); len(out) != 1 || out[0].AckThrough != 3 {
		t.Error("… but soon")
	}
	data(4, streaming.DelayRequested)
	if out := f.take(6 * ms); len(out) != 1 || out[0].AckThrough != 4 {
		t.Error("delay 0 asks for an ack almost at once")
	}
	data(7, 0)
	data(10, 0)
	if out := f.take(0); len(out) != 1 || out[0].AckThrough != 10 || out[0].NACKCount() != 4 || out[0].NACK(0) != 5 || out[0].NACK(3) != 9 {
		t.Errorf("%+v", out)
	}
	for seq := uint32(5); seq <= 1000; seq += 2 { // more gaps than NACKs
		data(seq, 0)
	}
	out := f.take(0)
	last := out[len(out)-1]
	if last.NACKCount() > 255 || last.NACKCount() < 200 || last.AckThrough > last.NACK(last.NACKCount()-1)+2 {
		t.Errorf("%d NACKs through %d, the last %d", last.NACKCount(), last.AckThrough, last.NACK(last.NACKCount()-1))
	}
	for seq := uint32(6); seq <= 1000; seq += 2 {
		data(seq, 0)
	}
	if out = f.take(0); s.got != 1001-1 && s.got != 1000 || out[len(out)-1].NACKCount() != 0 {
		t.Errorf("%d bytes", s.got)
	}
	for i, b := range s.keep {
		if b != byte(i+1) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
	data(1<<31, 0) // far ahead
	if f.a.mux.Counters().Dropped != 1 {
		t.Error("a packet far ahead is kept")
	}
}

// emissary 0.4 answers our CLOSE with a signed CLOSE on a plain ack.
func TestPlacelessClose(t *testing.T) {
	closing := streaming.Close | streaming.SignatureIncluded
	begin := func(t *testing.T) (f *foreign, s *side, send func(seq uint32, flags streaming.Flags, data string)) {
		f = newForeign(t, streaming.Config{})
		s = f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
		id := f.answer(s)
		f.take(100*ms, s)
		return f, s, func(seq uint32, flags streaming.Flags, data string) {
			var payload []byte
			if data != "" {
				payload = []byte(data)
			}
			f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, SequenceNum: seq, AckThrough: 1, Flags: flags, Payload: payload})
		}
	}
	t.Run("nothing missing", func(t *testing.T) {
		f, s, send := begin(t)
		send(1, 0, "all")
		s.conn.CloseWrite()
		f.take(50*ms, s)
		send(0, closing, "")
		f.take(time.Second, s)
		if !s.ended || !s.closed || s.err != nil || string(s.keep) != "all" {
			t.Errorf("ended %v, closed %v, error %v, got %q", s.ended, s.closed, s.err, s.keep)
		}
	})
	t.Run("unsigned", func(t *testing.T) {
		f, s, send := begin(t)
		send(0, streaming.Close, "")
		f.take(time.Minute, s)
		if s.ended || s.closed {
			t.Error("a CLOSE that nobody signed was taken")
		}
	})
	t.Run("overtaken", func(t *testing.T) {
		f, s, send := begin(t)
		send(0, closing, "")
		f.take(100*ms, s)
		send(2, 0, " after the end")
		f.take(10*time.Second, s)
		if s.ended {
			t.Fatal("ended although something is missing")
		}
		send(1, 0, "comes")
		f.take(time.Second, s)
		if !s.ended || string(s.keep) != "comes after the end" {
			t.Errorf("ended %v with %q", s.ended, s.keep)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		f, s, send := begin(t)
		send(2, 0, "the rest")
		send(0, closing, "")
		out := f.take(time.Minute, s)
		if s.ended || !errors.Is(s.err, streaming.ErrTruncated) {
			t.Errorf("ended %v, error %v", s.ended, s.err)
		}
		if len(out) == 0 || !out[len(out)-1].Flags.Has(streaming.Reset) {
			t.Error("the peer was not told")
		}
	})
	t.Run("more after the end", func(t *testing.T) {
		f, s, send := begin(t)
		send(0, closing, "")
		f.take(5*time.Second, s)
		if !s.ended || s.closed {
			t.Fatalf("ended %v, closed %v", s.ended, s.closed)
		}
		send(1, 0, "late")
		if !errors.Is(s.err, streaming.ErrTruncated) {
			t.Errorf("error %v", s.err)
		}
	})
}
