package fetch

import (
	"context"
	"errors"
	"maps"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// Fetch asks the servers in random order, until there are as many RouterInfos as wanted and
// two signers gave some, or all servers were asked. learn is called for every RouterInfo, by
// this goroutine; for one that several servers gave only once, or again where it is newer.
//
// The reports are in the order in which the servers were asked. One that was still busy at
// the end has none. The error tells why there is nothing at all: ErrUnreached, ErrNothing,
// or that of the context.
func Fetch(ctx context.Context, cfg Config, learn func(*routerinfo.RouterInfo)) ([]Report, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	servers, err := shuffled(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &round{
		cfg: cfg, servers: servers, learn: learn, allowed: parallel,
		answers: make(chan answer), reports: make([]*Report, len(servers)),
		known: make(map[i2p.Hash]i2p.Date), signers: make(map[string]bool),
	}
	maps.Copy(r.known, cfg.Known)
	r.run(ctx, cancel)
	return r.result(ctx)
}

// shuffled checks the servers, leaves out doubles and brings them into a random order.
func shuffled(cfg Config) ([]string, error) {
	var out []string
	seen := make(map[string]bool)
	for _, text := range cfg.Servers {
		server, err := ParseServer(text)
		if err != nil {
			return nil, err
		}
		if !seen[server] {
			seen[server] = true
			out = append(out, server)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("fetch: there are no servers to ask")
	}
	draw.From(cfg.Rand).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

// round is one asking of the servers.
type round struct {
	cfg     Config
	servers []string
	learn   func(*routerinfo.RouterInfo)

	asked, busy, allowed int
	answers              chan answer
	reports              []*Report
	known                map[i2p.Hash]i2p.Date
	signers              map[string]bool // who gave some
}

type answer struct {
	at     int
	report Report
	infos  []*routerinfo.RouterInfo
}

// run returns once no request is under way.
func (r *round) run(ctx context.Context, cancel context.CancelFunc) {
	waiting := time.NewTicker(patience)
	defer waiting.Stop()
	for {
		for ctx.Err() == nil && r.asked < len(r.servers) && r.busy < r.allowed {
			r.ask(ctx)
		}
		if r.busy == 0 {
			return
		}
		select {
		case a := <-r.answers:
			r.busy--
			if ctx.Err() == nil {
				r.take(a)
				waiting.Reset(patience)
			}
			if r.enough() {
				cancel()
			}
		case <-waiting.C:
			r.allowed = min(maxParallel, max(r.allowed, r.busy+1))
		}
	}
}

func (r *round) ask(ctx context.Context) {
	at := r.asked
	r.asked++
	r.busy++
	go func() {
		report, infos, _ := One(ctx, r.cfg, r.servers[at]) // the report says it all
		r.answers <- answer{at, report, infos}
	}()
}

func (r *round) take(a answer) {
	a.report.New = 0
	for _, ri := range a.infos {
		published, known := r.known[ri.Hash()]
		if !known {
			a.report.New++
		}
		if !known || ri.Published() > published {
			r.known[ri.Hash()] = ri.Published()
			r.learn(ri)
		}
	}
	if a.report.Accepted > 0 {
		r.signers[a.report.Signer] = true
	}
	r.reports[a.at] = &a.report
	r.cfg.Each(a.report)
}

func (r *round) enough() bool {
	return len(r.known) >= r.cfg.Want && len(r.signers) >= min(parallel, len(r.servers))
}

func (r *round) result(ctx context.Context) ([]Report, error) {
	var out []Report
	unreached := true
	for _, report := range r.reports {
		if report != nil {
			out = append(out, *report)
			unreached = unreached && report.Result.Unreached()
		}
	}
	switch {
	case len(r.signers) > 0:
		return out, nil
	case ctx.Err() != nil:
		return out, context.Cause(ctx)
	case unreached:
		return out, ErrUnreached
	}
	return out, ErrNothing
}
