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
	if len(free.list) > maxChunks {
		t.Errorf("%d chunks are kept", len(free.list))
	}
}
