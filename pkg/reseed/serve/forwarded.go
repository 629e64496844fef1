package serve

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many proxies in a row are looked through.
const maxHops = 16

// client tells whose request it is. A peer that is no trusted proxy is the client,
// whatever its headers say. Behind a trusted one the client is the right-most address of
// the header that is no trusted proxy itself: what stands left of it was written by the
// client and may be anything. Where the header is missing or says no address, the last
// proxy that we believe stands for all its clients, and lost is true.
func (s *Server) client(r *http.Request) (addr netip.Addr, lost bool) {
	peer := peerAddr(r.RemoteAddr)
	if !s.trusts(peer) {
		return peer, false
	}
	var hops []string
	if s.cfg.Proxies.Header == forwarded {
		hops = forwardedFor(r.Header.Values(forwarded))
	} else {
		hops = strings.Split(strings.Join(r.Header.Values(xForwardedFor), ","), ",")
	}
	for n := 0; n < maxHops && len(hops) > 0; n++ {
		last := len(hops) - 1
		a, ok := parseHop(strings.TrimSpace(hops[last]))
		if !ok {
			return peer, true
		}
		if hops, peer = hops[:last], a; !s.trusted.contains(a) {
			return a, false
		}
	}
	return peer, true
}

// trusts: a peer without an address came by a Unix socket, which its permissions guard.
func (s *Server) trusts(peer netip.Addr) bool { return !peer.IsValid() || s.trusted.contains(peer) }

// peerAddr reads the address of a connection's other end; it is not valid when that has
// none.
func peerAddr(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return clean(ap.Addr())
}

// parseHop reads what proxies write for an address: with or without a port, IPv6 with or
// without brackets.
func parseHop(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return clean(a), true
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return clean(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			a, err := netip.ParseAddr(inner)
			return clean(a), err == nil && !a.Is4()
		}
	}
	return netip.Addr{}, false
}

// forwardedFor gives the for parameters of a Forwarded header, RFC 7239 section 4, one
// for each element; "" where an element has none. Commas and semicolons within quotes
// part nothing.
func forwardedFor(values []string) []string {
	var hops []string
	hop := ""
	pair := func(text string) {
		name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
		if strings.EqualFold(name, "for") {
			hop = unquote(value)
		}
	}
	for _, v := range values {
		from, quoted := 0, false
		for i := 0; i < len(v); i++ {
			switch c := v[i]; {
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case (c == ';' || c == ',') && !quoted:
				pair(v[from:i])
				from = i + 1
				if c == ',' {
					hops, hop = append(hops, hop), ""
				}
			}
		}
		pair(v[from:])
		hops, hop = append(hops, hop), ""
	}
	return hops
}

func unquote(text string) string {
	inner, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return text
	}
	inner, _ = strings.CutSuffix(inner, `"`)
	return strings.ReplaceAll(inner, `\`, "")
}
