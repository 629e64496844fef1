package client

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// alone is a client whose loop does not run: it is the caller's.
func alone(t testing.TB) (c *Client, now time.Time) {
	e := &ether{clients: map[i2p.Hash]*Client{}, forgetful: true}
	c = e.newClient(t, 1, options.Default())
	c.tunnels = etherTunnels{e: e}
	c.turn()
	return c, c.now
}

// FuzzClove handles cloves as they may come out of a session with anybody: whatever they hold
// and whomever they name, no panic, no buffer is kept, and no more destinations than there may be.
func FuzzClove(f *testing.F) {
	c, now := alone(f)
	random := rand.NewChaCha8([32]byte{1})
	for _, clove := range []i2np.Clove{
		payload(c.own.hash, now.Add(time.Minute)), payload(c.own.hash, now.Add(-time.Hour)), payload(i2p.Hash{}, now),
		{Message: i2np.Message{Type: i2np.DatabaseStoreType, Expiration: i2p.DateOf(now), Body: storedBody(f, random, now)}},
		{Message: i2np.Message{Type: i2np.DataType, Expiration: i2p.DateOf(now), Body: i2np.AppendData(nil, datagram.Header{Protocol: datagram.Raw}.AppendStored(nil, []byte("x")))}},
	} {
		f.Add(clove.AppendTo(nil))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		clove, err := i2np.ParseClove(b)
		if err != nil {
			clove = i2np.Clove{Message: i2np.Message{Type: i2np.DataType, Expiration: i2p.DateOf(now), Body: b}}
		}
		for _, kind := range []i2np.Type{clove.Message.Type, i2np.DataType, i2np.DatabaseStoreType} {
			clove.Message.Type, clove.Message.Expiration = kind, i2p.DateOf(now)
			held := buf.InUse()
			c.clove(now, clove, i2p.Hash{}, [32]byte{})
			if n := buf.InUse() - held; n > 64 || len(c.remotes) > maxRemotes {
				t.Fatalf("%d buffers are kept, and %d destinations", n, len(c.remotes))
			}
		}
	})
}

// FuzzStored takes the lease sets that peers send along: one that is taken has the key that it
// was stored under, and verifies.
func FuzzStored(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Add(storedBody(f, rand.NewChaCha8([32]byte{2}), now))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := stored(now, bytes.Clone(b), i2p.Hash{1})
		if (set == nil) == (err == nil) {
			t.Fatalf("%v, %v", set, err)
		}
		if set == nil {
			return
		}
		if s, err := i2np.ParseDatabaseStore(b); err != nil || s.Key != set.Hash() || set.Verify(now) != nil {
			t.Fatalf("%+v, %v", s, err)
		}
	})
}

// storedBody is a DatabaseStore of a new destination's lease set.
func storedBody(t testing.TB, random *rand.ChaCha8, now time.Time) []byte {
	set := newSet(t, random, now)
	return i2np.DatabaseStore{Key: set.Hash(), Type: set.StoreType(), Data: set.Bytes()}.AppendTo(nil)
}
