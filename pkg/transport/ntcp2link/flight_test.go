package ntcp2link

import (
	"testing"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/transport"
)

// TestFlight: what is written is kept until it has arrived, up to a bound, and given up from the oldest
// on beyond that.
func TestFlight(t *testing.T) {
	buftest.NoLeak(t)
	const size = 1000
	f := flight{loan: transport.NewStock(0).Lend(ownFlight, origin.Networks{})}
	for id := range uint32(3000) {
		f.add([]i2np.Message{flightMessage(id, size)}, size, true)
		if f.memory > ownFlight {
			t.Fatalf("%d bytes are held, where nothing is lent", f.memory)
		}
	}
	first := f.messages[f.head].ID
	if first == 0 || f.memory < ownFlight/2 {
		t.Fatalf("of 3000 messages the oldest is %d, and %d bytes are held", first, f.memory)
	}
	f.arrived(uint64(first+10) * size)
	all := f.takeBack()
	if len(all) != 3000-int(first)-10 || all[0].ID != first+10 || f.memory != 0 {
		t.Errorf("%d are given back, the oldest is %d; %d bytes are held", len(all), all[0].ID, f.memory)
	}
	for _, m := range all {
		m.Release()
	}
}

func flightMessage(id uint32, size int) i2np.Message {
	b := buf.Copy(make([]byte, size))
	return i2np.Message{Type: i2np.TunnelDataType, ID: id, Body: b.Bytes(), Owner: b}
}

// TestFlightBorrows: what is beyond its own is borrowed, up to a bound. Where nothing more is to be had a flight stays as
// long as it is, and lets go of the oldest for what is written; and where all of it is given up nothing is lent.
func TestFlightBorrows(t *testing.T) {
	buftest.NoLeak(t)
	const size = 1000
	for _, most := range []int{2 << 20, 32 << 20} {
		s := transport.NewStock(most)
		f := flight{loan: s.Lend(ownFlight, origin.Networks{})}
		want := min(ownFlight+most/2, mostFlight)
		longest := 0
		for id := range uint32(12000) {
			f.add([]i2np.Message{flightMessage(id, size)}, size, true)
			if longest = max(longest, f.memory); f.memory < longest-4096 || f.memory > want {
				t.Fatalf("of %d: %d bytes are held after %d messages, and were %d", want, f.memory, id, longest)
			}
		}
		if longest < want-4096 || s.Lent() != f.memory-ownFlight {
			t.Errorf("%d bytes are held, of %d; %d are lent", longest, want, s.Lent())
		}
		other := s.Lend(0, origin.Networks{}) // takes what is left
		other.Settle(most)
		before := len(f.messages) - f.head
		f.arrived(f.written - uint64(before/2*size))
		for id := range uint32(before) {
			f.add([]i2np.Message{flightMessage(id, size)}, size, true)
		}
		if f.memory < ownFlight {
			t.Errorf("%d bytes are held where others have borrowed the rest", f.memory)
		}
		for _, m := range f.takeBack() {
			m.Release()
		}
		if other.Settle(0); s.Lent() != 0 {
			t.Errorf("%d bytes are lent to nobody", s.Lent())
		}
	}
}
