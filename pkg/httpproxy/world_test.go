package httpproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// listener hands out connections that were made in memory.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return nil }

func (l *listener) dial() net.Conn {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
	case <-l.done:
		far.Close()
	}
	return near
}

// world is a proxy with sites that it can reach.
type world struct {
	*Proxy
	t     testing.TB
	l     *listener
	mu    sync.Mutex
	sites map[string]func(net.Conn) // by "host:port"
	dials []string
}

// newWorld starts a proxy that ends with the test.
func newWorld(t testing.TB, cfg Config) *world {
	w := &world{t: t, l: newListener(), sites: make(map[string]func(net.Conn))}
	if cfg.Dial == nil {
		cfg.Dial = w.dial
	}
	w.Proxy = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx, w.l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if now := w.Stats(); now.Connections != 0 || now.Tunnels != 0 || now.IdleStreams != 0 {
			t.Errorf("left over: %+v", now)
		}
	})
	return w
}

func (w *world) dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	at := host
	if port != 80 {
		at = net.JoinHostPort(host, itoa(port))
	}
	w.mu.Lock()
	site := w.sites[at]
	w.dials = append(w.dials, at)
	w.mu.Unlock()
	if site == nil {
		return nil, destinations.ErrNotFound
	}
	near, far := net.Pipe()
	go site(far)
	return near, nil
}

func itoa(n uint16) string { return (&target{host: "", port: n}).authority()[1:] }

func (w *world) dialled() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials
}

// site has a handler of net/http answer for a host.
func (w *world) site(at string, h http.HandlerFunc) {
	l := newListener()
	server := &http.Server{Handler: h}
	go server.Serve(l)
	w.t.Cleanup(func() { server.Close() })
	w.raw(at, func(c net.Conn) {
		select {
		case l.conns <- c:
		case <-l.done:
			c.Close()
		}
	})
}

// raw has a func answer for a host.
func (w *world) raw(at string, f func(net.Conn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sites[at] = f
}

// client is a connection to the proxy.
type client struct {
	net.Conn
	r *bufio.Reader
	t testing.TB
}

func (w *world) client() *client {
	c := w.l.dial()
	w.t.Cleanup(func() { c.Close() })
	return &client{c, bufio.NewReader(c), w.t}
}

// say sends text, lines ending with CR LF, from beside: the proxy may answer before all of it.
func (c *client) say(text string) {
	go io.WriteString(c.Conn, strings.ReplaceAll(text, "\n", "\r\n"))
}

// hear reads a response and its body.
func (c *client) hear(method string) (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("the body: %v (after %d bytes)", err, len(body))
	}
	return resp, string(body)
}

// get asks for an address, with more header lines.
func (c *client) get(address string, lines ...string) (*http.Response, string) {
	c.t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	c.say("GET " + address + " HTTP/1.1\nHost: " + host + "\n" + strings.Join(append(lines, "\n"), "\n"))
	return c.hear("GET")
}

// ended waits for the end of the connection.
func (c *client) ended() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		c.t.Errorf("the connection goes on: %q, %v", b, err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// destination makes one from a seed.
func destination(t testing.TB, seed byte) i2p.Destination {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519, bytes.NewReader(bytes.Repeat([]byte{seed}, 4096)))
	if err != nil {
		t.Fatal(err)
	}
	return keys.Destination()
}

// hello answers with the path.
func hello(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello "+r.URL.Path) }
