package httpserver

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeepAlive: a stream and a connection carry one request after the other, and a connection that the web
// server ended is made anew.
func TestKeepAlive(t *testing.T) {
	n := 0
	in(t, Config{}, served(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 3 {
			w.Header().Set("Connection", "close")
		}
		io.Copy(w, r.Body)
	}), func(w *world) {
		p := w.peer()
		p.say(get + "\r\n" + get + "\r\n")
		for range 2 {
			p.hear("GET")
		}
		for _, body := range []string{"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: x\r\n\r\n"} {
			p.say("POST / HTTP/1.1\r\nHost: site.i2p\r\n" + body)
			if resp, got := p.hear("POST"); got != "abc" || resp.Close {
				t.Errorf("%q, close %t", got, resp.Close)
			}
		}
		if w.dials != 3 { // a POST has one of its own
			t.Errorf("%d connections", w.dials)
		}
		p.say("GET / HTTP/1.0\r\n\r\n")
		if resp, _ := p.hear("GET"); !resp.Close {
			t.Error("HTTP/1.0 is kept")
		}
		p.ended()
		if s := w.Stats(); s.Requests != 5 || s.Unanswered != 0 {
			t.Errorf("%+v", s)
		}
	})
	// one that says nothing more after an answer
	in(t, Config{}, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		c.Close()
	}, func(w *world) {
		p := w.peer()
		for range 2 {
			p.say(get + "\r\n")
			if resp, _ := p.hear("GET"); resp.StatusCode != 200 {
				t.Error(resp.Status)
			}
			synctest.Wait()
		}
	})
}

// TestContinue: a peer is asked for a body when the web server asks, and not where that says no.
func TestContinue(t *testing.T) {
	in(t, Config{}, served(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(403)
			return
		}
		io.Copy(w, r.Body)
	}), func(w *world) {
		p := w.peer()
		for _, path := range []string{"/", "/no"} {
			p.say("POST " + path + " HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
			resp, err := http.ReadResponse(p.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if path == "/no" {
				if resp.StatusCode != 403 {
					t.Error(resp.Status)
				}
				io.Copy(io.Discard, resp.Body)
				p.ended()
				break
			}
			p.say("hello")
			if _, body := p.hear("POST"); resp.StatusCode != 100 || body != "hello" {
				t.Errorf("%s, %q", resp.Status, body)
			}
		}
	})
}

// TestTime: neither a peer nor the web server is waited for without end.
func TestTime(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	for what, tt := range map[string]struct {
		say    string
		after  time.Duration
		status int
		count  func(Stats) uint64
	}{
		"nothing":        {"", 3 * time.Minute, 408, func(s Stats) uint64 { return s.Refused.Idle }},
		"half a head":    {get, 10 * time.Second, 408, func(s Stats) uint64 { return s.Refused.Slow }},
		"half a body":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", 3 * time.Minute, 504, func(s Stats) uint64 { return s.Unanswered }},
		"no web server":  {get + "\r\n", 0, 503, func(s Stats) uint64 { return s.Unavailable }},
		"no answer":      {get + "\r\n", 3 * time.Minute, 504, func(s Stats) uint64 { return s.Unanswered }},
		"garbled answer": {get + "\r\n", 0, 502, func(s Stats) uint64 { return s.Unanswered }},
	} {
		t.Run(what, func(t *testing.T) {
			web := silent
			switch what {
			case "no web server":
				web = nil
			case "garbled answer":
				web = func(c net.Conn) {
					http.ReadRequest(bufio.NewReader(c))
					io.WriteString(c, "SSH-2.0-x\r\n\r\n")
				}
			}
			in(t, Config{}, web, func(w *world) {
				p, begun := w.peer(), time.Now()
				p.say(tt.say)
				resp, body := p.hear("GET")
				if resp.StatusCode != tt.status || time.Since(begun) != tt.after || tt.count(w.Stats()) != 1 || body != http.StatusText(tt.status)+"\n" {
					t.Errorf("%s after %v: %q, %+v", resp.Status, time.Since(begun), body, w.Stats())
				}
				p.ended()
			})
		})
	}
	in(t, Config{}, served(func(http.ResponseWriter, *http.Request) {}), func(w *world) {
		p := w.peer()
		p.say(get + "\r\n")
		p.hear("GET")
		p.ended() // another answer would be taken for the next request's
	})
}

// TestBroken: an answer that breaks off is no answer that ends, and whoever asked and went away is not
// waited for.
func TestBroken(t *testing.T) {
	in(t, Config{}, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		c.Close()
	}, func(w *world) {
		p := w.peer()
		p.say(get + "\r\n")
		resp, err := http.ReadResponse(p.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "abc" || w.Stats().Unanswered != 1 {
			t.Errorf("%q, %v, %+v", b, err, w.Stats())
		}
	})
	in(t, Config{}, served(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }), func(w *world) {
		p := w.peer()
		p.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
		synctest.Wait()
		p.Close()
		<-p.done
		if n := w.Stats().Gone; n != 1 {
			t.Errorf("%d are counted", n)
		}
	})
}
