package session

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ssu2"
)

const ms = time.Millisecond

// world is two sessions with a path between them, in virtual time.
type world struct {
	t      testing.TB
	now    time.Time
	random *rand.Rand
	events events
	n      uint64
	a, b   *node
	tap    func(from *node, to netip.AddrPort, datagram []byte) bool // false drops
}

type event struct {
	at time.Time
	n  uint64
	do func()
}

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].n < h[j].n
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(x any)   { *h = append(*h, x.(event)) }
func (h *events) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// scene is the path, the same both ways.
type scene struct {
	rate    float64 // bytes per second; 0 is no limit
	delay   time.Duration
	queue   float64 // bytes
	loss    float64
	dup     float64
	reorder float64
	lag     time.Duration
	mtu     int // of the path; what is larger vanishes
	forge   float64
	mark    float64 // bytes of a queue beyond which it marks datagrams; 0 is none
	markAll bool
}

// node is a session and what its router would do.
type node struct {
	w        *world
	name     string
	s        *Session
	scene    scene
	at       netip.AddrPort
	peer     *node
	free     time.Time
	timer    uint64
	pump     func() // feeds the session
	got      map[uint32]int
	bytes    int
	sum      [32]byte // of all messages, whatever their order
	infos    int
	blocks   []ssu2.Block
	sent     int // bytes
	datagram int // datagrams
	dead     map[netip.AddrPort]bool
	heard    time.Time
	pause    time.Duration // the longest without a message
	froms    map[netip.AddrPort]int
}

func (n *node) Deliver(m []byte) {
	msg, err := i2np.ParseShort(m)
	if err != nil {
		n.w.t.Error(err)
		return
	}
	if !n.heard.IsZero() {
		n.pause = max(n.pause, n.w.now.Sub(n.heard))
	}
	n.heard = n.w.now
	n.got[msg.ID]++
	if n.got[msg.ID] > 1 {
		return
	}
	n.bytes += len(msg.Body)
	sum := sha256.Sum256(m)
	for i := range sum {
		n.sum[i] ^= sum[i]
	}
}
func (n *node) Info([]byte, bool) { n.infos++ }
func (n *node) Block(b ssu2.Block, _ netip.AddrPort) {
	n.blocks = append(n.blocks, ssu2.Block{Type: b.Type, Data: append([]byte(nil), b.Data...)})
}

func seeded(b byte) *draw.Source { return draw.Seeded([32]byte{b}) }

func keys(random *draw.Source) (k ssu2.Keys) {
	random.Fill(k.Data[:])
	random.Fill(k.Header.K1[:])
	random.Fill(k.Header.K2[:])
	return k
}

func newWorld(t testing.TB, seed uint64, sc scene, change func(*Config)) *world {
	w := &world{t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), random: rand.New(rand.NewPCG(seed, 1))}
	random := seeded(byte(seed))
	ab, ba := keys(random), keys(random)
	ids := [2]ssu2.ConnectionID{ssu2.ConnectionID(random.Uint64()), ssu2.ConnectionID(random.Uint64())}
	at := [2]netip.AddrPort{netip.MustParseAddrPort("23.0.0.1:7"), netip.MustParseAddrPort("23.0.0.2:8")}
	make := func(i int, send, receive ssu2.Keys) *node {
		n := &node{w: w, name: string(rune('a' + i)), scene: sc, at: at[i], got: map[uint32]int{}, dead: map[netip.AddrPort]bool{}, froms: map[netip.AddrPort]int{}}
		cfg := Config{
			Established: &ssu2.Established{
				Initiator: i == 0, LocalID: ids[i], RemoteID: ids[1-i], Send: send, Receive: receive, NextPacket: uint32(1 - i),
				Path: ssu2.Path{Remote: at[1-i], MTU: 1500, RTT: 2*sc.delay + ms},
			},
			Sink: n, Rand: seeded(byte(i + 10)),
		}
		if change != nil {
			change(&cfg)
		}
		n.s = New(w.now, cfg)
		return n
	}
	w.a, w.b = make(0, ab, ba), make(1, ba, ab)
	w.a.peer, w.b.peer = w.b, w.a
	w.b.flush()
	return w
}

func (w *world) push(at time.Time, f func()) {
	w.n++
	heap.Push(&w.events, event{at, w.n, f})
}

// run lets time pass until a condition holds, for a span at most.
func (w *world) run(span time.Duration, until func() bool) bool {
	end := w.now.Add(span)
	for len(w.events) > 0 && !w.events[0].at.After(end) {
		if until != nil && until() {
			return true
		}
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	if until != nil && until() {
		return true
	}
	w.now = end
	return false
}

// flush is what a driver does after anything has happened.
func (n *node) flush() {
	out := make([]byte, MaxDatagram)
	for i := 0; ; i++ {
		if i > 20000 {
			n.w.t.Fatalf("%s does not stop sending", n.name)
		}
		if n.pump != nil {
			n.pump()
		}
		d, to, ok := n.s.Next(n.w.now, out)
		if !ok {
			break
		}
		n.pass(d, to)
	}
	n.timer++
	k := n.timer
	due := n.s.Deadline()
	if due.IsZero() {
		return
	}
	if due.Before(n.w.now) {
		due = n.w.now.Add(time.Microsecond)
	}
	n.w.push(due, func() {
		if k == n.timer {
			n.flush()
		}
	})
}

// pass puts a datagram on the way.
func (n *node) pass(d []byte, to netip.AddrPort) {
	w, sc := n.w, &n.scene
	n.sent += len(d)
	n.datagram++
	d = append([]byte(nil), d...)
	if w.tap != nil && !w.tap(n, to, d) {
		return
	}
	if len(d)+28 > sc.mtu && sc.mtu > 0 {
		return
	}
	at, marked := w.now, sc.markAll
	if sc.rate > 0 {
		wait := max(n.free.Sub(w.now), 0)
		if wait.Seconds()*sc.rate > sc.queue {
			return
		}
		marked = marked || sc.mark > 0 && wait.Seconds()*sc.rate > sc.mark
		n.free = w.now.Add(wait + time.Duration(float64(len(d)+28)/sc.rate*1e9))
		at = n.free
	}
	if w.random.Float64() < sc.loss {
		return
	}
	copies := 1
	if w.random.Float64() < sc.dup {
		copies = 2
	}
	from := n.at
	for range copies {
		there := at.Add(sc.delay)
		if w.random.Float64() < sc.reorder {
			there = there.Add(time.Duration(w.random.Int64N(int64(sc.lag))))
		}
		c := append([]byte(nil), d...)
		if w.random.Float64() < sc.forge {
			f := append([]byte(nil), d...)
			f[w.random.IntN(len(f))] ^= byte(1 + w.random.IntN(255))
			w.push(there, func() { n.peer.arrive(f, from, to, marked) })
		}
		w.push(there, func() { n.peer.arrive(c, from, to, marked) })
	}
}

func (n *node) arrive(d []byte, from, to netip.AddrPort, marked bool) {
	if to != n.at {
		return
	}
	n.froms[from]++
	n.s.Handle(n.w.now, d, from, marked)
	n.flush()
}

// message makes a message whose contents follow from its id.
func (w *world) message(id uint32, size int) i2np.Message {
	b := buf.Get(size)
	rng := rand.NewPCG(uint64(id), 3)
	p := b.Bytes()
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, rng.Uint64())
		p = p[8:]
	}
	clear(p)
	return i2np.Message{Type: i2np.TunnelDataType, ID: id, Expiration: i2p.DateOf(w.now.Add(time.Minute)), Body: b.Bytes(), Owner: b}
}

// bulk has a node send messages of a size until they make up some bytes.
type bulk struct {
	n     *node
	size  func() int
	left  int
	next  uint32
	sum   [32]byte
	bytes int
	count int
}

func (n *node) bulk(total int, size func() int) *bulk {
	b := &bulk{n: n, size: size, left: total, next: 1}
	n.pump = b.pump
	n.w.push(n.w.now, n.flush)
	return b
}

func (b *bulk) pump() {
	for b.left > 0 && b.n.s.Room(b.n.w.now) > 0 {
		size := b.size()
		m := b.n.w.message(b.next, size)
		sum := sha256.Sum256(m.AppendShort(nil))
		if b.n.s.Send(m, Bulk) != nil {
			m.Release()
			return
		}
		for i := range sum {
			b.sum[i] ^= sum[i]
		}
		b.next++
		b.left -= size
		b.bytes += size
		b.count++
	}
}

func (b *bulk) arrived() bool { return b.left <= 0 && b.n.peer.bytes == b.bytes }

func (w *world) end() {
	w.t.Helper()
	w.a.s.Release()
	w.b.s.Release()
}

func fixed(n int) func() int { return func() int { return n } }
