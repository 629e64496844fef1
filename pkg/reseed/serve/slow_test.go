package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener within the process, whose connections come from where a test says.
// With it time is the test's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

type pipe struct {
	net.Conn
	remote net.Addr
}

func (p pipe) RemoteAddr() net.Addr { return p.remote }

func (p *pipes) dial(from string) net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- pipe{theirs, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 5))}
	return ours
}

const request = "GET /i2pseeds.su3 HTTP/1.1\r\nHost: x\r\nUser-Agent: Wget/1.11.4\r\n\r\n"

// inBubble runs a server at pipes in fake time.
func inBubble(t *testing.T, cfg Config, f func(t *testing.T, s *Server, p *pipes, stop func() error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, cfg)
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, p) }()
		stop := sync.OnceValue(func() error { cancel(); return <-done })
		f(t, s, p, stop)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func exchange(c net.Conn, text string) (int, string, error) {
	go io.WriteString(c, text)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// ended tells after which time the server closes the connection.
func ended(c net.Conn) time.Duration {
	from := time.Now()
	io.Copy(io.Discard, c)
	return time.Since(from)
}

func TestSlowRequests(t *testing.T) {
	for name, begin := range map[string]string{"nothing": "", "half a line": "GET /i2p", "half a header": "GET / HTTP/1.1\r\nHost: x\r\nUser-A"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, testConfig(), func(t *testing.T, s *Server, p *pipes, stop func() error) {
				c := p.dial("192.0.2.1")
				defer c.Close()
				go io.WriteString(c, begin)
				if d := ended(c); d != 10*time.Second {
					t.Errorf("closed after %v", d)
				}
				synctest.Wait()
				if n := s.conns.size(); n != 0 {
					t.Errorf("%d connections are counted after the last", n)
				}
			})
		})
	}
}

// TestDripping: a byte every now and then does not prolong the time for a request.
func TestDripping(t *testing.T) {
	inBubble(t, testConfig(), func(t *testing.T, s *Server, p *pipes, stop func() error) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		var dripping sync.WaitGroup
		defer dripping.Wait()
		dripping.Go(func() {
			for {
				if _, err := io.WriteString(c, "G"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		if d := ended(c); d != 10*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestIdle(t *testing.T) {
	inBubble(t, testConfig(), func(t *testing.T, s *Server, p *pipes, stop func() error) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		if status, _, err := exchange(c, request); status != 200 {
			t.Error(status, err)
		}
		if d := ended(c); d != 15*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// TestSlowReader: who takes an answer byte by byte holds a connection for two minutes.
func TestSlowReader(t *testing.T) {
	cfg := testConfig()
	cfg.Bundles = func(context.Context) ([][]byte, error) { return [][]byte{make([]byte, 80_000)}, nil }
	inBubble(t, cfg, func(t *testing.T, s *Server, p *pipes, stop func() error) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		io.WriteString(c, request)
		from, n, b := time.Now(), 0, make([]byte, 100)
		for {
			k, err := c.Read(b)
			if n += k; err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if d := time.Since(from); d < 2*time.Minute || d > 2*time.Minute+3*time.Second || n >= 80_000 {
			t.Errorf("closed after %v and %d bytes", d, n)
		}
		synctest.Wait()
		if s.counts.broken.Load() != 1 {
			t.Error("it is not counted")
		}
	})
}

func TestLargeHeader(t *testing.T) {
	inBubble(t, testConfig(), func(t *testing.T, s *Server, p *pipes, stop func() error) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		status, _, _ := exchange(c, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 3*MaxHeader)+"\r\n\r\n")
		if status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d", status)
		}
	})
}

func refused(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

func TestConnectionLimits(t *testing.T) {
	cfg := testConfig()
	cfg.Limits.Conns, cfg.Limits.ConnsPerClient = 6, 2
	cfg.Proxies.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	inBubble(t, cfg, func(t *testing.T, s *Server, p *pipes, stop func() error) {
		a, b := p.dial("192.0.2.1"), p.dial("192.0.2.2")
		if !refused(p.dial("192.0.2.3")) {
			t.Error("a third connection of one network is admitted")
		}
		other := p.dial("192.0.3.1")
		var proxied []net.Conn
		for range 3 { // more than a client's
			proxied = append(proxied, p.dial("10.0.0.1"))
		}
		if !refused(p.dial("10.0.0.1")) || !refused(p.dial("192.0.4.1")) {
			t.Error("a seventh connection is admitted")
		}
		for _, c := range append(proxied, a, b, other) {
			if status, _, err := exchange(c, request); status != 200 {
				t.Error(status, err)
			}
		}
		a.Close()
		synctest.Wait()
		again := p.dial("192.0.2.9")
		if status, _, err := exchange(again, request); status != 200 {
			t.Errorf("where one has gone another gets %d, %v", status, err)
		}
		for _, c := range append(proxied, b, other, again) {
			c.Close()
		}
		synctest.Wait()
		if n := s.conns.size(); n != 0 || len(s.conns.of) != 0 {
			t.Errorf("%d connections of %d networks are counted after the last", n, len(s.conns.of))
		}
		if x, y := s.counts.refusedTotal.Load(), s.counts.refusedClient.Load(); x != 2 || y != 1 {
			t.Errorf("%d and %d are counted as refused", x, y)
		}
	})
}

// TestShutdown: an answer under way gets to its end, and an idle connection does not
// delay it.
func TestShutdown(t *testing.T) {
	cfg := testConfig()
	cfg.Bundles = func(context.Context) ([][]byte, error) { return [][]byte{make([]byte, 80_000)}, nil }
	inBubble(t, cfg, func(t *testing.T, s *Server, p *pipes, stop func() error) {
		c, idle := p.dial("192.0.2.1"), p.dial("192.0.3.1")
		defer c.Close()
		defer idle.Close()
		if status, _, err := exchange(idle, request); status != 200 {
			t.Error(status, err)
		}
		io.WriteString(c, request)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		from, done := time.Now(), make(chan error)
		go func() { done <- stop() }()
		time.Sleep(5 * time.Second)
		if b, err := io.ReadAll(r.Body); err != nil || len(b) != 80_000 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if err := <-done; err != nil || time.Since(from) > 7*time.Second {
			t.Errorf("ended after %v, %v", time.Since(from), err)
		}
	})
}

func TestShutdownDoesNotWaitForever(t *testing.T) {
	cfg := testConfig()
	cfg.Bundles = func(context.Context) ([][]byte, error) { return [][]byte{make([]byte, 80_000)}, nil }
	synctest.Test(t, func(t *testing.T) {
		s, p := newServer(t, cfg), newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, p) }()
		c := p.dial("192.0.2.1")
		defer c.Close()
		io.WriteString(c, request) // and never reads
		synctest.Wait()
		from := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(from) != 10*time.Second {
			t.Errorf("ended after %v, %v", time.Since(from), err)
		}
	})
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		var at []time.Duration
		cfg := testConfig()
		cfg.Now, cfg.Rebuild = time.Now, time.Hour
		cfg.Bundles = func(context.Context) ([][]byte, error) {
			at = append(at, time.Since(from))
			if n := len(at); n <= 3 || n == 6 {
				return nil, errors.New("not now")
			}
			return [][]byte{bundle(1)}, nil
		}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		time.Sleep(3*time.Hour + 5*time.Minute)
		cancel()
		<-done
		const want = "[0s 10s 30s 1m10s 1h1m10s 2h1m10s 2h1m20s 3h1m20s]"
		if got := fmt.Sprint(at); got != want {
			t.Errorf("sets are asked for at %s, expected %s", got, want)
		}
	})
}

// TestRunOnce: without Rebuild it ends with the first set.
func TestRunOnce(t *testing.T) {
	s, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	s.Run(t.Context())
	s.Run(t.Context())
	if w := get(s, "192.0.2.1"); !bytes.HasPrefix(w.Body.Bytes(), []byte("I2Psu3")) || s.counts.reloads.Load() != 1 {
		t.Errorf("%d after %d reloads", w.Code, s.counts.reloads.Load())
	}
}

func TestServeMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newServer(t, testConfig()), newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.ServeMetrics(ctx, p) }()
		c := p.dial("127.0.0.1")
		status, body, err := exchange(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		if status != 200 || !strings.Contains(body, "i2p_reseed_bundles 300\n") {
			t.Error(status, body, err)
		}
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
