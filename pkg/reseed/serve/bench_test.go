package serve

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Variables of TestBench, which scripts/bench-reseed sets.
const (
	benchConns   = "I2P_BENCH_RESEED_CONNS"   // connections; without it there is nothing to measure
	benchSeconds = "I2P_BENCH_RESEED_SECONDS" // of each load
	benchServer  = "I2P_BENCH_RESEED_SERVER"  // the process is the server
)

const (
	benchBundles = 300
	benchBytes   = 75_000 // of a bundle of 75 RouterInfos
	benchPace    = 2000   // requests a second of the steady load
)

// TestBenchServer is the server of TestBench, in a process of its own so that its memory
// is its own. Each line at stdin is answered with its resident memory in KiB.
func TestBenchServer(t *testing.T) {
	if os.Getenv(benchServer) == "" {
		t.Skip("this is the server of TestBench")
	}
	cfg := tlsConfig()
	cfg.Now, cfg.Limits.ConnsPerClient = time.Now, 0
	cfg.TLS.CertFile, cfg.TLS.KeyFile = writeCertificate(t, t.TempDir(), "bench", time.Now().AddDate(1, 0, 0))
	cfg.Bundles = func(context.Context) ([][]byte, error) {
		var set [][]byte
		for i := range benchBundles {
			set = append(set, bytes.Repeat([]byte{byte(i)}, benchBytes))
		}
		return set, nil
	}
	// The limits work, but let this load pass.
	cfg.Limits.PerClient, cfg.Limits.Global = Rate{1e9, time.Hour}, Rate{1e9, time.Hour}
	s := newServer(t, cfg)
	fmt.Println("listening", start(t, s))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println("resident", memory("VmRSS:"), memory("VmHWM:"), s.conns.size(), s.counts.refusedClient.Load())
	}
}

func memory(field string) int {
	b, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(b), field)
	var kib int
	fmt.Sscan(rest, &kib)
	return kib
}

// child is the server's process.
type child struct {
	in   io.WriteCloser
	out  *bufio.Scanner
	addr string
}

func startChild(t *testing.T) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchServer$")
	cmd.Env = append(os.Environ(), benchServer+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	c := &child{in: in, out: bufio.NewScanner(out)}
	if !c.out.Scan() {
		t.Fatal("the server did not begin")
	}
	c.addr = strings.TrimPrefix(c.out.Text(), "listening ")
	return c
}

// resident asks for the server's memory now and at its peak, in MiB.
func (c *child) resident(t *testing.T) (now, peak float64, conns, refused int) {
	t.Helper()
	fmt.Fprintln(c.in)
	if !c.out.Scan() {
		t.Fatal("the server has ended")
	}
	var a, b int
	if _, err := fmt.Sscanf(c.out.Text(), "resident %d %d %d %d", &a, &b, &conns, &refused); err != nil {
		t.Fatal(err)
	}
	return float64(a) / 1024, float64(b) / 1024, conns, refused
}

// load is one client network with at most one connection.
type load struct {
	addr    string
	dialer  net.Dialer
	conn    net.Conn
	in      *bufio.Reader
	latency []time.Duration
}

var clientTLS = &tls.Config{InsecureSkipVerify: true}

func newLoad(addr string, i int) *load {
	from := &net.TCPAddr{IP: net.IPv4(127, byte(1+i>>8), byte(i), 1)} // a /24 for each
	return &load{addr: addr, dialer: net.Dialer{LocalAddr: from}}
}

func (l *load) dial() error {
	c, err := l.dialer.Dial("tcp", l.addr)
	if err != nil {
		return err
	}
	secure := tls.Client(c, clientTLS)
	if err := secure.Handshake(); err != nil {
		c.Close()
		return err
	}
	l.conn, l.in = secure, bufio.NewReaderSize(secure, 32<<10)
	return nil
}

func (l *load) ask() error {
	if _, err := io.WriteString(l.conn, request); err != nil {
		return err
	}
	r, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n != benchBytes || r.StatusCode != 200 {
		return fmt.Errorf("%s, %d bytes, %v", r.Status, n, err)
	}
	return nil
}

// run has every load do its work again and again until the time is over, and prints what
// it took. With a pause each begins its work once in that time.
func run(t *testing.T, name string, loads []*load, d, pause time.Duration, work func(*load) error) {
	t.Helper()
	var wait sync.WaitGroup
	var failed atomic.Int64
	begin := time.Now()
	for i, l := range loads {
		l.latency = l.latency[:0]
		wait.Go(func() {
			next := begin.Add(pause * time.Duration(i) / time.Duration(len(loads)))
			for time.Since(begin) < d {
				if pause > 0 {
					time.Sleep(time.Until(next))
				}
				from := time.Now()
				if pause > 0 {
					from, next = next, next.Add(pause) // what waits counts
				}
				if err := work(l); err != nil {
					if failed.Add(1) == 1 {
						t.Log(err)
					}
					return
				}
				l.latency = append(l.latency, time.Since(from))
			}
		})
	}
	wait.Wait()
	took := time.Since(begin).Seconds()
	var all []time.Duration
	for _, l := range loads {
		all = append(all, l.latency...)
	}
	if slices.Sort(all); len(all) == 0 {
		t.Fatalf("%s: nothing got an answer", name)
	}
	at := func(q float64) time.Duration {
		return all[int(q*float64(len(all)-1))].Round(100 * time.Microsecond)
	}
	fmt.Printf("%-44s %8.0f requests/s %7.0f MB/s   p50 %v  p99 %v  max %v  failed %d\n",
		name, float64(len(all))/took, float64(len(all))*benchBytes/took/1e6, at(0.5), at(0.99), at(1), failed.Load())
	if failed.Load() > 0 {
		t.Errorf("%s: %d connections failed", name, failed.Load())
	}
}

// loris opens connections from one network as fast as it can, begins a handshake in each
// and says no more.
func loris(ctx context.Context, addr string) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 200, 0, 1)}}
	var held []net.Conn
	for ctx.Err() == nil {
		c, err := d.Dial("tcp", addr)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		c.Write([]byte("\x16\x03\x01"))
		if held = append(held, c); len(held) > 2000 {
			held[0].Close()
			held = held[1:]
		}
	}
	for _, c := range held {
		c.Close()
	}
}

func number(t *testing.T, name string, value int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 20_000 {
			t.Fatalf("%s: a number is expected, it is %q", name, text)
		}
		return n
	}
	return value
}

// TestBench measures a server with TLS under the load of many connections, each of a
// client network of its own. Server and load share the machine.
func TestBench(t *testing.T) {
	n := number(t, benchConns, 0)
	if n == 0 {
		t.Skipf("%s is not set: scripts/bench-reseed", benchConns)
	}
	d := time.Duration(number(t, benchSeconds, 10)) * time.Second
	c := startChild(t)
	idle, _, _, _ := c.resident(t)
	var loads []*load
	var wait sync.WaitGroup
	var errs atomic.Int64
	begin := time.Now()
	for i := range n {
		loads = append(loads, newLoad(c.addr, i))
		wait.Go(func() {
			if err := loads[i].dial(); err != nil {
				errs.Add(1)
			}
		})
	}
	wait.Wait()
	if errs.Load() > 0 {
		t.Fatalf("%d of %d connections failed", errs.Load(), n)
	}
	fmt.Printf("%-44s %8.0f handshakes/s\n", fmt.Sprintf("%d connections with TLS", n), float64(n)/time.Since(begin).Seconds())
	open, _, conns, _ := c.resident(t)
	steady := time.Duration(n) * time.Second / benchPace
	run(t, fmt.Sprintf("all of them, %d requests/s together", benchPace), loads, d, steady, (*load).ask)
	run(t, "all of them, as fast as they can", loads, d, 0, (*load).ask)
	busy, peak, _, _ := c.resident(t)
	ctx, cancel := context.WithCancel(t.Context())
	wait.Go(func() { loris(ctx, c.addr) })
	run(t, "the same pace, and a slow-loris beside them", loads, d, steady, (*load).ask)
	cancel()
	wait.Wait()
	_, _, _, refused := c.resident(t)
	for _, l := range loads {
		l.conn.Close()
	}
	run(t, "a new connection for each request", loads, d, 0, func(l *load) error {
		if err := l.dial(); err != nil {
			return err
		}
		defer l.conn.Close()
		return l.ask()
	})
	_, last, _, _ := c.resident(t)
	fmt.Printf("resident memory of the server, MiB           %.0f at first (%d bundles of %d bytes), %.0f with %d connections, %.0f under load, %.0f at its peak, %.0f with new connections\n",
		idle, benchBundles, benchBytes, open, conns, busy, peak, last)
	fmt.Printf("connections of the slow-loris refused        %d\n", refused)
}
