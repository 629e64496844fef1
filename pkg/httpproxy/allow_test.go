package httpproxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// shows gives what a site sees of a request.
func shows(t *testing.T, cfg Config, request string) string {
	t.Helper()
	w := newWorld(t, cfg)
	seen := make(chan string, 1)
	w.raw("site.i2p", func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			head.WriteString(line)
			if line == "\r\n" || err != nil {
				break
			}
		}
		seen <- head.String()
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	c := w.client()
	c.say(request)
	if resp, body := c.hear("GET"); resp.StatusCode != 204 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	return strings.ReplaceAll(<-seen, "\r\n", "\n")
}

// TestAllowList: what an eepsite sees is what is on the list, to the letter.
func TestAllowList(t *testing.T) {
	const end = "Connection: keep-alive\n\n"
	for _, test := range []struct{ name, request, seen string }{
		{"Chromium, on the way to a page", `GET http://Site.i2p/a?b=c#d HTTP/1.1
Host: site.i2p
Proxy-Connection: keep-alive
Cache-Control: max-age=0
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7
Sec-GPC: 1
DNT: 1
Sec-CH-UA: "Chromium";v="156"
Sec-Fetch-Site: none
Save-Data: on
Device-Memory: 8
Referer: http://other.i2p/secret
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: de-AT,de;q=0.9,en;q=0.8
Cookie: a=b
If-None-Match: "x"
Priority: u=0, i

`, `GET /a?b=c HTTP/1.1
Host: site.i2p
User-Agent: MYOB/6.66 (AN/ON)
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
Accept-Encoding: gzip, deflate
Cookie: a=b
If-None-Match: "x"
` + end},
		{"Firefox, for an image", `GET http://site.i2p/i.png HTTP/1.1
host: site.i2p
user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0
accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5
accept-language: fr
accept-encoding: gzip, deflate
referer: http://site.i2p/a
range: bytes=5-
connection: keep-alive

`, `GET /i.png HTTP/1.1
Host: site.i2p
User-Agent: MYOB/6.66 (AN/ON)
Accept: */*
Accept-Encoding: gzip, deflate
Referer: http://site.i2p/a
Range: bytes=5-
` + end},
		{"what proxies and apps add", `GET http://site.i2p/ HTTP/1.1
Host: site.i2p
Via: 1.1 laptop.home
X-Forwarded-For: 192.168.1.7
X-Forwarded-Host: laptop
Forwarded: for=192.168.1.7
X-Real-IP: 192.168.1.7
Client-IP: 192.168.1.7
True-Client-IP: 192.168.1.7
From: me@example.org
Proxy-Authorization: Basic bWU6cGFzcw==
Proxy-Authenticate: x
Proxy-Something: x
X-Requested-With: org.torproject.browser
Authorization: Negotiate TlRMTVNTUAABAAAA
TE: trailers
Trailer: x
Keep-Alive: 300
Upgrade: h2c
HTTP2-Settings: AAA
Connection: Upgrade, HTTP2-Settings
X-Custom: x
Expect: 100-continue
Sec-WebSocket-Key: x

`, "GET / HTTP/1.1\nHost: site.i2p\nUser-Agent: MYOB/6.66 (AN/ON)\n" + end},
		{"another site's script", `GET http://site.i2p/ HTTP/1.1
Host: site.i2p
Origin: http://other.i2p
X-Requested-With: XMLHttpRequest
Authorization: Basic eDp5

`, "GET / HTTP/1.1\nHost: site.i2p\nUser-Agent: MYOB/6.66 (AN/ON)\nOrigin: null\nAuthorization: Basic eDp5\nX-Requested-With: XMLHttpRequest\n" + end},
		{"a site whose name another's begins with", `GET http://site.i2p/ HTTP/1.1
Host: site.i2p
Referer: http://site.i2p.other.i2p/
Origin: http://site.i2p:8080

`, "GET / HTTP/1.1\nHost: site.i2p\nUser-Agent: MYOB/6.66 (AN/ON)\nOrigin: null\n" + end},
		{"a form", `POST /form HTTP/1.1
Host: site.i2p.
Content-Type: application/x-www-form-urlencoded
Content-Length: 0
Origin: http://site.i2p
Connection: Origin, Content-Length, Host

`, "POST /form HTTP/1.1\nHost: site.i2p\nUser-Agent: MYOB/6.66 (AN/ON)\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 0\n" + end},
		{"bytes that are not ASCII", "GET http://site.i2p/\xc3\xbc HTTP/1.0\n\n", "GET /%C3%BC HTTP/1.1\nHost: site.i2p\nUser-Agent: MYOB/6.66 (AN/ON)\n" + end},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := shows(t, Config{}, test.request); got != test.seen {
				t.Errorf("the site sees\n%s\nand not\n%s", got, test.seen)
			}
		})
	}
	language := shows(t, Config{AcceptLanguage: true}, "GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\nAccept-Language: de\n\n")
	if !strings.Contains(language, "\nAccept-Language: de\n") {
		t.Errorf("languages are allowed, and not told: %s", language)
	}
}

// TestResponseFields: a browser is given what the site says, but nothing of the site's connection,
// and nothing that has it connect elsewhere or tell more of itself.
func TestResponseFields(t *testing.T) {
	w := newWorld(t, Config{})
	w.raw("site.i2p", func(c net.Conn) {
		defer c.Close()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		io.WriteString(c, strings.ReplaceAll(`HTTP/1.1 200 Quite OK
Server: x
Connection: close, X-Hop
X-Hop: 1
Keep-Alive: 1
Proxy-Authenticate: Basic realm="give it to me"
Proxy-Connection: x
Trailer: x
Upgrade: h2c
Alt-Svc: h3="clearnet.example:443"
NEL: {}
Report-To: {}
Reporting-Endpoints: a="https://clearnet.example"
Accept-CH: Sec-CH-UA-Model
Critical-CH: Sec-CH-UA-Model
X-DNS-Prefetch-Control: on
Public-Key-Pins: x
Set-Cookie: own=1; Domain=site.i2p
Set-Cookie: all=1; Domain=.i2p
Set-Cookie: b32=1; path=/; domain = b32.i2p
Content-Length: 2

ok`, "\n", "\r\n"))
	})
	c := w.client()
	c.say("GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\n\n")
	want := "HTTP/1.1 200 Quite OK\r\nServer: x\r\nSet-Cookie: own=1; Domain=site.i2p\r\nContent-Length: 2\r\n\r\nok"
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
		t.Errorf("%v:\n%s\nand not\n%s", err, got[:n], want)
	}
}
