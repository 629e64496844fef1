package ntcp2link

import (
	"testing"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
)

// TestFlight: what is written is kept until it has arrived, up to a bound, and given up from the oldest
// on beyond that.
func TestFlight(t *testing.T) {
	buftest.NoLeak(t)
	const size = 1000
	var f flight
	for id := range uint32(3000) {
		b := buf.Copy(make([]byte, size))
		f.add([]i2np.Message{{Type: i2np.TunnelDataType, ID: id, Body: b.Bytes(), Owner: b}}, size, true)
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
