// Package mesh simulates networks of thousands of whole routers: of each, all that
// decides. The router core with its tunnels, the netDb and the profiles are those
// of the Internet, and so is the cryptography of tunnels and garlic. What is
// missing is the transports: a session is an entry in two tables, and an I2NP
// message goes over it as it is, after the latency of the way and unless it is
// lost. For the transports themselves there is simnet.
//
// RouterInfos have real signatures; each is made once, and checked once for all
// routers that take it (netdb.Shared).
//
// Time goes in ticks. In each, what has arrived is handed to its nodes, and then
// every node that has something to do takes a turn. Nodes see nothing of each other
// within a tick, so their turns may run side by side, and what they send is put in
// order afterwards: the same seed gives the same run, however many processors work
// on it.
package mesh

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// Tick is the grain of time: no message is faster.
const Tick = 5 * time.Millisecond

// Config describes a network.
type Config struct {
	Seed    uint64
	Start   time.Time
	Latency func(from, to i2p.Hash) time.Duration // one way; nil: 20 to 120 ms, by the pair
	Loss    float64                               // share of the messages that are lost
	Workers int                                   // that take turns side by side; 0: one for each processor
}

// Node takes part in a network. Its methods are called in one goroutine at a time,
// those that tell it of something before the Turn of the same tick.
type Node interface {
	// Handle takes a message over a session with a peer, and owns it.
	Handle(from i2p.Hash, m i2np.Message)
	// Up tells of a session with a peer, Down of its end, and Failed of a dial that
	// came to nothing.
	Up(Peer)
	Down(peer i2p.Hash)
	Failed(peer i2p.Hash)
	// Wants tells whether a session is to outlive idleness.
	Wants(peer i2p.Hash) bool
	// Turn does what there is to do, and returns how long the node may sleep where
	// nothing comes; 0 for as long as nothing comes.
	Turn() time.Duration
}

// Net is a network.
type Net struct {
	cfg     Config
	shared  *netdb.Shared
	rand    *draw.Source
	tick    int64
	slots   map[int64][]event
	ports   map[i2p.Hash]*Port
	order   []*Port
	woken   []*Port
	swept   int64
	stats   Stats
	trace   [sha256.Size]byte
	pending []byte // of the trace, not hashed yet
}

// Stats counts what a network did.
type Stats struct {
	Messages, Lost uint64
	Sessions       uint64 // that were opened
	Turns          uint64
	Types          [256]uint64 // messages, by their type
}

// New makes a network without nodes.
func New(cfg Config) *Net {
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	n := &Net{
		cfg: cfg, shared: netdb.NewShared(),
		slots: make(map[int64][]event), ports: make(map[i2p.Hash]*Port),
	}
	n.rand = draw.From(n.Stream("net", 0))
	if n.cfg.Latency == nil {
		n.cfg.Latency = n.spread
	}
	return n
}

// Stream is a source of randomness of the network's seed, by name and number.
func (n *Net) Stream(name string, i int) *rand.ChaCha8 {
	b := binary.BigEndian.AppendUint64([]byte(name), uint64(i))
	return rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(b, n.cfg.Seed)))
}

// spread gives each pair of hosts a way of its own, the same in both directions.
func (n *Net) spread(from, to i2p.Hash) time.Duration {
	sum := n.cfg.Seed
	for i := 0; i < 8; i++ {
		sum += uint64(from[i]^to[i]) << (8 * i)
	}
	sum ^= sum >> 29
	return 20*time.Millisecond + time.Duration(sum%100)*time.Millisecond
}

// Shared is what the DBs of the network's routers have in common.
func (n *Net) Shared() *netdb.Shared { return n.shared }

// Now is the time, which all clocks show.
func (n *Net) Now() time.Time { return n.cfg.Start.Add(time.Duration(n.tick) * Tick) }

// Stats returns the counters.
func (n *Net) Stats() Stats { return n.stats }

// Trace is a hash of all messages so far: when, what, from whom, to whom.
func (n *Net) Trace() [sha256.Size]byte {
	n.fold()
	return n.trace
}

// event is what happens at a tick: something arrives, a dial ends or a node's sleep is over.
type event struct {
	kind     eventKind
	from, to *Port
	peer     i2p.Hash // of a dial: it may be nobody's
	msg      i2np.Message
	call     func()
}

type eventKind byte

const (
	arrives eventKind = iota
	dials             // from reaches peer
	fails             // from has dialled peer in vain
	wakes
	calls
)

func (n *Net) at(tick int64, e event) { n.slots[tick] = append(n.slots[tick], e) }

// after schedules an event a while from now, in the next tick or later.
func (n *Net) after(d time.Duration, e event) int64 {
	at := n.tick + max(1, int64((d+Tick-1)/Tick))
	n.at(at, e)
	return at
}

// Every has f called so many times, between turns, a pause after each: it may have nodes
// join and leave.
func (n *Net) Every(pause time.Duration, times int, f func(i int)) {
	for i := range times {
		n.after(time.Duration(i)*pause, event{kind: calls, call: func() { f(i) }})
	}
}

// Run lets the network live for a while.
func (n *Net) Run(d time.Duration) {
	for end := n.tick + int64(d/Tick); n.tick < end; {
		n.tick++
		n.step()
	}
}

func (n *Net) step() {
	events := n.slots[n.tick]
	delete(n.slots, n.tick)
	for i := range events {
		n.happen(&events[i])
	}
	if n.tick-n.swept >= int64(time.Minute/Tick) {
		n.swept = n.tick
		for _, p := range n.order {
			p.sweep()
		}
	}
	woken := n.woken
	n.woken = nil
	n.turns(woken)
	for _, p := range woken {
		p.flush()
	}
}

func (n *Net) happen(e *event) {
	switch e.kind {
	case arrives:
		n.arrive(e)
	case dials:
		e.from.reach(e.peer)
	case fails:
		e.from.unreached(e.peer)
	case calls:
		e.call()
	case wakes:
		if e.to.timer == n.tick {
			e.to.wake()
		}
	}
}

func (n *Net) arrive(e *event) {
	l := e.to.links[e.from.self]
	if !e.to.up || l == nil {
		e.msg.Release()
		return
	}
	l.used = n.tick
	n.stats.Messages++
	n.stats.Types[e.msg.Type]++
	n.pending = append(append(append(n.pending, e.from.self[:4]...), e.to.self[:4]...), byte(e.msg.Type))
	n.pending = binary.BigEndian.AppendUint64(n.pending, uint64(n.tick))
	if len(n.pending) > 1<<16 {
		n.fold()
	}
	e.to.node.Handle(e.from.self, e.msg)
	e.to.wake()
}

func (n *Net) fold() {
	n.trace = sha256.Sum256(append(n.trace[:], n.pending...))
	n.pending = n.pending[:0]
}

// turns has all nodes that were woken take theirs.
func (n *Net) turns(woken []*Port) {
	n.stats.Turns += uint64(len(woken))
	if n.cfg.Workers < 2 || len(woken) < 4 {
		for _, p := range woken {
			p.turn()
		}
		return
	}
	var all sync.WaitGroup
	for w := range n.cfg.Workers {
		all.Go(func() {
			for i := w; i < len(woken); i += n.cfg.Workers {
				woken[i].turn()
			}
		})
	}
	all.Wait()
}

// Close lets go of what is on its way.
func (n *Net) Close() {
	for _, events := range n.slots {
		for i := range events {
			events[i].msg.Release()
		}
	}
	for _, p := range n.order {
		p.drop()
	}
	n.slots = nil
}
