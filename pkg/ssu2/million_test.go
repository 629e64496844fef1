package ssu2

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// TestMillion: a million random datagrams, from one address, from as many as there are, and in the name of a
// peer in the midst of its handshake. None is answered, nothing is kept of them, and the
// handshake comes to its end.
func TestMillion(t *testing.T) {
	count := 1_000_000
	if raceEnabled {
		count = 20_000
	}
	alice, bob, w := newPair(t, 12)
	w.dial(t, alice, bob)
	for range 300 { // until Bob has answered a request
		if _, theirs := bob.Pending(); theirs > 0 {
			break
		}
		w.run(time.Millisecond)
	}
	if _, theirs := bob.Pending(); theirs != 1 || len(bob.done) > 0 {
		t.Fatal("no handshake is in its midst")
	}
	before, heap := bob.Counts(), heapInUse()
	stream := rand.NewChaCha8([32]byte{12})
	all := make([]byte, 1<<20)
	stream.Read(all)
	for i := range count {
		x := stream.Uint64()
		at, size := int(x%(1<<20-1600)), 1+int(x>>32)%1500
		b := all[at : at+size]
		binary.NativeEndian.PutUint64(all[at:], x) // so that all differ
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, 9}), 4000)
		switch i % 3 {
		case 1:
			from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(x>>16)))), uint16(x))
		case 2:
			from = alice4
		}
		if r := bob.Handle(w.now, from, b); len(r.Send) > 0 || len(r.Failed) > 0 || r.Established != nil || r.Message != nil {
			t.Fatalf("datagram %d of %d bytes: %+v", i, size, r)
		}
	}
	after := bob.Counts()
	if n := after.Junk + after.Forged + after.EarlyDrops - before.Junk - before.Forged - before.EarlyDrops; n < uint64(count)*99/100 {
		t.Errorf("%d of %d are counted: %+v", n, count, after)
	}
	if grown := heapInUse() - heap; grown > 1<<20 {
		t.Errorf("%d bytes are kept", grown)
	}
	if ours, theirs := bob.Pending(); ours != 0 || theirs != 1 {
		t.Errorf("%d and %d handshakes", ours, theirs)
	}
	w.run(time.Second)
	if len(alice.done) != 1 || len(bob.done) != 1 {
		t.Errorf("the handshake has not ended well: %+v, %v", bob.Counts(), alice.failures)
	}
}

func heapInUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
