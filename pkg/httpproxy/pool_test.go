package httpproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeepAlive: both sides keep their connections, and one idle stream serves all clients.
func TestKeepAlive(t *testing.T) {
	w := newWorld(t, Config{})
	w.site("site.i2p", hello)
	for range 3 {
		c := w.client()
		for range 5 {
			if resp, body := c.get("http://site.i2p/x"); resp.StatusCode != 200 || body != "hello /x" || resp.Close {
				t.Fatalf("%s: %s", resp.Status, body)
			}
			until(t, "the stream is idle", func() bool { return w.Stats().IdleStreams == 1 })
		}
	}
	if s := w.Stats(); s.Dialled != 1 || s.Reused != 14 || s.Requests != 15 {
		t.Errorf("%+v", s)
	}
}

// TestPipelining: requests that are sent at once are answered one after the other, in order.
func TestPipelining(t *testing.T) {
	w := newWorld(t, Config{})
	w.site("site.i2p", hello)
	c := w.client()
	c.say("GET http://site.i2p/1 HTTP/1.1\nHost: site.i2p\n\nPOST http://site.i2p/2 HTTP/1.1\nHost: site.i2p\nContent-Length: 4\n\nbodyGET http://site.i2p/3 HTTP/1.1\nHost: site.i2p\nConnection: close\n\n")
	for i := range 3 {
		if _, body := c.hear("GET"); body != fmt.Sprint("hello /", i+1) {
			t.Errorf("answer %d is %s", i+1, body)
		}
	}
	c.ended()
}

// scripted answers each connection's requests with texts, and then reads one request more and
// closes without an answer, if it is to.
func scripted(hangUp bool, texts ...string) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		for _, text := range texts {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			io.WriteString(c, text)
		}
		if hangUp {
			http.ReadRequest(r)
		}
	}
}

const short = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// TestRepeat: where an idle stream ends as a request is sent on it, the request is sent again on
// another: once, if it may be sent twice, and if nothing of an answer came.
func TestRepeat(t *testing.T) {
	for _, test := range []struct {
		name, request, partly string
		status, dials         int
	}{
		{"GET", "GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n", "", 200, 2},
		{"POST", "POST http://site.i2p/ HTTP/1.1\nHost: site.i2p\nContent-Length: 2\n\nok", "", 502, 1},
		{"POST without a body", "POST http://site.i2p/ HTTP/1.1\nHost: site.i2p\nContent-Length: 0\n\n", "", 502, 1},
		{"PUT with a body", "PUT http://site.i2p/ HTTP/1.1\nHost: site.i2p\nContent-Length: 2\n\nok", "", 502, 1},
		{"an unknown method", "LOCK http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n", "", 502, 1},
		{"GET, of whose answer something came", "GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n", "HTTP/1.1 200", 502, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.raw("site.i2p", func(c net.Conn) {
				defer c.Close()
				r := bufio.NewReader(c)
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				io.WriteString(c, short)
				if req, err := http.ReadRequest(r); err == nil {
					io.Copy(io.Discard, req.Body)
					io.WriteString(c, test.partly)
				}
			})
			c := w.client()
			c.get("http://site.i2p/")
			until(t, "the stream is idle", func() bool { return w.Stats().IdleStreams == 1 })
			c.say(test.request)
			if resp, _ := c.hear("GET"); resp.StatusCode != test.status {
				t.Errorf("it is answered %s", resp.Status)
			}
			if d := w.dialled(); len(d) != test.dials {
				t.Errorf("%q are dialled", d)
			}
		})
	}
}

// TestRepeatedOnce: a new stream that ends is the site's answer.
func TestRepeatedOnce(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p", scripted(true))
	if resp, _ := w.client().get("http://site.i2p/"); resp.StatusCode != 502 || len(w.dialled()) != 1 {
		t.Errorf("%s after %d dials", resp.Status, len(w.dialled()))
	}
}

// TestUnasked: a stream on which something comes that nobody asked for is not used again, and
// nobody is given it for an answer.
func TestUnasked(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p", scripted(true, short+"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"))
	for range 3 {
		if _, body := w.client().get("http://site.i2p/"); body != "ok" {
			t.Fatalf("%q", body)
		}
	}
	until(t, "no stream is idle", func() bool { return w.Stats().IdleStreams == 0 })
	if n := len(w.dialled()); n != 3 {
		t.Errorf("%d dials", n)
	}
}

// TestIdleEnds: a stream that the site ends while it is idle is forgotten at once.
func TestIdleEnds(t *testing.T) {
	w := newWorld(t, Config{})
	end := make(chan struct{})
	w.raw("site.i2p", func(c net.Conn) {
		scripted(false, short)(struct {
			net.Conn
			io.Closer
		}{c, io.NopCloser(nil)}.Conn)
		<-end
	})
	w.client().get("http://site.i2p/")
	close(end)
	until(t, "it is forgotten", func() bool { return w.Stats().IdleStreams == 0 })
	if n := w.Stats().Expired; n != 0 {
		t.Errorf("%d are counted as too old", n)
	}
}

// TestPoolBounds: no more idle streams are kept than are allowed, to one place and in all, and
// none for longer.
func TestPoolBounds(t *testing.T) {
	t.Run("in all", func(t *testing.T) { poolBounds(t, 4, 5) })
	t.Run("to one place", func(t *testing.T) { poolBounds(t, 1, 2) })
}

// poolBounds has four streams to each of some hosts become idle, of which so many are kept.
func poolBounds(t *testing.T, hosts, kept int) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Limits: Limits{Streams: 5, PerHost: 2}})
		var held sync.WaitGroup
		var open atomic.Int64
		release := make(chan struct{})
		site := func(c net.Conn) {
			defer c.Close()
			open.Add(1)
			defer open.Add(-1)
			r := bufio.NewReader(c)
			http.ReadRequest(r)
			<-release
			io.WriteString(c, short)
			r.ReadByte()
		}
		for i := range hosts {
			host := fmt.Sprintf("site%d.i2p", i)
			w.raw(host, site)
			for range 4 {
				held.Go(func() { w.client().get("http://" + host + "/") })
			}
		}
		synctest.Wait()
		close(release)
		held.Wait()
		synctest.Wait()
		if s := w.Stats(); s.IdleStreams != kept || s.Evicted != uint64(4*hosts-kept) || open.Load() != int64(kept) {
			t.Errorf("%d are idle, %d open, %d evicted", s.IdleStreams, open.Load(), s.Evicted)
		}
		time.Sleep(time.Minute + time.Second)
		if s := w.Stats(); s.IdleStreams != 0 || s.Expired != uint64(kept) || open.Load() != 0 {
			t.Errorf("after a minute %d are idle, %d open, %d too old", s.IdleStreams, open.Load(), s.Expired)
		}
	})
}

// TestOldStream: what cannot be sent again is not sent on a stream that was idle for long.
func TestOldStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		w.site("site.i2p", hello)
		c := w.client()
		c.get("http://site.i2p/")
		time.Sleep(30 * time.Second)
		c.say("POST http://site.i2p/ HTTP/1.1\nHost: site.i2p\nContent-Length: 2\n\nok")
		c.hear("POST")
		if n := len(w.dialled()); n != 2 {
			t.Errorf("%d dials", n)
		}
		synctest.Wait()
		time.Sleep(30 * time.Second)
		c.get("http://site.i2p/")
		if n := len(w.dialled()); n != 2 {
			t.Errorf("%d dials", n)
		}
	})
}
