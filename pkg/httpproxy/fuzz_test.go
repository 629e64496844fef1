package httpproxy

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/httpmsg"
)

// script is a connection on which a text comes, and then nothing: who waits with a deadline sees
// an end, who waits without one waits until he is told not to.
type script struct {
	mu       sync.Mutex
	changed  sync.Cond
	in       []byte
	out      bytes.Buffer
	deadline time.Time
	closed   bool
	ends     bool // the text is followed by an end
}

func newScript(text []byte, ends bool) *script {
	s := &script{in: text, ends: ends}
	s.changed.L = &s.mu
	return s
}

func (s *script) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.in) == 0 || s.closed || s.deadline == past {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case s.deadline == past:
			return 0, os.ErrDeadlineExceeded
		case s.ends || !s.deadline.IsZero():
			return 0, io.EOF
		}
		s.changed.Wait()
	}
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	return s.out.Write(b)
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
	return nil
}

func (s *script) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	s.changed.Broadcast()
	return nil
}

func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }

// serve has a proxy answer one connection.
func serve(p *Proxy, c net.Conn) {
	l := newListener()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { p.Serve(ctx, l); close(ended) }()
	l.conns <- c
	for p.Stats().Accepted == 0 || p.Stats().Connections > 0 {
		time.Sleep(20 * time.Microsecond)
	}
	cancel()
	<-ended
}

// FuzzRequest: whatever a client sends, each site gets requests that net/http reads as one and the
// same: for it, with nothing in them that is not on the list, and nothing behind them.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\nGET http://b.i2p/ HTTP/1.1\r\nHost: b.i2p\r\n\r\n",
		"POST /x?i2paddresshelper=AAAA HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
		"POST http://a.i2p/ HTTP/1.1\r\nHost: a.i2p\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: x\r\n\r\nGET http://b.i2p/ HTTP/1.0\r\n\r\n",
		"CONNECT site.i2p:443 HTTP/1.1\r\nHost: x\r\n\r\nhello",
		"GET http://site.i2p:8080/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, Cookie\r\nUpgrade: websocket\r\nCookie: a\r\nOrigin: http://b.i2p\r\nReferer: http://site.i2p:8080/y\r\n\r\n",
		"GET http://proxy.i2p/helper?name=a.i2p&to=b&on=http://a.i2p/ HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n",
		"POST http://proxy.i2p/helper HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nname=a",
		"GET http://127.0.0.1/ HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		type site struct {
			at   string
			conn *script
		}
		var mu sync.Mutex
		var sites []site
		p := New(Config{Dial: func(_ context.Context, host string, port uint16) (net.Conn, error) {
			c := newScript([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"), true)
			mu.Lock()
			defer mu.Unlock()
			sites = append(sites, site{(&target{host: host, port: port}).authority(), c})
			return c, nil
		}})
		client := newScript(b, false)
		serve(p, client)
		if p.Stats().Connects > 0 {
			return // what is carried is nobody's business
		}
		for _, s := range sites {
			if host, _, _ := strings.Cut(s.at, ":"); !strings.HasSuffix(host, ".i2p") || host == ownHost {
				t.Fatalf("%q is dialled", s.at)
			}
			checkSeen(t, s.at, s.conn.out.Bytes(), b)
		}
	})
}

// checkSeen looks at what a site saw.
func checkSeen(t *testing.T, at string, seen, sent []byte) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(seen))
	req, err := http.ReadRequest(r)
	if err != nil {
		if strings.Contains(err.Error(), "invalid URL escape") { // servers differ in what they think of these, not in where they end
			return
		}
		t.Fatalf("%v:\n%q\nof\n%q", err, seen, sent)
	}
	if req.Host != at {
		t.Fatalf("a request for %q is for %q", at, req.Host)
	}
	for name := range req.Header {
		if k := httpmsg.Lookup([]byte(name)); k < httpmsg.UserAgent && k != httpmsg.Connection && k != httpmsg.Upgrade && k != httpmsg.ContentLength || k > httpmsg.Expect {
			t.Fatalf("the site sees %s", name)
		}
	}
	if ua := req.Header["User-Agent"]; len(ua) != 1 || ua[0] != userAgent {
		t.Fatalf("the site sees the User-Agent %q", ua)
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return // the client did not send all of it
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Fatalf("behind the request there is %q", rest)
	}
}

// FuzzResponse: whatever a site sends, the client gets one response that net/http reads to its end,
// or one that breaks off; and nothing of the connection is the site's to say.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
		"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nAlt-Svc: x\nConnection: X\nX: y\n\n2;x\nok\r\n0\r\nT: x\r\n\r\n",
		"HTTP/1.0 200\r\nSet-Cookie: x; domain=i2p\r\n\r\nuntil the end",
		"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 204 No\r\n\r\n",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		p := New(Config{Dial: func(context.Context, string, uint16) (net.Conn, error) { return newScript(b, true), nil }})
		method := "GET"
		if head {
			method = "HEAD"
		}
		client := newScript([]byte(method+" http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n"), false)
		serve(p, client)
		r := bufio.NewReader(bytes.NewReader(client.out.Bytes()))
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			if client.out.Len() > 0 {
				t.Fatalf("%v:\n%q\nof\n%q", err, client.out.Bytes(), b)
			}
			return
		}
		for _, name := range []string{"Alt-Svc", "Proxy-Authenticate", "Keep-Alive", "Upgrade", "Trailer"} {
			if resp.Header.Get(name) != "" {
				t.Fatalf("the client sees %s", name)
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
