package streaming_test

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"hash"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/streaming"
)

// long is said first by simulations that take seconds, and ten times as long under the race
// detector, which has nothing to find there: engine and network are one goroutine's.
func long(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("a long simulation of one goroutine, left to the run without the race detector")
	}
}

// link is one direction of a path: a bottleneck with a bounded queue, then
// latency, loss, duplication and jitter that reorders.
type link struct {
	rate      float64 // bytes a second, 0 is endless
	queue     int     // bytes that the bottleneck keeps
	latency   time.Duration
	jitter    time.Duration
	loss, dup float64
	hops      []*hop // each with a queue of its own, instead of rate and queue
	line      line   // what comes after them, instead of jitter

	free    time.Time // when the bottleneck is idle again
	dropped int
	sent    int
}

type pair [2]i2p.Hash

// network is nodes with links between them, in virtual time.
type network struct {
	t     testing.TB
	now   time.Time
	rand  *rand.Rand
	heap  arrivals
	n     uint64
	nodes []*node
	links map[pair]*link
	blank bool                                      // send zeros, and trust that they arrive unchanged
	poked []*node                                   // whose applications have something to do
	tap   func(from, to *node, payload []byte) bool // false drops
}

func newNetwork(t testing.TB, seed uint64) *network {
	return &network{t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		rand: rand.New(rand.NewPCG(seed, 1)), links: make(map[pair]*link)}
}

// node is a destination whose applications are of this test.
type node struct {
	net      *network
	mux      *streaming.Mux
	keys     *i2p.PrivateKeys
	hash     i2p.Hash
	accepted []*side
	answer   streaming.Answer // to incoming streams
	stalled  int
	quiet    int
	doubts   int
	pongs    []string
}

// side is one end of a stream.
type side struct {
	node        *node
	conn        *streaming.Conn
	toSend      int
	sum         hash.Hash // of what arrived
	got         int
	pending     int  // arrived, not read
	slow        bool // does not read
	discarded   bool // what it had not read
	untold      int  // read, of which the engine has not been told
	established bool
	ended       bool
	parted      time.Time
	closed      bool
	err         error
	finish      bool // CloseWrite when all was written
	doneAt      time.Time
	sent        hash.Hash
	keep        []byte
	gotAt       time.Time
	heard       func()        // something has arrived
	stall       time.Duration // the longest time without an arrival
	rng         *rand.Rand
}

func (n *node) side(c *streaming.Conn) *side {
	s, _ := c.Tag.(*side)
	if s == nil {
		s = &side{node: n, conn: c, sum: sha256.New(), sent: sha256.New(), rng: rand.New(rand.NewPCG(uint64(c.ID()), 2))}
		c.Tag = s
	}
	return s
}

func (n *node) Accept(c *streaming.Conn) streaming.Answer {
	if n.answer != streaming.Take {
		return n.answer
	}
	n.accepted = append(n.accepted, n.side(c))
	return streaming.Take
}
func (n *node) Established(c *streaming.Conn) { n.side(c).established = true }
func (n *node) Receive(c *streaming.Conn, b []byte) {
	s := n.side(c)
	if !n.net.blank {
		s.sum.Write(b)
	}
	s.stall = max(s.stall, n.net.now.Sub(s.gotAt))
	s.gotAt = n.net.now
	s.got += len(b)
	if s.heard != nil {
		s.heard()
	}
	s.pending += len(b)
	if len(s.keep) < 4096 {
		s.keep = append(s.keep, b[:min(len(b), 4096)]...)
	}
}
func (n *node) Consumed(c *streaming.Conn) (untold int) {
	s := n.side(c)
	untold, s.untold = s.untold, 0
	return untold
}
func (n *node) Discard(c *streaming.Conn) {
	s := n.side(c)
	s.pending, s.untold, s.discarded = 0, 0, true
}
func (n *node) ReceiveEnd(c *streaming.Conn) { s := n.side(c); s.ended = true; s.doneAt = n.net.now }
func (n *node) Writable(*streaming.Conn)     {}
func (n *node) Parted(c *streaming.Conn)     { n.side(c).parted = n.net.now }
func (n *node) Closed(c *streaming.Conn, err error) {
	s := n.side(c)
	s.closed, s.err = true, err
}
func (n *node) Stalled(i2p.Hash)              { n.stalled++ }
func (n *node) Doubt(i2p.Hash)                { n.doubts++ }
func (n *node) Quiet(i2p.Hash)                { n.quiet++ }
func (n *node) Pong(_ uint32, payload []byte) { n.pongs = append(n.pongs, string(payload)) }

// consume has an application read that tells nobody.
func (n *node) consume(s *side, bytes int) {
	s.pending -= bytes
	s.untold += bytes
}

// seeded is a reader of random bytes.
type seeded struct{ r *rand.ChaCha8 }

func (s seeded) Read(p []byte) (int, error) { return s.r.Read(p) }

func (w *network) add(cfg streaming.Config) *node {
	w.t.Helper()
	var seed [32]byte
	seed[0], seed[1] = byte(len(w.nodes)), 7
	rng := seeded{rand.NewChaCha8(seed)}
	if cfg.Keys == nil {
		keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rng)
		if err != nil {
			w.t.Fatal(err)
		}
		cfg.Keys = keys
	}
	n := &node{net: w, answer: streaming.Take, keys: cfg.Keys, hash: cfg.Keys.Destination().Hash()}
	cfg.Rand, cfg.Events = rng, n
	mux, err := streaming.New(w.now, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	n.mux = mux
	w.nodes = append(w.nodes, n)
	return n
}

// connect lays links between two nodes.
func (w *network) connect(a, b *node, there, back link) {
	w.links[pair{a.hash, b.hash}] = &there
	w.links[pair{b.hash, a.hash}] = &back
}

func (w *network) node(h i2p.Hash) *node {
	for _, n := range w.nodes {
		if n.hash == h {
			return n
		}
	}
	return nil
}

func (w *network) send(from *node, to i2p.Hash, payload []byte) {
	n := w.node(to)
	l := w.links[pair{from.hash, to}]
	if n == nil || l == nil {
		return
	}
	if w.tap != nil && !w.tap(from, n, payload) {
		return
	}
	l.sent++
	if len(l.hops) > 0 {
		payload = bytes.Clone(payload)
		w.pass(l, 0, len(payload), func(at time.Time) { w.push(arrival{at: at, to: n, payload: payload}) })
		return
	}
	at := w.now
	if l.rate > 0 {
		start := l.free
		if start.Before(at) {
			start = at
		}
		if float64(start.Sub(at))/1e9*l.rate > float64(l.queue) {
			l.dropped++
			return
		}
		l.free = start.Add(time.Duration(float64(len(payload)) / l.rate * 1e9))
		at = l.free
	}
	if w.rand.Float64() < l.loss {
		l.dropped++
		return
	}
	copies := 1
	if w.rand.Float64() < l.dup {
		copies = 2
	}
	for range copies {
		d := l.latency
		if l.jitter > 0 {
			d += time.Duration(w.rand.Int64N(int64(l.jitter)))
		}
		w.push(arrival{at: at.Add(d), to: n, payload: bytes.Clone(payload)})
	}
}

func (w *network) push(a arrival) {
	w.n++
	a.n = w.n
	heap.Push(&w.heap, a)
}

// after has do called in a while.
func (w *network) after(d time.Duration, do func()) { w.push(arrival{at: w.now.Add(d), do: do}) }

// work runs the applications and sends what the muxes have.
func (w *network) work(n *node, sides []*side) {
	for _, s := range sides {
		if s.node != n || s.closed {
			continue
		}
		if s.pending > 0 && !s.slow {
			s.conn.Read(s.pending)
			s.pending = 0
		}
		for s.toSend > 0 {
			var b [2048]byte
			k := min(len(b), s.toSend)
			for i := 0; i < k && !w.blank; i += 8 {
				v := s.rng.Uint64()
				for j := range 8 {
					b[i+j] = byte(v >> (8 * j))
				}
			}
			m := s.conn.Write(b[:k])
			if !w.blank {
				s.sent.Write(b[:m])
			}
			s.toSend -= m
			if m < k {
				// the rest is drawn anew: only what was taken counts
				break
			}
		}
		if s.finish && s.toSend == 0 {
			s.conn.CloseWrite()
			s.finish = false
		}
	}
	for _, b := range n.mux.Flush(w.now) {
		for _, p := range b.Packets {
			w.send(n, b.Hash, bytes.Clone(p.Bytes()))
			p.Release()
		}
	}
}

// run works until done says so or the time is over.
func (w *network) run(limit time.Duration, sides func() []*side, done func() bool) bool {
	end := w.now.Add(limit)
	all := func() {
		for _, n := range w.nodes {
			w.work(n, sides())
		}
	}
	all()
	for steps := 0; !done(); steps++ {
		next := end
		if len(w.heap) > 0 && w.heap[0].at.Before(next) {
			next = w.heap[0].at
		}
		for _, n := range w.nodes {
			if d := n.mux.Deadline(); !d.IsZero() && d.Before(next) {
				next = d
			}
		}
		if !next.Before(end) {
			w.now = end
			return done()
		}
		if next.Before(w.now) {
			next = w.now
		}
		w.now = next
		var touched []*node
		for len(w.heap) > 0 && !w.heap[0].at.After(w.now) {
			a := heap.Pop(&w.heap).(arrival)
			if a.do != nil {
				a.do()
				touched = append(touched, w.poked...)
				w.poked = w.poked[:0]
				continue
			}
			a.to.mux.Handle(w.now, a.payload)
			touched = append(touched, a.to)
		}
		for _, n := range w.nodes {
			if d := n.mux.Deadline(); !d.IsZero() && !d.After(w.now) {
				n.mux.Tick(w.now)
				touched = append(touched, n)
			}
		}
		for _, n := range w.nodes {
			for _, t := range touched {
				if t == n {
					w.work(n, sides())
					break
				}
			}
		}
		if steps > 50_000_000 {
			w.t.Fatal("no end")
		}
	}
	return true
}

// dial opens a stream and returns its near side.
func (w *network) dial(a, b *node, o streaming.OpenOptions) *side {
	w.t.Helper()
	c, err := a.mux.Open(w.now, b.keys.Destination(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.side(c)
}

func sideList(w *network, own ...*side) func() []*side {
	return func() []*side {
		all := append([]*side(nil), own...)
		for _, n := range w.nodes {
			all = append(all, n.accepted...)
		}
		return all
	}
}
