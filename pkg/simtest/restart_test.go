package simtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/sign"
)

// service opens the destination of keys on a node.
func service(t *testing.T, n *node.Node, keys *i2p.PrivateKeys, hops int) (server.Destination, error) {
	t.Helper()
	step()
	h := fmt.Sprint(hops)
	return n.OpenDestination(t.Context(), server.DestinationConfig{Keys: keys, Options: map[string]string{
		"inbound.length": h, "outbound.length": h, "inbound.quantity": "2", "outbound.quantity": "2",
	}})
}

// firstByte is how long a new stream takes until its first byte has come back.
func firstByte(t *testing.T, from, to server.Destination) time.Duration {
	t.Helper()
	begun := time.Now()
	s := dial(t, from, to, time.Minute)
	defer s.Close()
	s.SetDeadline(begun.Add(time.Minute))
	if _, err := s.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(begun)
}

// echoing answers every stream with what comes.
func echoing(ctx context.Context, l server.Listener) {
	for {
		s, err := l.Accept(ctx)
		if err != nil {
			return
		}
		go func() {
			defer s.Close()
			io.Copy(s, s)
		}()
	}
}

// TestRestartedService: a service ends and begins again with the same key,
// after moments and after minutes, with the same tunnels and with others, and on
// another router. Who
// called it before, and has the lease set of then, reaches it soon each time.
func TestRestartedService(t *testing.T) {
	simulate(t, worldConfig{routers: 12, seed: 11}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, time.Minute)
		keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{4}))
		if err != nil {
			t.Fatal(err)
		}
		caller := open(t, w.nodes[10], 2, 2)
		last := 11
		for i, run := range []struct {
			on, hops int
			pause    time.Duration
		}{
			{11, 2, 0}, {11, 2, time.Second}, {11, 2, 10 * time.Second}, {11, 2, time.Minute}, {11, 1, 0}, {11, 1, 12 * time.Minute},
			{11, 1, 0}, {9, 1, time.Minute}, {11, 1, 0}, {9, 1, 0},
		} {
			b, err := service(t, w.nodes[run.on], keys, run.hops)
			if err != nil {
				t.Fatal(err)
			}
			stop := listen(t, b, echoing)
			if _, err := service(t, w.nodes[run.on], keys, run.hops); !errors.Is(err, &control.Error{Code: control.InUse}) {
				t.Errorf("opened twice at once: %v", err)
			}
			ready(t, b, time.Minute)
			took := firstByte(t, caller, b)
			t.Logf("run %d: the first byte took %v", i, took)
			limit := 2 * time.Second
			if run.on != last {
				limit = 5 * time.Second // the caller's lease set leads nowhere
			}
			if last = run.on; took > limit {
				t.Errorf("run %d: the first byte took %v", i, took)
			}
			time.Sleep(10 * time.Second) // long enough for a lease set to be taken back elsewhere
			if took := firstByte(t, caller, b); took > 3*time.Second {
				t.Errorf("run %d: later the first byte took %v", i, took)
			}
			if took := firstByte(t, open(t, w.nodes[8], 2, 2), b); took > 5*time.Second {
				t.Errorf("run %d: who did not know it before waited for %v", i, took)
			}
			stop()
			time.Sleep(run.pause)
		}
	})
}
