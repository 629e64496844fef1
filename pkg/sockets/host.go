// Package sockets gives the streams and datagrams of a local destination to its
// users as net.Conn, net.Listener and net.PacketConn.
//
// A Host has the streaming engine, and belongs to one goroutine: that of the
// destination, which hands it what arrives and calls Flush for what there is
// to send. What users do is noted, and wakes that goroutine.
package sockets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/streaming"
)

// Config is what a Host is made of.
type Config struct {
	env.Env // the owner's: a Host is a part of its loop
	Keys    *i2p.PrivateKeys
	// Loop has the owner call Collect and Flush soon.
	Loop Loop
	// Send passes I2CP payloads to a destination, from within Flush. It owns
	// them.
	Send func(to i2p.Hash, payloads []*buf.Buf)
	// Doubted is told that an answer to packets to a destination is late. It may
	// be nil.
	Doubted func(peer i2p.Hash)
	// Stalled is told that packets to a destination go unanswered, so that
	// another path may be tried. It may be nil.
	Stalled func(peer i2p.Hash)
	// Quiet is told that a peer that sent much sends nothing any more. It may
	// be nil.
	Quiet func()
	// Allows tells whose streams are taken; nil takes all.
	Allows func(peer i2p.Hash) bool
	// Encryption names what is sealed to a peer at the moment, for who looks at a stream;
	// nil, or "", is not known.
	Encryption func(peer i2p.Hash) string
	// Engine tunes the engine; its Keys, Rand and Events are filled in.
	Engine streaming.Config

	WriteBuffer int // bytes of each stream that Write takes ahead: 128 KiB
	Backlog     int // streams that wait for Accept, of each Listener: 128
}

// Loop is the way into the owner's loop (package mailbox). Its methods may be
// called from any goroutine but, as for Do, the loop's.
type Loop interface {
	// Call has f run by the loop, and Do waits for it. They report false after
	// the end.
	Call(f func()) bool
	Do(f func()) bool
	Wake()
}

// Stats count what a Host did.
type Stats struct {
	streaming.Counters
	Streams int
}

// Host runs the streams of a destination. Collect, Handle, Flush, Deadline and
// what else is said to be the owner's belong to one goroutine.
type Host struct {
	cfg    Config
	mux    *streaming.Mux // the owner's
	local  Addr
	done   chan struct{} // closed by Shutdown
	wake   []*Conn       // the owner's: streams that got data in this round
	chunks chunks
	drains []chan struct{}
	pings  map[uint32]chan struct{} // the owner's
	live   int                      // the owner's: streams whose Closed has not come
	made   uint64                   // the owner's: streams until now
	now    time.Time                // the owner's: of this round
	since  time.Time                // the owner's: when it began, or was resumed
	taken  []*Conn                  // the owner's: whose users did something before it

	mu        sync.Mutex // a leaf: never held across a call of anything else
	touched   []*Conn
	listeners map[uint16]*Listener // nil once retired
	closed    bool
}

// ErrClosed is returned once the Host has ended.
var ErrClosed = streaming.ErrMuxClosed

// New makes a Host.
func New(cfg Config) (*Host, error) {
	if cfg.Keys == nil || cfg.Send == nil || cfg.Loop == nil {
		return nil, errors.New("sockets: keys, a way to send and a loop are needed")
	}
	cfg.Env = cfg.Env.Complete()
	if cfg.Doubted == nil {
		cfg.Doubted = func(i2p.Hash) {}
	}
	if cfg.Stalled == nil {
		cfg.Stalled = func(i2p.Hash) {}
	}
	if cfg.Quiet == nil {
		cfg.Quiet = func() {}
	}
	if cfg.Allows == nil {
		cfg.Allows = func(i2p.Hash) bool { return true }
	}
	for v, d := range map[*int]int{&cfg.WriteBuffer: 128 << 10, &cfg.Backlog: 128} {
		if *v <= 0 {
			*v = d
		}
	}
	h := &Host{
		cfg:       cfg,
		local:     Addr{Destination: cfg.Keys.Destination()},
		done:      make(chan struct{}),
		listeners: make(map[uint16]*Listener),
		pings:     make(map[uint32]chan struct{}),
	}
	e := cfg.Engine
	e.Keys, e.Rand, e.Events = cfg.Keys, cfg.Rand, events{h}
	var err error
	h.since = cfg.Now()
	if h.mux, err = streaming.New(h.since, e); err != nil {
		return nil, err
	}
	return h, nil
}

// Collect begins a round: it takes what users did until now. It is the owner's,
// and comes first when it has woken. What users do because of this round is for
// the next, whether they are fast or not.
func (h *Host) Collect(now time.Time) {
	h.mu.Lock()
	h.now = now
	h.taken, h.touched = h.touched, h.taken[:0]
	h.mu.Unlock()
	if h.cfg.Gather != nil { // users whom one round has woken come in the order of the scheduler
		slices.SortFunc(h.taken, func(a, b *Conn) int { return cmp.Compare(a.nth, b.nth) })
	}
}

// Handle takes an I2CP payload of protocol 6 that arrived for the destination,
// and keeps nothing of it. It reports false for one of a stream that there is none
// of, whose sender is to be told by Disown. It is the owner's; Flush must follow.
func (h *Host) Handle(now time.Time, payload []byte) (known bool) { return h.mux.Handle(now, payload) }

// Disown tells the sender of a payload, known by the session that it came in, that
// there is no such stream. It is the owner's; Flush must follow.
func (h *Host) Disown(now time.Time, sender i2p.Destination, payload []byte) {
	if h.cfg.Allows(sender.Hash()) {
		h.mux.Disown(now, sender, payload)
	}
}

// Flush brings users and engine together, and sends what there is to send. It
// is the owner's.
func (h *Host) Flush(now time.Time) {
	for i, c := range h.taken {
		c.sync()
		h.taken[i] = nil
	}
	h.mux.Tick(now)
	for _, b := range h.mux.Flush(now) {
		h.cfg.Send(b.Hash, b.Packets)
	}
	for _, c := range h.wake {
		c.wakeReader()
	}
	clear(h.wake)
	h.wake = h.wake[:0]
	h.drained()
}

// Deadline is when Flush is to be called though nothing happens; the zero time
// where nothing waits. It is the owner's.
func (h *Host) Deadline() time.Time { return h.mux.Deadline() }

// Revive says that there is a new path to a destination whose streams have
// stalled. It is the owner's; Flush must follow.
func (h *Host) Revive(now time.Time, peer i2p.Hash) { h.mux.Revive(now, peer) }

// Retire ends the listeners and the opening of streams. Streams go on, and
// once they are closed linger for a while, to acknowledge what a peer may send
// again. Len tells when the last has gone. It is the owner's.
func (h *Host) Retire() {
	h.mu.Lock()
	listeners := h.takeListeners()
	h.mu.Unlock()
	h.mux.Retire()
	for _, l := range listeners {
		l.end()
	}
}

// Rest ends the opening of streams, as Retire does; the listeners stay. It is the owner's.
func (h *Host) Rest() { h.mux.Retire() }

// Live is the number of streams that have not ended. It is the owner's.
func (h *Host) Live() int { return h.live }

// Resume lets streams be opened and listeners made again after Retire. It is
// the owner's.
func (h *Host) Resume() {
	h.since = h.now
	h.mu.Lock()
	h.listeners = make(map[uint16]*Listener)
	h.mu.Unlock()
	h.mux.Resume()
}

// Rekey has streams that begin from now on signed by other keys of the destination. It is the owner's.
func (h *Host) Rekey(keys *i2p.PrivateKeys) { h.mux.Rekey(keys) }

// Len is the number of streams, lingering ones included. It is the owner's.
func (h *Host) Len() int { return h.mux.Len() }

// Shutdown resets all streams and ends all listeners. It is the owner's, and
// the last of its calls.
func (h *Host) Shutdown(now time.Time) {
	h.Collect(now)
	h.Flush(now)
	h.mux.Shutdown()
	for _, b := range h.mux.Flush(now) {
		h.cfg.Send(b.Hash, b.Packets)
	}
	h.mu.Lock()
	h.closed = true
	listeners := h.takeListeners()
	h.touched = nil
	h.mu.Unlock()
	close(h.done)
	for _, l := range listeners {
		l.end()
	}
	h.drained()
}

// takeListeners empties the table of listeners, in the order of their ports.
func (h *Host) takeListeners() []*Listener {
	ports := make([]uint16, 0, len(h.listeners))
	for p := range h.listeners {
		ports = append(ports, p)
	}
	slices.Sort(ports)
	listeners := make([]*Listener, 0, len(ports))
	for _, p := range ports {
		listeners = append(listeners, h.listeners[p])
	}
	h.listeners = nil
	return listeners
}

// do has op run by the owner's goroutine. It reports false after the end.
func (h *Host) do(op func(now time.Time)) bool { return h.cfg.Loop.Call(func() { op(h.now) }) }

// call is do, and waits.
func (h *Host) call(op func(now time.Time)) bool { return h.cfg.Loop.Do(func() { op(h.now) }) }

// touch has the owner's goroutine look at a stream.
func (h *Host) touch(c *Conn) {
	h.mu.Lock()
	if h.closed || c.touched {
		h.mu.Unlock()
		return
	}
	c.touched = true
	h.touched = append(h.touched, c)
	h.mu.Unlock()
	h.cfg.Loop.Wake()
}

// Options say how a stream is opened.
type Options struct {
	Port, LocalPort uint16
	// Early returns from Dial at once. The first packet waits a moment for
	// data to travel with it, which saves a round trip.
	Early bool
}

// earlyHold is how long the SYN of an early stream waits for data.
const earlyHold = 100 * time.Millisecond

// Dial opens a stream to a port of a destination, and waits for its answer.
func (h *Host) Dial(ctx context.Context, to i2p.Destination, port uint16) (*Conn, error) {
	return h.DialWith(ctx, to, Options{Port: port})
}

// DialWith opens a stream.
func (h *Host) DialWith(ctx context.Context, to i2p.Destination, o Options) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	eo := streaming.OpenOptions{LocalPort: o.LocalPort, Port: o.Port}
	if o.Early {
		eo.Hold = earlyHold
	}
	var c *Conn
	err := ErrClosed
	h.call(func(now time.Time) {
		var e *streaming.Conn
		if e, err = h.mux.Open(now, to, eo); err == nil {
			c = h.conn(e)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("sockets: dialing %s: %w", to.B32(), err)
	}
	if o.Early {
		return c, nil
	}
	select {
	case <-c.established:
		return c, nil
	case <-c.ended:
		err = c.reason()
	case <-ctx.Done():
		err = context.Cause(ctx)
		c.Abort()
	}
	return nil, fmt.Errorf("sockets: dialing %s: %w", to.B32(), err)
}

// Drain waits until no streams are left open, for an orderly end.
func (h *Host) Drain(ctx context.Context) error {
	empty := make(chan struct{})
	if !h.do(func(time.Time) { h.drains = append(h.drains, empty) }) {
		return nil
	}
	select {
	case <-empty:
		return nil
	case <-h.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *Host) drained() {
	if h.live > 0 {
		return
	}
	for _, ch := range h.drains {
		close(ch)
	}
	h.drains = nil
}

// Stats returns the Host's counters. It is the owner's.
func (h *Host) Stats() Stats { return Stats{Counters: h.mux.Counters(), Streams: h.live} }

// Addr is the Host's own destination, port 0.
func (h *Host) Addr() net.Addr { return h.local }
