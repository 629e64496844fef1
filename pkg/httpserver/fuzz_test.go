package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/forward/splice"
)

// script is a connection on which a text comes, and then its end.
type script struct {
	mu  sync.Mutex
	in  []byte
	out bytes.Buffer
}

func (s *script) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// FuzzRequest: whatever a peer sends, the web server gets requests that net/http reads as one and the same:
// with what says who asks, once, and nothing behind them.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		get + "\r\n" + get + "X-I2P-DestHash: x\r\nx_i2p_destb32: y\r\nConnection: X-I2P-DestB64\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" + get + "\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: x\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var webs []*script
		peer := &script{in: b}
		New(Config{RejectReferer: true, RejectAgents: []string{"bad"}}).Handle(t.Context(), peer, stranger, func(context.Context) (net.Conn, error) {
			c := &script{in: []byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")}
			webs = append(webs, c)
			return c, nil
		}, new(splice.Count))
		for _, web := range webs {
			r := bufio.NewReader(bytes.NewReader(web.out.Bytes()))
			req, err := http.ReadRequest(r)
			if err != nil {
				if strings.Contains(err.Error(), "invalid URL escape") { // servers differ in what they think of these, not in where they end
					continue
				}
				t.Fatalf("%v:\n%q\nof\n%q", err, web.out.Bytes(), b)
			}
			if h := req.Header; len(h["X-I2p-Desthash"]) != 1 || len(h["X-I2p-Destb32"]) != 1 || len(h["X-I2p-Destb64"]) != 1 {
				t.Fatalf("%v", h)
			}
			for name := range req.Header {
				if plain := strings.ToLower(strings.Map(func(r rune) rune {
					if r == '_' || r == '.' {
						return '-'
					}
					return r
				}, name)); strings.HasPrefix(plain, "x-i2p-dest") && !strings.HasPrefix(name, "X-I2p-Dest") {
					t.Fatalf("the web server sees %s", name)
				}
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				continue // the peer did not send all of it
			}
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Fatalf("behind the request there is %q", rest)
			}
		}
	})
}

// FuzzResponse: whatever a web server says, the peer gets one response that net/http reads to its end, or
// one that breaks off, and nothing behind it.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
		"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: X\nX: y\n\n2;x\nok\r\n0\r\nT: x\r\n\r\n",
		"HTTP/1.0 200\r\n\r\nuntil the end",
		"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		peer := &script{in: []byte(method + " / HTTP/1.1\r\nHost: a\r\n\r\n")}
		New(Config{}).Handle(t.Context(), peer, stranger, func(context.Context) (net.Conn, error) { return &script{in: b}, nil }, new(splice.Count))
		r := bufio.NewReader(bytes.NewReader(peer.out.Bytes()))
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			if peer.out.Len() > 0 {
				t.Fatalf("%v:\n%q\nof\n%q", err, peer.out.Bytes(), b)
			}
			return
		}
		for _, name := range []string{"Server", "Date", "Via", "Upgrade", "Keep-Alive", "Trailer"} {
			if resp.Header.Get(name) != "" {
				t.Fatalf("the peer sees %s", name)
			}
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return
		}
		if rest, _ := io.ReadAll(r); len(rest) > 0 {
			t.Fatalf("behind the response there is %q", rest)
		}
	})
}
