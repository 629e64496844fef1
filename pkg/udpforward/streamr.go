package udpforward

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// What a consumer sends to a producer, repliable: one byte.
const (
	subscribe   = 0
	unsubscribe = 1
)

// A consumer says again and again that it is there: often at first, as a message may be lost.
const (
	firstPings    = 5
	firstInterval = 2 * time.Second
	pingInterval  = 10 * time.Second
)

// ProducerConfig is what a Producer needs.
type ProducerConfig struct {
	Log    *slog.Logger              // nil: no log
	Listen func() (Datagrams, error) // the port of ours
	Allows func(peer i2p.Hash) bool  // who may subscribe; nil: everybody
	Limits Limits                    // Flows are subscribers, default 64, and Idle is how long one may be silent, default 1 min
}

// Producer sends what comes to a local socket to all subscribers.
type Producer struct {
	counts
	cfg ProducerConfig

	mu          sync.Mutex               // a leaf
	subscribers map[subscriber]time.Time // when it was heard last
}

// subscriber is a port of a peer, and the port of ours that it knows.
type subscriber struct {
	peer  i2p.Hash
	ports portPair
}

// NewProducer makes a Producer.
func NewProducer(cfg ProducerConfig) *Producer {
	cfg.Log = logOf(cfg.Log)
	if cfg.Limits.Flows == 0 {
		cfg.Limits.Flows = 64
	}
	if cfg.Limits.Idle == 0 {
		cfg.Limits.Idle = 6 * pingInterval
	}
	return &Producer{cfg: cfg, subscribers: make(map[subscriber]time.Time)}
}

// Serve produces until ctx ends, or the socket or the port does, and closes the socket.
func (p *Producer) Serve(ctx context.Context, near Socket) error {
	p.overrun.Add(near)
	defer p.overrun.Close(near)
	far, err := p.cfg.Listen()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)
	context.AfterFunc(ctx, func() {
		p.overrun.Close(near)
		far.Close()
	})
	running.Go(func() { every(ctx, p.cfg.Limits.Idle/4, p.expire) })
	running.Go(func() {
		for {
			m, err := far.ReadMessage()
			if err != nil {
				cancel(err)
				return
			}
			p.handle(m, time.Now())
		}
	})
	b := make([]byte, maxPayload+1)
	for failures := 0; failures < maxFailures; {
		n, _, err := near.ReadFromUDPAddrPort(b)
		switch {
		case ctx.Err() != nil:
			if why := context.Cause(ctx); !errors.Is(why, context.Canceled) {
				return why
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			failures++
			continue
		}
		if failures = 0; n > maxPayload {
			p.lost.Add(1)
			continue
		}
		p.produce(far, b[:n])
	}
	return errors.New("udpforward: the local socket fails")
}

// handle takes in what a consumer says. It must be signed: else whoever wanted could have somebody
// else flooded.
func (p *Producer) handle(m datagram.Message, now time.Time) {
	if !m.Signed() || p.cfg.Allows != nil && !p.cfg.Allows(m.Peer) {
		p.refused.Add(1)
		return
	}
	if len(m.Payload) == 0 || m.Payload[0] > unsubscribe {
		p.malformed.Add(1)
		return
	}
	who := subscriber{m.Peer, portPair{m.PeerPort, m.Port}}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.subscribers[who]
	switch {
	case m.Payload[0] == unsubscribe:
		if known {
			delete(p.subscribers, who)
			p.flows.Add(-1)
		}
	case known:
		p.subscribers[who] = now
	case len(p.subscribers) >= p.cfg.Limits.Flows:
		p.crowded.Add(1)
	default:
		p.subscribers[who] = now
		p.flows.Add(1)
		p.opened.Add(1)
	}
}

// expire forgets the subscribers that have been silent for too long.
func (p *Producer) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for who, at := range p.subscribers {
		if now.Sub(at) >= p.cfg.Limits.Idle {
			delete(p.subscribers, who)
			p.flows.Add(-1)
		}
	}
}

// produce sends a datagram to all subscribers.
func (p *Producer) produce(far Datagrams, payload []byte) {
	p.mu.Lock()
	all := make([]subscriber, 0, len(p.subscribers))
	for who := range p.subscribers {
		all = append(all, who)
	}
	p.mu.Unlock()
	for _, who := range all {
		p.passedOut(len(payload), far.WriteMessage(datagram.Message{
			Protocol: datagram.Raw, Peer: who.peer, PeerPort: who.ports.peer, Port: who.ports.own, Payload: payload,
		}))
	}
}

// ConsumerConfig is what a Consumer needs.
type ConsumerConfig struct {
	Log     *slog.Logger // nil: no log
	Resolve func(ctx context.Context) (i2p.Destination, error)
	Port    uint16 // the producer's; Java I2P's takes 0
	// Listen takes the port of ours. Old producers send to no port, and for them it is 0.
	Listen func() (Datagrams, error)
	Dial   func() (net.Conn, error) // makes a socket whose datagrams go to the target
}

// Consumer subscribes to a Producer, and sends what comes to a local target.
type Consumer struct {
	counts
	cfg ConsumerConfig
}

// NewConsumer makes a Consumer.
func NewConsumer(cfg ConsumerConfig) *Consumer {
	cfg.Log = logOf(cfg.Log)
	return &Consumer{cfg: cfg}
}

// Serve consumes until ctx ends or the port does.
func (c *Consumer) Serve(ctx context.Context) error {
	near, err := c.cfg.Dial()
	if err != nil {
		return err
	}
	defer near.Close()
	far, err := c.cfg.Listen()
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer far.Close()
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		c.ping(inner, far)
		far.Close() // after the last word
	})
	for {
		m, err := far.ReadMessage()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if m.Protocol != datagram.Raw { // whose it is nobody can tell; a producer's are all raw
			c.refused.Add(1)
			continue
		}
		n, err := near.Write(m.Payload)
		c.passedIn(n, err)
	}
}

// ping subscribes until ctx ends, and then takes the subscription back.
func (c *Consumer) ping(ctx context.Context, far Datagrams) {
	var to i2p.Hash
	for n := 0; ; {
		interval := firstInterval
		if dest, err := c.find(ctx, to); err != nil {
			c.cfg.Log.Debug("no producer", "error", err)
		} else {
			to = dest
			c.passedOut(1, c.say(far, to, subscribe))
			if n++; n > firstPings {
				interval = pingInterval
			}
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			if n > 0 {
				c.passedOut(1, c.say(far, to, unsubscribe))
			}
			return
		}
	}
}

// find is the producer's hash, unless it is known.
func (c *Consumer) find(ctx context.Context, known i2p.Hash) (i2p.Hash, error) {
	if !known.IsZero() {
		return known, nil
	}
	dest, err := c.cfg.Resolve(ctx)
	if err != nil {
		return i2p.Hash{}, err
	}
	return dest.Hash(), nil
}

func (c *Consumer) say(far Datagrams, to i2p.Hash, what byte) error {
	return far.WriteMessage(datagram.Message{Protocol: datagram.Repliable, Peer: to, PeerPort: c.cfg.Port, Payload: []byte{what}})
}
