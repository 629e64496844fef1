package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// proxyAt is one end of a pipe, at whose other end a proxy speaks.
type proxyAt struct {
	speak  func(net.Conn)
	dialed []string
}

func (p *proxyAt) Dial(network, addr string) (net.Conn, error) {
	return p.DialContext(context.Background(), network, addr)
}

func (p *proxyAt) DialContext(_ context.Context, _, addr string) (net.Conn, error) {
	p.dialed = append(p.dialed, addr)
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		p.speak(far)
	}()
	return near, nil
}

// expect reads what is to come, and answers; then it echoes.
func expect(t *testing.T, steps ...string) func(net.Conn) {
	return func(c net.Conn) {
		for i := 0; i < len(steps); i += 2 {
			b := make([]byte, len(steps[i]))
			if _, err := io.ReadFull(c, b); err != nil || !bytes.Equal(b, []byte(steps[i])) {
				t.Errorf("%q came, expected %q (%v)", b, steps[i], err)
				return
			}
			io.WriteString(c, steps[i+1])
		}
		io.Copy(c, c)
	}
}

func silence(c net.Conn) { io.Copy(io.Discard, c) }

// noNetwork is one by which nothing is to be dialled.
type noNetwork struct{ Network }

func TestProxied(t *testing.T) {
	const silent = "i/o timeout"
	const connect = "CONNECT 23.0.0.9:7 HTTP/1.1\r\nHost: 23.0.0.9:7\r\n"
	const socksRequest, socksDone = "\x05\x01\x00\x01\x17\x00\x00\x09\x00\x07", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		at    string
		speak func(net.Conn)
		err   string
	}{
		"SOCKS":               {"socks5://p:1080", expect(t, "\x05\x01\x00", "\x05\x00", socksRequest, socksDone), ""},
		"SOCKS by name":       {"socks5://me:pw@p:1080", expect(t, "\x05\x02\x00\x02", "\x05\x02", "\x01\x02me\x02pw", "\x01\x00", socksRequest, socksDone), ""},
		"SOCKS refuses":       {"socks5://p:1080", expect(t, "\x05\x01\x00", "\x05\x00", socksRequest, "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"), "not allowed"},
		"SOCKS is silent":     {"socks5://p:1080", silence, silent},
		"HTTP":                {"http://p:8080", expect(t, connect+"\r\n", "HTTP/1.1 200 OK\r\n\r\n"), ""},
		"HTTP by name":        {"http://me:pw@p:8080", expect(t, connect+"Proxy-Authorization: Basic bWU6cHc=\r\n\r\n", "HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n"), ""},
		"HTTP refuses":        {"http://p:8080", expect(t, connect+"\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n"), "403 Forbidden"},
		"HTTP is silent":      {"http://p:8080", silence, silent},
		"HTTP talks for ever": {"http://p:8080", expect(t, connect+"\r\n", "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxProxyAnswer)), "too long"},
		"HTTP says more":      {"http://p:8080", expect(t, connect+"\r\n", "HTTP/1.1 200 OK\r\n\r\nmore"), "more than its answer"},
		"HTTP talks nonsense": {"http://p:8080", expect(t, connect+"\r\n", "\x05\x00\r\n\r\n"), "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // however slow the machine is, only silence takes the time that there is
				u, err := url.Parse(c.at)
				if err != nil {
					t.Fatal(err)
				}
				reach := &proxyAt{speak: c.speak}
				n, err := throughProxy(noNetwork{}, u, reach)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				peer := netip.MustParseAddrPort("23.0.0.9:7")
				conn, err := n.DialContext(ctx, peer)
				if len(reach.dialed) != 1 || reach.dialed[0] != u.Host {
					t.Errorf("dialled %v", reach.dialed)
				}
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) && !(c.err == silent && errors.Is(err, context.DeadlineExceeded)) {
						t.Errorf("error %v, expected %q", err, c.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				cancel() // the connection does not end with the dial
				if AddrOf(conn.RemoteAddr()) != peer {
					t.Errorf("connected with %v", conn.RemoteAddr())
				}
				b := make([]byte, 2)
				if _, err := io.WriteString(conn, "hi"); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(conn, b); err != nil || string(b) != "hi" {
					t.Errorf("%q came back, %v", b, err)
				}
			})
		})
	}
	for _, at := range []string{"https://p:1", "ftp://p:1", "p:1"} {
		u, _ := url.Parse(at)
		if _, err := ThroughProxy(noNetwork{}, u); err == nil {
			t.Errorf("%s is taken for a proxy", at)
		}
	}
}
