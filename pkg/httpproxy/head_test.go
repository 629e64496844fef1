package httpproxy

import (
	"io"
	"net"
	"strings"
	"testing"
)

// TestAmbiguous: what two readers could understand in two ways is refused, nobody is shown any of
// it, and nothing of what follows is taken for a request.
func TestAmbiguous(t *testing.T) {
	const head = "POST http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n"
	const next = "GET http://smuggled.i2p/ HTTP/1.1\r\nHost: smuggled.i2p\r\n\r\n"
	for name, request := range map[string]string{
		"two lengths":                    head + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + next,
		"the same length twice":          head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + next,
		"a list of lengths":              head + "Content-Length: 0, 5\r\n\r\n" + next,
		"a length and chunks":            head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next,
		"chunks and a length":            head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + next,
		"a length with a sign":           head + "Content-Length: +5\r\n\r\nhello" + next,
		"a negative length":              head + "Content-Length: -1\r\n\r\n" + next,
		"a length in hexadecimal":        head + "Content-Length: 0x5\r\n\r\nhello" + next,
		"a length that is too long":      head + "Content-Length: 99999999999999999999\r\n\r\n" + next,
		"no length":                      head + "Content-Length:\r\n\r\n" + next,
		"two codings":                    head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + next,
		"two coding lines":               head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + next,
		"an odd coding":                  head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + next,
		"a coding with a tab":            head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + next,
		"chunks in HTTP/1.0":             "POST http://site.i2p/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next,
		"a space before the colon":       head + "Content-Length : 5\r\n\r\nhello" + next,
		"a folded line":                  head + "X: y\r\n Content-Length: 5\r\n\r\n" + next,
		"a folded first header":          "GET http://site.i2p/ HTTP/1.1\r\n Host: site.i2p\r\nHost: site.i2p\r\n\r\n" + next,
		"a line with LF alone":           head + "X: y\nContent-Length: 5\r\n\r\nhello" + next,
		"a first line with LF alone":     "GET http://site.i2p/ HTTP/1.1\nHost: site.i2p\r\n\r\n" + next,
		"an end with LF alone":           head + "Content-Length: 0\r\n\n" + next,
		"CR in a header":                 head + "X: y\rContent-Length: 5\r\n\r\n" + next,
		"NUL in a header":                head + "X: y\x00\r\n\r\n" + next,
		"CR in the first line":           "GET http://site.i2p/\r HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"a tab in the first line":        "GET\thttp://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"two spaces in the first line":   "GET  http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"a space in the address":         "GET http://site.i2p/ x HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"a header without a colon":       head + "X\r\n\r\n" + next,
		"a header without a name":        head + ": y\r\n\r\n" + next,
		"a name with brackets":           head + "X(y): z\r\n\r\n" + next,
		"two hosts":                      head + "Host: other.i2p\r\n\r\n" + next,
		"no host":                        "GET http://site.i2p/ HTTP/1.1\r\n\r\n" + next,
		"HTTP/0.9":                       "GET http://site.i2p/\r\n\r\n" + next,
		"HTTP/1.2":                       "GET http://site.i2p/ HTTP/1.2\r\nHost: site.i2p\r\n\r\n" + next,
		"HTTP/2":                         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + next,
		"lower-case http":                "GET http://site.i2p/ http/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"a method in brackets":           "(GET) http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"two empty lines before":         "\r\n\r\nGET http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"CONNECT with a body":            "CONNECT site.i2p:80 HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 5\r\n\r\nhello" + next,
		"a quoted address":               "GET http://site.i2p/\"x\" HTTP/1.1\r\nHost: site.i2p\r\n\r\n" + next,
		"TLS":                            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + next,
		"SOCKS, which is not spoken":     "\x05\x01\x00\r\n\r\n" + next,
		"a body that begins a request":   head + "Transfer-Encoding: identity\r\n\r\n" + next,
		"a coding that Connection names": head + "Connection: Transfer-Encoding, Content-Length\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			c := w.client()
			go io.WriteString(c.Conn, request)
			resp, _ := c.hear("GET")
			if resp.StatusCode != 400 || !resp.Close {
				t.Errorf("it is answered %s, close: %t", resp.Status, resp.Close)
			}
			c.ended()
			if d := w.dialled(); len(d) != 0 {
				t.Errorf("%q is dialled", d)
			}
			if n := w.Stats().Refused.Malformed; n != 1 {
				t.Errorf("%d are counted", n)
			}
		})
	}
}

// TestAmbiguousChunks: a body whose chunks are not what they say breaks off, and with it the
// request; nothing behind it is taken for another.
func TestAmbiguousChunks(t *testing.T) {
	for name, chunks := range map[string]string{
		"a chunk that is longer than it says": "3\r\nhello\r\n0\r\n\r\n",
		"a size with a sign":                  "+5\r\nhello\r\n0\r\n\r\n",
		"a size with 0x":                      "0x5\r\nhello\r\n0\r\n\r\n",
		"a size with a space before":          " 5\r\nhello\r\n0\r\n\r\n",
		"a size that overflows":               "10000000000000005\r\nhello\r\n0\r\n\r\n",
		"no size":                             "\r\nhello\r\n0\r\n\r\n",
		"an extension alone":                  ";x=y\r\nhello\r\n0\r\n\r\n",
		"an extension with CR":                "5;x\ry\r\nhello\r\n0\r\n\r\n",
		"LF alone after a size":               "5\nhello\r\n0\r\n\r\n",
		"LF alone after a chunk":              "5\r\nhello\n0\r\n\r\n",
		"LF alone at the end":                 "5\r\nhello\r\n0\r\n\n",
		"a line without end":                  "5;" + strings.Repeat("x", 70<<10) + "\r\nhello\r\n0\r\n\r\n",
		"trailers without end":                "0\r\n" + strings.Repeat("x: y\r\n", 20<<10),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.raw("site.i2p", func(c net.Conn) { io.Copy(io.Discard, c) })
			c := w.client()
			go io.WriteString(c.Conn, "POST http://site.i2p/ HTTP/1.1\r\nHost: site.i2p\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks+
				"GET http://smuggled.i2p/ HTTP/1.1\r\nHost: smuggled.i2p\r\n\r\n")
			resp, _ := c.hear("POST")
			if resp.StatusCode != 400 || !resp.Close {
				t.Errorf("it is answered %s, close: %t", resp.Status, resp.Close)
			}
			c.ended()
			if d := w.dialled(); len(d) != 1 {
				t.Errorf("%q are dialled", d)
			}
		})
	}
}
