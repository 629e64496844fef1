package ssu2

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAckExample(t *testing.T) {
	// SSU2, Ack: 10 9 8 6 5 2 1 0 are acknowledged, 7 4 3 are not.
	runs := []Range{{8, 10}, {5, 6}, {0, 2}}
	got := AppendAck(nil, runs, 1000)
	if want := (Ack{10, 2, []byte{1, 2, 2, 3}}).AppendTo(nil); !bytes.Equal(got, want) {
		t.Fatalf("%x, want %x", got, want)
	}
	a, err := ParseAck(got[3:])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(runs, slices.Collect(a.All())); diff != "" {
		t.Fatal(diff)
	}
}

func TestAckBelowZero(t *testing.T) {
	for _, c := range []struct {
		ack  Ack
		want []Range
	}{
		{Ack{3, 200, nil}, []Range{{0, 3}}},
		{Ack{3, 1, []byte{200, 1}}, []Range{{2, 3}}},
		{Ack{3, 1, []byte{1, 200}}, []Range{{2, 3}}},
		{Ack{3, 1, []byte{1, 1, 0, 9}}, []Range{{2, 3}, {0, 0}}},
		{Ack{1 << 31, 0, []byte{255, 0, 1, 1}}, []Range{{1 << 31, 1 << 31}, {1<<31 - 257, 1<<31 - 257}}},
	} {
		if diff := cmp.Diff(c.want, slices.Collect(c.ack.All())); diff != "" {
			t.Errorf("%+v: %s", c.ack, diff)
		}
	}
}

// TestAckRuns sends runs of all lengths through the codec, with room for all
// of them and for fewer.
func TestAckRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		var runs []Range
		high := uint32(5000 + r.IntN(5000))
		for high > 3000 && len(runs) < 20 {
			low := high - uint32(r.IntN([]int{1, 3, 254, 255, 256, 600}[r.IntN(6)]+1))
			runs = append(runs, Range{low, high})
			high = low - 2 - uint32(r.IntN([]int{1, 3, 254, 255, 256, 600}[r.IntN(6)]))
		}
		room := AckBlockLen(0) + r.IntN(60)
		out := AppendAck([]byte("x"), runs, room)[1:]
		if len(out) > room {
			t.Fatalf("%d bytes in a room of %d", len(out), room)
		}
		a, err := ParseAck(out[3:])
		if err != nil {
			t.Fatal(err)
		}
		said := map[uint32]bool{}
		for got := range a.All() {
			for n := got.Low; n <= got.High; n++ {
				said[n] = true
			}
		}
		acked := func(n uint32) bool {
			return slices.ContainsFunc(runs, func(r Range) bool { return r.Low <= n && n <= r.High })
		}
		for n := range said {
			if !acked(n) {
				t.Fatalf("%v: packet %d is acknowledged in %+v", runs, n, a)
			}
		}
		full := AppendAck(nil, runs, 10000)
		if len(full) > room {
			continue
		}
		for n := runs[len(runs)-1].Low; n <= runs[0].High; n++ {
			if said[n] != acked(n) {
				t.Fatalf("%v: packet %d is not told in %+v", runs, n, a)
			}
		}
	}
	if out := AppendAck(nil, []Range{{1, 2}}, AckBlockLen(0)-1); out != nil {
		t.Fatalf("%x in no room", out)
	}
	if out := AppendAck(nil, nil, 100); out != nil {
		t.Fatalf("%x for nothing", out)
	}
}

func TestAckAllocatesNothing(t *testing.T) {
	a, n, buf, runs := Ack{1000, 9, []byte{1, 2, 3, 4}}, uint32(0), make([]byte, 0, 100), []Range{{8, 10}, {5, 6}}
	if got := testing.AllocsPerRun(100, func() {
		for r := range a.All() {
			n += r.High
		}
		buf = AppendAck(buf[:0], runs, 100)
	}); got != 0 {
		t.Fatalf("%v allocations", got)
	}
}
