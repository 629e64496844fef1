package httpproxy

import (
	"bytes"
	"strconv"

	"i2ptoolkit/pkg/httpmsg"
)

// What other routers' proxies say in place of a browser's User-Agent: to eepsites the one, to
// the clearnet, by an outproxy, what Tor Browser says.
const (
	userAgent         = "MYOB/6.66 (AN/ON)"
	userAgentClearnet = "Mozilla/5.0 (Windows NT 10.0; rv:109.0) Gecko/20100101 Firefox/115.0"
)

// appendRequest writes the head that the other side is sent: of the client's fields those that are
// on the list, in the list's order, and with values that are not one browser's own. An HTTP
// outproxy is sent the whole address, and what it asks for itself.
func (p *Proxy) appendRequest(b []byte, r *httpmsg.Request, t *target, up *stream) []byte {
	b = append(b, r.Method...)
	b = append(b, ' ')
	if up.absolute {
		b = append(append(b, "http://"...), t.authority()...)
	}
	b = appendPath(b, t.path)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, t.authority()...)
	b = append(b, "\r\nUser-Agent: "...)
	if t.kind == clearnet {
		b = append(b, userAgentClearnet...)
	} else {
		b = append(b, userAgent...)
	}
	b = append(b, "\r\n"...)
	b = append(b, up.credentials...)
	var there uint64 // which of the allowed fields there are
	for i := range r.Fields {
		if f := &r.Fields[i]; !f.Hop && f.Known >= httpmsg.Accept && f.Known <= httpmsg.Expect {
			there |= 1 << (f.Known - httpmsg.Accept)
		}
	}
	for k := httpmsg.Accept; there != 0; k, there = k+1, there>>1 {
		if there&1 == 0 {
			continue
		}
		for i := range r.Fields {
			if f := &r.Fields[i]; f.Known == k && !f.Hop {
				if value := p.shown(r, t, f); value != nil {
					b = appendField(b, httpmsg.Names[k], value)
				}
			}
		}
	}
	switch r.Body.Kind {
	case httpmsg.Sized:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, r.Body.Length, 10), "\r\n"...)
	case httpmsg.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if r.Upgrade {
		return append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"...)
	}
	return append(b, "Connection: keep-alive\r\n\r\n"...)
}

func appendField(b []byte, name string, value []byte) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// appendPath writes a path and query. Bytes that are not ASCII are escaped, as browsers do.
func appendPath(b []byte, path []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range path {
		if c >= 0x7f {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// The only values of some fields.
var (
	acceptPage  = []byte("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	acceptAll   = []byte("*/*")
	acceptSome  = [][]byte{[]byte("text/event-stream"), []byte("application/json"), []byte("text/css,*/*;q=0.1")}
	bothCodings = []byte("gzip, deflate")
	gzipCoding  = []byte("gzip")
	nullOrigin  = []byte("null")
	byScript    = []byte("XMLHttpRequest")
	continues   = []byte("100-continue")
)

// shown is the value of an allowed field that the other side is shown; nil: none.
func (p *Proxy) shown(r *httpmsg.Request, t *target, f *httpmsg.Field) []byte {
	switch f.Known {
	case httpmsg.Accept:
		return accepted(f.Value)
	case httpmsg.AcceptEncoding:
		return codings(f.Value)
	case httpmsg.AcceptLanguage:
		if p.cfg.AcceptLanguage {
			return f.Value
		}
		return nil
	case httpmsg.Referer:
		if t.isOrigin(f.Value) {
			return f.Value
		}
		return nil
	case httpmsg.Origin:
		// Without an Origin some sites would take a request of another site's page for one
		// of their own. That it is another's is all that they have to know.
		if t.isOrigin(f.Value) {
			return f.Value
		}
		return nullOrigin
	case httpmsg.Authorization:
		// NTLM and Negotiate tell the names of the machine and of its user.
		if scheme, _, _ := bytes.Cut(f.Value, []byte{' '}); httpmsg.EqualFold(scheme, "basic") || httpmsg.EqualFold(scheme, "digest") || httpmsg.EqualFold(scheme, "bearer") || httpmsg.EqualFold(scheme, "token") {
			return f.Value
		}
		return nil
	case httpmsg.RequestedWith:
		// Android's WebView has the name of the app here.
		if bytes.Equal(f.Value, byScript) {
			return byScript
		}
		return nil
	case httpmsg.SocketKey, httpmsg.SocketVersion, httpmsg.SocketProtocol, httpmsg.SocketExtensions:
		if !r.Upgrade {
			return nil
		}
	case httpmsg.Expect:
		if r.Body.Kind == httpmsg.NoBody || r.Minor == 0 || !httpmsg.EqualFold(f.Value, "100-continue") {
			return nil
		}
		return continues
	}
	return f.Value
}

// accepted makes of what a browser says it can show, and of which each version says something
// else, one of a few values.
func accepted(value []byte) []byte {
	for t := range httpmsg.Tokens(value) {
		if media, _, _ := bytes.Cut(t, []byte{';'}); httpmsg.EqualFold(media, "text/html") {
			return acceptPage
		}
	}
	for _, some := range acceptSome {
		if bytes.EqualFold(value, some) {
			return some
		}
	}
	return acceptAll
}

// codings leaves what browsers accept without TLS, where the client has it.
func codings(value []byte) []byte {
	var gzip, deflate bool
	for t := range httpmsg.Tokens(value) {
		gzip = gzip || httpmsg.EqualFold(t, "gzip")
		deflate = deflate || httpmsg.EqualFold(t, "deflate")
	}
	switch {
	case gzip && deflate:
		return bothCodings
	case gzip:
		return gzipCoding
	}
	return nil
}

// appendResponse writes the head that the client is given.
func appendResponse(b []byte, r *httpmsg.Response, q *httpmsg.Request, keep bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	_, rest, _ := bytes.Cut(r.Start, []byte{' '})
	b = append(append(b, rest...), "\r\n"...)
	for i := range r.Fields {
		f := &r.Fields[i]
		switch {
		case f.Hop, f.Known != httpmsg.Unknown && dropped(f.Known), hasPrefixFold(f.Name, "proxy-"):
		case f.Known == httpmsg.ContentLength && r.Body.Kind != httpmsg.Sized && !q.Is("HEAD") && r.Status != 304:
		case f.Known == httpmsg.SetCookie && sharedCookie(f.Value):
		default:
			b = append(append(b, f.Name...), ": "...)
			b = append(append(b, f.Value...), "\r\n"...)
		}
	}
	if r.Body.Kind == httpmsg.Chunked && q.Minor == 1 {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case !keep:
		b = append(b, "Connection: close\r\n"...)
	case q.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// dropped tells the fields of responses that end here: those of one connection, and those that
// have a browser connect elsewhere, keep other company, or tell more of itself.
func dropped(k httpmsg.Known) bool {
	return k != httpmsg.ContentLength && k >= httpmsg.Connection && k <= httpmsg.Upgrade && k != httpmsg.Host || k >= httpmsg.AcceptCH && k <= httpmsg.ReportingEndpoints
}

// sharedCookie tells a cookie for all of .i2p, or of .b32.i2p: one site would mark a browser for
// others to see, and browsers do not know that these are no one's own.
func sharedCookie(value []byte) bool {
	shared := false
	for len(value) > 0 {
		var attribute []byte
		attribute, value, _ = bytes.Cut(value, []byte{';'})
		name, domain, _ := bytes.Cut(attribute, []byte{'='})
		if !httpmsg.EqualFold(bytes.Trim(name, " \t"), "domain") {
			continue
		}
		domain = bytes.Trim(bytes.Trim(domain, " \t"), ".")
		shared = shared || httpmsg.EqualFold(domain, "i2p") || httpmsg.EqualFold(domain, "b32.i2p")
	}
	return shared
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && httpmsg.EqualFold(b[:len(prefix)], prefix)
}
