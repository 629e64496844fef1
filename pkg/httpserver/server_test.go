package httpserver

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const get = "GET /x HTTP/1.1\r\nHost: site.i2p\r\n"

// TestIdentity: the web server learns who asks from us and nobody else, however a peer writes it.
func TestIdentity(t *testing.T) {
	var seen http.Header
	var host string
	web := served(func(_ http.ResponseWriter, r *http.Request) { seen, host = r.Header, r.Host })
	for _, forged := range []string{
		"", "X-I2P-DestHash: forged\r\nX-I2P-DestB32: forged\r\nX-I2P-DestB64: forged\r\n", "x-i2p-desthash: forged\r\n", "X_I2P_DestB32: forged\r\n",
		"X-I2P_DESTB64: forged\r\n", "X.I2P.DestHash: forged\r\n", "X-I2P-Dest: forged\r\n", "Connection: X-I2P-DestHash, x-i2p-destb32\r\n",
		"X-Forwarded-For: forged\r\nX-Real-IP: forged\r\nForwarded: for=forged\r\nProxy: forged\r\nX_Forwarded_For: forged\r\n",
	} {
		in(t, Config{}, web, func(w *world) {
			p := w.peer()
			p.say(get + "X-Mine: stays\r\n" + forged + "\r\n")
			if resp, _ := p.hear("GET"); resp.StatusCode != 200 {
				t.Fatal(resp.Status)
			}
			if fmt.Sprint(seen["X-I2p-Desthash"], seen["X-I2p-Destb32"], seen["X-I2p-Destb64"]) != fmt.Sprintf("[%s] [%s] [%s]", stranger.Hash(), stranger.B32(), stranger.Base64()) {
				t.Errorf("%q: %v", forged, seen)
			}
			if text := fmt.Sprint(seen); strings.Contains(text, "forged") || !strings.Contains(text, "stays") || host != "site.i2p" {
				t.Errorf("%q: Host %s, %v", forged, host, seen)
			}
			if named := strings.Contains(forged, "forged"); named != (w.Stats().Forged > 0) {
				t.Errorf("%q: %+v", forged, w.Stats())
			}
		})
	}
	in(t, Config{Host: "example.org"}, web, func(w *world) {
		p := w.peer()
		p.say(get + "\r\n")
		p.hear("GET")
		if host != "example.org" {
			t.Errorf("Host: %s", host)
		}
	})
}

// TestLeaks: what a web server says of its machine stays there.
func TestLeaks(t *testing.T) {
	in(t, Config{}, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nServer: x\r\nX-Powered-By: x\r\nx-runtime: x\r\nDate: Thu, 26 Nov 2026 14:00:00 GMT\r\nVia: x\r\nX_Powered_By: x\r\n"+
			"Connection: X-Hop\r\nX-Hop: x\r\nKeep-Alive: x\r\nX-AspNet-Version: x\r\nAlt-Svc: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok")
	}, func(w *world) {
		p := w.peer()
		p.say(get + "\r\n")
		resp, body := p.hear("GET")
		if len(resp.Header) != 2 || len(resp.Header["Set-Cookie"]) != 2 || body != "ok" {
			t.Errorf("%v, %q", resp.Header, body)
		}
		if n := w.Stats().Stripped; n != 8 {
			t.Errorf("%d are counted", n)
		}
	})
}

// TestRefused: what is refused never comes to the web server, and learns nothing but that.
func TestRefused(t *testing.T) {
	all := Config{RejectInproxies: true, RejectReferer: true, RejectAgents: []string{"BadBot", "none"}}
	agent := "User-Agent: x\r\n"
	for text, want := range map[string]struct {
		status int
		count  func(Refused) uint64
	}{
		get + agent + "X-Forwarded-For: 1.2.3.4\r\n\r\n":                    {403, func(r Refused) uint64 { return r.Inproxies }},
		get + agent + "X_Forwarded_Host: a\r\n\r\n":                         {403, func(r Refused) uint64 { return r.Inproxies }},
		get + agent + "Forwarded: for=1.2.3.4\r\n\r\n":                      {403, func(r Refused) uint64 { return r.Inproxies }},
		get + agent + "Via: 1.1 gateway\r\n\r\n":                            {403, func(r Refused) uint64 { return r.Inproxies }},
		get + agent + "Referer: http://other.i2p/\r\n\r\n":                  {403, func(r Refused) uint64 { return r.Referers }},
		get + agent + "Referer: /y\r\nReferer: http://example.com/\r\n\r\n": {403, func(r Refused) uint64 { return r.Referers }},
		get + agent + "Referer: http://site.i2p/y\r\n\r\n":                  {200, nil},
		get + agent + "Referer: /y\r\n\r\n":                                 {200, nil},
		get + "User-Agent: Mozilla badbot/1.0\r\n\r\n":                      {403, func(r Refused) uint64 { return r.Agents }},
		get + "\r\n": {403, func(r Refused) uint64 { return r.Agents }},
		"CONNECT a.i2p:80 HTTP/1.1\r\nHost: a.i2p\r\n\r\n":                      {405, func(r Refused) uint64 { return r.Method }},
		"TRACE / HTTP/1.1\r\nHost: a.i2p\r\n\r\n":                               {405, func(r Refused) uint64 { return r.Method }},
		"GET http://other.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n" + agent + "\r\n": {400, func(r Refused) uint64 { return r.Proxied }},
		"GET * HTTP/1.1\r\nHost: site.i2p\r\n" + agent + "\r\n":                 {400, func(r Refused) uint64 { return r.Proxied }},
		get + "X: " + strings.Repeat("y", 70<<10) + "\r\n\r\n":                  {431, func(r Refused) uint64 { return r.TooLarge }},
	} {
		in(t, all, served(func(http.ResponseWriter, *http.Request) {}), func(w *world) {
			p := w.peer()
			p.say(text)
			resp, body := p.hear("GET")
			if resp.StatusCode != want.status || want.count != nil && (want.count(w.Stats().Refused) != 1 || w.dials != 0 || body != http.StatusText(want.status)+"\n" || len(resp.Header) != 3) {
				t.Errorf("%.80q: %s, %v, %q, %+v", text, resp.Status, resp.Header, body, w.Stats())
			}
			if want.count != nil {
				p.ended()
			}
		})
		if want.status == 403 {
			in(t, Config{}, served(func(http.ResponseWriter, *http.Request) {}), func(w *world) {
				p := w.peer()
				p.say(text)
				if resp, _ := p.hear("GET"); resp.StatusCode != 200 {
					t.Errorf("%.80q: %s", text, resp.Status)
				}
			})
		}
	}
}

// TestAmbiguous: what two readers could understand in two ways is refused, and nothing behind it is a
// request.
func TestAmbiguous(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: site.i2p\r\n"
	for _, text := range []string{
		post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		post + "X: y\n\r\n",
		post + "X: y\r\n Content-Length: 3\r\n\r\n",
		post + "Content-Length : 3\r\n\r\nabc",
		post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
	} {
		in(t, Config{}, func(c net.Conn) { io.Copy(io.Discard, c) }, func(w *world) {
			p := w.peer()
			p.say(text + get + "\r\n")
			if resp, _ := p.hear("GET"); resp.StatusCode != 400 || w.Stats().Refused.Malformed != 1 {
				t.Errorf("%q: %s, %+v", text, resp.Status, w.Stats())
			}
			p.ended()
		})
	}
}

// TestPosts: peers that change too much are refused for a while, and so are all where all together do.
func TestPosts(t *testing.T) {
	limits := Posts{Peer: 2, Period: time.Minute, Ban: time.Hour}
	in(t, Config{Posts: limits}, served(func(http.ResponseWriter, *http.Request) {}), func(w *world) {
		post := func(method string, want int) {
			t.Helper()
			p := w.peer()
			p.say(method + " / HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 0\r\n\r\n")
			if resp, _ := p.hear(method); resp.StatusCode != want {
				t.Errorf("%s: %s, want %d", method, resp.Status, want)
			}
		}
		post("POST", 200)
		post("PUT", 200)
		post("POST", 429)
		post("GET", 200)
		time.Sleep(2 * time.Minute)
		post("DELETE", 429)
		time.Sleep(time.Hour)
		post("POST", 200)
		if n := w.Stats().Refused.Posts; n != 2 {
			t.Errorf("%d are counted", n)
		}
	})
	l := limiter{Posts: Posts{All: 2, Period: time.Minute}}
	now := time.Unix(1e9, 0)
	for i, want := range []bool{true, true, false} {
		if l.allow(now, [32]byte{byte(i)}) != want {
			t.Errorf("%d of all", i)
		}
	}
	if !l.allow(now.Add(time.Minute), [32]byte{}) {
		t.Error("the period has no end")
	}
	l = limiter{Posts: Posts{Peer: 1, Period: time.Minute, Ban: time.Minute}}
	for i := range maxVisitors {
		l.allow(now, [32]byte{byte(i), byte(i >> 8)})
	}
	if l.allow(now, [32]byte{31: 1}) || l.peers.Len() > maxVisitors {
		t.Error("more are remembered than may be")
	}
	if !l.allow(now.Add(time.Minute), [32]byte{31: 1}) {
		t.Error("nobody is forgotten")
	}
}

// TestBodies: 100 MB pass both ways at once, without being held.
func TestBodies(t *testing.T) {
	const size = 100 << 20
	in(t, Config{}, served(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	}), func(w *world) {
		p := w.peer()
		sent, got := sha256.New(), sha256.New()
		go func() {
			io.WriteString(p.Conn, fmt.Sprintf("POST / HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: %d\r\n\r\n", size))
			piece := make([]byte, 1<<20)
			for i := range size / len(piece) {
				piece[i] = byte(i)
				sent.Write(piece)
				p.Write(piece)
			}
		}()
		resp, err := http.ReadResponse(p.r, &http.Request{Method: "POST"})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(got, resp.Body); n != size || err != nil || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
			t.Errorf("%d bytes, %v", n, err)
		}
		if in, out := w.count.In.Load(), w.count.Out.Load(); in < size || out < size {
			t.Errorf("%d in, %d out are counted", in, out)
		}
	})
}

// TestWebSocket: what follows an upgrade is carried as it is, the first bytes of it included; and no other
// protocol is changed to.
func TestWebSocket(t *testing.T) {
	web := func(c net.Conn) {
		r := bufio.NewReader(c)
		req, _ := http.ReadRequest(r)
		if req.Header.Get("Upgrade") != "websocket" || req.Header.Get("Connection") != "Upgrade" || req.Header.Get("Sec-WebSocket-Key") != "k" {
			io.WriteString(c, "HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n")
			return
		}
		io.WriteString(c, "HTTP/1.1 101 S\r\nServer: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\nfirst ")
		io.Copy(c, r)
	}
	ask := get + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
	in(t, Config{}, web, func(w *world) {
		p := w.peer()
		p.say(ask + "early ")
		resp, err := http.ReadResponse(p.r, nil)
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "a" || resp.Header.Get("Server") != "" || resp.Header.Get("Upgrade") != "websocket" {
			t.Fatal(resp, err)
		}
		p.say("late")
		b := make([]byte, len("first early late"))
		if _, err := io.ReadFull(p.r, b); err != nil || string(b) != "first early late" {
			t.Errorf("%q, %v", b, err)
		}
		if w.Stats().Upgrades != 1 || w.count.Out.Load() < 16 {
			t.Errorf("%+v", w.Stats())
		}
	})
	in(t, Config{}, web, func(w *world) {
		p := w.peer()
		p.say(get + "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
		if resp, _ := p.hear("GET"); resp.StatusCode != 502 {
			t.Error(resp.Status)
		}
	})
}
