package destinations

import (
	"context"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// TestRekey: a destination whose own key is kept offline goes on with another transient one, with its streams;
// also where its next user brings that. Others' keys are refused, and one of an encrypted lease set has to be the
// destination's own.
func TestRekey(t *testing.T) {
	inNetwork(t, 5, func(t *testing.T, n *network) {
		proper := newKeys(t, 1)
		transient := func(lasts time.Duration) *i2p.PrivateKeys {
			off, err := proper.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, uint32(time.Now().Add(lasts).Unix()), nil)
			if err != nil {
				t.Fatal(err)
			}
			return off
		}
		first, second, third := transient(time.Hour), transient(2*time.Hour), transient(3*time.Hour)
		server := open(t, n.halls[3], Request{Keys: first, Options: asked()})
		l, err := server.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		go serve(l)
		client := open(t, n.halls[4], Request{Options: asked()})
		c, err := client.Dial(t.Context(), server.Destination(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		published := func(by *i2p.PrivateKeys) bool {
			for range 6 { // the floodfills tell each other
				fresh := open(t, n.halls[2], Request{Options: asked()})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				set, err := fresh.Lookup(ctx, server.Destination().Hash())
				cancel()
				fresh.Close()
				if err != nil {
					t.Fatal(err)
				}
				if set.(*leaseset.LeaseSet2).Offline().Transient == by.Offline.Transient {
					return true
				}
				time.Sleep(10 * time.Second)
			}
			return false
		}
		if err := exchange(c); err != nil || !published(first) {
			t.Fatalf("before: %v", err)
		}
		if err := server.Rekey(second); err != nil {
			t.Fatal(err)
		}
		if !server.KeyExpires().Equal(time.Unix(int64(second.Offline.Expires), 0)) {
			t.Errorf("it expires at %v", server.KeyExpires())
		}
		begun := time.Now()
		if err := exchange(c); err != nil || time.Since(begun) > time.Second {
			t.Errorf("the stream, after %v: %v", time.Since(begun), err)
		}
		if !published(second) {
			t.Error("its lease set is signed by the old key")
		}
		if err := server.Rekey(newKeys(t, 2)); !errors.Is(err, ErrOtherKeys) {
			t.Errorf("another's: %v", err)
		}
		server.Close()
		server = open(t, n.halls[3], Request{Keys: third, Options: asked()})
		if !server.KeyExpires().Equal(time.Unix(int64(third.Offline.Expires), 0)) {
			t.Errorf("the next user's expires at %v", server.KeyExpires())
		}
		if !published(third) {
			t.Error("its lease set is not signed by the next user's key")
		}
		hidden := asked()
		hidden.Blinding.Own = true
		own := open(t, n.halls[3], Request{Keys: newKeys(t, 3), Options: hidden})
		off, err := newKeys(t, 3).NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, uint32(time.Now().Add(time.Hour).Unix()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Rekey(off); !errors.Is(err, ErrBlinding) {
			t.Errorf("of an encrypted lease set: %v", err)
		}
	})
}
