//go:build unix

package devnet

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/node"
)

// BenchmarkStream carries bytes from one router of a devnet to another, through
// three hops on each side. Beside the throughput that this machine has for all
// eight routers together it tells what they spend on a MB: CPU time, memory that
// is allocated, and allocations.
func BenchmarkStream(b *testing.B) {
	ctx, d := running(b)
	from, to := pair(ctx, b, d.nodes[0], d.nodes[1])
	received := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, to)
		received <- n
	}()
	chunk := make([]byte, 64<<10)
	b.SetBytes(int64(len(chunk)))
	spent := spend()
	b.ResetTimer()
	for range b.N {
		if _, err := from.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	if err := from.CloseWrite(); err != nil {
		b.Fatal(err)
	}
	if n := <-received; n != int64(b.N)*int64(len(chunk)) {
		b.Fatalf("%d bytes arrived, %d were sent", n, b.N*len(chunk))
	}
	b.StopTimer()
	spent.report(b, float64(b.N)*float64(len(chunk))/1e6)
}

// running is a devnet of eight routers that runs until the benchmark ends.
func running(b *testing.B) (context.Context, *Network) {
	b.Helper()
	d, err := New(Config{Routers: 8, Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- d.Run(ctx, func() error { close(ready); return nil }) }()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		b.Fatal(err)
	}
	return ctx, d
}

// spending is what the process has used so far.
type spending struct {
	cpu            time.Duration
	bytes, objects uint64
}

func spend() spending {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return spending{time.Duration(u.Utime.Nano() + u.Stime.Nano()), m.TotalAlloc, m.Mallocs}
}

func (before spending) report(b *testing.B, mb float64) {
	now := spend()
	b.ReportMetric(float64((now.cpu-before.cpu).Milliseconds())/mb, "cpu-ms/MB")
	b.ReportMetric(float64(now.bytes-before.bytes)/1e6/mb, "allocated-MB/MB")
	b.ReportMetric(float64(now.objects-before.objects)/mb, "allocs/MB")
}

// pair opens a stream between destinations of two nodes.
func pair(ctx context.Context, b *testing.B, a, c *node.Node) (from, to server.Stream) {
	b.Helper()
	options := map[string]string{"inbound.length": "3", "outbound.length": "3"}
	listening, err := c.OpenDestination(ctx, server.DestinationConfig{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	l, err := listening.Listen(0)
	if err != nil {
		b.Fatal(err)
	}
	if err := listening.Ready(ctx); err != nil {
		b.Fatal(err)
	}
	dialing, err := a.OpenDestination(ctx, server.DestinationConfig{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	if from, err = dialing.Dial(ctx, listening.Destination(), 0); err != nil {
		b.Fatal(err)
	}
	if to, err = l.Accept(ctx); err != nil {
		b.Fatal(err)
	}
	return from, to
}
