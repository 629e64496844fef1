//go:build linux

package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	bulk    = 20e6 // bytes each way
	webPort = 17600
)

// TestMain lets i2p-tunnel listen -e run this program as the answering end, and a test run it as a
// router with doors.
func TestMain(m *testing.M) {
	if settings := os.Getenv("I2P_INTEROP_DOORS"); settings != "" {
		if err := runDoors(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv("I2P_INTEROP_SERVE") == "1" {
		if err := Serve(stdio{os.Stdin, os.Stdout}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

type stdio struct {
	io.Reader
	io.WriteCloser
}

func (stdio) SetDeadline(time.Time) error { return nil }

// servingCommand is what i2p-tunnel listen -e runs.
func servingCommand() string { return "I2P_INTEROP_SERVE=1 exec " + os.Args[0] }

// startRouter starts one of our routers and waits for its tunnels.
func startRouter(t *testing.T, ctx context.Context, n *Network, cfg RouterConfig) *Router {
	t.Helper()
	r, err := n.StartRouter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitTunnels(ctx, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s has tunnels %v after its start", r.Name, time.Since(r.Started).Round(10*time.Millisecond))
	return r
}

// mixed is a network of six routers of both versions, half of them floodfills.
func mixed(t *testing.T, ctx context.Context) *Network {
	t.Helper()
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie, Sid, Trixie}, Floodfills: 3, WebPort: webPort})
	if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	return n
}

// serveTunnel answers the measuring protocol at i2p-tunnel's standard input
// and output; the result is that of Serve.
func serveTunnel(tun *Tunnel) <-chan error {
	served := make(chan error, 1)
	go func() {
		err := Serve(tun)
		tun.CloseWrite()
		served <- err
	}()
	return served
}

// joined runs i2p-tunnel at both routers, with a stream from a to b; end closes
// it in order.
func joined(t *testing.T, ctx context.Context, a, b *Router) (connect *Tunnel, end func()) {
	t.Helper()
	listen, b32, err := b.Listen(ctx, "--hops", "2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listen.Close() })
	served := serveTunnel(listen)
	if connect, err = a.Connect(b32, "--hops", "2", "--timeout", "90s"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connect.Close() })
	if _, err := Ping(ctx, connect); err != nil {
		t.Fatalf("%v: %s", err, connect.LogTail(5))
	}
	return connect, func() {
		t.Helper()
		finish(t, ctx, connect, listen)
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// exchange sends and receives bulk bytes, with pings before, between and after.
func exchange(t *testing.T, ctx context.Context, n *Network, s Stream) {
	t.Helper()
	m, err := n.Measure(ctx, s, 10, bulk)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(m)
	if _, err := Ping(ctx, s); err != nil {
		t.Fatal(err)
	}
}

// finish ends a connect in good order: its input ends, the other end follows, both exit with 0.
func finish(t *testing.T, ctx context.Context, tuns ...*Tunnel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for i, tun := range tuns {
		if i == 0 {
			tun.CloseWrite()
		}
		if code, err := tun.ExitCode(ctx); err != nil || code != 0 {
			t.Errorf("%s: status %d, %v: %s", tun.Process.Name, code, err, tun.LogTail(3))
		}
	}
}

// checkHops fails unless every client tunnel of the router has this many hops, all of them i2pd.
func checkHops(t *testing.T, ctx context.Context, n *Network, r *Router, hops int) {
	t.Helper()
	ts, err := r.Tunnels(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, tun := range ts {
		if tun.Kind != "client" {
			continue
		}
		seen++
		if len(tun.Hops) != hops {
			t.Errorf("%s: a client tunnel %s has hops %v, want %d of them", r.Name, tun.Direction, tun.Hops, hops)
		}
		for _, h := range tun.Hops {
			if n.ByHash(h) == nil {
				t.Errorf("%s: hop %s is no i2pd router", r.Name, h)
			}
		}
	}
	if seen < 2 {
		t.Errorf("%s lists %d client tunnels, want one each way at least", r.Name, seen)
	}
}

// TestStreams runs our programs against i2pd in every role of a stream.
func TestStreams(t *testing.T) {
	t.Parallel() // beside TestJava: both wait most of their time
	ctx := gate(t, 20*time.Minute)
	n := mixed(t, ctx)
	page := servePage(t, n)
	a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true})
	b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true})

	t.Run("ours to ours over i2pd", func(t *testing.T) {
		ctx := gate(t, 4*time.Minute)
		connect, end := joined(t, ctx, a, b)
		exchange(t, ctx, n, connect)
		checkHops(t, ctx, n, a, 2)
		checkHops(t, ctx, n, b, 2)
		end()
	})
	t.Run("i2p-tunnel connect to an i2pd web server", func(t *testing.T) {
		ctx := gate(t, 3*time.Minute)
		b32, err := n.I2PD[0].WebB32()
		if err != nil {
			t.Fatal(err)
		}
		// i2pd may take a while to publish its server: until then it is not found.
		err = Await(ctx, 2*time.Minute, "the page of i2pd's web server", func(ctx context.Context) error {
			connect, err := a.Connect(b32, "--hops", "2", "--timeout", "60s")
			if err != nil {
				return err
			}
			defer connect.Close()
			defer bound(ctx, connect)()
			if got, err := getPage(connect, b32); err != nil || got != page {
				return fmt.Errorf("%d bytes, %v: %.200q: %s", len(got), err, got, connect.LogTail(5))
			}
			finish(t, ctx, connect)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("an i2pd client to i2p-tunnel listen", func(t *testing.T) {
		clientToListen(t, n, b, TunnelOptions(2, 2))
	})
	t.Run("an i2pd client to i2p-tunnel listen with hybrid keys", func(t *testing.T) { // which i2pd 2.59 has
		options := TunnelOptions(2, 2)
		options["i2cp.leaseSetEncType"] = "6,4"
		clientToListen(t, n, b, options, "-O", "i2cp.leaseSetEncType=6")
	})
	t.Run("an i2pd client to a port where nobody listens", func(t *testing.T) { clientRefused(t, n, b) })
	t.Run("datagrams with i2pd", func(t *testing.T) { datagramsWithI2PD(t, n, b) })
	t.Run("first byte", func(t *testing.T) { firstByte(t, n, b) })
}

// clientToListen has an i2pd client, opened with options, exchange bytes with i2p-tunnel
// listen.
func clientToListen(t *testing.T, n *Network, b *Router, options map[string]string, args ...string) {
	ctx := gate(t, 6*time.Minute)
	listen, b32, err := b.Listen(ctx, append([]string{"--hops", "2"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	served := serveTunnel(listen)
	session, err := n.I2PD[4].SAMSession(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	s := connectSAM(t, ctx, session, b32)
	defer s.Close()
	exchange(t, ctx, n, s)
	s.Close()
	finish(t, ctx, listen)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// clientRefused has clients of both releases of i2pd open streams to a port where nobody
// listens, and tells how long it takes until they know.
func clientRefused(t *testing.T, n *Network, b *Router) {
	ctx := gate(t, 4*time.Minute)
	listen, b32, err := b.Listen(ctx, "--hops", "2", "--keep", "--port", "7", "-e", servingCommand())
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	b32, _, _ = strings.Cut(b32, ":")
	for _, peer := range n.I2PD[3:5] {
		session, err := peer.SAMSession(ctx, TunnelOptions(2, 2))
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		var dest string
		err = Await(ctx, 90*time.Second, peer.Name+" finds "+b32, func(ctx context.Context) error {
			dest, err = session.Lookup(ctx, b32)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s, err := session.Connect(ctx, dest)
		if err == nil { // i2pd says so at once, whatever the peer says
			s.SetDeadline(begun.Add(time.Minute))
			_, err = io.ReadAll(s)
			s.Close()
		}
		took := time.Since(begun)
		t.Logf("%s knows after %v: %v", peer.Name, took.Round(time.Millisecond), err)
		if took > 20*time.Second { // it would give up by itself after a minute; one packet may be lost
			t.Errorf("%s was told after %v", peer.Name, took)
		}
	}
}

// servePage starts a web server where the network's server tunnel looks for
// it, and returns what its page says.
func servePage(t *testing.T, n *Network) string {
	t.Helper()
	l, err := n.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", webPort))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Repeat(fmt.Sprintf("page of %d\n", os.Getpid()), 10_000)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(page)))
		io.WriteString(w, page)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return page
}

// getPage asks for a page with HTTP, whose end is that of the stream.
func getPage(s Stream, host string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		return "", err
	}
	req.Close = true
	if err := req.Write(s); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(s), req)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK && err == nil {
		err = errors.New(resp.Status)
	}
	return string(b), err
}

// firstByte tells how long it takes from the start of a new router to the
// first byte of a stream, to that of a further stream, and to that of one when
// the router has built the tunnels it wants.
func firstByte(t *testing.T, n *Network, b *Router) {
	ctx := gate(t, 6*time.Minute)
	listen, b32, err := b.Listen(ctx, "--hops", "2", "--keep", "-e", servingCommand())
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	var socket, cold, further, rested []time.Duration
	for i := range 5 {
		r, err := n.StartRouter(RouterConfig{Name: fmt.Sprintf("cold%d", i), NoTransit: true})
		if err != nil {
			t.Fatal(err)
		}
		d, err := r.AwaitSocket(ctx)
		if err != nil {
			t.Fatal(err)
		}
		socket = append(socket, d)
		for _, took := range []*[]time.Duration{&cold, &further, &rested} {
			if took == &rested {
				time.Sleep(2 * time.Second)
			}
			from := r.Started
			if took != &cold {
				from = time.Now()
			}
			connect, err := r.Connect(b32, "--hops", "2", "--timeout", "60s")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Ping(ctx, connect); err != nil {
				t.Fatalf("%v: %s", err, connect.LogTail(5))
			}
			*took = append(*took, time.Since(from))
			connect.Close()
		}
		if !r.Stop(10 * time.Second) {
			t.Errorf("%s did not end within 10s of TERM", r.Name)
		}
	}
	t.Logf("start to control socket: median %v of %v", Median(socket), socket)
	t.Logf("start to first byte of a stream: median %v (less than 10s is wanted) of %v", Median(cold), cold)
	t.Logf("further i2p-tunnel connect to its first byte: median %v of %v", Median(further), further)
	t.Logf("and two seconds later: median %v of %v", Median(rested), rested)
}

// connectSAM opens a stream of an i2pd client's, which finds a lease set that is new after a while.
func connectSAM(t *testing.T, ctx context.Context, session *SAMSession, b32 string) (s *SAMConn) {
	t.Helper()
	err := Await(ctx, 90*time.Second, "i2pd connects to "+b32, func(ctx context.Context) error {
		dest, err := session.Lookup(ctx, b32)
		if err == nil {
			s, err = session.Connect(ctx, dest)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
