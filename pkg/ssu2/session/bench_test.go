package session

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ssu2"
)

// counter is a sink that counts.
type counter struct{ messages, bytes int }

func (c *counter) Deliver(m []byte)               { c.messages++; c.bytes += len(m) }
func (*counter) Info([]byte, bool)                {}
func (*counter) Block(ssu2.Block, netip.AddrPort) {}

// pair is two sessions without a path between them.
type pair struct {
	now  time.Time
	a, b *Session
	got  *counter
	out  []byte
}

func newPair(t testing.TB) *pair {
	w := newWorld(t, 1, scene{delay: time.Millisecond}, nil)
	p := &pair{now: w.now, a: w.a.s, b: w.b.s, got: &counter{}, out: make([]byte, MaxDatagram)}
	p.b.sink = p.got
	p.a.sink = &counter{}
	return p
}

var fromA, fromB = netip.MustParseAddrPort("23.0.0.1:7"), netip.MustParseAddrPort("23.0.0.2:8")

// step lets time pass, and everything be exchanged.
func (p *pair) step() {
	p.now = p.now.Add(time.Millisecond)
	for {
		d, _, ok := p.a.Next(p.now, p.out)
		if !ok {
			break
		}
		p.b.Handle(p.now, d, fromA, false)
	}
	for {
		d, _, ok := p.b.Next(p.now, p.out)
		if !ok {
			break
		}
		p.a.Handle(p.now, d, fromB, false)
	}
}

func (p *pair) send(m i2np.Message) {
	for p.a.Room(p.now) == 0 {
		p.step()
	}
	if p.a.Send(m, Bulk) != nil {
		panic("no room")
	}
}

// BenchmarkMessage is what a message of tunnel data costs from the sender's queue to the
// receiver's sink, acknowledged and forgotten, both sides together.
func BenchmarkMessage(b *testing.B) {
	p := newPair(b)
	body := make([]byte, 1028)
	m := i2np.Message{Type: i2np.TunnelDataType, ID: 1, Expiration: i2p.DateOf(p.now.Add(24 * time.Hour)), Body: body}
	for range 5000 {
		p.send(m)
	}
	b.SetBytes(1028)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		p.send(m)
	}
	p.step()
}

// BenchmarkPacket is sealing and opening a full packet.
func BenchmarkPacket(b *testing.B) {
	p := newPair(b)
	n := uint32(1)
	b.SetBytes(1440)
	b.ReportAllocs()
	for range b.N {
		d := p.a.out.seal(p.out[:ssu2.ShortHeaderLen+1440], n, 0)
		h, raw, ok := p.b.in.head(d)
		if !ok || h.Number != n {
			b.Fatal("no packet of ours")
		}
		if _, ok := p.b.in.open(d, &raw, n); !ok {
			b.Fatal("it does not open")
		}
		n++
	}
}

// TestAllocations: messages cost none.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop buffers under the detector")
	}
	p := newPair(t)
	body := make([]byte, 1028)
	m := i2np.Message{Type: i2np.TunnelDataType, ID: 1, Expiration: i2p.DateOf(p.now.Add(time.Hour)), Body: body}
	for range 5000 {
		p.send(m)
	}
	if n := testing.AllocsPerRun(2000, func() { p.send(m) }); n > 0 {
		t.Errorf("%v allocations for a message", n)
	}
}
