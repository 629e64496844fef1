package fetch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

// One asks one server. The error is an *Error where the server was asked; it says what the
// report says.
func One(ctx context.Context, cfg Config, server string) (Report, []*routerinfo.RouterInfo, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return Report{Server: server}, nil, err
	}
	req, err := newRequest(cfg, server)
	if err != nil {
		return Report{Server: server}, nil, err
	}
	o := begin(cfg, server)
	within, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	status, header, body, err := req.do(within)
	if err != nil {
		result, text := req.explain(err)
		o.fail(result, text, err)
	}
	o.answered(req, status, header, body)
	return o.end()
}

// answered reads what a server, who may be anybody, has answered.
func (o *outcome) answered(req *request, status int, header http.Header, body []byte) {
	o.report.Status, o.report.Bytes = status, int64(len(body))
	o.clock(header)
	switch {
	case o.err != nil:
	case status != http.StatusOK:
		o.fail(Status, req.explainStatus(status, header), nil)
	default:
		if result, text := explainBody(body, header); result != "" {
			o.fail(result, text, nil)
			return
		}
		o.open(body, reseed.OpenConfig{Trust: o.cfg.Trust, Now: o.cfg.Now(), NetID: o.cfg.NetID})
		o.checkAge()
	}
}

// outcome is a report in the making.
type outcome struct {
	cfg    Config
	begun  time.Time
	report Report
	infos  []*routerinfo.RouterInfo
	err    error
}

func begin(cfg Config, server string) *outcome {
	return &outcome{cfg: cfg, begun: cfg.Now(), report: Report{Server: server}}
}

// fail notes the first failure.
func (o *outcome) fail(result Result, reason string, err error) {
	if o.err != nil {
		return
	}
	o.report.Result, o.report.Reason = result, reason
	o.err = &Error{Server: o.report.Server, Result: result, Reason: reason, Err: err}
}

// open reads a bundle.
func (o *outcome) open(body []byte, cfg reseed.OpenConfig) {
	if h, _, err := su3.ParseHeader(body); err == nil {
		o.report.Signer = h.Signer // also of a bundle that is refused
		o.made(reseed.MadeAt(h.Version))
	}
	bundle, err := reseed.OpenBundle(body, cfg)
	o.report.Found = len(bundle.Infos) + len(bundle.Rejected)
	for _, r := range bundle.Rejected {
		o.reject(r.Reason, 1)
	}
	if err != nil {
		result, text := explainBundle(err)
		o.fail(result, text, err)
		return
	}
	o.accept(bundle.Infos)
}

func (o *outcome) accept(infos []*routerinfo.RouterInfo) {
	o.infos = infos
	o.report.Accepted = len(infos)
	if len(infos) > 0 {
		return
	}
	if o.report.Found == 0 {
		o.fail(Nothing, "no RouterInfos in it", nil)
		return
	}
	o.fail(Nothing, fmt.Sprintf("none of %s is of use: %s", words.Count(o.report.Found, "RouterInfo"), o.mostRejected()), nil)
}

// maxReasons bounds the reasons that a report lists: strangers have a part in their words.
const maxReasons = 20

func (o *outcome) reject(reason string, n int) {
	if n == 0 {
		return
	}
	if o.report.Rejected == nil {
		o.report.Rejected = make(map[string]int)
	}
	if _, known := o.report.Rejected[reason]; !known && len(o.report.Rejected) >= maxReasons-1 {
		reason = "other reasons"
	}
	o.report.Rejected[reason] += n
}

// mostRejected names the two commonest reasons.
func (o *outcome) mostRejected() string {
	reasons := slices.SortedFunc(maps.Keys(o.report.Rejected), func(a, b string) int {
		return cmp.Or(cmp.Compare(o.report.Rejected[b], o.report.Rejected[a]), cmp.Compare(a, b))
	})
	var out []string
	for _, r := range reasons[:min(2, len(reasons))] {
		out = append(out, fmt.Sprintf("%d %s", o.report.Rejected[r], r))
	}
	return strings.Join(out, ", ")
}

func (o *outcome) made(at time.Time) {
	if at.IsZero() {
		return
	}
	o.report.Made = at
	o.report.AgeSeconds = int64(o.begun.Sub(at) / time.Second)
}

// checkAge refuses a server's bundle that is old, or of the future: then either the server or
// this machine's clock is not to be relied on.
func (o *outcome) checkAge() {
	if o.report.Made.IsZero() || (o.err != nil && o.report.Result != Nothing) {
		return
	}
	var result Result
	var text string
	switch age := o.report.Age(); {
	case age > MaxAge:
		result, text = Old, fmt.Sprintf("made %s ago, at most %s are taken", span(age), span(MaxAge))
		if !o.report.ServerTime.IsZero() && age+o.report.Ahead() <= MaxAge {
			result, text = Clock, fmt.Sprintf("made %s ago", span(age))+o.report.explainClock()
		}
	case age < -maxAhead:
		result, text = Clock, fmt.Sprintf("made %s ahead of our time", span(-age))+o.report.explainClock()
	default:
		return
	}
	o.err, o.infos = nil, nil
	o.report.Accepted = 0
	o.fail(result, text, nil)
}

func (o *outcome) end() (Report, []*routerinfo.RouterInfo, error) {
	o.report.DurationMillis = o.cfg.Now().Sub(o.begun).Milliseconds()
	if o.err == nil {
		o.report.Result, o.report.New = OK, o.report.Accepted
		o.report.Reason = words.Count(o.report.Accepted, "RouterInfo")
		if n := o.report.Found - o.report.Accepted; n > 0 {
			o.report.Reason += fmt.Sprintf(", %d rejected: %s", n, o.mostRejected())
		}
	}
	return o.report, o.infos, o.err
}

// span says how long, by its largest unit.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return d.Round(time.Minute).String()
}
