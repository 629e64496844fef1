package destinations

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
)

// mirrored are options of a destination in whose place others serve, the first for least.
func mirrored(hashes ...i2p.Hash) options.Options {
	o := asked()
	for i, h := range hashes {
		o.Meta = append(o.Meta, leaseset.MetaLease{Hash: h, Cost: byte(i)})
	}
	return o
}

// answering opens a destination that echoes.
func answering(t *testing.T, h *Hall, seed byte) *Local {
	t.Helper()
	d := open(t, h, Request{Keys: newKeys(t, seed), Options: asked()})
	l, err := d.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	go serve(l)
	return d
}

// served dials a destination by its hash, as those do who have its address, and tells who answered.
func served(t *testing.T, d *Local, hash i2p.Hash) (by i2p.Hash, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	to, err := d.Resolve(ctx, hash)
	if err != nil {
		return by, err
	}
	if to.Hash() != hash {
		t.Errorf("%s is %s", hash.B32(), to.B32())
	}
	c, err := d.Dial(ctx, to, 0)
	if err != nil {
		return by, err
	}
	defer c.Close()
	return c.RemoteAddr().(sockets.Addr).Destination.Hash(), exchange(c)
}

// TestMeta: who dials a destination in whose place others serve comes to one of them: the cheapest, and the
// next one where that has left or does not answer. The address stays the same when others serve.
func TestMeta(t *testing.T) {
	inNetwork(t, 7, func(t *testing.T, n *network) {
		first, second, third := answering(t, n.halls[3], 1), answering(t, n.halls[4], 2), answering(t, n.halls[5], 3)
		a, b, c := first.Destination().Hash(), second.Destination().Hash(), third.Destination().Hash()
		master := open(t, n.halls[2], Request{Keys: newKeys(t, 4), Options: mirrored(a, b)})
		hash := master.Destination().Hash()
		outer := open(t, n.halls[2], Request{Keys: newKeys(t, 5), Options: mirrored(hash)})
		client := open(t, n.halls[6], Request{Options: asked()})
		expect := func(what string, hash, want i2p.Hash) {
			t.Helper()
			if by, err := served(t, client, hash); err != nil || by != want {
				t.Errorf("%s: %s answered, expected %s: %v", what, by.B32(), want.B32(), err)
			}
		}
		expect("the cheapest", hash, a)
		expect("by two lease sets that name others", outer.Destination().Hash(), a)
		if d, err := client.Ping(t.Context(), master.Destination()); err != nil {
			t.Errorf("ping: %v after %v", err, d)
		}
		first.Close()
		time.Sleep(20 * time.Second) // its lease set is taken back
		expect("the next where the cheapest has left", hash, b)

		if !master.Reshape(mirrored(b, c)) {
			t.Fatal("it cannot name others")
		}
		time.Sleep(10 * time.Second)
		dead := n.infos[4].Hash()
		n.dead.Store(&dead)
		begun := time.Now()
		other := open(t, n.halls[6], Request{Options: asked()})
		if by, err := served(t, other, hash); err != nil || by != c {
			t.Errorf("one of those named later, where the cheapest is silent: %s, %v", by.B32(), err)
		}
		if took := time.Since(begun); took > 40*time.Second {
			t.Errorf("after %v", took)
		}
		n.dead.Store(nil)
		time.Sleep(15 * time.Minute) // it has tunnels again

		third.Close()
		second.Close()
		time.Sleep(20 * time.Second)
		if _, err := served(t, client, hash); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), b.B32()) {
			t.Errorf("nobody is left: %v", err)
		}
		master.Close()
		time.Sleep(20 * time.Second)
		if _, err := served(t, open(t, n.halls[5], Request{Options: asked()}), hash); !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "names others") {
			t.Errorf("taken back: %v", err)
		}
	})
}

// TestMetaLoop: lease sets that name each other lead nowhere, and who asks is told so at once.
func TestMetaLoop(t *testing.T) {
	inNetwork(t, 4, func(t *testing.T, n *network) {
		a, b := newKeys(t, 1), newKeys(t, 2)
		open(t, n.halls[2], Request{Keys: a, Options: mirrored(b.Destination().Hash())})
		open(t, n.halls[2], Request{Keys: b, Options: mirrored(a.Destination().Hash())})
		client := open(t, n.halls[3], Request{Options: asked()})
		begun := time.Now()
		_, err := served(t, client, a.Destination().Hash())
		if !errors.Is(err, ErrLeaseSet) || !strings.Contains(err.Error(), "leads back") || time.Since(begun) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}
