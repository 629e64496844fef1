package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// TestRestartedOpens: what was sealed for a destination before a restart is
// opened after it, whatever type its key file has.
func TestRestartedOpens(t *testing.T) {
	for _, encryption := range []i2p.EncryptionType{i2p.CryptoElGamal, i2p.CryptoX25519} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
			made, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, encryption, nil)
			if err != nil {
				t.Fatal(err)
			}
			file := made.AppendTo(nil)
			start := func() *Client {
				keys, _, err := i2p.ParsePrivateKeys(file)
				if err != nil {
					t.Fatal(err)
				}
				c, err := New(Config{Keys: keys, OpenTunnels: func(Callbacks) Tunnels { return etherTunnels{} }})
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			before, after := start(), start()
			sealed := sealTo(t, before, newStranger(t, rand.NewChaCha8([32]byte{7})), payload(made.Identity.Hash(), time.Now().Add(time.Minute)))
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { after.Run(ctx) })
			synctest.Wait()
			after.deliver(1, sealed.Own())
			synctest.Wait()
			if s := after.Stats(); s.Received != 1 || s.Undecryptable != 0 {
				t.Errorf("encryption type %d: %+v", encryption, s)
			}
			cancel()
			running.Wait()
		})
	}
}
