package udpforward

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// ClientConfig is what a Client needs.
type ClientConfig struct {
	Log *slog.Logger // nil: no log
	// Resolve finds the destination; it is asked when there is something to send, and again for as
	// long as it fails.
	Resolve func(ctx context.Context) (i2p.Destination, error)
	Port    uint16 // the destination's
	// Listen takes a port of ours that nobody can guess, for one flow.
	Listen func() (Datagrams, error)
	// Protocol is by which it is told from whom a flow is: datagram.Repliable, which is what 0 says,
	// Datagram2 or Datagram3.
	Protocol byte
	// Signed has every datagram signed, and takes no others. The other side must do the same.
	Signed bool
	Limits Limits
}

// Client forwards datagrams from a local socket to a destination. What comes from one local address
// is a flow with a port of its own, and so are the answers.
type Client struct {
	counts
	cfg   ClientConfig
	guard clientGuard
}

// clientGuard is what several goroutines have of a Client.
type clientGuard struct {
	sync.Mutex // a leaf
	flows      flows[netip.AddrPort, *clientFlow]
	peer       i2p.Hash // zero until it is found
	seeking    bool
	waiting    []waiting // for it
}

// waiting is a datagram that waits for its destination to be found.
type waiting struct {
	flow    *clientFlow
	payload []byte
}

// maxWaiting is how many do.
const maxWaiting = 16

// NewClient makes a Client.
func NewClient(cfg ClientConfig) *Client {
	cfg.Log, cfg.Limits = logOf(cfg.Log), cfg.Limits.withDefaults()
	if cfg.Protocol == 0 {
		cfg.Protocol = datagram.Repliable
	}
	return &Client{cfg: cfg, guard: clientGuard{flows: newFlows[netip.AddrPort, *clientFlow](cfg.Limits)}}
}

// Serve forwards until ctx ends or the socket does, and closes the socket.
func (c *Client) Serve(ctx context.Context, near Socket) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer c.endAll()
	defer cancel()
	c.overrun.Add(near)
	defer c.overrun.Close(near) // who waits for the end may bind the address anew
	context.AfterFunc(ctx, func() { c.overrun.Close(near) })
	running.Go(func() { every(ctx, c.cfg.Limits.Idle/4, c.expire) })
	b := make([]byte, maxPayload+1)
	for failures := 0; failures < maxFailures; {
		n, from, err := near.ReadFromUDPAddrPort(b)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			failures++
			continue
		}
		if failures = 0; n > maxPayload {
			c.lost.Add(1)
			continue
		}
		f, err := c.flow(from, near, &running)
		if err != nil {
			c.cfg.Log.Debug("no flow for datagrams", "error", err)
			continue
		}
		if c.wait(ctx, f, b[:n], &running) {
			f.send(b[:n])
		}
	}
	return errors.New("udpforward: the local socket fails")
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, interval time.Duration, f func(now time.Time)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			f(now)
		case <-ctx.Done():
			return
		}
	}
}

var errFull = errors.New("udpforward: too many flows")

// flow is the one of a local address. A new one is made by Serve's goroutine alone.
func (c *Client) flow(from netip.AddrPort, near Socket, running *sync.WaitGroup) (*clientFlow, error) {
	now := time.Now()
	g := &c.guard
	g.Lock()
	f := g.flows.all[from]
	var over []*clientFlow
	var full bool
	if f == nil {
		over, full = g.flows.full(now)
	}
	g.Unlock()
	if f != nil {
		return f, nil
	}
	c.ended(over, true)
	if full {
		c.crowded.Add(1)
		return nil, errFull
	}
	far, err := c.cfg.Listen()
	if err != nil {
		c.lost.Add(1)
		return nil, err
	}
	f = &clientFlow{client: c, source: from, near: near, far: far}
	f.touch(now)
	g.Lock()
	g.flows.all[from] = f
	g.Unlock()
	c.opened.Add(1)
	c.flows.Add(1)
	running.Go(f.receive)
	return f, nil
}

// wait reports whether the destination is known. Where it is not, the datagram waits for it.
func (c *Client) wait(ctx context.Context, f *clientFlow, payload []byte, running *sync.WaitGroup) (known bool) {
	g := &c.guard
	g.Lock()
	defer g.Unlock()
	if !g.peer.IsZero() {
		return true
	}
	if len(g.waiting) == maxWaiting {
		c.lost.Add(1)
		return false
	}
	g.waiting = append(g.waiting, waiting{f, slices.Clone(payload)})
	if !g.seeking {
		g.seeking = true
		running.Go(func() { c.seek(ctx) })
	}
	return false
}

// seek finds the destination, and sends what waits for it.
func (c *Client) seek(ctx context.Context) {
	dest, err := c.cfg.Resolve(ctx)
	for pause := time.Second; err != nil; pause = min(2*pause, 30*time.Second) {
		c.cfg.Log.Debug("no destination for datagrams", "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		dest, err = c.cfg.Resolve(ctx)
	}
	g := &c.guard
	g.Lock()
	all := g.waiting
	g.waiting, g.peer = nil, dest.Hash()
	g.Unlock()
	for _, w := range all {
		w.flow.send(w.payload)
	}
}

func (c *Client) peer() i2p.Hash {
	c.guard.Lock()
	defer c.guard.Unlock()
	return c.guard.peer
}

// expire ends the flows that have been silent for too long.
func (c *Client) expire(now time.Time) {
	c.guard.Lock()
	over := c.guard.flows.expire(now)
	c.guard.Unlock()
	c.ended(over, false)
}

func (c *Client) endAll() {
	c.guard.Lock()
	over := c.guard.flows.takeAll()
	c.guard.Unlock()
	c.ended(over, false)
}

// remove is the end of a flow by itself.
func (c *Client) remove(f *clientFlow) {
	c.guard.Lock()
	in := c.guard.flows.remove(f.source, f)
	c.guard.Unlock()
	if in {
		c.ended([]*clientFlow{f}, false)
	}
}

// ended ends flows that have been taken out.
func (c *Client) ended(over []*clientFlow, evicted bool) {
	for _, f := range over {
		f.end()
		c.flows.Add(-1)
		if evicted {
			c.evicted.Add(1)
		}
	}
}

// clientFlow is what one local address has with the destination.
type clientFlow struct {
	activity
	client *Client
	source netip.AddrPort
	near   Socket
	far    Datagrams

	mu       sync.Mutex // a leaf
	answered bool
	told     time.Time // when a datagram last said from whom it is
	acks     acknowledger
}

func (f *clientFlow) end() { f.far.Close() }

// A flow says from whom it is in its first datagram and once in a while, as that may be lost and a
// server may forget: more often until there was an answer.
const (
	tellUnanswered = 100 * time.Millisecond
	tellAnswered   = time.Second
)

// protocol is the one of the next datagram.
func (f *clientFlow) protocol(now time.Time) byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	interval := tellUnanswered
	if f.answered {
		interval = tellAnswered
	}
	if !f.client.cfg.Signed && !f.told.IsZero() && now.Sub(f.told) < interval {
		return datagram.Raw
	}
	f.told = now
	return f.client.cfg.Protocol
}

func (f *clientFlow) send(payload []byte) {
	now := time.Now()
	f.touch(now)
	c := f.client
	err := f.far.WriteMessage(datagram.Message{Protocol: f.protocol(now), Peer: c.peer(), PeerPort: c.cfg.Port, Payload: payload})
	c.passedOut(len(payload), err)
}

// receive passes on the answers.
func (f *clientFlow) receive() {
	c := f.client
	for {
		m, err := f.far.ReadMessage()
		if err != nil {
			c.remove(f)
			return
		}
		if c.cfg.Signed && !m.Signed() || m.Protocol != datagram.Raw && m.Peer != c.peer() {
			c.refused.Add(1)
			continue
		}
		f.touch(time.Now())
		f.mu.Lock()
		f.answered = true
		answer, wanted := f.acks.handle(m)
		f.mu.Unlock()
		if wanted && f.far.WriteMessage(answer) != nil {
			c.lost.Add(1)
		}
		if !empty(m) {
			n, err := f.near.WriteToUDPAddrPort(m.Payload, f.source)
			c.passedIn(n, err)
		}
	}
}
