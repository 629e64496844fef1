package httpserver

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"i2ptoolkit/pkg/httpmsg"
	"i2ptoolkit/pkg/i2p"
)

// refuse is the status that refuses a request, or 0.
func (s *Server) refuse(r *httpmsg.Request, peer i2p.Hash) int {
	c := &s.counts
	switch {
	case r.Echoes(), r.Is("CONNECT"):
		c.method.Add(1)
		return http.StatusMethodNotAllowed
	case r.Target[0] != '/' && !(string(r.Target) == "*" && r.Is("OPTIONS")):
		c.proxied.Add(1)
		return http.StatusBadRequest
	case s.cfg.RejectInproxies && cameByGateway(r):
		c.inproxies.Add(1)
		return http.StatusForbidden
	case s.cfg.RejectReferer && cameByLink(r):
		c.referers.Add(1)
		return http.StatusForbidden
	case len(s.cfg.RejectAgents) > 0 && s.unwanted(r):
		c.agents.Add(1)
		return http.StatusForbidden
	case changes(r) && !s.posts.allow(s.cfg.Now(), peer):
		c.posts.Add(1)
		return http.StatusTooManyRequests
	}
	return 0
}

// changes tells whether a request counts as a POST.
func changes(r *httpmsg.Request) bool {
	return r.Is("POST") || r.Is("PUT") || r.Is("PATCH") || r.Is("DELETE")
}

// cameByGateway tells whether a request has what gateways from the clearnet add.
func cameByGateway(r *httpmsg.Request) bool {
	return slices.ContainsFunc(r.Fields, func(f httpmsg.Field) bool {
		var b [40]byte
		plain := plainName(&b, f.Name)
		return bytes.HasPrefix(plain, forwarded) || string(plain) == "forwarded" || string(plain) == "via" || string(plain) == "x-real-ip"
	})
}

// cameByLink tells whether a page of another site led here.
func cameByLink(r *httpmsg.Request) bool {
	host, _ := r.Get(httpmsg.Host)
	return slices.ContainsFunc(r.Fields, func(f httpmsg.Field) bool {
		if f.Known != httpmsg.Referer {
			return false
		}
		u, err := url.Parse(string(f.Value))
		return err != nil || u.Host != "" && !strings.EqualFold(u.Host, string(host))
	})
}

// unwanted tells the agents that are refused. Each field of the name counts.
func (s *Server) unwanted(r *httpmsg.Request) bool {
	named := false
	for i := range r.Fields {
		if f := &r.Fields[i]; f.Known == httpmsg.UserAgent && len(f.Value) > 0 {
			named = true
			text := strings.ToLower(string(f.Value))
			if slices.ContainsFunc(s.cfg.RejectAgents, func(a string) bool { return a != "none" && strings.Contains(text, a) }) {
				return true
			}
		}
	}
	return !named && slices.Contains(s.cfg.RejectAgents, "none")
}
