package client

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/sign"
)

// sealTo is a message of a stranger's for c.
func sealTo(t *testing.T, c *Client, stranger *ratchet.Sessions, cloves ...i2np.Clove) i2np.Message {
	t.Helper()
	sealed, err := stranger.Seal(time.Now(), ratchet.Peer{Static: c.keys[0].Pair.Public, Type: i2p.CryptoX25519}, ratchet.Payload{Cloves: cloves})
	if err != nil {
		t.Fatal(err)
	}
	return i2np.Message{
		Type: i2np.GarlicType, ID: 1, Expiration: i2p.DateOf(time.Now().Add(time.Minute)),
		Body: i2np.AppendGarlic(nil, sealed.Body),
	}
}

func newStranger(t *testing.T, random *rand.ChaCha8) *ratchet.Sessions {
	t.Helper()
	static := noise.GenerateKey(random)
	return ratchet.New(ratchet.Config{Static: static, Rand: random})
}

// payload is a clove for a destination with data of protocol 6.
func payload(to i2p.Hash, expires time.Time) i2np.Clove {
	body := datagram.Header{Protocol: datagram.Streaming}.AppendStored(nil, make([]byte, 30))
	return i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: to},
		Message:  i2np.Message{Type: i2np.DataType, ID: 2, Expiration: i2p.DateOf(expires), Body: i2np.AppendData(nil, body)},
	}
}

// TestReplays: every message of a stream that is played again is recognised
// and opened no second time.
func TestReplays(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 50_000)
		time.Sleep(time.Minute)
		before := b.Stats()
		sent := e.log[i2p.HashOf([]byte{2})]
		if len(sent) < 20 {
			t.Fatalf("only %d messages were sent", len(sent))
		}
		for range 2 {
			for _, m := range sent {
				b.deliver(1, m.Own())
			}
			time.Sleep(time.Second) // they wait in the lobby
		}
		after := b.Stats()
		if after.Received != before.Received || after.Undecryptable != before.Undecryptable+2*uint64(len(sent)) {
			t.Errorf("%d messages were sent, and twice played again: %+v, before %+v", len(sent), after, before)
		}
		echo(t, a, b, 1000)
	})
}

// TestCloves: an expired clove, one for another destination and one to be
// forwarded are refused, whoever sealed them.
func TestCloves(t *testing.T) {
	pair(t, func(t *testing.T, _ *ether, a, b *Client) {
		stranger := newStranger(t, rand.NewChaCha8([32]byte{3}))
		self, now := b.own.hash, time.Now()
		forward := payload(self, now.Add(time.Minute))
		forward.Delivery = i2np.DeliveryInstructions{Kind: i2np.DeliverRouter, To: a.own.hash}
		for name, c := range map[string]struct {
			clove    i2np.Clove
			rejected uint64
		}{
			"good":          {payload(self, now.Add(time.Minute)), 0},
			"expired":       {payload(self, now.Add(-2*time.Minute)), 1},
			"for another":   {payload(a.own.hash, now.Add(time.Minute)), 1},
			"for a router":  {forward, 1},
			"from tomorrow": {payload(self, now.Add(24*time.Hour)), 1},
		} {
			before := b.Stats()
			b.deliver(1, sealTo(t, b, stranger, c.clove).Own())
			synctest.Wait()
			after := b.Stats()
			if after.Received != before.Received+1 || after.Rejected != before.Rejected+c.rejected {
				t.Errorf("%s: %+v, before %+v", name, after, before)
			}
		}
	})
}

// TestSessionFlood: 10,000 messages that want to begin a session come at once,
// some well made. As many are opened as the processor is there for, the rest is
// counted, and a stream goes on.
func TestSessionFlood(t *testing.T) {
	const good, flood = 600, 10_000
	pair(t, func(t *testing.T, _ *ether, a, b *Client) {
		echo(t, a, b, 1000)
		random := rand.NewChaCha8([32]byte{4})
		var ms []i2np.Message
		for range good {
			ms = append(ms, sealTo(t, b, newStranger(t, random), payload(b.own.hash, time.Now().Add(time.Minute))))
		}
		for len(ms) < flood {
			junk := make([]byte, 200)
			random.Read(junk)
			ms = append(ms, i2np.Message{Type: i2np.GarlicType, Expiration: ms[0].Expiration, Body: i2np.AppendGarlic(nil, junk)})
		}
		before := b.Stats()
		for i, m := range ms {
			b.deliver(1, m.Own())
			if i%1000 == 999 {
				synctest.Wait()
			}
		}
		after := b.Stats()
		opened := after.Received - before.Received + after.Undecryptable - before.Undecryptable
		if crowded := after.Crowded - before.Crowded; opened > uint64(mostSaved/firstCost)+10 || crowded < flood/2 {
			t.Errorf("of %d messages that came at once %d were opened and %d left", flood, opened, crowded)
		}
		time.Sleep(time.Second)
		after = b.Stats()
		opened = after.Received - before.Received + after.Undecryptable - before.Undecryptable
		if all := opened + after.Crowded - before.Crowded; all != flood || b.lobby.bytes != 0 {
			t.Errorf("of %d messages %d are accounted for, %d bytes wait", flood, all, b.lobby.bytes)
		}
		echo(t, a, b, 50_000) // over the session that there is
	})
}

// TestInboxBound: what arrives while the client is busy is bounded, also where it is large.
func TestInboxBound(t *testing.T) {
	held := buf.InUse()
	e := &ether{clients: map[i2p.Hash]*Client{}}
	c := e.newClient(t, 1, options.Default())
	for range 3 * inboxSize {
		c.deliver(1, i2np.Message{Type: i2np.GarlicType, Body: make([]byte, 100)}.Own())
	}
	if n, dropped := buf.InUse()-held, c.in.Dropped(); n != inboxSize || dropped != 2*inboxSize {
		t.Errorf("%d messages wait, %d were dropped", n, dropped)
	}
	c.tunnels = etherTunnels{e: e}
	c.turn()
	if n := buf.InUse() - held; n != 0 {
		t.Errorf("%d buffers are held", n)
	}
	for range inboxSize {
		c.deliver(1, i2np.Message{Type: i2np.GarlicType, Body: make([]byte, 60_000)}.Own())
	}
	if n := buf.InUse() - held; n*60_000 > inboxBytes || n < inboxBytes/70_000 {
		t.Errorf("%d large messages wait", n)
	}
	c.turn()
}

// TestRemoteFlood: strangers' lease sets do not push out those of the
// destinations that we write to, nor keep new ones out.
func TestRemoteFlood(t *testing.T) {
	e := &ether{clients: map[i2p.Hash]*Client{}}
	c := e.newClient(t, 1, options.Default())
	random := rand.NewChaCha8([32]byte{5})
	now := time.Now()
	friend := newSet(t, random, now)
	c.learn(now, friend)
	c.remotes[friend.Hash()].written = true
	for i := range maxRemotes + 100 {
		set := newSet(t, random, now)
		body := i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}.AppendTo(nil)
		sent, err := stored(now, body, c.own.hash)
		if err != nil {
			t.Fatal(err)
		}
		c.learn(now, sent)
		if c.remotes[set.Hash()] == nil {
			t.Fatalf("lease set %d was not kept", i)
		}
	}
	if len(c.remotes) > maxRemotes || len(c.byStatic) > maxRemotes {
		t.Errorf("%d remotes, %d keys, at most %d", len(c.remotes), len(c.byStatic), maxRemotes)
	}
	r := c.remotes[friend.Hash()]
	if r == nil {
		t.Fatal("the destination that we write to was forgotten")
	}
	for range 10 * maxWaiting {
		c.drop(r.hold([]parcel{{Buf: buf.Get(1)}}))
	}
	if len(r.waiting) > maxWaiting {
		t.Errorf("%d payloads wait, at most %d", len(r.waiting), maxWaiting)
	}
	release(contents(r.waiting))
}

// TestStolenKey: whoever names the key of another in its lease set is not taken for that one: our answers would go to
// him, who would see by them when the other speaks with us.
func TestStolenKey(t *testing.T) {
	e := &ether{clients: map[i2p.Hash]*Client{}}
	random := rand.NewChaCha8([32]byte{6})
	now := time.Now()
	owner := newSet(t, random, now)
	static := [32]byte(owner.EncryptionKeys()[0].Key)
	thief := setWith(t, random, now, static[:])
	for name, come := range map[string]func(c *Client){
		"later":                      func(c *Client) { c.learn(now, owner); c.learn(now, thief) },
		"before, but we write to it": func(c *Client) { c.learn(now, thief); c.remote(now, owner.Hash()).written = true; c.learn(now, owner) },
		"before, and it proves its key": func(c *Client) {
			c.learn(now, thief)
			c.remotes[thief.Hash()].written = true
			for _, set := range []leaseset.Set{owner, thief} {
				proof := static
				if set == thief {
					proof = [32]byte{7} // that of its session
				}
				c.clove(now, i2np.Clove{Message: i2np.Message{
					Type: i2np.DatabaseStoreType, Expiration: i2p.DateOf(now.Add(time.Minute)),
					Body: i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}.AppendTo(nil),
				}}, i2p.Hash{}, proof)
			}
		},
		"and goes again": func(c *Client) { c.learn(now, owner); c.learn(now, thief); c.forget(c.remotes[thief.Hash()]) },
	} {
		c := e.newClient(t, 1, options.Default())
		if come(c); c.whose(static) != owner.Hash() {
			t.Errorf("%s: what came in the owner's session is said to be from %v", name, c.whose(static))
		}
	}
	c := e.newClient(t, 2, options.Default())
	if c.learn(now, setWith(t, random, now, make([]byte, 32))); c.whose([32]byte{}) != (i2p.Hash{}) {
		t.Error("somebody has the sessions of nobody")
	}
}

// newSet is the lease set of a new destination.
func newSet(t testing.TB, random *rand.ChaCha8, now time.Time) leaseset.Set {
	t.Helper()
	key := make([]byte, 32)
	random.Read(key)
	return setWith(t, random, now, key)
}

// setWith is the lease set of a new destination, with a key that it may not have.
func setWith(t testing.TB, random *rand.ChaCha8, now time.Time, key []byte) leaseset.Set {
	t.Helper()
	return leased(t, random, now, key, 1)
}

// leased is setWith so many leases.
func leased(t testing.TB, random *rand.ChaCha8, now time.Time, key []byte, n int) leaseset.Set {
	t.Helper()
	var leases []leaseset.Lease
	for i := range n {
		leases = append(leases, leaseset.Lease{Gateway: i2p.HashOf(key), TunnelID: 3 + uint32(i), Expires: i2p.DateOf(now.Add(9 * time.Minute))})
	}
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, random)
	if err != nil {
		t.Fatal(err)
	}
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: key}},
		Leases: leases, Published: i2p.DateOf(now),
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
