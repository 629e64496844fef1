package fetch

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ClockTolerance is how far two clocks may differ: routers refuse a peer whose clock is off by
// more (NTCP2, "Messages", Timestamps).
const ClockTolerance = time.Minute

// ServerClock asks a server for its time alone, over a connection that need not be trusted:
// where a certificate seems to be of another time, it is one more clock to look at.
func ServerClock(ctx context.Context, cfg Config, server string) (Report, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return Report{Server: server}, err
	}
	r, err := newRequest(cfg, server)
	if err != nil {
		return Report{Server: server}, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	transport := r.transport()
	transport.TLSClientConfig.InsecureSkipVerify, transport.TLSClientConfig.VerifyConnection = true, nil
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.url.String(), nil)
	if err != nil {
		return Report{Server: server}, err
	}
	req.Header.Set("User-Agent", UserAgent)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return Report{Server: server}, err
	}
	resp.Body.Close()
	o := begin(cfg, server)
	o.clock(resp.Header)
	return o.report, nil
}

// clock notes what the server's clock says, and how far it is from ours.
func (o *outcome) clock(header http.Header) {
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	o.report.ServerTime = at.UTC()
	o.report.AheadSeconds = int64(at.Sub(o.cfg.Now()).Round(time.Second) / time.Second)
}

// Ahead is how far the server's clock is ahead of ours; it is known where ServerTime is.
func (r Report) Ahead() time.Duration { return time.Duration(r.AheadSeconds) * time.Second }

// ClocksAgree tells whether the server's clock says what ours does; it is known where
// ServerTime is.
func (r Report) ClocksAgree() bool {
	return !r.ServerTime.IsZero() && r.Ahead().Abs() <= ClockTolerance
}

// explainClock says of whom a bundle's strange age tells, as far as the server's clock shows it.
func (r Report) explainClock() string {
	switch {
	case r.ServerTime.IsZero():
		return ": is this machine's clock right?"
	case r.ClocksAgree():
		return ", though the server's clock agrees with ours"
	case r.Ahead() > 0:
		return fmt.Sprintf("; the server's clock is %s ahead of ours: is this machine's clock right?", span(r.Ahead()))
	}
	return fmt.Sprintf("; the server's clock is %s behind ours: is this machine's clock right?", span(-r.Ahead()))
}
