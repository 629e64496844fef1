package httpmsg

import (
	"bufio"
	"bytes"
)

// Request is the head of a request.
type Request struct {
	Head
	Method, Target []byte
	Body           Framing
	Upgrade        bool // to a WebSocket
	Keep           bool // the connection is to stay open
}

const maxMethod = 24

// Read reads the next request.
func (r *Request) Read(br *bufio.Reader, limit int) error {
	if err := r.Head.read(br, limit, true); err != nil {
		return err
	}
	return r.parse()
}

// parse understands the start line and what concerns the connection.
func (r *Request) parse() (err error) {
	method, rest, _ := bytes.Cut(r.Start, []byte{' '})
	target, version, ok := bytes.Cut(rest, []byte{' '})
	if !ok || !isToken(method) || len(method) > maxMethod || len(target) == 0 {
		return Malformed("the first line is not a request")
	}
	for _, c := range target {
		if c <= ' ' || c == '"' || c == '<' || c == '>' || c == '\\' {
			return Malformed("the address has a character that must not be in one")
		}
	}
	if r.Minor, ok = minor(version); !ok {
		return Malformed("the version is not HTTP/1.1 or HTTP/1.0")
	}
	r.Method, r.Target = method, target
	if r.Body, err = r.frame(); err != nil {
		return err
	}
	if _, hosts := r.Get(Host); hosts > 1 || hosts == 0 && r.Minor == 1 {
		return Malformed("it has no Host, or more than one")
	}
	// A client of a proxy says Proxy-Connection where it knows no better.
	r.Keep = r.Minor == 1 && !r.Has(Connection, "close") && !r.Has(ProxyConnection, "close") ||
		r.Minor == 0 && (r.Has(Connection, "keep-alive") || r.Has(ProxyConnection, "keep-alive"))
	// Other protocols than this one frame what follows in ways that are not understood here.
	r.Upgrade = r.Minor == 1 && r.Body.Kind == NoBody && EqualFold(r.Method, "get") &&
		r.Has(Connection, "upgrade") && r.Has(Upgrade, "websocket")
	return nil
}

// minor reads "HTTP/1.1" and "HTTP/1.0".
func minor(version []byte) (byte, bool) {
	if string(version) == "HTTP/1.1" {
		return 1, true
	}
	return 0, string(version) == "HTTP/1.0"
}

// Is compares the method.
func (r *Request) Is(method string) bool { return string(r.Method) == method }

// Echoes tells the methods whose responses would show a page's scripts what is hidden from them,
// and the one that is none, of HTTP/2.
func (r *Request) Echoes() bool { return r.Is("TRACE") || r.Is("TRACK") || r.Is("PRI") }

// Repeatable tells whether the request may be sent again without being asked (RFC 9110
// section 9.2.2).
func (r *Request) Repeatable() bool {
	switch string(r.Method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT":
		return r.Body.Kind == NoBody && !r.Upgrade
	}
	return false
}

// Response is the head of a response.
type Response struct {
	Head
	Status int
	Body   Framing
	Keep   bool
}

// Read reads a response to a request of a method.
func (r *Response) Read(br *bufio.Reader, limit int, toHead bool) error {
	if err := r.Head.read(br, limit, false); err != nil {
		return err
	}
	return r.parse(toHead)
}

func (r *Response) parse(toHead bool) (err error) {
	version, rest, _ := bytes.Cut(r.Start, []byte{' '})
	code, _, spaced := bytes.Cut(rest, []byte{' '})
	status, ok := Decimal(code)
	if !ok || len(code) != 3 || status < 100 || !spaced && len(rest) != 3 {
		return Malformed("the first line is not a response")
	}
	if r.Minor, ok = minor(version); !ok {
		return Malformed("the version is not HTTP/1.1 or HTTP/1.0")
	}
	r.Status = int(status)
	if r.Body, err = r.frame(); err != nil {
		return err
	}
	switch {
	case toHead, status < 200, status == 204, status == 304:
		r.Body = Framing{}
	case r.Body.Kind == NoBody:
		r.Body.Kind = UntilEnd
	}
	r.Keep = r.Body.Kind != UntilEnd && (r.Minor == 1 && !r.Has(Connection, "close") ||
		r.Minor == 0 && r.Has(Connection, "keep-alive"))
	return nil
}
