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

// FuzzMux feeds a Mux with packets derived from the input: stream ids and
// numbers that mean something to it, options and payload as they come.
func FuzzMux(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{1, 1, 0, 64, 0, 2, 0, 0}, 20))
	f.Add(bytes.Repeat([]byte{3, 9, 2, 0, 7, 0xff, 0xff, 1, 5}, 30))
	peer, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{3}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newNetwork(t, 1)
		a, b := w.add(streaming.Config{}), w.add(streaming.Config{Keys: peer})
		w.connect(a, b, plain, plain)
		s, _ := opened(t, w, a, b)
		s.toSend = 30000
		w.idle(time.Millisecond, s)
		a.mux.Handle(w.now, in)
		a.mux.Handle(w.now, datagram.Header{Protocol: datagram.Streaming}.AppendStored(nil, in))
		var far uint32
		w.tap = func(from, _ *node, payload []byte) bool {
			if from == a {
				far = peek(t, payload).SendStreamID
			}
			return false
		}
		next := func() (v byte) {
			if len(in) > 0 {
				v, in = in[0], in[1:]
			}
			return v
		}
		for len(in) > 0 {
			p := streaming.Packet{SendStreamID: s.conn.ID(), ReceiveStreamID: far}
			kind := next()
			if kind&1 != 0 {
				p.SendStreamID = uint32(kind >> 4)
			}
			if kind&2 != 0 {
				p.ReceiveStreamID = uint32(kind >> 5)
			}
			p.SequenceNum, p.AckThrough = uint32(next()), uint32(next())
			p.Flags = streaming.Flags(next())<<8 | streaming.Flags(next())
			p.Delay, p.MaxPacketSize = uint16(next())<<8|uint16(next()), uint16(next())
			for range next() % 20 {
				p.NACKs = append(p.NACKs, 0, 0, 0, next())
			}
			p.From = peer.Destination()
			p.Flags &^= streaming.OfflineSignature
			if p.Flags.Has(streaming.SignatureIncluded) {
				p.Signature = make([]byte, 64)
			}
			p.Payload = bytes.Repeat([]byte{kind}, int(next()))
			raw := p.AppendTo(nil)
			if kind&4 != 0 && p.Signature != nil {
				sig, err := peer.Sign(raw)
				if err != nil {
					t.Fatal(err)
				}
				copy(raw[len(raw)-len(p.Payload)-64:], sig)
			}
			a.mux.Handle(w.now, datagram.Header{Protocol: datagram.Streaming}.AppendStored(nil, raw))
			w.idle(time.Duration(next())*time.Millisecond, s)
		}
		w.idle(time.Hour, s)
		if st := s.conn.Stats(); st.InFlight < 0 || st.Unread < 0 || st.Reassembly < 0 || st.Queued < 0 {
			t.Fatalf("%+v", st)
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
