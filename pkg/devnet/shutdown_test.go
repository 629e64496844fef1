package devnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/control/server"
)

// ours are the goroutines that run code of this module, but not this test's.
func ours() []string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var out []string
	for _, g := range strings.Split(string(stacks), "\n\n")[1:] { // the first is who asks
		if strings.Contains(g, "i2ptoolkit/") && !strings.Contains(g, "testing.tRunner(") {
			out = append(out, g)
		}
	}
	return out
}

// run runs a private network until the function that it returns is
// called. It returns once all routers have tunnels.
func run(t *testing.T, dir string, routers int) (*Network, func()) {
	t.Helper()
	return runLogged(t, dir, routers, slog.New(slog.DiscardHandler))
}

func runLogged(t *testing.T, dir string, routers int, log *slog.Logger) (*Network, func()) {
	t.Helper()
	d, err := New(Config{Routers: routers, Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return d, runThis(t, d)
}

// runThis is run of a network that is made.
func runThis(t *testing.T, d *Network) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- d.Run(ctx, func() error { close(ready); return nil }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the network ended: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("no tunnels after a minute")
	}
	return func() {
		t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("the network does not end; there run\n%s", strings.Join(ours(), "\n\n"))
		}
	}
}

// TestShutdown: after a network has carried streams, one of them to its end
// and one broken off in the middle, every buffer and goroutine is given back,
// and nothing is left of the control sockets (point 5: each goroutine and
// buffer is accounted for).
func TestShutdown(t *testing.T) {
	before, held := len(ours()), buf.InUse()
	dir := t.TempDir()
	d, stop := run(t, dir, 2)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := d.nodes[0].OpenDestination(ctx, server.DestinationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.nodes[1].OpenDestination(ctx, server.DestinationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := b.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	sums := make(chan [32]byte, 4)
	go func() {
		for {
			s, err := l.Accept(ctx)
			if err != nil {
				return
			}
			go func() {
				h := sha256.New()
				if _, err := io.Copy(h, s); err == nil {
					sums <- [32]byte(h.Sum(nil))
				}
			}()
		}
	}()
	data := make([]byte, 256<<10)
	rand.NewChaCha8([32]byte{3}).Read(data)
	whole, err := a.Dial(ctx, b.Destination(), 80)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := whole.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := whole.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	select {
	case sum := <-sums:
		if sum != sha256.Sum256(data) {
			t.Error("other bytes arrived")
		}
	case <-ctx.Done():
		t.Fatal("the stream never ends")
	}
	broken, err := a.Dial(ctx, b.Destination(), 80)
	if err != nil {
		t.Fatal(err)
	}
	go broken.Write(bytes.Repeat(data, 16))
	follower := client.New(filepath.Join(dir, "1", "router.sock")) // who follows events must not hold the end up
	go func() {
		_ = follower.Events(ctx, func() {}, func(control.Event) error { return nil })
		follower.Close()
	}()
	stop()

	for deadline := time.Now().Add(time.Minute); len(ours()) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines that never end:\n%s", strings.Join(ours(), "\n\n"))
		}
	}
	if n := buf.InUse(); n != held {
		t.Errorf("%d buffers were never released", n-held)
	}
	for i, n := range d.nodes {
		left, err := filepath.Glob(filepath.Join(dir, strconv.Itoa(i), "*.sock"))
		if err != nil || len(left) > 0 {
			t.Errorf("router %d leaves %v", i, left)
		}
		if _, err := n.OpenDestination(t.Context(), server.DestinationConfig{}); err == nil {
			t.Errorf("router %d opens a destination after its end", i)
		}
	}
}
