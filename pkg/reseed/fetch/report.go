package fetch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/words"
)

// Result is what came of asking a server, in a word for programs.
type Result string

// The results. The first six are those of a server, or of a network, that is not there.
const (
	DNS     Result = "dns"      // the name was not resolved
	NoRoute Result = "no_route" // the network is unreachable
	Refused Result = "refused"  // nobody listens
	Timeout Result = "timeout"  // no connection in time
	Proxy   Result = "proxy"    // the proxy is not reached, or does not reach the server
	Local   Result = "local"    // this machine forbids or lacks something

	TLS       Result = "tls"       // the server is not who it should be, or speaks no TLS
	Broken    Result = "broken"    // the connection broke
	Stalled   Result = "stalled"   // connected, but no whole answer in time
	Status    Result = "status"    // an answer other than 200
	Redirect  Result = "redirect"  // it sends us where we do not go
	TooLarge  Result = "too_large" // more than a bundle may have
	Truncated Result = "truncated" // less than was announced

	NotSU3    Result = "not_su3"   // a web page, or something else
	Malformed Result = "malformed" // a su3 file, or zip, that is damaged or of another kind
	Hostile   Result = "hostile"   // made to do harm
	Signer    Result = "signer"    // signed by someone whom we do not know
	Expired   Result = "expired"   // by someone whose certificate has expired
	Signature Result = "signature" // not signed by who it says
	Old       Result = "old"       // an old bundle
	Clock     Result = "clock"     // a bundle from the future
	Nothing   Result = "nothing"   // a good bundle with nothing in it that we can use
	Cancelled Result = "cancelled" // we did not wait for the end

	OK Result = "ok"
)

// Unreached tells whether nobody was there at all, as when this machine has no network.
func (r Result) Unreached() bool {
	switch r {
	case DNS, NoRoute, Refused, Timeout, Proxy, Local:
		return true
	}
	return false
}

// Report is what came of asking one server, or of reading one source.
type Report struct {
	Server   string         `json:"server"` // its URL, or the source's path
	Result   Result         `json:"result"`
	Reason   string         `json:"reason"`             // one line that says why
	Status   int            `json:"status,omitempty"`   // of HTTP; 0: there was no answer
	Bytes    int64          `json:"bytes"`              // of the bundle
	Found    int            `json:"found"`              // RouterInfos
	Accepted int            `json:"accepted"`           // of these
	New      int            `json:"new"`                // of the accepted: those that no server had given before
	Rejected map[string]int `json:"rejected,omitempty"` // how many for which reason
	Signer   string         `json:"signer,omitempty"`
	Made     time.Time      `json:"made,omitzero"` // when the bundle was made, by its version

	AgeSeconds     int64     `json:"age_seconds,omitempty"`          // of the bundle
	ServerTime     time.Time `json:"server_time,omitzero"`           // by the server's clock, where it told
	AheadSeconds   int64     `json:"server_ahead_seconds,omitempty"` // of ours
	DurationMillis int64     `json:"duration_ms"`
}

// Age is that of the bundle; it is known where Made is.
func (r Report) Age() time.Duration { return time.Duration(r.AgeSeconds) * time.Second }

// Duration is how long it took.
func (r Report) Duration() time.Duration { return time.Duration(r.DurationMillis) * time.Millisecond }

// Error is why a server or a source gave nothing.
type Error struct {
	Server string
	Result Result
	Reason string
	Err    error // what lies beneath; may be nil
}

func (e *Error) Error() string { return fmt.Sprintf("fetch: %s: %s", e.Server, e.Reason) }

func (e *Error) Unwrap() error { return e.Err }

// Why a whole fetch gave nothing.
var (
	ErrUnreached = errors.New("fetch: no server was reached")
	ErrNothing   = errors.New("fetch: no server gave RouterInfos")
)

// Summary says in one line what came of all servers together, and how far they agree.
func Summary(reports []Report) string {
	var useful, all, fresh int
	for _, r := range reports {
		if r.Accepted > 0 {
			useful++
		}
		all, fresh = all+r.Accepted, fresh+r.New
	}
	asked := words.Count(len(reports), "server")
	if slices.ContainsFunc(reports, func(r Report) bool { return !strings.Contains(r.Server, "://") }) {
		asked = words.Count(len(reports), "source")
	}
	switch {
	case useful == 0:
		return "no RouterInfos from " + asked
	case useful == 1:
		return fmt.Sprintf("%s from 1 of %s", words.Count(fresh, "RouterInfo"), asked)
	}
	return fmt.Sprintf("%s from %d of %s, %d of them given more than once", words.Count(fresh, "RouterInfo"), useful, asked, all-fresh)
}

// Failures says in one line why servers gave nothing: each reason once, with the servers it
// holds for, in the order of the reports.
func Failures(reports []Report) string {
	var reasons []string
	servers := make(map[string][]string)
	for _, r := range reports {
		if r.Result == OK {
			continue
		}
		if servers[r.Reason] == nil {
			reasons = append(reasons, r.Reason)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(r.Server, "https://"), "/")
		servers[r.Reason] = append(servers[r.Reason], name)
	}
	var out []string
	for _, reason := range reasons {
		out = append(out, strings.Join(servers[reason], ", ")+": "+reason)
	}
	return strings.Join(out, "; ")
}
