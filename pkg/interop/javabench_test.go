//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"i2ptoolkit/pkg/processors"
)

// TestBenchJava measures streams over two hops each way among Java routers: of Java to Java, of ours to Java and of
// Java to ours, one after the other in each round. A Java program runs at a fifth of its speed until it has compiled
// itself: the first round of each network counts for nothing, and Java's sessions stay. What its tunnels give
// differs by a factor of three: there are several networks. Only scripts/bench-java runs it.
func TestBenchJava(t *testing.T) {
	if os.Getenv("I2P_BENCH_JAVA") == "" {
		t.Skip("measures for half an hour: use scripts/bench-java")
	}
	networks := setting(t, "I2P_BENCH_JAVA", strconv.Atoi)
	rounds := setting(t, "I2P_BENCH_ROUNDS", strconv.Atoi)
	mb := setting(t, "I2P_BENCH_MB", decimal)
	defer processors.Follow()()
	rows := []struct {
		name string
		run  func(*javaBench, *testing.T, context.Context) Measurement
	}{
		{"Java to Java", (*javaBench).javaToJava},
		{"ours to Java", (*javaBench).oursToJava},
		{"Java to ours", (*javaBench).javaToOurs},
	}
	results, names := make([][]Measurement, len(rows)), make([]string, len(rows))
	for network := range networks {
		t.Run(fmt.Sprint("network ", network+1), func(t *testing.T) {
			n := javaNetwork(t, JavaConfig{Routers: 4})
			ctx := gate(t, time.Hour)
			j := &javaTest{Network: n, size: int(mb * 1e6)}
			if err := n.AwaitServing(ctx); err != nil {
				t.Fatal(err)
			}
			j.b = startRouter(t, ctx, n, RouterConfig{Name: "b", Floodfill: true})
			j.a = startRouter(t, ctx, n, RouterConfig{Name: "a"})
			b := &javaBench{javaTest: j, client: j.open(t, ctx, 1, "")}
			j.server = j.open(t, ctx, 0, "")
			for round := range rounds + 1 {
				for i, row := range rows {
					t.Run(fmt.Sprintf("round %d, %s", round, row.name), func(t *testing.T) {
						ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
						defer cancel()
						m := row.run(b, t, ctx)
						t.Log(m)
						if round > 0 {
							results[i] = append(results[i], m)
						}
					})
				}
			}
		})
	}
	for i, row := range rows {
		names[i] = row.name
	}
	fmt.Print(medians(names, names[0], benchColumns0, results))
}

// javaBench has two sessions of Java's besides.
type javaBench struct {
	*javaTest
	client *JavaStreams
}

func (b *javaBench) javaToJava(t *testing.T, ctx context.Context) Measurement {
	defer serveJava(t, ctx, b.server, 1)()
	c := b.connect(t, ctx, b.client, b.server.B32, 0)
	m := b.measured(t, ctx, c)
	c.CloseWrite()
	return m
}

func (b *javaBench) oursToJava(t *testing.T, ctx context.Context) Measurement {
	defer serveJava(t, ctx, b.server, 1)()
	c, err := b.a.Connect(b.server.B32, "--hops", "2", "--timeout", "60s")
	if err != nil {
		t.Fatal(err)
	}
	m := b.measured(t, ctx, c)
	finish(t, ctx, c)
	return m
}

func (b *javaBench) javaToOurs(t *testing.T, ctx context.Context) Measurement {
	listen, b32, err := b.b.Listen(ctx, "--hops", "2")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	served := serveTunnel(listen)
	c := b.connect(t, ctx, b.client, b32, 0)
	m := b.measured(t, ctx, c)
	c.CloseWrite()
	finish(t, ctx, listen)
	if err := <-served; err != nil {
		t.Error(err)
	}
	return m
}

// measured is what a stream carries.
func (b *javaBench) measured(t *testing.T, ctx context.Context, c Stream) Measurement {
	t.Helper()
	m, err := b.Measure(ctx, c, 10, b.size)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
