package httpproxy

// known are the header fields that mean something here.
type known byte

const (
	unknown known = iota
	// Those that frame a message, or are for one connection (RFC 9110 section 7.6.1).
	fConnection
	fContentLength
	fHost
	fKeepAlive
	fProxyAuthenticate
	fProxyAuthorization
	fProxyConnection
	fTE
	fTrailer
	fTransferEncoding
	fUpgrade
	// Those of requests that an eepsite may see, in the order in which it sees them.
	fUserAgent
	fAccept
	fAcceptEncoding
	fAcceptLanguage
	fReferer
	fOrigin
	fAuthorization
	fCookie
	fContentType
	fContentEncoding
	fContentRange
	fRange
	fIfRange
	fIfMatch
	fIfNoneMatch
	fIfModifiedSince
	fIfUnmodifiedSince
	fLastEventID
	fRequestedWith
	fCSRFToken
	fCSRFTokenOfDjango
	fXSRFToken
	fRequestMethod
	fRequestHeaders
	fGitProtocol
	fDepth
	fOverwrite
	fSocketKey
	fSocketVersion
	fSocketProtocol
	fSocketExtensions
	fExpect
	// Those of responses that a browser is not given.
	fAcceptCH
	fCriticalCH
	fAltSvc
	fAlternateProtocol
	fDNSPrefetch
	fKeyPins
	fKeyPinsReport
	fNEL
	fReportTo
	fReportingEndpoints
	fSetCookie
	fSocketAccept
	lastKnown
)

// names are what eepsites see: always the same letters in the same order, so that neither
// tells one browser from another.
var names = [lastKnown]string{
	fConnection:         "Connection",
	fContentLength:      "Content-Length",
	fHost:               "Host",
	fKeepAlive:          "Keep-Alive",
	fProxyAuthenticate:  "Proxy-Authenticate",
	fProxyAuthorization: "Proxy-Authorization",
	fProxyConnection:    "Proxy-Connection",
	fTE:                 "TE",
	fTrailer:            "Trailer",
	fTransferEncoding:   "Transfer-Encoding",
	fUpgrade:            "Upgrade",

	fUserAgent:         "User-Agent",
	fAccept:            "Accept",
	fAcceptEncoding:    "Accept-Encoding",
	fAcceptLanguage:    "Accept-Language",
	fReferer:           "Referer",
	fOrigin:            "Origin",
	fAuthorization:     "Authorization",
	fCookie:            "Cookie",
	fContentType:       "Content-Type",
	fContentEncoding:   "Content-Encoding",
	fContentRange:      "Content-Range",
	fRange:             "Range",
	fIfRange:           "If-Range",
	fIfMatch:           "If-Match",
	fIfNoneMatch:       "If-None-Match",
	fIfModifiedSince:   "If-Modified-Since",
	fIfUnmodifiedSince: "If-Unmodified-Since",
	fLastEventID:       "Last-Event-ID",
	fRequestedWith:     "X-Requested-With",
	fCSRFToken:         "X-CSRF-Token",
	fCSRFTokenOfDjango: "X-CSRFToken",
	fXSRFToken:         "X-XSRF-TOKEN",
	fRequestMethod:     "Access-Control-Request-Method",
	fRequestHeaders:    "Access-Control-Request-Headers",
	fGitProtocol:       "Git-Protocol",
	fDepth:             "Depth",
	fOverwrite:         "Overwrite",
	fSocketKey:         "Sec-WebSocket-Key",
	fSocketVersion:     "Sec-WebSocket-Version",
	fSocketProtocol:    "Sec-WebSocket-Protocol",
	fSocketExtensions:  "Sec-WebSocket-Extensions",
	fExpect:            "Expect",

	fAcceptCH:           "Accept-CH",
	fCriticalCH:         "Critical-CH",
	fAltSvc:             "Alt-Svc",
	fAlternateProtocol:  "Alternate-Protocol",
	fDNSPrefetch:        "X-DNS-Prefetch-Control",
	fKeyPins:            "Public-Key-Pins",
	fKeyPinsReport:      "Public-Key-Pins-Report-Only",
	fNEL:                "NEL",
	fReportTo:           "Report-To",
	fReportingEndpoints: "Reporting-Endpoints",
	fSetCookie:          "Set-Cookie",
	fSocketAccept:       "Sec-WebSocket-Accept",
}

// byName finds a name in lower case.
var byName = func() map[string]known {
	m := make(map[string]known, len(names))
	for k, name := range names {
		if name != "" {
			m[lower(name)] = known(k)
		}
	}
	return m
}()

func lookup(name []byte) known {
	var b [32]byte
	if len(name) > len(b) {
		return unknown
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		b[i] = c
	}
	return byName[string(b[:len(name)])]
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
