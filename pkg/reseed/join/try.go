package join

import (
	"cmp"
	"context"
	"log/slog"
	"strings"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/reseed/fetch"
)

// try asks once, as soon as no other try is under way: first the sources, then, where these
// have too little or all are meant, the servers. The error is that of ctx.
func (j *Joiner) try(ctx context.Context, p Policy, all bool) (control.Reseed, error) {
	select {
	case j.turn <- struct{}{}:
	case <-ctx.Done():
		return control.Reseed{}, context.Cause(ctx)
	}
	defer func() { <-j.turn }()
	before := j.begin()
	client := p.Client
	client.Now, client.Rand, client.Each = j.cfg.Now, j.cfg.Rand, j.progress
	reports, known := j.read(ctx, client, p.Sources)
	if len(p.Servers) > 0 && (all || len(known) < p.Threshold) {
		client.Servers, client.Known = p.Servers, known
		asked, _ := fetch.Fetch(ctx, client, j.cfg.Learn) // the reports say why there is nothing
		reports = append(reports, asked...)
	}
	if ctx.Err() != nil {
		j.restore(before)
		return control.Reseed{}, context.Cause(ctx)
	}
	return j.judge(p, reports), nil
}

// read learns what files and directories have.
func (j *Joiner) read(ctx context.Context, client fetch.Config, sources []string) ([]fetch.Report, map[i2p.Hash]i2p.Date) {
	var reports []fetch.Report
	known := make(map[i2p.Hash]i2p.Date)
	for _, path := range sources {
		report, infos, _ := fetch.Source(ctx, client, path) // the report says why there is nothing
		before := len(known)
		for _, ri := range infos {
			known[ri.Hash()] = max(known[ri.Hash()], ri.Published())
			j.cfg.Learn(ri)
		}
		report.New = len(known) - before
		reports = append(reports, report)
		j.progress(report)
	}
	return reports, known
}

// judge says how things stand after a try.
func (j *Joiner) judge(p Policy, reports []fetch.Report) control.Reseed {
	now, known := j.cfg.Now(), j.cfg.Known()
	came := judge(reports, known, p.Threshold)
	shown := control.Reseed{
		Reason: fetch.Summary(reports), Reached: came != unreached,
		Last: now.UTC(), Servers: make([]control.ReseedServer, len(reports)),
	}
	for i, report := range reports {
		shown.Servers[i] = reseedServer(report)
		shown.Learned += report.New
	}
	if came == unreached || came == useless {
		shown.Reason = string(came)
	}
	j.tell(came, j.count(p, came, reports, now), known, reports) // first: who sees the state finds the log's line
	return j.end(p, came, shown, j.cfg.Rand)
}

// tell logs what is new, and has every try followed.
func (j *Joiner) tell(came situation, news bool, known int, reports []fetch.Report) {
	summary, failures := fetch.Summary(reports), fetch.Failures(reports)
	j.cfg.Event(cmp.Or(strings.Trim(summary+"; "+failures, "; "), string(came)))
	level := slog.LevelDebug
	if news && (came == unreached || came == useless) {
		level = slog.LevelWarn
	} else if news {
		level = slog.LevelInfo
	}
	args := []any{"result", summary, "known", known}
	if failures != "" {
		args = append(args, "failures", failures)
	}
	j.cfg.Log.Log(context.Background(), level, "reseed: "+string(came), args...)
}
