package httpproxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestWebSocket: after the upgrade both sides speak as they like, and what was said with the
// heads arrives.
func TestWebSocket(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p", func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		h := req.Header
		if h.Get("Connection") != "Upgrade" || h.Get("Upgrade") != "websocket" || h.Get("Sec-Websocket-Key") != "a2V5" || h.Get("Origin") != "http://site.i2p" {
			t.Errorf("the site sees %v", h)
		}
		io.WriteString(c, "HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: b2s\r\nAlt-Svc: x\r\n\r\nfirst")
		io.Copy(c, r)
	})
	c := w.client()
	go io.WriteString(c.Conn, "GET http://site.i2p/ws HTTP/1.1\r\nHost: site.i2p\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nOrigin: http://site.i2p\r\n"+
		"Sec-WebSocket-Key: a2V5\r\nSec-WebSocket-Version: 13\r\n\r\nhello")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-Websocket-Accept") != "b2s" || resp.Header.Get("Alt-Svc") != "" || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%+v, %v", resp, err)
	}
	b := make([]byte, len("firsthello"))
	if _, err := io.ReadFull(c.r, b); err != nil || string(b) != "firsthello" {
		t.Fatalf("%q, %v", b, err)
	}
	c.Close()
	until(t, "the tunnel ends", func() bool { s := w.Stats(); return s.Upgrades == 1 && s.Tunnels == 0 && s.Connections == 0 })
}

// TestUnaskedUpgrade: a site cannot change the protocol by itself.
func TestUnaskedUpgrade(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p", func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
		io.Copy(io.Discard, c)
	})
	if resp, _ := w.client().get("http://site.i2p/", "Connection: Upgrade", "Upgrade: h2c"); resp.StatusCode != 502 {
		t.Error(resp.Status)
	}
}

// TestConnect: any port of a site, and as many bytes as there are.
func TestConnect(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p:6667", func(c net.Conn) { io.Copy(c, c) })
	c := w.client()
	go io.WriteString(c.Conn, "CONNECT site.i2p:6667 HTTP/1.1\r\nHost: site.i2p:6667\r\nUser-Agent: x\r\n\r\nhello")
	resp, err := http.ReadResponse(c.r, &http.Request{Method: "CONNECT"})
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%+v, %v", resp, err)
	}
	go io.Copy(c.Conn, bodyOf(1<<20))
	b := make([]byte, 5)
	if _, err := io.ReadFull(c.r, b); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
	_, want := sum(t, bodyOf(1<<20))
	if _, got := sum(t, io.LimitReader(c.r, 1<<20)); got != want {
		t.Error("what comes back is something else")
	}
	if s := w.Stats(); s.Tunnels != 1 || s.Connects != 1 {
		t.Errorf("%+v", s)
	}
}

// TestInsideConnect: a browser's WebSocket comes by CONNECT, and shows no more of it than a page
// does. What begins otherwise, or with a word of the other side's, is carried as it is.
func TestInsideConnect(t *testing.T) {
	const connect = "CONNECT site.i2p:8080 HTTP/1.1\r\nHost: x\r\n\r\n"
	established := func(c *client) {
		t.Helper()
		if resp, err := http.ReadResponse(c.r, &http.Request{Method: "CONNECT"}); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%+v, %v", resp, err)
		}
	}
	const request = "GET /ws HTTP/1.1\r\nHost: other.i2p\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUser-Agent: HeadlessChrome/156\r\nOrigin: http://site.i2p:8080\r\n" +
		"Accept-Language: de\r\nPragma: no-cache\r\nSec-WebSocket-Key: a2V5\r\nSec-WebSocket-Version: 13\r\n\r\n"
	const want = "GET /ws HTTP/1.1\r\nHost: site.i2p:8080\r\nUser-Agent: MYOB/6.66 (AN/ON)\r\nOrigin: http://site.i2p:8080\r\n" +
		"Sec-WebSocket-Key: a2V5\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	for name, pieces := range map[string][]string{"at once": {connect + request}, "in pieces": {connect, "G", "ET ", "/", request[5:]}} {
		w := newWorld(t, Config{ConnectOnly: true})
		seen := make(chan string, 1)
		w.raw("site.i2p:8080", func(c net.Conn) {
			defer c.Close()
			b := make([]byte, len(want))
			io.ReadFull(c, b)
			seen <- string(b)
			io.WriteString(c, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: b2s\r\n\r\n")
			io.Copy(c, c)
		})
		c := w.client()
		go func() {
			for _, p := range pieces {
				io.WriteString(c.Conn, p)
			}
		}()
		established(c)
		if resp, err := http.ReadResponse(c.r, nil); err != nil || resp.StatusCode != 101 {
			t.Fatalf("%s: %+v, %v", name, resp, err)
		}
		if got := <-seen; got != want {
			t.Errorf("%s: the site sees\n%s", name, got)
		}
		go io.WriteString(c.Conn, "frame")
		if b := make([]byte, 5); true {
			if _, err := io.ReadFull(c.r, b); err != nil || string(b) != "frame" {
				t.Errorf("%q, %v", b, err)
			}
		}
		if s := w.Stats(); s.Dialled != 1 || s.Reused != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for _, says := range []string{"\x16\x03\x01GET / HTTP/1.1\r\n", "GETS x\r\n", "GET key\r\n", "PUT", "SSH-2.0-x\r\n", "POSTE /\r\n"} {
		w := newWorld(t, Config{})
		w.raw("site.i2p:8080", func(c net.Conn) { io.Copy(c, c); c.Close() })
		c := w.client()
		go io.WriteString(c.Conn, connect+says)
		established(c)
		if says == "PUT" { // it may still become a request
			go io.WriteString(c.Conn, "Z")
		}
		b := make([]byte, len(says))
		if _, err := io.ReadFull(c.r, b); err != nil || string(b) != says {
			t.Errorf("%q comes back as %q, %v", says, b, err)
		}
	}
	inside := newWorld(t, Config{})
	inside.site("site.i2p:8080", hello)
	for target, status := range map[string]int{"GET /x": 200, "GET http://other.i2p/": 400, "GET *": 400, "OPTIONS *": 400} {
		c := inside.client()
		go io.WriteString(c.Conn, connect+target+" HTTP/1.1\r\nHost: other.i2p\r\n\r\nCONNECT other.i2p:80 HTTP/1.1\r\nHost: x\r\n\r\n")
		established(c)
		if resp, _ := c.hear("GET"); resp.StatusCode != status {
			t.Errorf("%s: %s", target, resp.Status)
		}
		if resp, _ := c.hear("GET"); resp.StatusCode != 405 {
			t.Errorf("CONNECT inside of CONNECT: %s", resp.Status)
		}
	}
	for _, at := range inside.dialled() {
		if at != "site.i2p:8080" {
			t.Errorf("%s is dialled", at)
		}
	}
}

// TestFirstWord: where the other side speaks first, and the client has nothing to say to that, all
// is carried as it is. But that a site speaks does not have a browser show more of itself.
func TestFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		w.raw("site.i2p:25", func(c net.Conn) { io.WriteString(c, "220 hello\r\n"); io.Copy(c, c) })
		c := w.client()
		c.say("CONNECT site.i2p:25 HTTP/1.1\nHost: x\n\n")
		if resp, err := http.ReadResponse(c.r, &http.Request{Method: "CONNECT"}); err != nil || resp.StatusCode != 200 {
			t.Fatal(err)
		}
		if line, err := c.r.ReadString('\n'); err != nil || line != "220 hello\r\n" {
			t.Errorf("%q, %v", line, err)
		}
		c.say("GET / HTTP/1.1\n") // it is nobody's business any more
		if line, err := c.r.ReadString('\n'); err != nil || line != "GET / HTTP/1.1\r\n" {
			t.Errorf("%q, %v", line, err)
		}
		var seen bytes.Buffer
		w.raw("hostile.i2p", func(c net.Conn) { io.WriteString(c, "x"); io.Copy(&seen, c) })
		c = w.client()
		c.say("CONNECT hostile.i2p:80 HTTP/1.1\nHost: x\n\n")
		if resp, err := http.ReadResponse(c.r, &http.Request{Method: "CONNECT"}); err != nil || resp.StatusCode != 200 {
			t.Fatal(err)
		}
		synctest.Wait() // what the site says is here
		c.say("GET / HTTP/1.1\nHost: hostile.i2p\nUser-Agent: HeadlessChrome/156\n\n")
		synctest.Wait()
		c.Close()
		synctest.Wait()
		if strings.Contains(seen.String(), "Chrome") {
			t.Errorf("the site sees\n%s", seen.String())
		}
	})
}

// TestPorts: CONNECT reaches the ports that it may.
func TestPorts(t *testing.T) {
	w := newWorld(t, Config{ConnectPorts: []uint16{443}})
	for _, at := range []string{"site.i2p:22", "proxy.i2p:443"} {
		c := w.client()
		c.say("CONNECT " + at + " HTTP/1.1\nHost: x\n\n")
		if resp, _ := c.hear("CONNECT"); resp.StatusCode != 403 {
			t.Errorf("%s: %s", at, resp.Status)
		}
	}
	if s := w.Stats(); s.Refused.Port != 2 || len(w.dialled()) != 0 {
		t.Errorf("%+v, %q", s.Refused, w.dialled())
	}
	only := newWorld(t, Config{ConnectOnly: true})
	if resp, _ := only.client().get("http://site.i2p/"); resp.StatusCode != 405 || only.Stats().Refused.Method != 1 {
		t.Error(resp.Status)
	}
	c := w.client()
	c.say("TRACE http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
	if resp, _ := c.hear("TRACE"); resp.StatusCode != 405 {
		t.Error(resp.Status)
	}
}
