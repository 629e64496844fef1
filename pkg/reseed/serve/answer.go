package serve

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// outcome of a request. Each has a status, a name for metrics and logs, and a line for
// the client.
type outcome int

const (
	served outcome = iota
	healthy
	badQuery
	badNetID
	hasBody
	badAgent
	blocked
	notFound
	badMethod
	clientLimit
	globalLimit
	noBundles
	expired
	outcomes // how many there are
)

func (o outcome) status() int {
	switch o {
	case served, healthy:
		return http.StatusOK
	case badQuery, badNetID, hasBody:
		return http.StatusBadRequest
	case badAgent, blocked:
		return http.StatusForbidden
	case notFound:
		return http.StatusNotFound
	case badMethod:
		return http.StatusMethodNotAllowed
	case clientLimit:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

func (o outcome) String() string {
	switch o {
	case served:
		return "bundle"
	case healthy:
		return "healthy"
	case badQuery:
		return "query"
	case badNetID:
		return "netid"
	case hasBody:
		return "body"
	case badAgent:
		return "user agent"
	case blocked:
		return "blocked"
	case notFound:
		return "not found"
	case badMethod:
		return "method"
	case clientLimit:
		return "client limit"
	case globalLimit:
		return "global limit"
	case noBundles:
		return "no bundles"
	}
	return "certificate expired"
}

// answer is an outcome with what belongs to it.
type answer struct {
	outcome
	line   string        // for the client, where there is no bundle
	wait   time.Duration // until it makes sense to ask again; 0: it does not say
	bundle []byte
}

func say(o outcome, format string, args ...any) answer {
	return answer{outcome: o, line: fmt.Sprintf(format, args...)}
}

// emptyWait is what clients are told to wait for the first set of bundles.
const emptyWait = time.Minute

// counts of what the server did.
type counts struct {
	requests  [outcomes]atomic.Uint64
	bytes     atomic.Uint64 // of bundles, as far as they were written
	broken    atomic.Uint64 // bundles that a client did not take to the end
	lost      atomic.Uint64 // requests of a trusted proxy that did not say for whom
	tlsErrors atomic.Uint64

	refusedTotal, refusedClient atomic.Uint64 // connections over a limit
	reloads, reloadErrors       atomic.Uint64
}

// ServeHTTP answers a request. It is what Serve serves, for those who have a server of
// their own; the limits of connections are then theirs.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client, lost := s.client(r)
	if lost {
		s.counts.lost.Add(1)
	}
	a := s.answer(r, client)
	h := w.Header()
	// A cache between us and the clients would give one client's bundle to all.
	h["Cache-Control"] = []string{"private, no-store"}
	if r.ContentLength != 0 {
		h["Connection"] = []string{"close"} // what was announced is not read
	}
	var written int
	var err error
	if a.bundle != nil {
		h["Content-Type"] = []string{"application/octet-stream"}
		h["Content-Length"] = []string{strconv.Itoa(len(a.bundle))}
		if r.Method != http.MethodHead {
			written, err = w.Write(a.bundle)
			s.counts.bytes.Add(uint64(written))
		}
	} else {
		s.refuse(w, r, a)
	}
	s.counts.requests[a.outcome].Add(1)
	if err != nil {
		s.counts.broken.Add(1)
	}
	s.logRequest(r, a, client, written, err)
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Content-Length"] = []string{strconv.Itoa(len(a.line) + 1)}
	if a.wait > 0 {
		h["Retry-After"] = []string{strconv.Itoa(seconds(a.wait))}
	}
	if a.outcome == badMethod {
		h["Allow"] = []string{"GET, HEAD"}
	}
	w.WriteHeader(a.status())
	if r.Method != http.MethodHead {
		fmt.Fprintln(w, a.line)
	}
}

// seconds rounds up: who waits so long is not too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// answer decides about a request. What costs least is looked at first, and nothing is
// taken from a limit for a request that gets no bundle.
func (s *Server) answer(r *http.Request, client netip.Addr) answer {
	if s.state.Load().block.contains(client) {
		return say(blocked, "403: the operator of this server blocks your network")
	}
	if r.URL.Path != Path && r.URL.Path != healthPath {
		return say(notFound, "404: this is an I2P reseed server, it has nothing but %s", Path)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return say(badMethod, "405: GET or HEAD is expected")
	}
	if r.ContentLength != 0 {
		return say(hasBody, "400: a request without a body is expected")
	}
	if r.URL.Path == healthPath {
		return s.health()
	}
	if !s.agents["*"] && !s.agents[r.UserAgent()] {
		return say(badAgent, "403: this server is for I2P routers, which call themselves %s", s.cfg.UserAgents[0])
	}
	if a, ok := s.checkQuery(r.URL.RawQuery); !ok {
		return a
	}
	return s.bundle(r.Method, client)
}

// checkQuery: a router that does not say its network is of ours, as i2pd's are.
func (s *Server) checkQuery(raw string) (answer, bool) {
	if raw == "" {
		return answer{}, true
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return say(badQuery, "400: the query cannot be read, ?netid=%d is expected", s.cfg.NetID), false
	}
	ids := query["netid"]
	if len(ids) == 0 {
		return answer{}, true
	}
	id, err := strconv.Atoi(ids[0])
	if err != nil || len(ids) > 1 {
		return say(badQuery, "400: one number is expected as netid, as in ?netid=%d", s.cfg.NetID), false
	}
	if id != s.cfg.NetID {
		return say(badNetID, "400: this server has routers of network %d, the request is for those of network %d", s.cfg.NetID, id), false
	}
	return answer{}, true
}

func (s *Server) bundle(method string, client netip.Addr) answer {
	set := s.state.Load().set
	if len(set) == 0 {
		a := say(noBundles, "503: the server has no bundles yet")
		a.wait = emptyWait
		return a
	}
	network := networkOf(client, s.cfg.Limits.V4Bits, s.cfg.Limits.V6Bits)
	if method == http.MethodGet {
		switch v, wait := s.limiter.take(s.cfg.Now(), network); v {
		case clientOver:
			a := say(clientLimit, "429: your network had %d bundles in %v, which is all it gets: ask again in %d s", s.cfg.Limits.PerClient.N, s.cfg.Limits.PerClient.Per, seconds(wait))
			a.wait = wait
			return a
		case globalOver:
			a := say(globalLimit, "503: too many ask at this time: ask again in %d s, or another server", seconds(wait))
			a.wait = wait
			return a
		}
	}
	return answer{outcome: served, bundle: set[s.chooser.choose(network, len(set))]}
}
