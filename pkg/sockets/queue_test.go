package sockets

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestQueue: what goes in comes out, in its order, whichever way.
func TestQueue(t *testing.T) {
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	free := &chunks{}
	q := queue{free: free}
	var want []byte
	fill := func(n int) []byte {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		return p
	}
	expect := func(got []byte) {
		t.Helper()
		if !bytes.Equal(got, want[:len(got)]) {
			t.Fatal("other bytes came out")
		}
		want = want[len(got):]
	}
	for range 20_000 {
		switch random.IntN(6) {
		case 0, 1:
			p := fill(random.IntN(3 * chunkLen / 2))
			q.put(p)
			want = append(want, p...)
		case 2:
			p := fill(1 + random.IntN(100))
			q.put(p)
			want = append(want, p...)
		case 3:
			p := make([]byte, random.IntN(2*chunkLen))
			expect(p[:q.get(p)])
		case 4:
			n := random.IntN(len(q.front()) + 1)
			expect(bytes.Clone(q.front()[:n]))
			q.drop(n)
		case 5:
			if q.len() == 0 {
				continue
			}
			front, chunk := q.take()
			expect(bytes.Clone(front))
			free.put(chunk)
		}
		if q.len() != len(want) {
			t.Fatalf("%d bytes are in it, of %d", q.len(), len(want))
		}
		if q.len() > 20*chunkLen {
			q.clear()
			want = nil
		}
	}
	if free.kept > maxKept {
		t.Errorf("%d bytes are kept", free.kept)
	}
}

// TestQueueMemory: what waits takes little more than twice its length.
func TestQueueMemory(t *testing.T) {
	for _, packet := range []int{1, 500, 1730, 4000} {
		q := queue{free: &chunks{}}
		for q.len() < 4*chunkLen {
			q.put(make([]byte, packet))
			taken := 0
			for _, c := range q.chunks {
				taken += cap(c)
			}
			if taken > 2*q.len()+smallChunk {
				t.Fatalf("%d bytes in pieces of %d take %d", q.len(), packet, taken)
			}
		}
	}
}
