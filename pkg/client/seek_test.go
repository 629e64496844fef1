package client

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/sign"
)

// settler is a destination by hand: its sessions, and the lease set that has their key.
func settler(t *testing.T, random *rand.ChaCha8) (*ratchet.Sessions, leaseset.Set) {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, random)
	if err != nil {
		t.Fatal(err)
	}
	static := noise.GenerateKey(random)
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: static.Public[:]}},
		Leases:    []leaseset.Lease{{Gateway: i2p.HashOf([]byte{1}), TunnelID: 3, Expires: i2p.DateOf(time.Now().Add(9 * time.Minute))}},
		Published: i2p.DateOf(time.Now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return ratchet.New(ratchet.Config{Static: static, Rand: random}), set
}

// TestWhose: handlers are told whose session something came in, as soon as the lease set is known that
// has the session's key: one that came along, in whatever order, or was looked up.
func TestWhose(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, _, b *Client) {
		var came []i2p.Hash
		if _, err := b.Handle(datagram.Datagram3, 0, func(_ datagram.Header, _ []byte, session i2p.Hash) { came = append(came, session) }, nil); err != nil {
			t.Fatal(err)
		}
		data := i2np.Clove{
			Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: b.own.hash},
			Message: i2np.Message{
				Type: i2np.DataType, ID: 2, Expiration: i2p.DateOf(time.Now().Add(time.Minute)),
				Body: i2np.AppendData(nil, datagram.Header{Protocol: datagram.Datagram3}.AppendStored(nil, []byte("x"))),
			},
		}
		say := func(s *ratchet.Sessions, cloves ...i2np.Clove) {
			b.deliver(1, sealTo(t, b, s, cloves...).Own())
			time.Sleep(time.Second) // it waits in the lobby
		}
		random := rand.NewChaCha8([32]byte{8})
		bundles, bundled := settler(t, random)
		store := i2np.Clove{Message: i2np.Message{
			Type: i2np.DatabaseStoreType, ID: 3, Expiration: data.Message.Expiration,
			Body: i2np.DatabaseStore{Key: bundled.Hash(), Type: bundled.StoreType(), Data: bundled.Bytes()}.AppendTo(nil),
		}}
		say(bundles, data, store)
		silent, published := settler(t, random)
		e.mu.Lock()
		e.sets[published.Hash()] = published
		e.mu.Unlock()
		say(silent, data)
		b.Seek(published.Hash())
		time.Sleep(time.Second)
		say(silent, data)
		b.Seek(published.Hash())
		b.Pass() // the handlers' loop
		if want := []i2p.Hash{bundled.Hash(), {}, published.Hash()}; !slices.Equal(came, want) {
			t.Errorf("in the sessions of %v, want %v", came, want)
		}
		if st := b.Stats(); st.Seeks != 1 || st.SeeksRefused != 0 {
			t.Errorf("%d lookups, and %d beyond the limit", st.Seeks, st.SeeksRefused)
		}
	})
}

// waiting are tunnels whose lookups take until they are answered.
type waiting struct {
	etherTunnels
	answers *[]func(leaseset.Record, error)
}

func (w waiting) LookupLeaseSet(_ i2p.Hash, _ i2p.Date, done func(leaseset.Record, error)) {
	*w.answers = append(*w.answers, done)
}

// TestSeekLimit: who names one destination after the other has a few of them looked up at a time.
func TestSeekLimit(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, _ *Client) {
		var answers []func(leaseset.Record, error)
		a.look(func(time.Time) { a.tunnels = waiting{etherTunnels{e: e}, &answers} })
		const named = 1000
		flood := func() {
			for i := range named {
				a.Seek(i2p.HashOf([]byte{1, byte(i), byte(i >> 8)}))
			}
			a.Pass()
		}
		flood()
		if st := a.Stats(); len(answers) != maxSeeks || st.Seeks != maxSeeks || st.SeeksRefused != named-maxSeeks {
			t.Errorf("%d lookups; %d, and %d beyond the limit", len(answers), st.Seeks, st.SeeksRefused)
		}
		for _, answer := range answers {
			answer(nil, errAbsent)
		}
		synctest.Wait()
		flood()
		if st := a.Stats(); st.Seeks != 2*maxSeeks {
			t.Errorf("%d lookups once these were over", st.Seeks)
		}
		a.look(func(time.Time) { a.tunnels = etherTunnels{e: e} })
	})
}
