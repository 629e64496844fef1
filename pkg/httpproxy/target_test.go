package httpproxy

import (
	"context"
	"net"
	"strings"
	"testing"
)

// TestNowhereElse: nothing but I2P is reached, in whatever way an address of this machine, of its
// networks or of the Internet is written. Nobody is asked to dial, and so nobody for an address.
func TestNowhereElse(t *testing.T) {
	for _, host := range []string{
		"localhost", "LOCALHOST", "localhost.", "printer", "a.localhost", "box.local", "nas.lan", "x.home.arpa", "x.internal",
		"127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.0.0.0x1",
		"10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1",
		"[::1]", "[::]", "[fe80::1%25eth0]", "[::ffff:127.0.0.1]", "[2001:db8::1]",
		"clearnet.com", "i2p.clearnet.com", "x.i2p.com", "1.1.1.1", "i2p", "onion.onion",
	} {
		for _, port := range []string{"", ":80", ":8080"} {
			for _, line := range []string{
				"GET http://" + host + port + "/ HTTP/1.1\nHost: site.i2p\n\n",
				"GET / HTTP/1.1\nHost: " + host + port + "\n\n",
				"CONNECT " + host + port + " HTTP/1.1\nHost: site.i2p\n\n",
			} {
				if strings.HasPrefix(line, "CONNECT") && port == "" {
					continue
				}
				w := newWorld(t, Config{Dial: func(_ context.Context, host string, port uint16) (net.Conn, error) {
					t.Errorf("%q: %s:%d is dialled", line, host, port)
					return nil, net.ErrClosed
				}})
				c := w.client()
				c.say(line)
				if resp, body := c.hear("GET"); resp.StatusCode != 403 {
					t.Errorf("%q: %s: %s", line, resp.Status, body)
				}
				if s := w.Stats().Refused; s.Private+s.Clearnet != 1 {
					t.Errorf("%q: %+v", line, s)
				}
			}
		}
	}
}

// TestTargets: what is no address is no request.
func TestTargets(t *testing.T) {
	for _, target := range []string{
		"https://site.i2p/", "ftp://site.i2p/", "file:///etc/passwd", "javascript:alert(1)", "*", "site.i2p", "site.i2p:80",
		"http://", "http:///x", "http://site.i2p:0/", "http://site.i2p:65536/", "http://site.i2p:80x/", "http://site.i2p:/",
		"http://user@site.i2p/", "http://user:pass@site.i2p/", "http://site.i2p\\@other.i2p/", "http://si te.i2p/",
		"http://s\xc3\xafte.i2p/", "http://site..i2p/", "http://.i2p/", "http://site.i2p../", "http://site%2ei2p/", "http://site.i2p;x/",
		"http://" + strings.Repeat("a", 64) + ".i2p/", "http://" + strings.Repeat("a", 51) + "b.b32.i2p/", "http://" + strings.Repeat("a", 50) + ".b32.i2p/", "http://b32.i2p.b32.i2p/",
	} {
		w := newWorld(t, Config{})
		c := w.client()
		c.say("GET " + target + " HTTP/1.1\nHost: site.i2p\n\n")
		if resp, _ := c.hear("GET"); resp.StatusCode != 400 {
			t.Errorf("%q: %s", target, resp.Status)
		}
		if len(w.dialled()) != 0 {
			t.Errorf("%q: %q is dialled", target, w.dialled())
		}
	}
}

// TestForms: absolute and origin form lead to the same site, the port of the address is I2P's, and
// what the Host beside an absolute form says is nothing to anybody.
func TestForms(t *testing.T) {
	for request, at := range map[string]string{
		"GET http://site.i2p/x HTTP/1.1\nHost: site.i2p\n\n":         "site.i2p",
		"GET http://SITE.i2p.:80/x HTTP/1.1\nHost: other.i2p\n\n":    "site.i2p",
		"GET /x HTTP/1.1\nHost: site.i2p\n\n":                        "site.i2p",
		"GET HTTP://site.i2p:8080/x HTTP/1.1\nHost: site.i2p\n\n":    "site.i2p:8080",
		"GET /x HTTP/1.1\nHost: site.i2p:8080\n\n":                   "site.i2p:8080",
		"\nGET http://site.i2p/x#y HTTP/1.1\nHost: site.i2p\n\n":     "site.i2p",
		"GET http://site.i2p:0080/x HTTP/1.0\nConnection: close\n\n": "site.i2p",
	} {
		w := newWorld(t, Config{})
		w.site("site.i2p", hello)
		w.site("site.i2p:8080", hello)
		c := w.client()
		c.say(request)
		if resp, body := c.hear("GET"); resp.StatusCode != 200 || body != "hello /x" {
			t.Errorf("%q: %s: %s", request, resp.Status, body)
		}
		if d := w.dialled(); len(d) != 1 || d[0] != at {
			t.Errorf("%q: %q is dialled", request, d)
		}
	}
}
