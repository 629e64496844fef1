package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/words"
)

func diagnoseCommand() *cli.Command {
	return &cli.Command{
		Name:      "diagnose",
		Usage:     "find out why a reseed fails",
		ArgsUsage: "[URL]…",
		Description: "For each server, without an argument for each of the known ones, every step on the way to RouterInfos is\n" +
			"tried and named: DNS, TCP, TLS, clock, HTTP, signature, age, content. The first that fails says why. The exit\n" +
			"status is 0 if one server at least gives RouterInfos, 5 if none was reached, else 1.",
		Flags: clientFlags(),
		Action: func(c *cli.Context) error {
			cfg, err := fetchConfig(c)
			if err != nil {
				return err
			}
			servers, paths, err := sources(c.Args().Slice())
			if err != nil {
				return err
			}
			if len(paths) > 0 {
				return cli.Usagef("diagnose: %q is no URL", paths[0])
			}
			found, err := diagnose(c.Context, cfg, servers)
			if err != nil {
				return err
			}
			if err := printDiagnoses(c, found); err != nil {
				return err
			}
			return advise(c, found)
		},
	}
}

// step is one thing that has to work.
type step struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text,omitempty"`
}

// diagnosis is what became of one server.
type diagnosis struct {
	Server string       `json:"server"`
	Result fetch.Result `json:"result"`
	Steps  []step       `json:"steps"`
	report fetch.Report
}

// diagnose tries all servers, in the order given.
func diagnose(ctx context.Context, cfg fetch.Config, servers []string) ([]diagnosis, error) {
	if len(servers) == 0 {
		servers = reseed.Servers()
	}
	found := make([]diagnosis, len(servers))
	slots := make(chan struct{}, pingsAtOnce)
	var asking sync.WaitGroup
	for i, server := range servers {
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i] = diagnoseOne(ctx, cfg, server)
		})
	}
	asking.Wait()
	return found, context.Cause(ctx)
}

func diagnoseOne(ctx context.Context, cfg fetch.Config, server string) diagnosis {
	w := &witness{proxy: cfg.Proxy != ""}
	report, _, err := fetch.One(httptrace.WithClientTrace(ctx, w.trace()), cfg, server)
	if err != nil && report.Result == "" {
		report.Reason = err.Error()
	}
	if report.Result == fetch.TLS && report.ServerTime.IsZero() { // its certificate may be of another time than ours
		if clock, err := fetch.ServerClock(ctx, cfg, server); err == nil {
			report.ServerTime, report.AheadSeconds = clock.ServerTime, clock.AheadSeconds
		}
	}
	return diagnosis{server, report.Result, w.steps(report), report}
}

// witness sees how far a request comes.
type witness struct {
	proxy bool

	mu        sync.Mutex
	resolved  string
	connected string
	encrypted string
	answered  bool
}

func (w *witness) trace() *httptrace.ClientTrace {
	note := func(to *string, text string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		*to = text
	}
	return &httptrace.ClientTrace{
		DNSDone: func(i httptrace.DNSDoneInfo) {
			if i.Err == nil {
				note(&w.resolved, addresses(i.Addrs))
			}
		},
		ConnectDone: func(_, address string, err error) {
			if err == nil {
				note(&w.connected, address)
			}
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			if err == nil {
				note(&w.encrypted, fmt.Sprintf("%s, certificate until %s", tls.VersionName(s.Version), s.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)))
			}
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answered = true
		},
	}
}

func addresses(all []net.IPAddr) string {
	var out []string
	for _, a := range all[:min(len(all), 4)] {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// steps lists what worked, and ends with what did not.
func (w *witness) steps(r fetch.Report) (out []step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	failed := func(name string) []step { return append(out, step{name, false, r.Reason}) }
	worked := func(name, text string) { out = append(out, step{name, true, text}) }
	to := ""
	if w.proxy {
		to = " (to the proxy)"
	}
	u, err := url.Parse(r.Server)
	literal := err == nil && net.ParseIP(u.Hostname()) != nil
	switch {
	case w.resolved != "":
		worked("dns", w.resolved+to)
	case w.connected == "" && r.Result == fetch.DNS:
		return failed("dns")
	case literal && !w.proxy:
		worked("dns", "an address needs none")
	}
	if w.connected == "" {
		return failed("tcp")
	}
	worked("tcp", w.connected+to)
	if w.proxy && r.Result == fetch.Proxy {
		return failed("proxy")
	}
	if w.encrypted != "" {
		worked("tls", w.encrypted)
	} else if err != nil || u.Scheme == "https" {
		out = append(out, clockStep(r)...)
		return failed("tls")
	}
	out = append(out, clockStep(r)...)
	if r.Status == 0 {
		return failed("http")
	}
	if r.Status != 200 || r.Result == fetch.Redirect || r.Result == fetch.TooLarge || (r.Result == fetch.Truncated && r.Signer == "") || r.Result == fetch.Stalled || r.Result == fetch.Broken {
		return failed("http")
	}
	worked("http", fmt.Sprintf("status 200, %s in %v", words.Bytes(r.Bytes), r.Duration()))
	return append(out, contentSteps(r)...)
}

// clockStep compares the clocks, where the server tells what its own says.
func clockStep(r fetch.Report) []step {
	switch {
	case r.ServerTime.IsZero():
		return nil
	case r.ClocksAgree():
		return []step{{"clock", true, "agrees with the server's"}}
	}
	return []step{{"clock", false, fmt.Sprintf("the server's is %s ours: peers refuse more than %v", apart(r.Ahead()), fetch.ClockTolerance)}}
}

// apart says how far another clock is from ours.
func apart(ahead time.Duration) string {
	if ahead < 0 {
		return rough(-ahead) + " behind"
	}
	return rough(ahead) + " ahead of"
}

// contentSteps is about the bundle.
func contentSteps(r fetch.Report) (out []step) {
	for _, s := range []struct {
		name  string
		fails []fetch.Result
		text  string
	}{
		{"su3", []fetch.Result{fetch.NotSU3, fetch.Malformed, fetch.Hostile, fetch.Truncated}, "a bundle"},
		{"signature", []fetch.Result{fetch.Signer, fetch.Expired, fetch.Signature}, "by " + r.Signer},
		{"age", []fetch.Result{fetch.Old, fetch.Clock}, "made " + rough(r.Age()) + " ago"},
		{"routers", []fetch.Result{fetch.Nothing, fetch.Cancelled}, r.Reason},
	} {
		for _, f := range s.fails {
			if r.Result == f {
				return append(out, step{s.name, false, r.Reason})
			}
		}
		out = append(out, step{s.name, true, s.text})
	}
	return out
}

func printDiagnoses(c *cli.Context, found []diagnosis) error {
	if c.Bool("json") {
		for _, d := range found {
			if err := cli.PrintJSON(d); err != nil {
				return err
			}
		}
		return nil
	}
	t := cli.NewTable(os.Stdout)
	for _, d := range found {
		t.Row(d.Server)
		for _, s := range d.Steps {
			mark := "ok"
			if !s.OK {
				mark = "FAILED"
			}
			t.Row("  "+s.Name, mark, s.Text)
		}
	}
	return t.Flush()
}

// advise says what all servers together mean, on stderr, and sets the exit status.
func advise(c *cli.Context, found []diagnosis) error {
	working, unreached := 0, 0
	for _, d := range found {
		switch {
		case d.Result == fetch.OK:
			working++
		case d.Result.Unreached():
			unreached++
		}
	}
	ahead, clocks := clocksAhead(found)
	wrong := clocks > 0 && ahead.Abs() > fetch.ClockTolerance && c.String("at") == ""
	says := fmt.Sprintf("this machine's clock says %s; those of %s are %s it", time.Now().UTC().Format(time.DateTime+" UTC"), words.Count(clocks, "server"), apart(ahead))
	switch {
	case working > 0:
		cli.Notef(c, "%d of %s %s", working, words.Count(len(found), "server"), words.Verb(working, "works", "work"))
		if wrong {
			cli.Warnf(c, "%s: routers refuse peers whose clocks are wrong", says)
		}
		return nil
	case unreached == len(found):
		return cli.WithHint(cli.Againf("none of %s was reached", words.Count(len(found), "server")), "is there a network? if it forbids them, try --proxy, or i2p-reseed fetch FILE with a bundle of a friend's share")
	case wrong:
		return cli.WithHint(fmt.Errorf("none of %s gave RouterInfos, and this machine's clock is wrong", words.Count(len(found), "server")), "%s", says)
	}
	return fmt.Errorf("none of %s gave RouterInfos", words.Count(len(found), "server"))
}

// clocksAhead is how far the middle one of the clocks that servers told is ahead of ours, and
// how many there are: one that is wrong itself proves nothing.
func clocksAhead(found []diagnosis) (time.Duration, int) {
	var all []time.Duration
	for _, d := range found {
		if !d.report.ServerTime.IsZero() {
			all = append(all, d.report.Ahead())
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], len(all)
}
