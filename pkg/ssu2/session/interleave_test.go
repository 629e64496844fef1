package session

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/ssu2"
)

// ledger is what became of each message.
type ledger struct {
	sent map[uint32]*node // by whom
	back map[uint32]int
}

// TestInterleavings has sessions sent over, asked for what has not arrived, moved, and ended by either side, in any
// order and at any moment, also after their end, on a bad path. Nothing panics; no message is given back
// twice; as long as both stand each has come or been given back in the end, and no buffer stays lent.
func TestInterleavings(t *testing.T) {
	buftest.NoLeak(t)
	for seed := range uint64(25) {
		interleave(t, seed)
	}
}

func interleave(t *testing.T, seed uint64) {
	sc := scene{rate: 300e3, delay: 30 * ms, queue: 60e3, loss: 0.1, dup: 0.05, reorder: 0.2, lag: 50 * ms, forge: 0.02}
	w := newWorld(t, seed, sc, nil)
	random := draw.Seeded([32]byte{byte(seed), byte(seed >> 8), 7})
	l := ledger{map[uint32]*node{}, map[uint32]int{}}
	var last [][]byte // datagrams that went by
	w.tap = func(_ *node, _ netip.AddrPort, d []byte) bool {
		if random.Below(8) == 0 {
			last = append(last, d)
		}
		return true
	}
	var did []string
	var id uint32
	ends := random.Below(3) == 0
	steps := 20 + random.Below(100)
	for i := range steps {
		n := w.a
		if random.Below(2) == 0 {
			n = w.b
		}
		what := random.Below(12)
		switch what {
		case 0, 1, 2, 3:
			for range random.Below(30) {
				id++
				m := w.message(id, []int{0, 16, 1028, 1300, 5000, 20000, MaxMessage}[random.Below(7)])
				if n.s.Send(m, Urgency(random.Below(2))) != nil {
					m.Release()
					continue
				}
				l.sent[id] = n
			}
		case 4:
			l.takeBack(n)
		case 5: // its machine has moved
			n.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{23, 0, byte(random.Below(3)), byte(random.Below(200))}), n.at.Port())
			n.s.Migrate(w.now)
		case 6: // its NAT has another port
			n.at = netip.AddrPortFrom(n.at.Addr(), uint16(1024+random.Below(1000)))
		case 7:
			n.s.Ping()
			n.s.SendBlock(w.now, ssu2.Block{Type: ssu2.BlockNewToken, Data: make([]byte, 12)})
		case 8:
			n.s.LastWord()
			n.s.Room(w.now)
			n.s.Paced(w.now)
		case 9: // what is old comes again
			if len(last) > 0 {
				n.s.Handle(w.now, slices.Clone(last[random.Below(len(last))]), n.peer.at, random.Below(2) == 0)
			}
		case 10:
			if ends && i > steps/2 {
				n.s.Close(w.now, ssu2.ReasonReplaced)
			}
		case 11:
			if ends && i > steps/2 && random.Below(4) == 0 {
				n.s.Release()
			}
		}
		did = append(did, fmt.Sprint(n.name, what))
		if random.Below(4) > 0 {
			n.flush()
		}
		w.run(time.Duration(random.Below(200))*ms, nil)
	}
	w.a.scene, w.b.scene = scene{delay: 30 * ms}, scene{delay: 30 * ms}
	w.a.flush()
	w.b.flush()
	if w.run(20*time.Second, nil); !ends && (w.a.s.Ended() != nil || w.b.s.Ended() != nil) && random.Below(2) == 0 {
		l.takeBack(w.a)
	}
	l.check(t, w, seed, did)
	w.end()
}

func (l *ledger) takeBack(n *node) {
	for _, m := range n.s.TakeBack() {
		l.back[m.ID]++
		m.Release()
	}
}

func (l *ledger) check(t *testing.T, w *world, seed uint64, did []string) {
	stand := w.a.s.Ended() == nil && w.b.s.Ended() == nil
	never := map[*node]int{} // by who sent them
	for id, from := range l.sent {
		came, back := from.peer.got[id], l.back[id]
		if back > 1 {
			t.Errorf("seed %d: message %d was given back %d times; %v", seed, id, back, did)
		}
		if came+back == 0 {
			never[from]++
		}
	}
	for _, n := range []*node{w.a, w.b} {
		q, c, in := &n.s.outbox, n.s.Counts(), n.peer.s.Counts()
		if stand && (q.held != 0 || q.count != 0 || q.fresher != 0) {
			t.Errorf("seed %d: %s holds %d bytes of %d messages, %d to be sent", seed, n.name, q.held, q.count, q.fresher)
		}
		// A message may expire, or have parts that are too large after a move; and what came in part may be given up.
		if lost := c.Dropped + in.Overfull + in.TimedOut + in.BadFragments; stand && never[n] > int(lost) {
			t.Errorf("seed %d: of %s's messages %d never came, %d were lost; %+v, %+v; %v", seed, n.name, never[n], lost, c, in, did)
		}
	}
}
