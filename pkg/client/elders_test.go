package client

import (
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// speaking are options with encryption types.
func speaking(types ...i2p.EncryptionType) options.Options {
	o := options.Default()
	o.Encryption = types
	return o
}

// offers tells whether the lease set that the netDb has of a client names an ElGamal key.
func (e *ether) offers(c *Client) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.sets[c.Destination().Hash()].(leaseset.Set).EncryptionKeys(), func(k leaseset.EncryptionKey) bool {
		return k.Type == i2p.CryptoElGamal
	})
}

// TestElders: who has ElGamal only is reached by a destination as they are opened without asking for anything, and
// by one that offers the same. Most messages use tags.
func TestElders(t *testing.T) {
	old := speaking(i2p.CryptoElGamal)
	for name, ofA := range map[string]options.Options{"default": options.Default(), "elder": old} {
		t.Run(name, func(t *testing.T) {
			pairWith(t, ofA, old, func(t *testing.T, e *ether, a, b *Client) {
				before := a.Stats()
				for range 3 {
					echo(t, a, b, 300_000)
				}
				if e.offers(a) != (name == "elder") || !e.offers(b) {
					t.Error("what is published offers something else")
				}
				for _, c := range []*Client{a, b} {
					st := c.Stats()
					g := st.ElGamal
					if g.ExistingSealed < 200 || g.NewSealed > g.ExistingSealed/4 || g.ExistingOpened < 200 || g.Failed > 0 || g.Busy > 0 {
						t.Errorf("%+v", g)
					}
					if st.SentBack == 0 || g.TagsConfirmed == 0 || g.TagsConfirmed > g.TagsSent {
						t.Errorf("%d confirmations sent back, %d of %d tags confirmed", st.SentBack, g.TagsConfirmed, g.TagsSent)
					}
					if st.Sessions.NewSealed+st.Sessions.ExistingSealed > 0 {
						t.Errorf("the ratchet was used: %+v", st.Sessions)
					}
				}
				if before.ElGamal.Sessions != 0 {
					t.Error("an ElGamal session before one was needed")
				}
			})
		})
	}
}

// TestNewerIsPreferred: where both have X25519, ElGamal is not used, whatever the lease set prefers.
func TestNewerIsPreferred(t *testing.T) {
	pairWith(t, options.Default(), speaking(i2p.CryptoElGamal, i2p.CryptoX25519), func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 10_000)
		for _, c := range []*Client{a, b} {
			if g := c.Stats().ElGamal; g.NewSealed+g.NewOpened+g.ExistingSealed > 0 {
				t.Errorf("%+v", g)
			}
		}
	})
	pairWith(t, speaking(i2p.CryptoElGamal), speaking(i2p.CryptoX25519, i2p.CryptoElGamal), func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 10_000)
		if g := b.Stats().ElGamal; g.NewSealed == 0 || g.NewOpened == 0 {
			t.Errorf("%+v", g)
		}
	})
}

// TestElderMoves: the lease set that an elder gets is another than the published one, and follows the tunnels too.
func TestElderMoves(t *testing.T) {
	pairWith(t, options.Default(), speaking(i2p.CryptoElGamal), func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 1000)
		for n := range byte(3) {
			e.move(a, i2p.HashOf([]byte{100 + n}))
			e.move(b, i2p.HashOf([]byte{200 + n}))
			time.Sleep(5 * time.Second)
			echo(t, a, b, 1000)
		}
		var set leaseset.Set
		b.look(func(time.Time) { set = b.remotes[a.Destination().Hash()].set })
		if len(set.EncryptionKeys()) != 3 || set.Leases()[0].Gateway != i2p.HashOf([]byte{102}) {
			t.Errorf("the elder goes by %v", set.Leases())
		}
	})
}

// TestElderRestarts: one that has lost all its tags, as by a restart, is written to anew.
func TestElderRestarts(t *testing.T) {
	pairWith(t, options.Default(), speaking(i2p.CryptoElGamal), func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 10_000)
		b.look(func(now time.Time) {
			key := b.elders.engine.Key()
			b.elders.engine = nil
			b.elders.use(now, key)
			b.elders.before = nil
		})
		begun := time.Now()
		echo(t, a, b, 10_000)
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		if g := a.Stats().ElGamal; g.Restarts == 0 {
			t.Errorf("%+v", g)
		}
	})
}

// TestSendBack: an elder may have us send its confirmations back, and nothing else.
func TestSendBack(t *testing.T) {
	pairWith(t, options.Default(), speaking(i2p.CryptoElGamal), func(t *testing.T, e *ether, a, b *Client) {
		at := i2p.HashOf([]byte{1}) // where a's messages come in
		count := func() int { return e.sent(at) }
		clove := func(typ i2np.Type, size int, ends time.Duration) i2np.Clove {
			return i2np.Clove{
				Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverTunnel, To: at, Tunnel: 1},
				Message:  i2np.Message{Type: typ, ID: 1, Expiration: i2p.DateOf(time.Now().Add(ends)), Body: make([]byte, size)},
			}
		}
		for _, c := range []struct {
			clove i2np.Clove
			sent  int
		}{
			{clove(i2np.DeliveryStatusType, i2np.DeliveryStatusLen, time.Minute), 1},
			{clove(i2np.GarlicType, 200, time.Minute), 1},
			{clove(i2np.GarlicType, maxReturned+1, time.Minute), 0},
			{clove(i2np.DataType, 20, time.Minute), 0},
			{clove(i2np.TunnelGatewayType, 20, time.Minute), 0},
			{clove(i2np.GarlicType, 200, -time.Hour), 0},
		} {
			before := count()
			b.look(func(now time.Time) { b.sendBack(now, c.clove) })
			if got := count() - before; got != c.sent {
				t.Errorf("%v of %d bytes: sent %d times", c.clove.Message.Type, len(c.clove.Message.Body), got)
			}
		}
	})
}
