package simtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/node"
)

// open gives a node a local destination with tunnels of these hops.
func open(t *testing.T, n *node.Node, hops, quantity int) server.Destination {
	t.Helper()
	step()
	h, q := fmt.Sprint(hops), fmt.Sprint(quantity)
	c, err := n.OpenDestination(t.Context(), server.DestinationConfig{Options: map[string]string{
		// Encapsulation for ML-KEM draws from the system: what it encrypts differs from run to run.
		"i2cp.leaseSetEncType": "4",
		"inbound.length":       h, "outbound.length": h, "inbound.quantity": q, "outbound.quantity": q,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ready waits until others can find the destination.
func ready(t *testing.T, c server.Destination, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// digests answers each stream with the SHA-256 of what came, until ctx ends.
func digests(ctx context.Context, l server.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		s, err := l.Accept(ctx)
		if err != nil {
			return
		}
		wg.Go(func() {
			defer s.Close()
			h := sha256.New()
			if _, err := io.Copy(h, s); err == nil {
				s.Write(h.Sum(nil))
			} else {
				s.Reset()
			}
		})
	}
}

// content is size bytes that look random and are the same for each seed.
func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1}).Read(b)
	return b
}

var errDigest = errors.New("the digest that came back is another")

// transfer sends data over a new stream and compares the digest that comes back.
func transfer(ctx context.Context, from, to server.Destination, data []byte) error {
	s, err := from.Dial(ctx, to.Destination(), 80)
	if err != nil {
		return err
	}
	defer s.Close()
	if d, ok := ctx.Deadline(); ok {
		s.SetDeadline(d)
	}
	if _, err := s.Write(data); err != nil {
		return err
	}
	return finish(s, sha256.Sum256(data))
}

// finish ends a stream's writing side and compares the digest that comes back.
func finish(s server.Stream, want [32]byte) error {
	if err := s.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(s)
	if err == nil && string(got) != string(want[:]) {
		err = errDigest
	}
	return err
}

// serve listens on c and answers with digests until the end of the test or stop.
func serve(t *testing.T, c server.Destination) (stop func()) {
	t.Helper()
	return listen(t, c, digests)
}

// listen runs f with a listener of c's until stop.
func listen(t *testing.T, c server.Destination, f func(context.Context, server.Listener)) (stop func()) {
	t.Helper()
	l, err := c.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx, l)
	}()
	return func() {
		cancel()
		c.Close()
		<-done
	}
}
