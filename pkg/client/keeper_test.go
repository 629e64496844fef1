package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

// signer has the keys of a destination elsewhere, and takes its time.
type signer struct {
	keys  *i2p.PrivateKeys
	pair  noise.KeyPair
	delay time.Duration

	mu     sync.Mutex
	wanted []Wanted
	spoil  func(*leaseset.Build2Config, *Kept) // what is wrong with the next answer
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{keys: keys, pair: noise.GenerateKey(nil), delay: 3 * time.Second}
}

func (s *signer) Keep(want Wanted, answer func(Kept)) {
	time.AfterFunc(s.delay, func() {
		s.mu.Lock()
		spoil := s.spoil
		s.wanted, s.spoil = append(s.wanted, want), nil
		s.mu.Unlock()
		kept := Kept{Keys: []EncryptionKey{{Type: i2p.CryptoX25519, Pair: s.pair}}}
		cfg := leaseset.Build2Config{
			Keys: s.keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: s.pair.Public[:]}},
			Leases: want.Leases, Published: want.Published, Unpublished: want.Unpublished,
		}
		if spoil != nil {
			spoil(&cfg, &kept)
		}
		set, err := leaseset.Build2(cfg)
		if kept.Set == nil {
			kept.Set = set
		}
		if kept.Err == nil {
			kept.Err = err
		}
		answer(kept)
	})
}

func (s *signer) asked() []Wanted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wanted)
}

// newKept is a client whose lease sets the signer makes.
func (e *ether) newKept(t *testing.T, s *signer, seed byte) *Client {
	t.Helper()
	return e.with(t, seed, Config{Destination: s.keys.Destination(), Keeper: s})
}

// withKept runs f with a client whose keys are elsewhere, beside another. It begins
// once prepare, which may be nil, has been called.
func withKept(t *testing.T, prepare func(*signer), f func(t *testing.T, e *ether, s *signer, c, other *Client)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
		e := &ether{clients: map[i2p.Hash]*Client{}, sets: map[i2p.Hash]leaseset.Record{}, log: map[i2p.Hash][]i2np.Message{}, tell: map[*Client]Callbacks{}}
		s := newSigner(t)
		if prepare != nil {
			prepare(s)
		}
		c, other := e.newKept(t, s, 1), e.newClient(t, 2, options.Default())
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() { c.Run(ctx) })
		running.Go(func() { other.Run(ctx) })
		f(t, e, s, c, other)
	})
}

// TestKeptElsewhere: a destination whose keys somebody else has is ready once that one has
// signed its lease set, sends and receives, and has each new set signed.
func TestKeptElsewhere(t *testing.T) {
	withKept(t, nil, func(t *testing.T, e *ether, s *signer, c, other *Client) {
		begun := time.Now()
		if err := c.Ready(t.Context()); err != nil || time.Since(begun) != s.delay {
			t.Fatalf("ready after %v: %v", time.Since(begun), err)
		}
		if _, err := c.Dial(t.Context(), other.Destination(), 7); !errors.Is(err, ErrNoStreams) {
			t.Error(err)
		}
		if _, err := c.Listen(7); !errors.Is(err, ErrNoStreams) {
			t.Error(err)
		}
		// It has the payloads of every protocol as they are, of streams as well.
		if _, err := c.Handle(datagram.Any, 0, func(h datagram.Header, framed []byte, _ i2p.Hash) {
			h.From, h.To = h.To, h.From
			_, body, err := datagram.Decode(framed, 0)
			if err != nil {
				t.Error(err)
			}
			if err := c.Send(other.Destination().Hash(), h.AppendStored(nil, body)); err != nil {
				t.Error(err)
			}
		}, nil); err != nil {
			t.Fatal(err)
		}
		back := make(chan string, 1)
		take := func(h datagram.Header, framed []byte, _ i2p.Hash) {
			_, body, _ := datagram.Decode(framed, 0)
			back <- string(body)
		}
		for _, protocol := range []byte{datagram.Streaming, datagram.Raw} {
			if _, err := other.Handle(protocol, 0, take, nil); err != nil {
				t.Fatal(err)
			}
		}
		exchange := func() {
			t.Helper()
			for _, protocol := range []byte{datagram.Streaming, datagram.Raw} {
				if _, err := other.Lookup(t.Context(), c.own.hash); err != nil {
					t.Fatal(err)
				}
				h := datagram.Header{Protocol: protocol, From: 1, To: 2}
				if err := other.Send(c.Destination().Hash(), h.AppendStored(nil, []byte("hello"))); err != nil {
					t.Fatal(err)
				}
				select {
				case got := <-back:
					if got != "hello" {
						t.Errorf("%q", got)
					}
				case <-time.After(10 * time.Second):
					t.Errorf("protocol %d: nothing came back", protocol)
				}
			}
		}
		exchange()
		e.move(c, i2p.HashOf([]byte("elsewhere")))
		time.Sleep(10 * time.Second)
		if n := len(s.asked()); n != 2 {
			t.Errorf("%d lease sets were asked for", n)
		}
		if l := e.stored(c).Leases(); len(l) != 1 || l[0].Gateway != i2p.HashOf([]byte("elsewhere")) {
			t.Errorf("published %v", l)
		}
		exchange()

		c.Retire()
		time.Sleep(10 * time.Second)
		if asked := s.asked(); !asked[len(asked)-1].Withdrawal || !endsSoon(e.stored(c), time.Now().Add(-withdrawnLife)) {
			t.Error("its lease set was not taken back")
		}
	})
}

// TestBadKept: what the keeper of the keys answers is not believed, and it is asked again.
func TestBadKept(t *testing.T) {
	stranger := newSigner(t)
	for name, spoil := range map[string]func(*leaseset.Build2Config, *Kept){
		"nothing":   func(b *leaseset.Build2Config, k *Kept) { k.Err = errors.New("not now") },
		"another's": func(b *leaseset.Build2Config, k *Kept) { b.Keys = stranger.keys },
		"other leases": func(b *leaseset.Build2Config, k *Kept) {
			b.Leases = slices.Clone(b.Leases)
			b.Leases[0].TunnelID++
		},
		"no leases":  func(b *leaseset.Build2Config, k *Kept) { b.Leases = nil },
		"other keys": func(b *leaseset.Build2Config, k *Kept) { k.Keys[0].Pair = stranger.pair },
		"no keys":    func(b *leaseset.Build2Config, k *Kept) { k.Keys = nil },
	} {
		t.Run(name, func(t *testing.T) {
			withKept(t, func(s *signer) { s.spoil = spoil }, func(t *testing.T, e *ether, s *signer, c, _ *Client) {
				begun := time.Now()
				if err := c.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took < keepPatience || took > keepPatience+2*s.delay {
					t.Errorf("ready after %v", took)
				}
				if set := e.stored(c); set.Hash() != c.own.hash || set.Verify(time.Now()) != nil {
					t.Error("what was published is none of its lease sets")
				}
			})
		})
	}
}

// TestOtherTypes: a lease set may have keys of types that are not spoken beside one that is, and not instead of it.
func TestOtherTypes(t *testing.T) {
	other := leaseset.EncryptionKey{Type: i2p.CryptoP256, Key: make([]byte, 64)}
	for name, spoil := range map[string]func(*leaseset.Build2Config, *Kept){
		"beside":  func(b *leaseset.Build2Config, k *Kept) { b.EncryptionKeys = append(b.EncryptionKeys, other) },
		"instead": func(b *leaseset.Build2Config, k *Kept) { b.EncryptionKeys = []leaseset.EncryptionKey{other} },
	} {
		withKept(t, func(s *signer) { s.spoil = spoil }, func(t *testing.T, e *ether, s *signer, c, _ *Client) {
			begun := time.Now()
			err := c.Ready(t.Context())
			if at := time.Since(begun); err != nil || (at < keepPatience) != (name == "beside") {
				t.Errorf("%s: ready after %v, %v", name, at, err)
			}
		})
	}
}

// TestUnanswered: who runs no streams here is not told of what gets lost, and yet takes another way when nobody
// answers any more.
func TestUnanswered(t *testing.T) {
	withKept(t, nil, func(t *testing.T, e *ether, s *signer, c, other *Client) {
		if err := errors.Join(c.Ready(t.Context()), other.Ready(t.Context())); err != nil {
			t.Fatal(err)
		}
		two := oneTunnel(i2p.HashOf([]byte("one way")))
		two.Leases = append(two.Leases, oneTunnel(i2p.HashOf([]byte("another"))).Leases...)
		e.change(other, two.Leases[0].Gateway, two)
		e.change(other, two.Leases[1].Gateway, two)
		time.Sleep(10 * time.Second)
		if _, err := other.Handle(datagram.Raw, 0, func(h datagram.Header, framed []byte, session i2p.Hash) {
			other.Send(c.Destination().Hash(), framed)
		}, nil); err != nil {
			t.Fatal(err)
		}
		answered := time.Now()
		if _, err := c.Handle(datagram.Any, 0, func(datagram.Header, []byte, i2p.Hash) { answered = time.Now() }, nil); err != nil {
			t.Fatal(err)
		}
		speak := func() (last time.Time) {
			for range 20 {
				c.Send(other.Destination().Hash(), datagram.Header{Protocol: datagram.Raw}.AppendStored(nil, []byte("hello")))
				time.Sleep(time.Second)
			}
			c.look(func(time.Time) { last = answered })
			return last
		}
		if time.Since(speak()) > 2*time.Second {
			t.Fatal("nothing is answered")
		}
		c.look(func(time.Time) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.lost = c.remotes[other.own.hash].lease.Gateway
		})
		if since := time.Since(speak()); since > 2*time.Second {
			t.Errorf("nothing has been answered for %v", since)
		}
	})
}

// TestOldKept: a lease set that is older than the one before is not taken in its place.
func TestOldKept(t *testing.T) {
	withKept(t, nil, func(t *testing.T, e *ether, s *signer, c, _ *Client) {
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := e.stored(c).Published()
		s.mu.Lock()
		s.spoil = func(b *leaseset.Build2Config, k *Kept) { b.Published = first }
		s.mu.Unlock()
		e.move(c, i2p.HashOf([]byte("elsewhere")))
		time.Sleep(10 * time.Second)
		if n := len(s.asked()); n != 2 || e.stored(c).Published() != first {
			t.Errorf("published after %d were asked for", n)
		}
		time.Sleep(keepPatience)
		if e.stored(c).Published() == first {
			t.Error("it was not asked for again")
		}
	})
}

// TestSilentKeeper: one that does not answer in time is asked again, and what it answers
// late is taken.
func TestSilentKeeper(t *testing.T) {
	slow := func(s *signer) { s.delay = keepPatience + 10*time.Second }
	withKept(t, slow, func(t *testing.T, e *ether, s *signer, c, _ *Client) {
		begun := time.Now()
		if err := c.Ready(t.Context()); err != nil || time.Since(begun) != s.delay {
			t.Errorf("ready after %v: %v", time.Since(begun), err)
		}
	})
}
