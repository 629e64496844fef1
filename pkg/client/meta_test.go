package client

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

// masterKeys are those of a destination in whose place others serve.
func masterKeys(t *testing.T, seed byte) *i2p.PrivateKeys {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{8, seed}))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// named are destinations that a MetaLeaseSet names for an hour.
func named(hashes ...i2p.Hash) (leases []leaseset.MetaLease) {
	for _, h := range hashes {
		leases = append(leases, leaseset.MetaLease{Hash: h, Expires: i2p.DateOf(time.Now().Add(time.Hour))})
	}
	return leases
}

// publishMeta stores what names others.
func (e *ether) publishMeta(t *testing.T, keys *i2p.PrivateKeys, leases []leaseset.MetaLease, revoked ...i2p.Hash) *leaseset.MetaLeaseSet {
	t.Helper()
	set, err := leaseset.BuildMeta(leaseset.MetaConfig{
		Keys: keys, Leases: leases, Revoked: revoked, Published: i2p.DateOf(time.Now()), Expires: i2p.DateOf(time.Now().Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sets[set.Hash()] = set
	return set
}

// TestMetaChoice: of what is named that is used which holds, costs least and answers; among equals lots are
// drawn.
func TestMetaChoice(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		now := time.Now()
		h := func(i byte) i2p.Hash { return i2p.Hash{i} }
		leases := named(h(1), h(2), h(3), h(4), h(5))
		leases[0].Cost, leases[1].Cost, leases[2].Cost = 9, 3, 3
		leases[3].Expires = i2p.DateOf(now)
		set := e.publishMeta(t, masterKeys(t, 1), leases, h(5))
		var d redirect
		first := map[i2p.Hash]int{}
		for range 100 {
			order := d.order(now, set, a.random.Below)
			if len(order) != 3 || order[2] != h(1) {
				t.Fatalf("%v", order)
			}
			first[order[0]]++
		}
		if first[h(2)] < 25 || first[h(3)] < 25 {
			t.Errorf("lots: %v", first)
		}
		d.lost(now, h(2))
		if order := d.order(now, set, a.random.Below); order[0] != h(3) || order[2] != h(2) {
			t.Errorf("with a silent one: %v", order)
		}
		if order := d.order(now.Add(silentMirror), set, a.random.Below); order[2] != h(1) {
			t.Errorf("later: %v", order)
		}
	})
}

// TestMetaTurns: of mirrors that are all silent each has its turn, however little one of them costs.
func TestMetaTurns(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		now := time.Now()
		leases := named(i2p.Hash{1}, i2p.Hash{2}, i2p.Hash{3})
		for i := range leases {
			leases[i].Cost = byte(i)
		}
		set := e.publishMeta(t, masterKeys(t, 1), leases)
		var d redirect
		for i := range 9 {
			first := d.order(now, set, a.random.Below)[0]
			if want := leases[i%3].Hash; first != want {
				t.Fatalf("the %dth to be tried is %v, want %v", i+1, first[0], want[0])
			}
			now = now.Add(mirrorPatience)
			d.lost(now, first)
		}
	})
}

// TestMetaBounds: what is named too far away, or is no use any more, is told.
func TestMetaBounds(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		last := b.Destination().Hash()
		for i := range byte(maxMetaDepth) {
			last = e.publishMeta(t, masterKeys(t, i), named(last)).Hash()
		}
		deep := e.publishMeta(t, masterKeys(t, 100), named(last))
		ended := e.publishMeta(t, masterKeys(t, 101), []leaseset.MetaLease{{Hash: last, Expires: i2p.DateOf(time.Now())}})
		var many []i2p.Hash
		for i := range byte(leaseset.MaxMeta) {
			many = append(many, e.publishMeta(t, masterKeys(t, 200), named(i2p.Hash{i, 1}), i2p.Hash{i, 1}).Hash(), i2p.Hash{i, 2})
		}
		wide := e.publishMeta(t, masterKeys(t, 102), named(many[1:leaseset.MaxMeta]...))
		for _, tt := range []struct {
			set  *leaseset.MetaLeaseSet
			kind error
			text string
		}{
			{deep, ErrLeaseSetKind, "is one more that names others"},
			{ended, ErrLeaseSetKind, "names nobody any longer"},
			{wide, errAbsent, "16 lookups were made"},
		} {
			if _, err := a.Lookup(t.Context(), tt.set.Hash()); !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%q: %v", tt.text, err)
			}
		}
		if set, err := a.Lookup(t.Context(), last); err != nil || set.Hash() != b.Destination().Hash() {
			t.Errorf("after %d: %v", maxMetaDepth, err)
		}
	})
}

// TestMetaDatagrams: datagrams go to who serves as well, those that wait for a lease set among them.
func TestMetaDatagrams(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		master := e.publishMeta(t, masterKeys(t, 1), named(b.Destination().Hash()))
		got := make(chan string, 2)
		if _, err := b.Handle(datagram.Raw, 0, func(_ datagram.Header, framed []byte, _ i2p.Hash) {
			_, body, _ := datagram.Decode(framed, 0)
			got <- string(body)
		}, nil); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"the first", "the second"} {
			h := datagram.Header{Protocol: datagram.Raw}
			if err := a.Send(master.Hash(), h.AppendStored(nil, []byte(word))); err != nil {
				t.Fatal(err)
			}
			select {
			case body := <-got:
				if body != word {
					t.Errorf("%q", body)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%q did not come", word)
			}
		}
	})
}

// TestMetaKept: what names others is asked for once as long as it holds, though nobody goes there for long.
func TestMetaKept(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		master := e.publishMeta(t, masterKeys(t, 1), named(b.Destination().Hash()))
		for _, wait := range []time.Duration{0, 2 * remoteIdleAfter} {
			time.Sleep(wait)
			e.move(b, i2p.HashOf([]byte{byte(wait >> 30)}))
			time.Sleep(time.Second)
			set, err := a.Lookup(t.Context(), master.Hash())
			if err != nil || set.Hash() != b.Destination().Hash() {
				t.Errorf("after %v: %v", wait, err)
			}
			e.mu.Lock()
			delete(e.sets, master.Hash())
			e.mu.Unlock()
		}
		time.Sleep(time.Hour)
		if _, err := a.Lookup(t.Context(), master.Hash()); !errors.Is(err, errAbsent) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// TestMetaBlinded: an encrypted lease set may hold one that names others.
func TestMetaBlinded(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		keys := masterKeys(t, 1)
		inner := e.publishMeta(t, keys, named(b.Destination().Hash()))
		sealed, err := leaseset.Encrypt(leaseset.EncryptConfig{Keys: keys, Inner: inner})
		if err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		delete(e.sets, inner.Hash())
		e.sets[sealed.Hash()] = sealed
		e.mu.Unlock()
		to, err := a.ResolveBlinded(t.Context(), keys.Identity.Blinded())
		if err != nil || to.Hash() != inner.Hash() {
			t.Fatalf("%s: %v", to.B32(), err)
		}
		c, err := a.Dial(t.Context(), to, 7)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

// TestMetaKeeper: a destination in whose place others serve publishes their names alone, newer each time, and
// takes them back in the end.
func TestMetaKeeper(t *testing.T) {
	o := options.Default()
	o.Meta = []leaseset.MetaLease{{Hash: i2p.Hash{7}, Cost: 3}}
	pairWith(t, o, options.Default(), func(t *testing.T, e *ether, a, b *Client) {
		stored := func() *leaseset.MetaLeaseSet {
			e.mu.Lock()
			defer e.mu.Unlock()
			set, _ := e.sets[a.Destination().Hash()].(*leaseset.MetaLeaseSet)
			return set
		}
		first := stored()
		if first == nil || first.Verify(time.Now()) != nil || len(first.MetaLeases()) != 1 || first.MetaLeases()[0].Cost != 3 ||
			first.Expires() < i2p.DateOf(time.Now().Add(metaLife-time.Second)) {
			t.Fatalf("%+v", first)
		}
		time.Sleep(10 * time.Minute)
		e.move(a, i2p.HashOf([]byte("another gateway")))
		time.Sleep(10 * time.Second)
		if stored().Published() <= first.Published() {
			t.Error("it was not renewed")
		}
		a.Retire()
		time.Sleep(10 * time.Second)
		if end := stored().Expires(); end > i2p.DateOf(time.Now().Add(withdrawnLife)) {
			t.Errorf("it was not taken back: it ends in %v", time.Until(end.Time()))
		}
	})
}
