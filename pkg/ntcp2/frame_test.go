package ntcp2

import (
	"bytes"
	"errors"
	"fmt"
	"i2ptoolkit/pkg/draw"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newWire makes a sender and its receiver.
func newWire(seed byte) (*Sender, *Receiver) {
	key, sip := [32]byte{seed, 1}, [32]byte{seed, 2}
	return newSender(newDirection(key, sip), draw.From(rand.NewChaCha8([32]byte{seed})), DefaultOptions),
		&Receiver{direction: newDirection(key, sip)}
}

func TestFrameErrors(t *testing.T) {
	s, r := newWire(1)
	wire := s.Seal(AppendDateTime(Begin(nil), start), 0)
	bad := bytes.Clone(wire)
	bad[len(bad)-1] ^= 1
	if p, n, err := r.Open(bad); !errors.Is(err, ErrAEAD) || p != nil || n != 0 {
		t.Fatalf("tampered frame: %d bytes used, error %v", n, err)
	}
	s, r = newWire(1)
	wire = s.Seal(AppendDateTime(Begin(nil), start), 0)
	wire[1] ^= byte(len(wire)-lengthLen) ^ 5 // now 5 bytes long
	if _, _, err := r.Open(wire); !errors.Is(err, ErrFraming) {
		t.Fatalf("length 5: error %v, want %v", err, ErrFraming)
	}
}

func TestLargestFrame(t *testing.T) {
	s, r := newWire(2)
	for _, n := range []int{MaxPayload, MaxPayload - 1, MaxPayload - 3, MaxPayload - 4, MaxPayload - 70} {
		out := Block{BlockI2NP, make([]byte, n-blockHeaderLen)}.AppendTo(Begin(nil))
		wire := s.Seal(out, 0)
		if len(wire)-lengthLen > MaxFrame {
			t.Fatalf("payload %d: frame of %d bytes", n, len(wire))
		}
		p, used, err := r.Open(wire)
		if err != nil || used != len(wire) {
			t.Fatalf("payload %d: %d of %d bytes used, %v", n, used, len(wire), err)
		}
		for bs := (Blocks{Payload: p}); ; {
			_, ok, err := bs.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
		}
	}
}

func TestSealInPlace(t *testing.T) {
	s, r := newWire(3)
	out := make([]byte, 0, 8192)
	first := &out[:1][0]
	for range 3 {
		at := len(out)
		out = AppendDateTime(Begin(out), start)
		out = s.Seal(out, at)
	}
	if &out[0] != first {
		t.Fatal("sealing moved the buffer although there was room")
	}
	for range 3 {
		p, used, err := r.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		if b, _, err := ParseBlock(p); err != nil || b.Type != BlockDateTime {
			t.Fatalf("block %v, %v", b, err)
		}
		out = out[used:]
	}
}

func TestPaddingPolicy(t *testing.T) {
	p := newPadder(draw.From(rand.NewChaCha8([32]byte{})), DefaultOptions)
	seen := map[int]bool{}
	for range 500 {
		n := p.length(20)
		if n < 0 || n > 16 {
			t.Fatalf("%d bytes of padding on a short frame", n)
		}
		seen[n] = true
	}
	if len(seen) < 10 {
		t.Fatalf("padding takes %d values only", len(seen))
	}
	if n := p.length(16 << 10); n > paddingMost {
		t.Fatalf("%d bytes of padding on a long frame", n)
	}
	p.negotiate(DefaultOptions, Options{ReceiveMax: 0, ReceiveMin: 200})
	if n := p.length(1000); n != 0 {
		t.Fatalf("%d bytes of padding for a peer that wants none", n)
	}
}

func TestBlockOrder(t *testing.T) {
	date, padding, end := AppendDateTime(nil, start), AppendPadding(nil, 2), Termination{}.AppendTo(nil)
	for _, c := range []struct {
		name   string
		blocks [][]byte
		err    error
	}{
		{"none", nil, nil},
		{"padding last", [][]byte{date, date, end, padding}, nil},
		{"unknown", [][]byte{{77, 0, 1, 9}, date}, nil},
		{"behind padding", [][]byte{padding, date}, ErrPaddingOrder},
		{"two paddings", [][]byte{padding, padding}, ErrPaddingOrder},
		{"behind termination", [][]byte{end, date}, ErrPayload},
		{"header cut", [][]byte{date, {3, 0}}, ErrPayload},
		{"data cut", [][]byte{{3, 0, 2, 1}}, ErrPayload},
	} {
		bs := Blocks{Payload: bytes.Join(c.blocks, nil)}
		var err error
		for ok := true; ok && err == nil; {
			_, ok, err = bs.Next()
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
	}
}

func TestDateTime(t *testing.T) {
	b, _, err := ParseBlock(AppendDateTime(nil, start.Add(300*time.Millisecond)))
	if err != nil {
		t.Fatal(err)
	}
	skew, err := ParseDateTime(b.Data, start.Add(-59*time.Second))
	if err != nil || (skew-59*time.Second).Abs() > time.Second {
		t.Fatalf("skew %v, %v", skew, err)
	}
	if _, err := ParseDateTime(b.Data[:3], start); err == nil {
		t.Fatal("a date of 3 bytes was taken")
	}
}

func TestReasons(t *testing.T) {
	for r := Reason(0); r <= 18; r++ {
		if r.String() == "" {
			t.Errorf("reason %d has no name", r)
		}
	}
	b, _, _ := ParseBlock(Termination{Frames: 7, Reason: ReasonBanned, More: []byte("why")}.AppendTo(nil))
	got, err := ParseTermination(b.Data)
	if err != nil || got.Frames != 7 || got.Reason != ReasonBanned || string(got.More) != "why" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func FuzzParseBlock(f *testing.F) {
	f.Add(AppendDateTime(nil, start))
	f.Add(AppendPadding(Termination{Reason: 3}.AppendTo(nil), 4))
	f.Add(RouterInfo{Flags: 1, Info: []byte("x")}.AppendTo(nil))
	f.Add(DefaultOptions.AppendTo(nil))
	f.Add([]byte{3, 0, 9, 1, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		block, rest, err := ParseBlock(b)
		if err != nil {
			if block.Data != nil || rest != nil {
				t.Fatal("a result with an error")
			}
			return
		}
		whole := b[:len(b)-len(rest)]
		same := func(name string, got []byte) {
			if !bytes.Equal(got, whole) {
				t.Fatalf("%s: %x marshals to %x", name, whole, got)
			}
		}
		same("block", block.AppendTo(nil))
		switch block.Type {
		case BlockOptions:
			if o, err := ParseOptions(block.Data); err == nil {
				same("options", o.AppendTo(nil))
			}
		case BlockRouterInfo:
			if r, err := ParseRouterInfo(block.Data); err == nil {
				same("RouterInfo", r.AppendTo(nil))
			}
		case BlockTermination:
			if v, err := ParseTermination(block.Data); err == nil {
				same("termination", v.AppendTo(nil))
			}
		case BlockDateTime:
			ParseDateTime(block.Data, start)
		case BlockI2NP:
			same("I2NP", EndI2NP(append(BeginI2NP(nil), block.Data...), 0))
		}
	})
}

func FuzzBlocks(f *testing.F) {
	f.Add(AppendPadding(Termination{Reason: 3}.AppendTo(AppendDateTime(nil, start)), 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out []byte
		bs := Blocks{Payload: b}
		for {
			block, ok, err := bs.Next()
			if err != nil {
				return
			}
			if !ok {
				break
			}
			out = block.AppendTo(out)
		}
		if !bytes.Equal(out, b) {
			t.Fatalf("%x walks as %x", b, out)
		}
	})
}

func FuzzRequestOptions(f *testing.F) {
	f.Add(RequestOptions{NetID: 2, Version: 2, PaddingLen: 3, ConfirmedLen: 900, Timestamp: 1 << 31}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, rest, err := ParseRequestOptions(b)
		if err != nil {
			if diff := cmp.Diff(RequestOptions{}, o); diff != "" || rest != nil {
				t.Fatal("a result with an error")
			}
			return
		}
		if got := append(o.AppendTo(nil), rest...); !bytes.Equal(got, b) {
			t.Fatalf("%x marshals to %x", b, got)
		}
	})
}

func FuzzCreatedOptions(f *testing.F) {
	f.Add(CreatedOptions{PaddingLen: 3, Timestamp: 1 << 31}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, rest, err := ParseCreatedOptions(b)
		if err != nil {
			return
		}
		if got := append(o.AppendTo(nil), rest...); !bytes.Equal(got, b) {
			t.Fatalf("%x marshals to %x", b, got)
		}
	})
}

// Whatever arrives in the data phase, in whatever pieces, is refused without
// a panic once it does not authenticate.
func FuzzReceiver(f *testing.F) {
	s, _ := newWire(4)
	f.Add(s.Seal(AppendDateTime(Begin(nil), start), 0), 3)
	f.Add([]byte{1, 2, 3}, 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		_, r := newWire(4)
		held := b[:min(max(cut, 0), len(b))]
		for {
			payload, used, err := r.Open(bytes.Clone(held))
			if err != nil {
				return
			}
			if used == 0 {
				if len(held) >= r.Need() {
					t.Fatal("enough bytes, no progress")
				}
				if len(held) == len(b) {
					return
				}
				held = b
				continue
			}
			if len(payload)+frameRoom != used {
				t.Fatalf("payload of %d bytes from %d", len(payload), used)
			}
			b = b[used:]
			held = b
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for _, n := range []int{1, 15} {
		b.Run(fmt.Sprintf("%dKB", n), func(b *testing.B) {
			s, _ := newWire(1)
			msg := make([]byte, 1037)
			out := make([]byte, 0, 20<<10)
			b.SetBytes(int64(n * len(msg)))
			for b.Loop() {
				out = Begin(out[:0])
				for range n {
					out = Block{BlockI2NP, msg}.AppendTo(out)
				}
				out = s.Seal(out, 0)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	s, r := newWire(1)
	msg := make([]byte, 1037)
	b.SetBytes(int64(len(msg)))
	var wire []byte
	for b.Loop() {
		if len(wire) == 0 {
			b.StopTimer()
			for range 1000 {
				at := len(wire)
				wire = s.Seal(Block{BlockI2NP, msg}.AppendTo(Begin(wire)), at)
			}
			b.StartTimer()
		}
		_, used, err := r.Open(wire)
		if err != nil {
			b.Fatal(err)
		}
		wire = wire[used:]
	}
}
