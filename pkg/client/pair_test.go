package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/sockets"
)

// ether joins the clients of a test: their tunnels are its gateways, and it
// is their netDb.
type ether struct {
	mu      sync.Mutex
	clients map[i2p.Hash]*Client // by the gateway of their one lease
	sets    map[i2p.Hash]leaseset.Record
	log     map[i2p.Hash][]i2np.Message // what was sent to each
	lost    i2p.Hash                    // what is sent to this gateway never arrives
	killed  map[i2p.Hash]bool           // gateways of clients that neither hear nor say anything any more
	tell    map[*Client]Callbacks

	forgetful bool                             // there is no log
	carry     func(to *Client, m i2np.Message) // in place of handing it over at once
}

func (e *ether) lose(c *Client) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost = i2p.Hash{}
	for gateway, o := range e.clients {
		if o == c {
			e.lost = gateway
		}
	}
}

// change gives a client other tunnels in place of those it has, inbound ones
// from this gateway.
func (e *ether) change(c *Client, gateway i2p.Hash, s TunnelState) {
	e.mu.Lock()
	e.clients[gateway] = c
	tell := e.tell[c]
	e.mu.Unlock()
	tell.Changed(s)
}

func (e *ether) move(c *Client, gateway i2p.Hash) { e.change(c, gateway, oneTunnel(gateway)) }

func oneTunnel(gateway i2p.Hash) TunnelState {
	return TunnelState{
		Leases:   []leaseset.Lease{{Gateway: gateway, TunnelID: 1, Expires: i2p.DateOf(time.Now().Add(10 * time.Minute))}},
		Outbound: []uint32{1},
	}
}

// newClient makes a client with keys of its own.
func (e *ether) newClient(t testing.TB, seed byte, asked options.Options) *Client {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, random)
	if err != nil {
		t.Fatal(err)
	}
	return e.with(t, seed, Config{Env: env.Env{Rand: draw.From(random)}, Keys: keys, Options: asked})
}

// with makes a client with one tunnel each way.
func (e *ether) with(t testing.TB, seed byte, cfg Config) *Client {
	t.Helper()
	gateway := i2p.HashOf([]byte{seed})
	cfg.OpenTunnels = func(to Callbacks) Tunnels {
		to.Changed(oneTunnel(gateway))
		e.mu.Lock()
		e.tell[e.clients[gateway]] = to
		e.mu.Unlock()
		return etherTunnels{e, to, gateway}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients[gateway] = c
	return c
}

// sent is how many messages went to a gateway.
func (e *ether) sent(gateway i2p.Hash) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.log[gateway])
}

// look has f run where it may see everything.
func (c *Client) look(f func(now time.Time)) bool { return c.call(f) }

type etherTunnels struct {
	e  *ether
	to Callbacks
	of i2p.Hash // the gateway
}

func (t etherTunnels) Send(_ uint32, gateway i2p.Hash, _ uint32, messages []i2np.Message) {
	t.e.mu.Lock()
	c := t.e.clients[gateway]
	lost := t.e.lost == gateway || t.e.killed[gateway] || t.e.killed[t.of]
	for i, m := range messages {
		messages[i].Body, messages[i].Owner = bytes.Clone(m.Body), nil
		m.Release()
	}
	if !t.e.forgetful {
		t.e.log[gateway] = append(t.e.log[gateway], messages...)
	}
	carry := t.e.carry
	t.e.mu.Unlock()
	for _, m := range messages {
		switch {
		case lost:
		case carry != nil:
			carry(c, m)
		default:
			c.deliver(1, m.Own())
		}
	}
}

func (t etherTunnels) SendPaced(via uint32, gateway i2p.Hash, tunnel uint32, messages []i2np.Message, passed func()) {
	t.Send(via, gateway, tunnel, messages)
	passed()
}

func (t etherTunnels) LookupLeaseSet(hash i2p.Hash, _ i2p.Date, done func(leaseset.Record, error)) {
	t.e.mu.Lock()
	set := t.e.sets[hash]
	t.e.mu.Unlock()
	if set == nil {
		done(nil, errAbsent)
		return
	}
	done(set, nil)
}

var errAbsent = errors.New("no floodfill has it")

func (t etherTunnels) Publish(set leaseset.Record) {
	t.e.mu.Lock()
	if old := t.e.sets[set.Hash()]; old == nil || set.Published() > old.Published() {
		t.e.sets[set.Hash()] = set
	}
	t.e.mu.Unlock()
	t.to.Published()
}

func (t etherTunnels) Suspect() {}

func (t etherTunnels) Withdraw(set leaseset.Record) { t.Publish(set) }

func (t etherTunnels) Reshape(_, _ options.Tunnels) {}

func (t etherTunnels) Rest() {}

func (t etherTunnels) Resume() {}

func (t etherTunnels) Close() {}

// pair runs f in a bubble with two clients, the second of which echoes.
func pair(t *testing.T, f func(t *testing.T, e *ether, a, b *Client)) {
	pairWith(t, options.Default(), options.Default(), f)
}

// pairWith is pair with clients that were asked for something.
func pairWith(t *testing.T, ofA, ofB options.Options, f func(t *testing.T, e *ether, a, b *Client)) {
	buftest.NoLeak(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
		e := &ether{clients: map[i2p.Hash]*Client{}, sets: map[i2p.Hash]leaseset.Record{}, log: map[i2p.Hash][]i2np.Message{}, tell: map[*Client]Callbacks{}}
		a, b := e.newClient(t, 1, ofA), e.newClient(t, 2, ofB)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for _, c := range []*Client{a, b} {
			running.Go(func() { c.Run(ctx) })
			if err := c.Ready(ctx); err != nil {
				t.Fatal(err)
			}
		}
		l, err := b.Listen(7)
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			for {
				s, err := l.AcceptStream(ctx)
				if err != nil {
					return
				}
				running.Go(func() {
					io.Copy(s, s)
					s.Close()
				})
			}
		})
		f(t, e, a, b)
	})
}

// echo sends size bytes over a new stream and wants them back.
func echo(t *testing.T, a, b *Client, size int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := a.Dial(ctx, b.Destination(), 7)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetDeadline(time.Now().Add(time.Minute))
	want := make([]byte, size)
	rand.NewChaCha8([32]byte{9}).Read(want)
	go func() {
		s.Write(want)
		s.CloseWrite()
	}()
	got, err := io.ReadAll(s)
	if err != nil || string(got) != string(want) {
		t.Fatalf("%d bytes came back, of %d: %v", len(got), size, err)
	}
}

// connected is both ends of a stream from a to b.
func connected(t *testing.T, ctx context.Context, a, b *Client) (out, in *sockets.Conn) {
	t.Helper()
	l, err := b.Listen(8)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = a.Dial(ctx, b.Destination(), 8); err != nil {
		t.Fatal(err)
	}
	if in, err = l.AcceptStream(ctx); err != nil {
		t.Fatal(err)
	}
	return out, in
}

// TestRetire: a destination whose user has gone still acknowledges what its
// peers send again, takes nothing new, and ends by itself.
func TestRetire(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, in := connected(t, ctx, a, b)
		e.lose(a)
		io.WriteString(out, "the last words")
		out.Close()
		if got, err := io.ReadAll(in); err != nil || string(got) != "the last words" {
			t.Fatalf("%q, %v", got, err)
		}
		in.Close()
		b.Retire()
		time.Sleep(3 * time.Second)
		e.lose(nil)
		if err := out.Wait(ctx); err != nil {
			t.Errorf("the peer of a retired destination: %v", err)
		}
		if _, err := b.Dial(ctx, a.Destination(), 7); err == nil {
			t.Error("a retired destination opened a stream")
		}
		if _, err := b.Listen(9); err == nil {
			t.Error("a retired destination listens")
		}
		time.Sleep(farewell)
		if b.look(func(time.Time) {}) {
			t.Errorf("a retired destination still runs after %v", farewell)
		}
	})
}

// TestPublishesThroughATunnel: a lease set is published only once there is a
// tunnel that it can leave through.
func TestPublishesThroughATunnel(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, _ *Client) {
		published := func() i2p.Date {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.sets[a.Destination().Hash()].Published()
		}
		before, gateway := published(), i2p.HashOf([]byte("another gateway"))
		state := oneTunnel(gateway)
		e.change(a, gateway, TunnelState{Leases: state.Leases})
		time.Sleep(10 * time.Second)
		if published() != before {
			t.Error("it was published with no way out")
		}
		e.change(a, gateway, state)
		time.Sleep(time.Second)
		if published() == before {
			t.Error("it was not published once there was a way out")
		}
	})
}

// TestLookupAwaitsPublication: what was opened just now is found once it is
// published; what is not published is given up.
func TestLookupAwaitsPublication(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		hash := b.Destination().Hash()
		e.mu.Lock()
		set := e.sets[hash]
		delete(e.sets, hash)
		e.mu.Unlock()
		begun := time.Now()
		if _, err := a.Lookup(t.Context(), hash); !errors.Is(err, errAbsent) {
			t.Errorf("a lease set that is not there: %v", err)
		}
		if took := time.Since(begun); took < 5*time.Second || took > 15*time.Second {
			t.Errorf("it was given up after %v", took)
		}
		time.AfterFunc(7*time.Second, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.sets[hash] = set
		})
		if found, err := a.Lookup(t.Context(), hash); err != nil || found.Hash() != hash {
			t.Errorf("a lease set published meanwhile: %v, %v", found, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun = time.Now()
		if _, err := a.Lookup(ctx, i2p.Hash{1}); err == nil || time.Since(begun) > 4*time.Second {
			t.Errorf("after 3 s that the caller gave it: %v after %v", err, time.Since(begun))
		}
	})
}
