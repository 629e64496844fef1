package httpproxy

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// body makes bytes that are always the same.
func bodyOf(n int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), n) }

func sum(t testing.TB, r io.Reader) (n int64, digest [32]byte) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
	return n, [32]byte(h.Sum(nil))
}

// TestLarge: 100 MB up and down, with a length and in chunks, arrive as they are, and at no time
// is much of them here.
func TestLarge(t *testing.T) {
	size := int64(100 << 20)
	if testing.Short() {
		size = 4 << 20
	}
	_, want := sum(t, bodyOf(size))
	w := newWorld(t, Config{})
	w.site("site.i2p", func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			n, got := sum(t, r.Body)
			fmt.Fprintf(rw, "%d %t", n, got == want)
			return
		}
		if r.URL.Path == "/sized" {
			rw.Header().Set("Content-Length", fmt.Sprint(size))
		}
		io.Copy(rw, bodyOf(size))
	})
	var peak atomic.Uint64
	stop := make(chan struct{})
	go func() {
		for m := new(runtime.MemStats); ; time.Sleep(20 * time.Millisecond) {
			select {
			case <-stop:
				return
			default:
				runtime.ReadMemStats(m)
				peak.Store(max(peak.Load(), m.HeapInuse))
			}
		}
	}()
	c := w.client()
	for _, path := range []string{"/sized", "/chunked"} {
		c.say("GET http://site.i2p" + path + " HTTP/1.1\nHost: site.i2p\n\n")
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, got := sum(t, resp.Body); n != size || got != want {
			t.Errorf("%s: %d bytes, the same: %t", path, n, got == want)
		}
	}
	for _, length := range []int64{size, -1} {
		req, _ := http.NewRequest("POST", "http://site.i2p/up", bodyOf(size))
		req.ContentLength = length
		go req.WriteProxy(c.Conn)
		if resp, body := c.hear("POST"); body != fmt.Sprintf("%d true", size) {
			t.Errorf("up, length %d: %s %s", length, resp.Status, body)
		}
	}
	close(stop)
	if peak.Load() > 64<<20 {
		t.Errorf("%d MB of heap were in use", peak.Load()>>20)
	}
	until(t, "all is counted", func() bool {
		s := w.Stats()
		return s.BytesIn >= uint64(2*size) && s.BytesOut == uint64(2*size)
	})
}

// TestAsItComes: what a site sends is passed on as it comes, whatever frames it.
func TestAsItComes(t *testing.T) {
	for name, parts := range map[string][]string{
		"chunks":        {"Transfer-Encoding: chunked\r\n\r\n", "3\r\none\r\n", "3\r\ntwo\r\n", "0\r\n\r\n"},
		"no length":     {"\r\n", "one", "two"},
		"a length":      {"Content-Length: 6\r\n\r\n", "one", "two"},
		"half a line":   {"Transfer-Encoding: chunked\r\n\r\n", "3\r\none\r", "\n3\r\ntwo\r\n0", "\r\n\r\n"},
		"before 1.1":    {"\r\n", "one", "two"},
		"all at once":   {"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n", "3\r\ntwo\r\n0\r\nTrailer: x\r\n\r\n"},
		"one and a bit": {"Content-Length: 6\r\n\r\none", "two"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			go1 := make(chan struct{})
			w.raw("site.i2p", func(c net.Conn) {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				version := "1.1"
				if name == "before 1.1" {
					version = "1.0"
				}
				io.WriteString(c, "HTTP/"+version+" 200 OK\r\n"+parts[0])
				for _, part := range parts[1:] {
					if strings.Contains(part, "two") {
						<-go1 // the client has the first part
					}
					io.WriteString(c, part)
				}
			})
			c := w.client()
			c.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
			resp, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 3)
			if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "one" {
				t.Fatalf("%q, %v", b, err)
			}
			close(go1)
			if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "two" {
				t.Errorf("%q, %v", rest, err)
			}
		})
	}
}

// TestCut: a response that breaks off is not made to look whole.
func TestCut(t *testing.T) {
	for name, text := range map[string]string{
		"a length":   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"a chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello",
		"chunks":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"the size":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n",
		"no trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	} {
		w := newWorld(t, Config{})
		w.raw("site.i2p", func(c net.Conn) {
			defer c.Close()
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, text)
		})
		c := w.client()
		c.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			continue // it broke off before any of it was passed on
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: %q looks whole", name, body)
		}
	}
}

// TestContinue: a client that asks before it sends a body is told what the site says, and one
// that does not ask is told nothing.
func TestContinue(t *testing.T) {
	for _, asks := range []bool{true, false} {
		w := newWorld(t, Config{})
		w.site("site.i2p", func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusEarlyHints)
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(rw, "%s %s", body, r.Header.Get("Expect"))
		})
		c := w.client()
		expect := ""
		if asks {
			expect = "Expect: 100-continue\n"
		}
		const head = "POST http://site.i2p/ HTTP/1.1\nHost: site.i2p\nContent-Length: 5\n"
		if asks {
			c.say(head + expect + "\n")
			if line, err := c.r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("%q, %v", line, err)
			}
			c.r.ReadString('\n')
			c.say("hello")
		} else {
			c.say(head + "\nhello")
		}
		if _, body := c.hear("POST"); strings.TrimSpace(body) != strings.TrimSpace("hello "+strings.TrimSpace(strings.TrimPrefix(expect, "Expect: "))) {
			t.Errorf("the site saw %q", body)
		}
	}
}

// TestEarly: a site may answer before it has the whole body. The client has its answer, and
// neither connection is used for another request.
func TestEarly(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p", func(c net.Conn) {
		http.ReadRequest(bufio.NewReaderSize(c, 16))
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
	})
	c := w.client()
	go io.WriteString(c.Conn, "POST http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 500000))
	if resp, body := c.hear("POST"); resp.StatusCode != 413 || body != "big" {
		t.Errorf("%s: %s", resp.Status, body)
	}
	c.ended()
	if n := w.Stats().IdleStreams; n != 0 {
		t.Errorf("%d streams are kept", n)
	}
}

// TestHead: the length of what GET would give passes.
func TestHead(t *testing.T) {
	w := newWorld(t, Config{})
	w.site("site.i2p", func(rw http.ResponseWriter, r *http.Request) { rw.Header().Set("Content-Length", "1234") })
	c := w.client()
	for range 2 { // and it is the end of the response
		c.say("HEAD http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
		if resp, _ := c.hear("HEAD"); resp.ContentLength != 1234 {
			t.Errorf("%+v", resp)
		}
	}
}

// TestGone: once a client is gone nobody is waited for any more for it.
func TestGone(t *testing.T) {
	dialling := make(chan context.Context, 1)
	w := newWorld(t, Config{Dial: func(ctx context.Context, host string, port uint16) (net.Conn, error) {
		dialling <- ctx
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	c := w.client()
	c.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
	ctx := <-dialling
	c.Close()
	<-ctx.Done()
	until(t, "it is counted", func() bool { return w.Stats().Failed.Gone == 1 })

	silent := newWorld(t, Config{})
	read := make(chan error, 1)
	silent.raw("site.i2p", func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		_, err := c.Read(make([]byte, 1))
		read <- err
	})
	c = silent.client()
	c.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
	until(t, "the site is asked", func() bool { return len(silent.dialled()) == 1 })
	c.Close()
	if err := <-read; err == nil {
		t.Error("the site is not told")
	}
}

// TestEnd: Serve ends, whatever goes on.
func TestEnd(t *testing.T) {
	w := newWorld(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	p := New(Config{Dial: w.dial})
	asked := make(chan struct{}, 2)
	w.raw("silent.i2p", func(c net.Conn) { asked <- struct{}{}; io.Copy(io.Discard, c) })
	l := newListener()
	ended := make(chan error)
	go func() { ended <- p.Serve(ctx, l) }()
	for _, request := range []string{"GET http://silent.i2p/ HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT silent.i2p:80 HTTP/1.1\r\nHost: x\r\n\r\n", ""} {
		c := l.dial()
		defer c.Close()
		go io.WriteString(c, request)
		go io.Copy(io.Discard, c)
	}
	<-asked
	<-asked
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Connections != 0 || s.Tunnels != 0 {
		t.Errorf("%+v", s)
	}
}
