package httpproxy

import (
	"bytes"
	"strconv"
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
func (p *Proxy) appendRequest(b []byte, r *request, t *target, up *stream) []byte {
	b = append(b, r.method...)
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
	for i := range r.fields {
		if f := &r.fields[i]; !f.hop && f.known >= fAccept && f.known <= fExpect {
			there |= 1 << (f.known - fAccept)
		}
	}
	for k := fAccept; there != 0; k, there = k+1, there>>1 {
		if there&1 == 0 {
			continue
		}
		for i := range r.fields {
			if f := &r.fields[i]; f.known == k && !f.hop {
				if value := p.shown(r, t, f); value != nil {
					b = appendField(b, names[k], value)
				}
			}
		}
	}
	switch r.body.kind {
	case sized:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, r.body.length, 10), "\r\n"...)
	case chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if r.upgrade {
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
func (p *Proxy) shown(r *request, t *target, f *field) []byte {
	switch f.known {
	case fAccept:
		return accepted(f.value)
	case fAcceptEncoding:
		return codings(f.value)
	case fAcceptLanguage:
		if p.cfg.AcceptLanguage {
			return f.value
		}
		return nil
	case fReferer:
		if t.isOrigin(f.value) {
			return f.value
		}
		return nil
	case fOrigin:
		// Without an Origin some sites would take a request of another site's page for one
		// of their own. That it is another's is all that they have to know.
		if t.isOrigin(f.value) {
			return f.value
		}
		return nullOrigin
	case fAuthorization:
		// NTLM and Negotiate tell the names of the machine and of its user.
		if scheme, _, _ := bytes.Cut(f.value, []byte{' '}); equalFold(scheme, "basic") || equalFold(scheme, "digest") || equalFold(scheme, "bearer") || equalFold(scheme, "token") {
			return f.value
		}
		return nil
	case fRequestedWith:
		// Android's WebView has the name of the app here.
		if bytes.Equal(f.value, byScript) {
			return byScript
		}
		return nil
	case fSocketKey, fSocketVersion, fSocketProtocol, fSocketExtensions:
		if !r.upgrade {
			return nil
		}
	case fExpect:
		if r.body.kind == none || r.minor == 0 || !equalFold(f.value, "100-continue") {
			return nil
		}
		return continues
	}
	return f.value
}

// accepted makes of what a browser says it can show, and of which each version says something
// else, one of a few values.
func accepted(value []byte) []byte {
	for t := range tokens(value) {
		if media, _, _ := bytes.Cut(t, []byte{';'}); equalFold(media, "text/html") {
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
	for t := range tokens(value) {
		gzip = gzip || equalFold(t, "gzip")
		deflate = deflate || equalFold(t, "deflate")
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
func appendResponse(b []byte, r *response, q *request, keep bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	_, rest, _ := bytes.Cut(r.start, []byte{' '})
	b = append(append(b, rest...), "\r\n"...)
	for i := range r.fields {
		f := &r.fields[i]
		switch {
		case f.hop, f.known != unknown && dropped(f.known), hasPrefixFold(f.name, "proxy-"):
		case f.known == fContentLength && r.body.kind != sized && !q.is("HEAD") && r.status != 304:
		case f.known == fSetCookie && sharedCookie(f.value):
		default:
			b = append(append(b, f.name...), ": "...)
			b = append(append(b, f.value...), "\r\n"...)
		}
	}
	if r.body.kind == chunked && q.minor == 1 {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case !keep:
		b = append(b, "Connection: close\r\n"...)
	case q.minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// dropped tells the fields of responses that end here: those of one connection, and those that
// have a browser connect elsewhere, keep other company, or tell more of itself.
func dropped(k known) bool {
	return k != fContentLength && k >= fConnection && k <= fUpgrade && k != fHost || k >= fAcceptCH && k <= fReportingEndpoints
}

// sharedCookie tells a cookie for all of .i2p, or of .b32.i2p: one site would mark a browser for
// others to see, and browsers do not know that these are no one's own.
func sharedCookie(value []byte) bool {
	shared := false
	for len(value) > 0 {
		var attribute []byte
		attribute, value, _ = bytes.Cut(value, []byte{';'})
		name, domain, _ := bytes.Cut(attribute, []byte{'='})
		if !equalFold(bytes.Trim(name, " \t"), "domain") {
			continue
		}
		domain = bytes.Trim(bytes.Trim(domain, " \t"), ".")
		shared = shared || equalFold(domain, "i2p") || equalFold(domain, "b32.i2p")
	}
	return shared
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && equalFold(b[:len(prefix)], prefix)
}
