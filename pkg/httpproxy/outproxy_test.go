package httpproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// httpOutproxy answers as an HTTP outproxy does, with what it was asked for.
func httpOutproxy(seen chan<- *http.Request) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			seen <- req
			if req.Method == "CONNECT" {
				io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				io.Copy(c, r)
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nout")
		}
	}
}

// socksOutproxy speaks SOCKS 5, and then echoes what a request's first line is.
func socksOutproxy(t *testing.T, reply byte, wants string, seen chan<- string) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		b := make([]byte, 600)
		io.ReadFull(c, b[:3])
		method := byte(0)
		if wants != "" {
			method = 2
		}
		if !bytes.Equal(b[:3], []byte{5, 1, method}) {
			t.Errorf("greeted with % x", b[:3])
		}
		c.Write([]byte{5, method})
		if wants != "" {
			io.ReadFull(c, b[:2])
			n := int(b[1])
			io.ReadFull(c, b[:n+1])
			name, n := string(b[:n]), int(b[n])
			io.ReadFull(c, b[:n])
			c.Write([]byte{1, 0})
			if got := name + ":" + string(b[:n]); got != wants {
				t.Errorf("the credentials are %q", got)
			}
		}
		io.ReadFull(c, b[:5])
		n := int(b[4])
		io.ReadFull(c, b[5:5+n+2])
		seen <- fmt.Sprintf("%s:%d", b[5:5+n], binary.BigEndian.Uint16(b[5+n:]))
		if !bytes.Equal(b[:4], []byte{5, 1, 0, 3}) {
			t.Errorf("asked with % x", b[:4])
		}
		c.Write(append([]byte{5, reply, 0, 3, 4}, "abcd\x00\x00"...))
		if reply != 0 {
			return
		}
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.RequestURI), req.RequestURI)
		}
	}
}

// TestHTTPOutproxy: it is sent whole addresses, by name, as Tor Browser would; CONNECT for TLS;
// and what is private stays here all the same.
func TestHTTPOutproxy(t *testing.T) {
	w := newWorld(t, Config{Outproxies: []Outproxy{{Host: "exit.i2p", Name: "me", Password: "x"}}})
	seen := make(chan *http.Request, 4)
	w.raw("exit.i2p", httpOutproxy(seen))
	c := w.client()
	if resp, body := c.get("http://clearnet.com:8080/a?b", "User-Agent: x", "Proxy-Authorization: Basic b3du", "Referer: http://site.i2p/"); resp.StatusCode != 200 || body != "out" {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	req := <-seen
	if req.RequestURI != "http://clearnet.com:8080/a?b" || req.Host != "clearnet.com:8080" || req.UserAgent() != userAgentClearnet ||
		req.Header.Get("Proxy-Authorization") != "Basic bWU6eA==" || req.Header.Get("Referer") != "" {
		t.Errorf("it sees %+v", req)
	}
	c = w.client()
	c.say("CONNECT clearnet.com:443 HTTP/1.1\nHost: x\n\nhello")
	if resp, err := http.ReadResponse(c.r, &http.Request{Method: "CONNECT"}); err != nil || resp.StatusCode != 200 {
		t.Fatal(err)
	}
	if b := make([]byte, 5); true {
		if _, err := io.ReadFull(c.r, b); err != nil || string(b) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	}
	if req := <-seen; req.Host != "clearnet.com:443" {
		t.Errorf("it sees %+v", req)
	}
	c = w.client()
	c.say("CONNECT clearnet.com:25 HTTP/1.1\nHost: x\n\n")
	if resp, _ := c.hear("CONNECT"); resp.StatusCode != 403 {
		t.Error(resp.Status)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "10.0.0.1", "[::1]", "router", "0x7f.1"} {
		if resp, _ := w.client().get("http://" + host + "/"); resp.StatusCode != 403 {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
	if d := w.dialled(); !slices.Equal(d, []string{"exit.i2p", "exit.i2p"}) {
		t.Errorf("%q are dialled", d)
	}
}

// TestSOCKSOutproxy: names are its to resolve; a stream to a site is the site's alone.
func TestSOCKSOutproxy(t *testing.T) {
	for _, wants := range []string{"", "me:secret"} {
		name, password, _ := strings.Cut(wants, ":")
		w := newWorld(t, Config{Outproxies: []Outproxy{{Host: "tor.i2p", SOCKS: true, Name: name, Password: password}}})
		seen := make(chan string, 4)
		w.raw("tor.i2p:1080", socksOutproxy(t, 0, wants, seen))
		c := w.client()
		for range 2 {
			if resp, body := c.get("http://clearnet.com/a"); resp.StatusCode != 200 || body != "/a" {
				t.Fatalf("%s: %s", resp.Status, body)
			}
			until(t, "the stream is idle", func() bool { return w.Stats().IdleStreams == 1 })
		}
		c.get("http://other.com:81/")
		if a, b := <-seen, <-seen; a != "clearnet.com:80" || b != "other.com:81" || len(seen) != 0 {
			t.Errorf("it was asked for %s and %s", a, b)
		}
	}
	w := newWorld(t, Config{Outproxies: []Outproxy{{Host: "tor.i2p", SOCKS: true}, {Host: "b.i2p"}}})
	w.raw("tor.i2p:1080", socksOutproxy(t, 5, "", make(chan string, 4)))
	w.out.all = w.out.all[:1]
	if resp, body := w.client().get("http://clearnet.com/"); resp.StatusCode != 502 || !strings.Contains(body, "the host refused") || w.Stats().Outproxy.Failed != 0 {
		t.Errorf("%s: %s, %+v", resp.Status, body, w.Stats().Outproxy)
	}
}

// TestFailover: a host has one outproxy; when that fails another is tried, and the one that failed
// is left alone for a while, and for longer each time.
func TestFailover(t *testing.T) {
	now := time.Unix(1e9, 0)
	list := []Outproxy{{Host: "a.i2p"}, {Host: "b.i2p"}, {Host: "c.i2p"}}
	w := newWorld(t, Config{Outproxies: list, Now: func() time.Time { return now }})
	seen := make(chan *http.Request, 99)
	get := func() string {
		t.Helper()
		before := len(w.dialled())
		w.client().get("http://clearnet.com/", "Connection: close")
		until(t, "the stream is idle or was never there", func() bool { return w.Stats().Connections == 0 })
		w.pool.mu.Lock()
		for _, u := range w.pool.all {
			u.SetReadDeadline(past)
		}
		w.pool.mu.Unlock()
		until(t, "no stream is idle", func() bool { return w.Stats().IdleStreams == 0 })
		return strings.Join(w.dialled()[before:], " ")
	}
	order := make([]string, 0, 3)
	for _, o := range w.out.order("clearnet.com", now) {
		order = append(order, o.Host)
	}
	first, second := order[0], order[1]
	w.raw(first, httpOutproxy(seen))
	w.raw(second, httpOutproxy(seen))
	expect := func(what, want string) {
		t.Helper()
		if got := get(); got != want {
			t.Errorf("%s: %s are dialled, not %s", what, got, want)
		}
	}
	expect("all well", first)
	expect("still", first)
	w.raw(first, nil)
	expect("the first fails", first+" "+second)
	expect("it rests", second)
	now = now.Add(firstRest + time.Second)
	expect("it is tried again", first+" "+second)
	now = now.Add(firstRest + time.Second)
	expect("it rests longer", second)
	w.raw(first, httpOutproxy(seen))
	now = now.Add(firstRest)
	expect("it is well", first)
	expect("and is used", first)
	w.raw(first, nil)
	w.raw(second, nil)
	if resp, body := w.client().get("http://clearnet.com/"); resp.StatusCode != 502 || !strings.Contains(body, "Each of this proxy's outproxies") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	if s := w.Stats().Outproxy; s.Failed != 5 {
		t.Errorf("%+v", s)
	}
	hosts := make(map[string]int)
	for i := range 300 {
		hosts[w.out.order(fmt.Sprint(i, ".com"), now.Add(time.Hour))[0].Host]++
	}
	for _, o := range list {
		if n := hosts[o.Host]; n < 50 {
			t.Errorf("%s has %d of 300 hosts", o.Host, n)
		}
	}
}
