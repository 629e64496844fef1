package serve

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	healthPath  = "/healthz"
	metricsPath = "/metrics"
)

// health tells whether clients get bundles. It is no secret, and so it can be asked at
// the public listener too.
func (s *Server) health() answer {
	st := s.state.Load()
	switch {
	case len(st.set) == 0 && st.failed != nil:
		return say(noBundles, "503: no bundles, for the last try failed")
	case len(st.set) == 0:
		return say(noBundles, "503: no bundles yet")
	case st.cert != nil && s.cfg.Now().After(st.notAfter):
		return say(expired, "503: the TLS certificate has expired")
	case st.failed != nil:
		return say(healthy, "ok, with the bundles of %d s ago: the last try to renew them failed", int(s.cfg.Now().Sub(st.made).Seconds()))
	}
	return say(healthy, "ok")
}

// Metrics answers /metrics in Prometheus' text format, and /healthz.
func (s *Server) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a answer
		switch {
		case r.URL.Path != metricsPath && r.URL.Path != healthPath:
			a = say(notFound, "404: %s and %s are here", metricsPath, healthPath)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			a = say(badMethod, "405: GET or HEAD is expected")
		case r.URL.Path == healthPath:
			a = s.health()
		default:
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			w.Write(s.metrics())
			return
		}
		s.refuse(w, r, a)
	})
}

// metrics writes the counters, always in the same order.
func (s *Server) metrics() []byte {
	st, c := s.state.Load(), &s.counts
	networks, forgotten := s.limiter.size()
	var b bytes.Buffer
	one := func(name, kind, help string, values ...any) { // pairs of labels and a number
		fmt.Fprintf(&b, "# HELP i2p_reseed_%s %s\n# TYPE i2p_reseed_%s %s\n", name, help, name, kind)
		for i := 0; i+1 < len(values); i += 2 {
			fmt.Fprintf(&b, "i2p_reseed_%s%s %v\n", name, values[i], values[i+1])
		}
	}
	var requests []any
	for o := range outcomes {
		requests = append(requests, fmt.Sprintf(`{status="%d",outcome=%q}`, o.status(), o.String()), c.requests[o].Load())
	}
	one("requests_total", "counter", "Requests by what came of them.", requests...)
	one("sent_bytes_total", "counter", "Bytes of bundles that were sent.", "", c.bytes.Load())
	one("broken_total", "counter", "Bundles that clients did not take to the end.", "", c.broken.Load())
	one("forwarded_lost_total", "counter", "Requests of trusted proxies that did not say for whom.", "", c.lost.Load())
	one("connections", "gauge", "Connections that are open.", "", s.conns.size())
	one("connections_refused_total", "counter", "Connections that were closed at once.",
		`{limit="total"}`, c.refusedTotal.Load(), `{limit="client"}`, c.refusedClient.Load())
	one("tls_errors_total", "counter", "TLS handshakes that failed.", "", c.tlsErrors.Load())
	one("limiter_networks", "gauge", "Client networks that the limiter remembers.", "", networks)
	one("limiter_forgotten_total", "counter", "Client networks that it had to forget too early.", "", forgotten)
	one("reloads_total", "counter", "Reloads.", `{result="ok"}`, c.reloads.Load(), `{result="failed"}`, c.reloadErrors.Load())
	one("bundles", "gauge", "Bundles that are served.", "", len(st.set))
	one("bundles_bytes", "gauge", "Bytes of them.", "", st.total)
	one("bundles_timestamp_seconds", "gauge", "When they were read.", "", timestamp(st.made))
	one("blocked_prefixes", "gauge", "Prefixes that are blocked.", "", len(st.block.set))
	one("certificate_expiry_timestamp_seconds", "gauge", "When the TLS certificate expires; 0 without TLS.", "", timestamp(st.notAfter))
	return b.Bytes()
}

// timestamp is 0 for what has not been.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.Unix(), 10)
}
