package streaming_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/streaming"
)

func samples(t testing.TB) []streaming.Packet {
	keys := offlineKeys(t, time.Unix(2e9, 0))
	return []streaming.Packet{
		{SendStreamID: 1, ReceiveStreamID: 2, AckThrough: 4},
		{SendStreamID: 1, ReceiveStreamID: 2, SequenceNum: 3, AckThrough: 9, NACKs: []byte{0, 0, 0, 5, 0, 0, 0, 7}, ResendDelay: 3, Flags: streaming.DelayRequested, Delay: 61000, Payload: []byte("data")},
		{ReceiveStreamID: 2, Flags: streaming.Synchronize | streaming.FromIncluded | streaming.SignatureIncluded | streaming.OfflineSignature | streaming.MaxPacketSizeIncluded | streaming.NoAck,
			From: keys.Destination(), MaxPacketSize: 1812, Offline: keys.Offline.OfflineSignature, Signature: make([]byte, 64), NACKs: make([]byte, 32), Payload: []byte("GET")},
		{SendStreamID: 1, ReceiveStreamID: 2, SequenceNum: 8, Flags: streaming.Close | streaming.SignatureIncluded, Signature: make([]byte, 132)},
		{SendStreamID: 1, Flags: 0xf000, Unknown: []byte{1, 2, 3}},
	}
}

func TestPacketRoundTrip(t *testing.T) {
	for i, p := range samples(t) {
		b := p.AppendTo(nil)
		got, err := streaming.ParsePacket(b)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if again := got.AppendTo(nil); !bytes.Equal(again, b) {
			t.Errorf("%d: %x became %x", i, b, again)
		}
		if got.Flags != p.Flags || got.Delay != p.Delay || got.MaxPacketSize != p.MaxPacketSize || !bytes.Equal(got.Signature, p.Signature) || !bytes.Equal(got.Payload, p.Payload) {
			t.Errorf("%d: %+v", i, got)
		}
		header := len(b) - len(p.Payload)
		for n := range header {
			if _, err := streaming.ParsePacket(b[:n]); !errors.Is(err, streaming.ErrPacket) {
				t.Fatalf("%d: %d of %d bytes: %v", i, n, header, err)
			}
		}
	}
	if s := (streaming.Synchronize | streaming.NoAck | 0x8000).String(); s != "SYN|NOACK|0x8000" {
		t.Error(s)
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, p := range samples(f) {
		f.Add(p.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := streaming.ParsePacket(b)
		if err != nil {
			if p.Payload != nil || p.NACKs != nil {
				t.Fatal("values beside an error")
			}
			return
		}
		if got := p.AppendTo(nil); !bytes.Equal(got, b) {
			t.Fatalf("%x became %x", b, got)
		}
	})
}

// signed writes a packet with its sender's signature.
func signed(t testing.TB, by *i2p.PrivateKeys, p streaming.Packet) []byte {
	p.Signature = make([]byte, 64)
	raw := p.AppendTo(nil)
	sig, err := by.Sign(raw)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[len(raw)-len(p.Payload)-len(sig):], sig)
	return raw
}

// fuzzed is a Mux with a stream from a peer and one to it, which is always the same.
type fuzzed struct {
	w        *network
	a        *node
	sides    []*side
	own, far [2]uint32 // stream ids of the two
}

// newFuzzed makes one. The peer's SYN, and its answer to ours, were signed before; before the
// answer is known it is nil.
func newFuzzed(t testing.TB, keys *i2p.PrivateKeys, peer i2p.Destination, syn, answer []byte) *fuzzed {
	z := &fuzzed{w: newNetwork(t, 1), far: [2]uint32{1 << 20, 1 << 21}}
	z.w.blank = true
	z.a = z.w.add(streaming.Config{Keys: keys})
	c, err := z.a.mux.Open(z.w.now, peer, streaming.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	z.sides = append(z.sides, z.a.side(c))
	z.handle(syn)
	z.sides = append(z.sides, z.a.accepted...)
	if len(z.sides) != 2 {
		t.Fatal("the SYN of a peer is not taken")
	}
	for i, s := range z.sides {
		z.own[i], s.toSend = s.conn.ID(), 8000
	}
	z.pass(0)
	if answer != nil {
		z.handle(answer)
		z.pass(50 * time.Millisecond)
	}
	return z
}

func (z *fuzzed) handle(raw []byte) {
	z.a.mux.Handle(z.w.now, datagram.Header{Protocol: datagram.Streaming}.AppendStored(nil, raw))
}

// pass lets time pass, and has the applications and the Mux do what there is to do.
func (z *fuzzed) pass(d time.Duration) {
	z.w.now = z.w.now.Add(d)
	z.a.mux.Tick(z.w.now)
	z.w.work(z.a, z.sides)
}

// FuzzMux feeds a Mux with packets derived from the input: stream ids and
// numbers that mean something to it, options and payload as they come. A second holds
// thousands of them: what has to be signed is signed once, and there is no network.
func FuzzMux(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{1, 1, 0, 64, 0, 2, 0, 0}, 20))
	f.Add(bytes.Repeat([]byte{3, 9, 2, 0, 7, 0xff, 0xff, 1, 5}, 30))
	f.Add(bytes.Repeat([]byte{8, 1, 1, 0, 0, 0, 0, 0, 0, 40, 200, 2, 1, 0, 0, 0, 0, 0, 0, 40, 200}, 8))
	var keys [2]*i2p.PrivateKeys
	for i := range keys {
		var err error
		keys[i], err = i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{byte(i)}))
		if err != nil {
			f.Fatal(err)
		}
	}
	own, peer := keys[0], keys[1]
	begin := streaming.Packet{
		ReceiveStreamID: 1 << 21, From: peer.Destination(),
		Flags: streaming.Synchronize | streaming.FromIncluded | streaming.SignatureIncluded | streaming.NoAck,
	}
	syn := signed(f, peer, begin)
	first := newFuzzed(f, own, peer.Destination(), syn, nil)
	begin.SendStreamID, begin.ReceiveStreamID, begin.Flags = first.own[0], first.far[0], begin.Flags&^streaming.NoAck
	answer := signed(f, peer, begin)
	if z := newFuzzed(f, own, peer.Destination(), syn, answer); !z.sides[0].established {
		f.Fatal("the answer of a peer is not taken")
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		held := buf.InUse()
		z := newFuzzed(t, own, peer.Destination(), syn, answer)
		z.handle(in)
		z.a.mux.Handle(z.w.now, in)
		next := func() (v byte) {
			if len(in) > 0 {
				v, in = in[0], in[1:]
			}
			return v
		}
		for packets := 0; len(in) > 0 && packets < 64; packets++ {
			kind := next()
			of := int(kind >> 3 & 1)
			p := streaming.Packet{SendStreamID: z.own[of], ReceiveStreamID: z.far[of], From: peer.Destination()}
			if kind&1 != 0 {
				p.SendStreamID = uint32(kind >> 4)
			}
			if kind&2 != 0 {
				p.ReceiveStreamID = uint32(kind >> 5)
			}
			p.SequenceNum, p.AckThrough = uint32(next()), uint32(next())
			p.Flags = (streaming.Flags(next())<<8 | streaming.Flags(next())) &^ streaming.OfflineSignature
			p.Delay, p.MaxPacketSize = uint16(next())<<8|uint16(next()), uint16(next())
			for range next() % 20 {
				p.NACKs = append(p.NACKs, 0, 0, 0, next())
			}
			p.Payload = bytes.Repeat([]byte{kind}, int(next()))
			var raw []byte
			switch {
			case !p.Flags.Has(streaming.SignatureIncluded):
				raw = p.AppendTo(nil)
			case kind&4 != 0:
				raw = signed(t, peer, p)
			default:
				p.Signature = make([]byte, 64)
				raw = p.AppendTo(nil)
			}
			z.handle(raw)
			z.pass(time.Duration(next()) * time.Millisecond)
		}
		z.a.mux.Shutdown()
		z.pass(0)
		if n, b := z.a.mux.Len(), buf.InUse()-held; n != 0 || b != 0 {
			t.Fatalf("%d streams and %d buffers are left", n, b)
		}
	})
}

// BenchmarkTransfer is the cost of both ends' engines for a MiB over a link
// without limits.
func BenchmarkTransfer(b *testing.B) {
	w := newNetwork(b, 1)
	from, to := w.add(streaming.Config{}), w.add(streaming.Config{})
	c, err := from.mux.Open(w.now, to.keys.Destination(), streaming.OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	const piece = 1 << 20
	data := make([]byte, piece)
	b.SetBytes(piece)
	sent, got := 0, 0
	for b.Loop() {
		sent += piece
		rest := data
		for got < sent {
			rest = rest[c.Write(rest):]
			for _, x := range from.mux.Flush(w.now) {
				for _, p := range x.Packets {
					to.mux.Handle(w.now, p.Bytes())
					p.Release()
				}
			}
			for _, s := range to.accepted {
				got += s.pending
				s.conn.Read(s.pending)
				s.pending = 0
			}
			for _, x := range to.mux.Flush(w.now) {
				for _, p := range x.Packets {
					from.mux.Handle(w.now, p.Bytes())
					p.Release()
				}
			}
			w.now = w.now.Add(time.Millisecond)
			from.mux.Tick(w.now)
			to.mux.Tick(w.now)
		}
	}
	b.ReportMetric(float64(c.Stats().Resent), "resent")
}
