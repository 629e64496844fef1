package httpserver

import (
	"bytes"
	"slices"
	"strconv"

	"i2ptoolkit/pkg/httpmsg"
)

// leaks are fields of responses that tell of the web server's machine, its programs and its clock.
var leaks = []string{
	"date", "server", "via", "alt-svc", "x-powered-by", "x-runtime", "x-generator", "x-aspnet-version", "x-aspnetmvc-version",
	"x-served-by", "x-backend-server", "x-varnish", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-server",
}

// forged are fields of requests that are for a web server's own proxies to say. An inproxy says some of
// them too, and cannot be told from anybody else who does.
var forged = []string{"forwarded", "x-real-ip", "client-ip", "x-client-ip", "true-client-ip", "x-cluster-client-ip", "proxy"}

// plainName is a field's name, or its beginning, as it comes to programs for which all marks in it are one
// (CGI: RFC 3875 section 4.1.18).
func plainName(b *[40]byte, name []byte) []byte {
	n := copy(b[:], name)
	for i, c := range b[:n] {
		switch {
		case c >= 'A' && c <= 'Z':
			b[i] = c | 0x20
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			b[i] = '-'
		}
	}
	return b[:n]
}

var (
	identity  = []byte("x-i2p-dest")
	forwarded = []byte("x-forwarded")
)

// forges tells a field of a request that is not a peer's to say.
func forges(name []byte) bool {
	var b [40]byte
	plain := plainName(&b, name)
	return bytes.HasPrefix(plain, identity) || bytes.HasPrefix(plain, forwarded) || slices.Contains(forged, string(plain))
}

// forOneConnection tells the fields that are for one connection, or frame the message: they are written anew.
func forOneConnection(f *httpmsg.Field) bool {
	return f.Hop || f.Known >= httpmsg.Connection && f.Known <= httpmsg.Upgrade
}

// appendRequest writes the head that the web server is sent.
func (e *session) appendRequest(b []byte) []byte {
	r := &e.req
	b = append(append(b, r.Method...), ' ')
	b = append(append(b, r.Target...), " HTTP/1.1\r\nHost: "...)
	if e.s.cfg.Host != "" {
		b = append(b, e.s.cfg.Host...)
	} else {
		host, _ := r.Get(httpmsg.Host)
		b = append(b, host...)
	}
	b = append(append(b, "\r\nX-I2P-DestHash: "...), e.peer.Hash().String()...)
	b = append(append(b, "\r\nX-I2P-DestB32: "...), e.peer.B32()...)
	b = append(append(b, "\r\nX-I2P-DestB64: "...), e.peer.Base64()...)
	b = append(b, "\r\n"...)
	for i := range r.Fields {
		f := &r.Fields[i]
		switch {
		case forOneConnection(f), f.Known == httpmsg.Expect:
		case forges(f.Name):
			e.s.counts.forged.Add(1)
		default:
			b = appendField(b, f)
		}
	}
	switch {
	case r.Upgrade:
		b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case r.Body.Kind == httpmsg.Sized:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, r.Body.Length, 10), "\r\n"...)
	case r.Body.Kind == httpmsg.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if e.expects() {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, f *httpmsg.Field) []byte {
	b = append(append(b, f.Name...), ": "...)
	return append(append(b, f.Value...), "\r\n"...)
}

// appendResponse writes the head that the peer is sent.
func (e *session) appendResponse(b []byte, chunked, keep bool) []byte {
	r := &e.resp
	_, rest, _ := bytes.Cut(r.Start, []byte{' '})
	b = append(append(b, "HTTP/1.1 "...), rest...)
	if len(rest) == 3 { // the space belongs there (RFC 9112 section 4)
		b = append(b, ' ')
	}
	b = e.appendFields(append(b, "\r\n"...))
	switch length, n := r.Get(httpmsg.ContentLength); {
	case chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case r.Body.Kind == httpmsg.Sized, n == 1 && (e.req.Is("HEAD") || r.Status == 304):
		b = append(append(b, "Content-Length: "...), length...)
		b = append(b, "\r\n"...)
	}
	switch {
	case !keep:
		b = append(b, "Connection: close\r\n"...)
	case e.req.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendFields writes those of the response that are the web server's to say.
func (e *session) appendFields(b []byte) []byte {
	for i := range e.resp.Fields {
		f := &e.resp.Fields[i]
		if forOneConnection(f) {
			continue
		}
		var name [40]byte
		if slices.Contains(leaks, string(plainName(&name, f.Name))) {
			e.s.counts.stripped.Add(1)
			continue
		}
		b = appendField(b, f)
	}
	return b
}
