package httpmsg

import (
	"bufio"
	"strings"
	"testing"
	"testing/iotest"
)

// TestPieces: heads come in whatever pieces.
func TestPieces(t *testing.T) {
	text := "GET http://site.i2p/" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: site.i2p\r\nX: " + strings.Repeat("y", 20<<10) + "\r\n\r\n"
	var r Request
	if err := r.Read(bufio.NewReader(iotest.OneByteReader(strings.NewReader(text))), 64<<10); err != nil {
		t.Fatal(err)
	}
	if len(r.Target) != 16+(20<<10) || len(r.Fields) != 2 || len(r.Fields[1].Value) != 20<<10 {
		t.Errorf("%d bytes, %d fields", len(r.Target), len(r.Fields))
	}
}

// TestResponses: small servers' responses are taken as browsers take them, and those that could
// mean two things are not.
func TestResponses(t *testing.T) {
	for text, want := range map[string]Framing{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n":           {Sized, 5},
		"HTTP/1.0 200 OK\n\n":                                    {Kind: UntilEnd},
		"HTTP/1.1 200\r\n\r\n":                                   {Kind: UntilEnd},
		"HTTP/1.1 204 No Content\r\n\r\n":                        {},
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n": {},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n":  {Kind: Chunked},
	} {
		var r Response
		if err := r.Read(bufio.NewReader(strings.NewReader(text)), 64<<10, false); err != nil || r.Body != want {
			t.Errorf("%q: %+v, %v", text, r.Body, err)
		}
	}
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
		"HTTP/1.1 200 O\x1bK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"ICY 200 OK\r\n\r\n",
		"<html>\r\n\r\n",
	} {
		var r Response
		if err := r.Read(bufio.NewReader(strings.NewReader(text)), 64<<10, false); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
