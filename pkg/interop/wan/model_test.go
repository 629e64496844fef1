package wan

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// testModel has hosts 1 to 3, each with lines of 50 ms; host n is 10.n.0.1 and 2a0b:n::1.
func testModel() *model {
	m := newModel()
	for id := 1; id <= 3; id++ {
		s := Distance(50 * time.Millisecond)
		d := &device{id: id, up: newLine(s, 1, uint64(2*id)), down: newLine(s, 1, uint64(2*id+1))}
		m.devices[id] = d
		m.name(d, v4(id), v6(id))
	}
	return &m
}

func v4(id int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(id), 0, 1}) }
func v6(id int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 3: byte(id), 15: 1})
}

// ipPacket has so many bytes, and forbids IPv4 to fragment it.
func ipPacket(from, to netip.Addr, size int) []byte {
	b := make([]byte, size)
	if from.Is4() {
		b[0], b[6] = 0x45, 0x40
		copy(b[12:], from.AsSlice())
		copy(b[16:], to.AsSlice())
		return b
	}
	b[0] = 0x60
	copy(b[8:], from.AsSlice())
	copy(b[24:], to.AsSlice())
	return b
}

// arrives says which host gets a packet by then, 0 is none, and its bytes.
func (m *model) arrives(by time.Duration) (id int, data []byte) {
	p, ok := m.next(by)
	if !ok {
		return 0, nil
	}
	return p.to.id, p.data
}

func TestModelCarriesOverBothLines(t *testing.T) {
	m := testModel()
	for _, addr := range []func(int) netip.Addr{v4, v6} {
		m.enter(time.Second, m.devices[1], ipPacket(addr(1), addr(2), 100))
		if id, _ := m.arrives(time.Second + 99*time.Millisecond); id != 0 {
			t.Errorf("host %d got it before 100 ms", id)
		}
		if id, b := m.arrives(time.Second + 100*time.Millisecond); id != 2 || len(b) != 100 {
			t.Errorf("host %d got %d bytes", id, len(b))
		}
	}
}

func TestModelTakesOnlyAHostsOwnAddress(t *testing.T) {
	m := testModel()
	m.enter(0, m.devices[1], ipPacket(v4(3), v4(2), 100))
	m.name(m.devices[2], v4(20), netip.Addr{})
	m.enter(0, m.devices[1], ipPacket(v4(1), v4(2), 100))
	m.enter(0, m.devices[1], []byte{0x45})
	if id, _ := m.arrives(time.Hour); id != 0 || m.foreign != 2 {
		t.Errorf("host %d got one, %d were foreign", id, m.foreign)
	}
	m.enter(0, m.devices[1], ipPacket(v4(1), v4(20), 100))
	if id, _ := m.arrives(time.Hour); id != 2 {
		t.Errorf("host %d got what is for the new address", id)
	}
}

func TestModelCutsAndSeparates(t *testing.T) {
	m := testModel()
	m.enter(0, m.devices[1], ipPacket(v4(1), v4(2), 100))
	m.devices[2].cut = true // while it is on its way
	m.enter(0, m.devices[1], ipPacket(v4(1), v4(2), 100))
	m.enter(0, m.devices[2], ipPacket(v4(2), v4(1), 100))
	m.group = map[int]int{3: 1}
	m.enter(0, m.devices[1], ipPacket(v4(1), v4(3), 100))
	if id, _ := m.arrives(time.Hour); id != 0 {
		t.Errorf("host %d got one", id)
	}
	if up, down := m.devices[1].up.Unreachable, m.devices[2].down.Unreachable; up != 2 || down != 1 {
		t.Errorf("%d and %d were unreachable", up, down)
	}
}

func TestModelTellsWhatIsTooBig(t *testing.T) {
	for _, addr := range []func(int) netip.Addr{v4, v6} {
		m := testModel()
		m.devices[2].down.MTU = 1300
		long := ipPacket(addr(1), addr(2), 1400)
		m.enter(0, m.devices[1], long)
		id, b := m.arrives(time.Hour)
		if id != 1 || len(b) < 50 {
			t.Fatalf("host %d got %d bytes", id, len(b))
		}
		mtu, header := binary.BigEndian.Uint16(b[26:]), 28
		if addr(1).Is6() {
			mtu, header = binary.BigEndian.Uint16(b[46:]), 48
		}
		if mtu != 1300 || string(b[header:]) != string(long[:len(b)-header]) {
			t.Errorf("MTU %d, or other bytes than those of the packet", mtu)
		}
		if addr(1).Is4() && (sum(0, b[:20]) != 0xffff || sum(0, b[20:]) != 0xffff) {
			t.Error("a wrong checksum")
		}
		m.devices[2].down.Silent = true
		m.enter(0, m.devices[1], long)
		if id, _ := m.arrives(time.Hour); id != 0 {
			t.Errorf("host %d got what a black hole takes", id)
		}
	}
}
