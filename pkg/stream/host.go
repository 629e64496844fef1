// Package stream gives the streams of one local destination as net.Conn and
// net.Listener. One goroutine, in Run, owns the streaming engine.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/streaming"
)

// Config is what a Host is made of.
type Config struct {
	Keys *i2p.PrivateKeys
	Rand io.Reader        // nil is crypto/rand
	Now  func() time.Time // nil is time.Now
	// Send passes I2CP payloads to a destination. The payloads are lent until
	// it returns; it must not block for long.
	Send func(to i2p.Destination, payloads [][]byte)
	// Stalled is told that packets to a destination go unanswered, so that
	// another path may be tried. It may be nil.
	Stalled func(peer i2p.Hash)
	// Quiet is told that a peer that sent much sends nothing any more. It may
	// be nil.
	Quiet func()
	// Allows tells whose streams are taken; nil takes all.
	Allows func(peer i2p.Hash) bool
	// Engine tunes the engine; its Keys, Rand and Events are filled in.
	Engine streaming.Config

	WriteBuffer int // bytes of each stream that Write takes ahead: 128 KiB
	Backlog     int // streams that wait for Accept, of each Listener: 128
	// Gather is for simulations, nil elsewhere: the Host's goroutine calls it
	// once it has woken. It returns when the goroutines that may still add to
	// what there is to do are at rest.
	Gather func()
	Inbox  int // bytes that wait for the Host's goroutine: 8 MiB
}

// Stats count what a Host did.
type Stats struct {
	streaming.Counters
	Streams      int
	InboxDropped uint64 // payloads
}

// Host runs the streams of a destination. New starts nothing; Run does.
type Host struct {
	cfg    Config
	mux    *streaming.Mux // Run's
	local  Addr
	wake   chan struct{}
	done   chan struct{} // closed when Run has ended
	arrive []*Conn       // Run's: streams that got data in this round
	drains []chan struct{}
	pings  map[uint32]chan struct{} // Run's
	live   int                      // Run's: streams whose Closed has not come
	gone   chan struct{}            // Run's: to be closed with the end of the last stream

	mu        sync.Mutex // a leaf: never held across a call of anything else
	inbox     inbox
	spare     inbox
	ops       []func(now time.Time)
	touched   []*Conn
	listeners map[uint16]*Listener // nil once retired
	dropped   uint64
	closed    bool
}

// inbox is payloads one after the other.
type inbox struct {
	bytes []byte
	ends  []int
}

// ErrClosed is returned once the Host has ended.
var ErrClosed = streaming.ErrMuxClosed

// New makes a Host.
func New(cfg Config) (*Host, error) {
	if cfg.Keys == nil || cfg.Send == nil {
		return nil, errors.New("stream: keys and a way to send are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Stalled == nil {
		cfg.Stalled = func(i2p.Hash) {}
	}
	if cfg.Quiet == nil {
		cfg.Quiet = func() {}
	}
	if cfg.Gather == nil {
		cfg.Gather = func() {}
	}
	for v, d := range map[*int]int{&cfg.WriteBuffer: 128 << 10, &cfg.Backlog: 128, &cfg.Inbox: 8 << 20} {
		if *v <= 0 {
			*v = d
		}
	}
	h := &Host{
		cfg:       cfg,
		local:     Addr{Destination: cfg.Keys.Destination()},
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		listeners: make(map[uint16]*Listener),
		pings:     make(map[uint32]chan struct{}),
	}
	e := cfg.Engine
	e.Keys, e.Rand, e.Events = cfg.Keys, cfg.Rand, events{h}
	var err error
	if h.mux, err = streaming.New(cfg.Now(), e); err != nil {
		return nil, err
	}
	return h, nil
}

// Handle takes an I2CP payload of protocol 6 that arrived for the
// destination. It copies what it needs and does not block.
func (h *Host) Handle(payload []byte) {
	h.mu.Lock()
	if h.closed || len(h.inbox.bytes)+len(payload) > h.cfg.Inbox {
		h.dropped++
		h.mu.Unlock()
		return
	}
	h.inbox.bytes = append(h.inbox.bytes, payload...)
	h.inbox.ends = append(h.inbox.ends, len(h.inbox.bytes))
	first := len(h.inbox.ends) == 1
	h.mu.Unlock()
	if first {
		h.nudge()
	}
}

func (h *Host) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, and then resets what streams are left.
func (h *Host) Run(ctx context.Context) error {
	defer close(h.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		h.cfg.Gather()
		wait := h.turn()
		if h.gone != nil && h.mux.Len() == 0 {
			close(h.gone)
			h.gone = nil
		}
		if wait <= 0 {
			select {
			case <-ctx.Done():
				h.shutdown()
				return nil
			default:
				continue
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			h.shutdown()
			return nil
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// turn does all there is to do, and says how long there will be nothing.
func (h *Host) turn() time.Duration {
	now := h.cfg.Now()
	h.mu.Lock()
	in, ops, touched := h.inbox, h.ops, h.touched
	h.inbox, h.spare = h.spare, inbox{}
	h.ops, h.touched = nil, nil
	select { // what this says is done in this turn
	case <-h.wake:
	default:
	}
	h.mu.Unlock()

	for _, op := range ops { // first: they may say what is taken
		op(now)
	}
	start := 0
	for _, end := range in.ends {
		h.mux.Handle(now, in.bytes[start:end])
		start = end
	}
	for _, c := range touched {
		c.sync()
	}
	h.mux.Tick(now)
	for _, b := range h.mux.Flush(now) {
		h.cfg.Send(b.To, b.Payloads)
	}
	for _, c := range h.arrive {
		c.wakeReader()
	}
	clear(h.arrive)
	h.arrive = h.arrive[:0]
	h.drained()

	h.mu.Lock()
	if cap(in.bytes) <= 1<<20 {
		h.spare = inbox{in.bytes[:0], in.ends[:0]}
	}
	more := len(h.inbox.ends)+len(h.ops)+len(h.touched) > 0
	h.mu.Unlock()
	if more {
		return 0
	}
	at := h.mux.Deadline()
	if at.IsZero() {
		return time.Hour
	}
	return max(at.Sub(h.cfg.Now()), 0)
}

// Revive says that there is a new path to a destination whose streams have stalled.
func (h *Host) Revive(peer i2p.Hash) {
	h.do(func(now time.Time) { h.mux.Revive(now, peer) })
}

// Retire ends the listeners and the opening of streams. Streams go on, and
// once they are closed linger for a while, to acknowledge what a peer may send
// again. With the last of them gone is closed.
func (h *Host) Retire() (gone <-chan struct{}) {
	ch := make(chan struct{})
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		close(ch)
		return ch
	}
	listeners := h.takeListeners()
	h.ops = append(h.ops, func(time.Time) {
		h.gone = ch
		h.mux.Retire()
	})
	h.mu.Unlock()
	for _, l := range listeners {
		l.end()
	}
	h.nudge()
	return ch
}

// Resume lets streams be opened and listeners made again after Retire.
func (h *Host) Resume() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.listeners = make(map[uint16]*Listener)
	h.ops = append(h.ops, func(time.Time) {
		h.gone = nil
		h.mux.Resume()
	})
	h.mu.Unlock()
	h.nudge()
}

// shutdown ends all streams and listeners.
func (h *Host) shutdown() {
	h.turn()
	h.mux.Shutdown()
	for _, b := range h.mux.Flush(h.cfg.Now()) {
		h.cfg.Send(b.To, b.Payloads)
	}
	h.mu.Lock()
	h.closed = true
	listeners := h.takeListeners()
	h.inbox, h.spare, h.ops, h.touched = inbox{}, inbox{}, nil, nil
	h.mu.Unlock()
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

// do has op run by Run's goroutine. It reports false after the end.
func (h *Host) do(op func(now time.Time)) bool {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return false
	}
	h.ops = append(h.ops, op)
	h.mu.Unlock()
	h.nudge()
	return true
}

// call is do, and waits.
func (h *Host) call(op func(now time.Time)) bool {
	ran := make(chan struct{})
	if !h.do(func(now time.Time) { op(now); close(ran) }) {
		return false
	}
	select {
	case <-ran:
		return true
	case <-h.done:
		select {
		case <-ran:
			return true
		default:
			return false
		}
	}
}

// touch has Run's goroutine look at a stream.
func (h *Host) touch(c *Conn) {
	h.mu.Lock()
	if h.closed || c.touched {
		h.mu.Unlock()
		return
	}
	c.touched = true
	h.touched = append(h.touched, c)
	h.mu.Unlock()
	h.nudge()
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
		return nil, fmt.Errorf("stream: dialing %s: %w", to.B32(), err)
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
	return nil, fmt.Errorf("stream: dialing %s: %w", to.B32(), err)
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

// Stats returns the Host's counters.
func (h *Host) Stats() Stats {
	var s Stats
	h.call(func(time.Time) { s.Counters, s.Streams = h.mux.Counters(), h.live })
	h.mu.Lock()
	s.InboxDropped = h.dropped
	h.mu.Unlock()
	return s
}

// Addr is the Host's own destination, port 0.
func (h *Host) Addr() net.Addr { return h.local }
