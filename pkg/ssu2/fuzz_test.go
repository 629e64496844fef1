package ssu2

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

func FuzzEndpoint(f *testing.F) {
	alice, bob, w := newPair(f, 11)
	w.onSend = func(fl flight) []flight { f.Add(fl.data, fl.to == bob4); return []flight{fl} }
	w.dial(f, alice, bob)
	w.run(time.Second)
	f.Add(bytes.Repeat([]byte{1}, 40), true)
	f.Fuzz(func(t *testing.T, packet []byte, toBob bool) {
		a, b, w := newPair(t, 11)
		w.dial(t, a, b)
		s, from := a, bob4
		if toBob {
			s, from = b, alice4
		}
		out := s.Handle(w.now, from, packet)
		n := 0
		for _, d := range out.Send {
			n += len(d.Data)
		}
		if toBob && n > amplification*len(packet) || out.Established != nil {
			t.Fatalf("%d bytes for %d, %+v", n, len(packet), out)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add(LongHeader{Dest: 1, Source: 2, Type: TypeRetry, Version: 2, NetID: 99, Token: 3}.AppendTo(nil))
	f.Add(ShortHeader{Dest: 1, Number: 2, Type: TypeData, Flags: [3]byte{1, 2, 3}}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, rest, err := ParseLongHeader(b); err == nil {
			if !bytes.Equal(append(h.AppendTo(nil), rest...), b) {
				t.Fatalf("%+v", h)
			}
		}
		if h, rest, err := ParseShortHeader(b); err == nil {
			if !bytes.Equal(append(h.AppendTo(nil), rest...), b) {
				t.Fatalf("%+v", h)
			}
		}
		if len(b) < MinPacket {
			return
		}
		keys, packet := HeaderKeys{[32]byte{1}, [32]byte{2}}, bytes.Clone(b)
		header := keys.Unmask(packet)
		keys.Mask(packet)
		if !bytes.Equal(packet[:16], header[:]) || fmt.Sprint(DestOf(&keys.K1, b)) != fmt.Sprint(mustShort(header[:]).Dest) {
			t.Fatal("masking differs")
		}
		keys.Mask(packet)
		if !bytes.Equal(packet, b) {
			t.Fatal("masking twice is not nothing")
		}
	})
}

func mustShort(b []byte) ShortHeader {
	h, _, err := ParseShortHeader(b)
	if err != nil {
		panic(err)
	}
	return h
}
