// Package simnet is an in-memory network for tests that run in a
// testing/synctest bubble. It carries streams and datagrams between simulated
// hosts over links with latency, jitter, bandwidth and loss, and it owns all
// delivery: one goroutine (Run) waits until every other goroutine of the bubble
// is blocked, and then delivers exactly one event. Events are ordered by time,
// destination, source and sequence, so that a network whose hosts are
// deterministic gives the same trace in every run, under -race too.
//
// Run calls synctest.Wait, and two concurrent Waits panic: a test that runs a
// Net does not call synctest.Wait itself but Net.Settle, or sleeps.
package simnet

import (
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/simnet/nat"
)

// Net is a simulated network.
type Net struct {
	cfg   Config
	start time.Time
	kick  chan struct{}

	mu       sync.Mutex // a leaf: guards all below, and the state of all sockets
	staged   []*event
	heap     eventHeap
	settlers []chan struct{}
	closed   bool
	lines
	faults
	homes
	sockets
	records
}

// lines decide when what is sent arrives.
type lines struct {
	rand     *rand.Rand
	linkFree map[pair]time.Time // directed: when the link can take the next byte
	upFree   map[netip.Addr]time.Time
}

// faults are what keeps hosts apart.
type faults struct {
	held     map[pair][]*event // what a partition keeps back
	cut      map[pair]bool
	isolated map[netip.Addr]bool
	killed   map[netip.Addr]bool
}

// sockets are those of all hosts.
type sockets struct {
	listeners map[netip.AddrPort]*listener
	packets   map[netip.AddrPort]*PacketConn
	conns     map[*Conn]bool
	ports     map[netip.Addr]uint16 // the next that a host gives to its own dials
}

// records are what has been delivered.
type records struct {
	trace hash.Hash
	stats Stats
}

type pair [2]netip.Addr

// undirected gives the key under which a partition between two hosts is kept.
func undirected(a, b netip.Addr) pair {
	if b.Less(a) {
		a, b = b, a
	}
	return pair{a, b}
}

// New makes a network; it must be called in the bubble. Nothing is delivered before Run.
func New(cfg Config) *Net {
	cfg.Window = cmp.Or(cfg.Window, 256<<10)
	cfg.Queue = cmp.Or(cfg.Queue, 1024)
	cfg.Patience = cmp.Or(cfg.Patience, 2*time.Minute)
	if cfg.Link == nil {
		cfg.Link = func(netip.Addr, netip.Addr) Link { return Link{} }
	}
	if cfg.Uplink == nil {
		cfg.Uplink = func(netip.Addr) int { return 0 }
	}
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], cfg.Seed)
	return &Net{
		cfg:   cfg,
		start: time.Now(),
		kick:  make(chan struct{}, 1),
		lines: lines{rand: rand.New(rand.NewChaCha8(seed)), linkFree: map[pair]time.Time{}, upFree: map[netip.Addr]time.Time{}},
		faults: faults{
			held: map[pair][]*event{}, cut: map[pair]bool{}, isolated: map[netip.Addr]bool{}, killed: map[netip.Addr]bool{},
		},
		homes: homes{byInner: map[netip.Addr]*nat.Box{}, byOuter: map[netip.Addr]*nat.Box{}},
		sockets: sockets{
			listeners: map[netip.AddrPort]*listener{}, packets: map[netip.AddrPort]*PacketConn{},
			conns: map[*Conn]bool{}, ports: map[netip.Addr]uint16{},
		},
		records: records{trace: sha256.New()},
	}
}

// Run delivers until ctx ends; then every socket of the network is closed.
func (n *Net) Run(ctx context.Context) error {
	defer n.shutdown()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		synctest.Wait()
		next, did := n.step(time.Now())
		if did {
			continue
		}
		if next >= 0 {
			timer.Reset(max(next, 1)) // see deadline.Rest
		} else {
			timer.Stop()
		}
		select {
		case <-n.kick:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// step delivers the first due event. Without one it says how long it is until the next; -1 is never.
func (n *Net) step(now time.Time) (next time.Duration, did bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.schedule(now)
	if len(n.heap) > 0 && !n.heap[0].at.After(now) {
		n.deliver(now, heap.Pop(&n.heap).(*event))
		return 0, true
	}
	for _, c := range n.settlers {
		close(c)
	}
	n.settlers = nil
	if len(n.heap) == 0 {
		return -1, false
	}
	return n.heap[0].at.Sub(now), false
}

// Settle blocks until all that is due at this instant has been delivered and
// every other goroutine of the bubble is blocked. It needs a running Net.
func (n *Net) Settle() {
	c := make(chan struct{})
	n.mu.Lock()
	n.settlers = append(n.settlers, c)
	n.wake()
	n.mu.Unlock()
	<-c
}

// Trace is the hash of everything delivered so far: when, what, from whom, to whom.
func (n *Net) Trace() [sha256.Size]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return [sha256.Size]byte(n.trace.Sum(nil))
}

// Stats returns the counters.
func (n *Net) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// wake tells Run that there is something new. The caller holds mu.
func (n *Net) wake() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// stage takes an event on its way; Run gives it its time, in an order that
// does not depend on which goroutine came first. The caller holds mu.
func (n *Net) stage(e *event) {
	if n.closed {
		return
	}
	n.staged = append(n.staged, e)
	n.wake()
}

// schedule puts what was staged on the links. The caller holds mu.
func (n *Net) schedule(now time.Time) {
	if len(n.staged) == 0 {
		return
	}
	slices.SortStableFunc(n.staged, func(a, b *event) int {
		return cmp.Or(a.src.Compare(b.src), a.dst.Compare(b.dst), cmp.Compare(a.class, b.class), cmp.Compare(a.seq, b.seq))
	})
	for _, e := range n.staged {
		if e.kind == Open {
			n.assignPort(e)
		}
		if n.carry(now, e) {
			heap.Push(&n.heap, e)
		}
	}
	clear(n.staged)
	n.staged = n.staged[:0]
}

// carry computes when an event arrives; false is a lost datagram.
func (n *Net) carry(now time.Time, e *event) bool {
	if e.kind == Datagram && !n.leave(now, e) {
		n.stats.Filtered++
		return false
	}
	link := n.cfg.Link(e.src.Addr(), e.dst.Addr())
	if e.kind == Datagram && link.Loss > 0 && n.rand.Float64() < link.Loss {
		n.stats.Lost++
		return false
	}
	at := now
	if up := n.cfg.Uplink(e.src.Addr()); up > 0 {
		at = occupy(n.upFree, e.src.Addr(), at, len(e.data), up)
	}
	if link.Bandwidth > 0 {
		at = occupy(n.linkFree, pair{e.src.Addr(), e.dst.Addr()}, at, len(e.data), link.Bandwidth)
	}
	at = at.Add(link.Latency)
	if link.Jitter > 0 {
		at = at.Add(time.Duration(n.rand.Int64N(int64(link.Jitter))))
	}
	if e.kind == Datagram && link.Reorder > 0 && n.rand.Float64() < link.Reorder {
		n.stats.Overtaken++
		at = at.Add(time.Duration(n.rand.Int64N(int64(link.Lag) + 1)))
	}
	if e.from != nil { // a stream stays in order
		if at.Before(e.from.lastArrival) {
			at = e.from.lastArrival
		}
		e.from.lastArrival = at
	}
	e.at = at
	return true
}

// occupy puts size bytes on a line after what it has to send already.
func occupy[K comparable](free map[K]time.Time, key K, at time.Time, size, rate int) time.Time {
	if f := free[key]; f.After(at) {
		at = f
	}
	at = at.Add(time.Duration(size) * time.Second / time.Duration(rate))
	free[key] = at
	return at
}

// deliver hands one event to its socket. The caller holds mu.
func (n *Net) deliver(now time.Time, e *event) {
	if e.kind != Expired && n.parted(e.src.Addr(), e.dst.Addr()) {
		n.hold(now, e)
		return
	}
	if e.kind == Datagram && !n.enter(now, e) {
		n.stats.Filtered++
		return
	}
	n.record(now, e)
	switch e.kind {
	case Open:
		n.open(e)
	case Opened:
		e.to.established = true
		e.to.wake()
	case Refused:
		e.to.fail(syscall.ECONNREFUSED)
	case Data:
		e.from.acked += uint64(len(e.data))
		e.to.receive(e.data)
	case End:
		e.to.inEnd = true
		e.to.wake()
	case Window:
		e.to.inFlight -= e.credit
		e.to.wake()
	case Reset:
		e.to.fail(syscall.ECONNRESET)
	case Datagram:
		n.datagram(e)
	case Expired:
		n.expire(now, e)
	}
}

// record notes a delivery, and shows it. The caller holds mu.
func (n *Net) record(now time.Time, e *event) {
	n.stats.Deliveries++
	n.stats.Bytes += uint64(len(e.data))
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Sub(n.start)))
	b = append(b, byte(e.kind))
	for _, a := range []netip.AddrPort{e.src, e.dst} {
		ip := a.Addr().As16()
		b = binary.BigEndian.AppendUint16(append(b, ip[:]...), a.Port())
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.data)))
	n.trace.Write(b)
	n.trace.Write(e.data)
	if n.cfg.Observe != nil {
		n.cfg.Observe(Delivery{At: now, Kind: e.kind, Src: e.src, Dst: e.dst, Data: e.data})
	}
}

// shutdown closes every socket, so that nobody waits for a network that has stopped.
func (n *Net) shutdown() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	n.staged, n.heap, n.held = nil, nil, nil
	for c := range n.conns {
		c.fail(net.ErrClosed)
	}
	for _, l := range n.listeners {
		l.shut()
	}
	for _, p := range n.packets {
		p.shut()
	}
	for _, c := range n.settlers {
		close(c)
	}
	n.settlers = nil
}

// errNoHost is what a host without an IPv6 address gives who dials one, and the other way round.
var errNoHost = errors.New("simnet: no address of that family on this host")
