package httpmsg

// Known are the header fields that mean something here.
type Known byte

const (
	Unknown Known = iota
	// Those that frame a message, or are for one connection (RFC 9110 section 7.6.1).
	Connection
	ContentLength
	Host
	KeepAlive
	ProxyAuthenticate
	ProxyAuthorization
	ProxyConnection
	TE
	Trailer
	TransferEncoding
	Upgrade
	// Those of requests that an eepsite may see, in the order in which it sees them.
	UserAgent
	Accept
	AcceptEncoding
	AcceptLanguage
	Referer
	Origin
	Authorization
	Cookie
	ContentType
	ContentEncoding
	ContentRange
	Range
	IfRange
	IfMatch
	IfNoneMatch
	IfModifiedSince
	IfUnmodifiedSince
	LastEventID
	RequestedWith
	CSRFToken
	CSRFTokenOfDjango
	XSRFToken
	RequestMethod
	RequestHeaders
	GitProtocol
	Depth
	Overwrite
	SocketKey
	SocketVersion
	SocketProtocol
	SocketExtensions
	Expect
	// Those of responses that a browser is not given.
	AcceptCH
	CriticalCH
	AltSvc
	AlternateProtocol
	DNSPrefetch
	KeyPins
	KeyPinsReport
	NEL
	ReportTo
	ReportingEndpoints
	SetCookie
	SocketAccept
	lastKnown
)

// Names are what eepsites see: always the same letters in the same order, so that neither
// tells one browser from another.
var Names = [lastKnown]string{
	Connection:         "Connection",
	ContentLength:      "Content-Length",
	Host:               "Host",
	KeepAlive:          "Keep-Alive",
	ProxyAuthenticate:  "Proxy-Authenticate",
	ProxyAuthorization: "Proxy-Authorization",
	ProxyConnection:    "Proxy-Connection",
	TE:                 "TE",
	Trailer:            "Trailer",
	TransferEncoding:   "Transfer-Encoding",
	Upgrade:            "Upgrade",

	UserAgent:         "User-Agent",
	Accept:            "Accept",
	AcceptEncoding:    "Accept-Encoding",
	AcceptLanguage:    "Accept-Language",
	Referer:           "Referer",
	Origin:            "Origin",
	Authorization:     "Authorization",
	Cookie:            "Cookie",
	ContentType:       "Content-Type",
	ContentEncoding:   "Content-Encoding",
	ContentRange:      "Content-Range",
	Range:             "Range",
	IfRange:           "If-Range",
	IfMatch:           "If-Match",
	IfNoneMatch:       "If-None-Match",
	IfModifiedSince:   "If-Modified-Since",
	IfUnmodifiedSince: "If-Unmodified-Since",
	LastEventID:       "Last-Event-ID",
	RequestedWith:     "X-Requested-With",
	CSRFToken:         "X-CSRF-Token",
	CSRFTokenOfDjango: "X-CSRFToken",
	XSRFToken:         "X-XSRF-TOKEN",
	RequestMethod:     "Access-Control-Request-Method",
	RequestHeaders:    "Access-Control-Request-Headers",
	GitProtocol:       "Git-Protocol",
	Depth:             "Depth",
	Overwrite:         "Overwrite",
	SocketKey:         "Sec-WebSocket-Key",
	SocketVersion:     "Sec-WebSocket-Version",
	SocketProtocol:    "Sec-WebSocket-Protocol",
	SocketExtensions:  "Sec-WebSocket-Extensions",
	Expect:            "Expect",

	AcceptCH:           "Accept-CH",
	CriticalCH:         "Critical-CH",
	AltSvc:             "Alt-Svc",
	AlternateProtocol:  "Alternate-Protocol",
	DNSPrefetch:        "X-DNS-Prefetch-Control",
	KeyPins:            "Public-Key-Pins",
	KeyPinsReport:      "Public-Key-Pins-Report-Only",
	NEL:                "NEL",
	ReportTo:           "Report-To",
	ReportingEndpoints: "Reporting-Endpoints",
	SetCookie:          "Set-Cookie",
	SocketAccept:       "Sec-WebSocket-Accept",
}

// byName finds a name in lower case.
var byName = func() map[string]Known {
	m := make(map[string]Known, len(Names))
	for k, name := range Names {
		if name != "" {
			m[Lower(name)] = Known(k)
		}
	}
	return m
}()

// Lookup finds a name, in whatever case.
func Lookup(name []byte) Known {
	var b [32]byte
	if len(name) > len(b) {
		return Unknown
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		b[i] = c
	}
	return byName[string(b[:len(name)])]
}

// Lower makes the letters of ASCII small.
func Lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
