package ratchet

import (
	"math/rand/v2"
	"testing"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// TestSealAround: a message that is put around its last clove's body is byte for byte the one
// that Seal makes, of whatever form and however much room there is.
func TestSealAround(t *testing.T) {
	buftest.NoLeak(t)
	random := rand.New(rand.NewChaCha8([32]byte{8}))
	for name, begin := range map[string]func() (a, b *end){
		"new":         func() (a, b *end) { return newEnd(t, 1, Config{}), newEnd(t, 2, Config{}) },
		"established": func() (a, b *end) { return connected(t, Config{}) },
		"reply": func() (a, b *end) {
			a, b = newEnd(t, 1, Config{}), newEnd(t, 2, Config{})
			say(start, b, a, "hello", NewSession)
			return a, b
		},
	} {
		plain, to := begin()
		around, _ := begin()
		for i := range 200 {
			var cloves []i2np.Clove
			for range i % 3 {
				cloves = append(cloves, clove(string(make([]byte, random.IntN(3000)))))
			}
			last := buf.Get(random.IntN(3000))
			for j := range last.Bytes() {
				last.Bytes()[j] = byte(random.Uint32())
			}
			data := clove("")
			data.Message.Body = last.Bytes()
			p := Payload{Cloves: append(cloves, data), AckRequest: i%5 == 0, Terminate: i == 199, Reason: 3}
			want, err := plain.Seal(start, to.peer(), p)
			if err != nil {
				t.Fatal(err)
			}
			out, got, err := around.SealAround(last, start, to.peer(), p)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != want.Kind || got.ID != want.ID || string(got.Body) != string(want.Body) || string(out.Bytes()) != string(want.Body) {
				t.Fatalf("%s: message %d of %d bytes is another", name, i, len(want.Body))
			}
			out.Release()
		}
	}
}

// TestSealAroundFails: the buffer goes back where there is no message.
func TestSealAroundFails(t *testing.T) {
	buftest.NoLeak(t)
	a, b := connected(t, Config{})
	long := buf.Get(buf.Max)
	data := clove("")
	data.Message.Body = long.Bytes()
	if out, _, err := a.SealAround(long, start, b.peer(), Payload{Cloves: []i2np.Clove{data}}); out != nil || err != ErrTooLong {
		t.Error(err)
	}
	c := newEnd(t, 3, Config{})
	short := buf.Get(1)
	data.Message.Body = short.Bytes()
	if out, _, err := a.SealAround(short, start, Peer{Static: c.static.Public, Type: i2p.CryptoMLKEM768X25519}, Payload{Cloves: []i2np.Clove{data}}); out != nil || err == nil {
		t.Error(err)
	}
}

// BenchmarkSealAround is BenchmarkExistingSession's Seal in the packet's own buffer.
func BenchmarkSealAround(b *testing.B) {
	alice, bob := connected(b, Config{})
	data := clove("")
	p := Payload{Cloves: []i2np.Clove{data}}
	b.SetBytes(1800)
	b.ReportAllocs()
	for b.Loop() {
		cur := alice.roster.peers[bob.static.Public].current
		if cur.out.nextTagN > 4000 {
			cur.out.nextTagN = 0
		}
		packet := buf.Get(1800)
		p.Cloves[0].Message.Body = packet.Bytes()
		out, _, err := alice.SealAround(packet, start, bob.peer(), p)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
}
