package httpproxy

import (
	"bufio"
	"bytes"
)

// request is the head of a request.
type request struct {
	head
	method, target []byte
	body           framing
	upgrade        bool // to a WebSocket
	keep           bool // the connection is to stay open
}

const maxMethod = 24

// read reads the next request.
func (r *request) read(br *bufio.Reader, limit int) error {
	if err := r.head.read(br, limit, true); err != nil {
		return err
	}
	return r.parse()
}

// parse understands the start line and what concerns the connection.
func (r *request) parse() (err error) {
	method, rest, _ := bytes.Cut(r.start, []byte{' '})
	target, version, ok := bytes.Cut(rest, []byte{' '})
	if !ok || !isToken(method) || len(method) > maxMethod || len(target) == 0 {
		return malformed("the first line is not a request")
	}
	for _, c := range target {
		if c <= ' ' || c == '"' || c == '<' || c == '>' || c == '\\' {
			return malformed("the address has a character that must not be in one")
		}
	}
	if r.minor, ok = minor(version); !ok {
		return malformed("the version is not HTTP/1.1 or HTTP/1.0")
	}
	r.method, r.target = method, target
	if r.body, err = r.frame(); err != nil {
		return err
	}
	if _, hosts := r.get(fHost); hosts > 1 || hosts == 0 && r.minor == 1 {
		return malformed("it has no Host, or more than one")
	}
	// A client of a proxy says Proxy-Connection where it knows no better.
	r.keep = r.minor == 1 && !r.has(fConnection, "close") && !r.has(fProxyConnection, "close") ||
		r.minor == 0 && (r.has(fConnection, "keep-alive") || r.has(fProxyConnection, "keep-alive"))
	// Other protocols than this one frame what follows in ways that are not understood here.
	r.upgrade = r.minor == 1 && r.body.kind == none && equalFold(r.method, "get") &&
		r.has(fConnection, "upgrade") && r.has(fUpgrade, "websocket")
	return nil
}

// minor reads "HTTP/1.1" and "HTTP/1.0".
func minor(version []byte) (byte, bool) {
	if string(version) == "HTTP/1.1" {
		return 1, true
	}
	return 0, string(version) == "HTTP/1.0"
}

// is compares the method.
func (r *request) is(method string) bool { return string(r.method) == method }

// echoes tells the methods whose responses would show a page's scripts what is hidden from them,
// and the one that is none, of HTTP/2.
func (r *request) echoes() bool { return r.is("TRACE") || r.is("TRACK") || r.is("PRI") }

// repeatable tells whether the request may be sent again without being asked (RFC 9110
// section 9.2.2).
func (r *request) repeatable() bool {
	switch string(r.method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT":
		return r.body.kind == none && !r.upgrade
	}
	return false
}

// response is the head of a response.
type response struct {
	head
	status int
	body   framing
	keep   bool
}

// read reads a response to a request of a method.
func (r *response) read(br *bufio.Reader, limit int, toHead bool) error {
	if err := r.head.read(br, limit, false); err != nil {
		return err
	}
	return r.parse(toHead)
}

func (r *response) parse(toHead bool) (err error) {
	version, rest, _ := bytes.Cut(r.start, []byte{' '})
	code, _, spaced := bytes.Cut(rest, []byte{' '})
	status, ok := decimal(code)
	if !ok || len(code) != 3 || status < 100 || !spaced && len(rest) != 3 {
		return malformed("the first line is not a response")
	}
	if r.minor, ok = minor(version); !ok {
		return malformed("the version is not HTTP/1.1 or HTTP/1.0")
	}
	r.status = int(status)
	if r.body, err = r.frame(); err != nil {
		return err
	}
	switch {
	case toHead, status < 200, status == 204, status == 304:
		r.body = framing{}
	case r.body.kind == none:
		r.body.kind = untilEnd
	}
	r.keep = r.body.kind != untilEnd && (r.minor == 1 && !r.has(fConnection, "close") ||
		r.minor == 0 && r.has(fConnection, "keep-alive"))
	return nil
}
