package client

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// namer answers with sets that name others, and has none of its own.
type namer struct {
	keys   *i2p.PrivateKeys
	leases func() []leaseset.MetaLease
	life   time.Duration

	mu    sync.Mutex
	asked int
}

func (n *namer) Keep(want Wanted, answer func(Kept)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if want.Withdrawal {
		answer(Kept{Err: errNotOurs})
		return
	}
	meta, err := leaseset.BuildMeta(leaseset.MetaConfig{
		Keys: n.keys, Leases: n.leases(), Published: want.Published, Expires: want.Published + i2p.Date(n.life.Milliseconds()),
	})
	answer(Kept{Meta: meta, Err: err})
}

func (n *namer) times() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// TestKeptMeta: whose owner has a MetaLeaseSet and no other is ready once that is published, which leads others to
// those who serve; it is made again in the middle of its life, whatever becomes of tunnels.
func TestKeptMeta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
		e := &ether{clients: map[i2p.Hash]*Client{}, sets: map[i2p.Hash]leaseset.Record{}, log: map[i2p.Hash][]i2np.Message{}, tell: map[*Client]Callbacks{}}
		server, asker := e.newClient(t, 2, options.Default()), e.newClient(t, 3, options.Default())
		n := &namer{keys: masterKeys(t, 1), leases: func() []leaseset.MetaLease { return named(server.own.hash) }, life: 20 * time.Minute}
		c := e.with(t, 1, Config{Destination: n.keys.Destination(), Keeper: n})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for _, c := range []*Client{c, server, asker} {
			running.Go(func() { c.Run(ctx) })
			if err := c.Ready(ctx); err != nil {
				t.Fatal(err)
			}
		}
		set, err := asker.Lookup(ctx, c.own.hash)
		if err != nil || set.Hash() != server.own.hash {
			t.Fatalf("found %v: %v", set, err)
		}
		for range 5 {
			e.move(c, i2p.HashOf([]byte("elsewhere")))
			time.Sleep(time.Minute)
		}
		if got := n.times(); got != 1 {
			t.Errorf("asked %d times in five minutes", got)
		}
		time.Sleep(6 * time.Minute)
		if got := n.times(); got != 2 {
			t.Errorf("asked %d times in eleven minutes", got)
		}
		if err := c.Send(server.own.hash, []byte("there are no keys to say it with")); err != nil {
			t.Error(err)
		}
		c.Retire()
		time.Sleep(time.Minute)
	})
}

// TestBadMeta: what names nobody, or is another's, is not published.
func TestBadMeta(t *testing.T) {
	own, others := masterKeys(t, 1), masterKeys(t, 2)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	end := i2p.DateOf(now.Add(time.Hour))
	leases := []leaseset.MetaLease{{Hash: i2p.Hash{1}, Expires: end}}
	for name, cfg := range map[string]leaseset.MetaConfig{
		"":        {Keys: own, Leases: leases},
		"another": {Keys: others, Leases: leases},
		"ended":   {Keys: own, Leases: []leaseset.MetaLease{{Hash: i2p.Hash{1}, Expires: i2p.DateOf(now)}}},
		"revoked": {Keys: own, Leases: leases, Revoked: []i2p.Hash{{1}}},
	} {
		cfg.Published, cfg.Expires = i2p.DateOf(now), end
		meta, err := leaseset.BuildMeta(cfg)
		if err != nil {
			t.Fatal(err)
		}
		o := ownSet{hash: own.Destination().Hash()}
		if err := o.check(now, Wanted{}, Kept{Meta: meta}); (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
		o.dated = i2p.DateOf(now)
		if err := o.check(now, Wanted{}, Kept{Meta: meta}); err == nil {
			t.Errorf("%q: one that is not newer is taken", name)
		}
	}
}
