package node

import (
	"cmp"
	"context"
	"log/slog"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/routerinfo"
)

const (
	knownInterval  = time.Minute      // how often the known routers are counted
	reseedInterval = 15 * time.Minute // between a try that was of use and the next one
)

// politely are the pauses while servers answer, but give too little.
func politely() []time.Duration {
	return []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
}

// offline are the pauses while nobody is reached: nobody is bothered then, and the network may
// come up at any moment. Later on it may be that somebody blocks all servers.
func offline() []time.Duration {
	pauses := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}
	for range 20 {
		pauses = append(pauses, 30*time.Second)
	}
	return append(pauses, 2*time.Minute)
}

// situation is what came of a try; only a change of it is news.
type situation string

const (
	unreached situation = "nobody was reached"
	useless   situation = "nothing of use was given"
	tooFew    situation = "too few routers are known"
	enough    situation = "enough routers are known"
)

// reseeder finds the first peers of a router that knows too few.
type reseeder struct {
	client    fetch.Config // without servers
	servers   []string
	sources   []string
	auto      bool // it tries by itself
	threshold int
	known     func() int
	learn     func(*routerinfo.RouterInfo)
	log       *slog.Logger
	event     func(detail string)

	turn chan struct{} // holds one token: one try at a time

	mu    sync.Mutex
	state control.Reseed
	last  situation
	same  int // tries in a row that came to nothing in the same way
}

// runReseed begins once it is known how many routers the netDb has.
func (n *Node) runReseed(ctx context.Context) error {
	select {
	case <-n.loaded:
		return n.reseed.run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// run tries until enough routers are known, and again whenever they become too few.
func (r *reseeder) run(ctx context.Context) error {
	for {
		pause := knownInterval
		if r.known() >= r.threshold {
			r.rest()
		} else if left := r.left(); left > 0 {
			pause = min(pause, left)
		} else {
			if _, err := r.try(ctx, r.sources, r.servers, false); err != nil {
				return nil // ctx ended
			}
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// rest is the state of a router that knows enough others.
func (r *reseeder) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.State != control.ReseedRunning {
		r.state.State = control.ReseedEnough
		if r.state.Last.IsZero() {
			r.state.Reason = string(enough)
		}
	}
}

// left is the time until the next try.
func (r *reseeder) left() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.State == control.ReseedEnough {
		r.state.State = control.ReseedWaiting // there were enough, and are no more
	}
	return r.state.Next.Sub(r.client.Now())
}

// try asks once, as soon as no other try is under way: first the sources, then, where these
// have too little or all are meant, the servers. The error is that of ctx.
func (r *reseeder) try(ctx context.Context, sources, servers []string, all bool) (control.Reseed, error) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return control.Reseed{}, context.Cause(ctx)
	}
	defer func() { <-r.turn }()
	before := r.begin()
	reports, known := r.read(ctx, sources)
	if len(servers) > 0 && (all || len(known) < r.threshold) {
		client := r.client
		client.Servers, client.Known, client.Each = servers, known, r.progress
		asked, _ := fetch.Fetch(ctx, client, r.learn) // the reports say why there is nothing
		reports = append(reports, asked...)
	}
	if ctx.Err() != nil {
		r.restore(before)
		return control.Reseed{}, context.Cause(ctx)
	}
	return r.end(reports), nil
}

// read learns what files and directories have.
func (r *reseeder) read(ctx context.Context, sources []string) ([]fetch.Report, map[i2p.Hash]i2p.Date) {
	var reports []fetch.Report
	known := make(map[i2p.Hash]i2p.Date)
	for _, path := range sources {
		report, infos, _ := fetch.Source(ctx, r.client, path) // the report says why there is nothing
		before := len(known)
		for _, ri := range infos {
			known[ri.Hash()] = max(known[ri.Hash()], ri.Published())
			r.learn(ri)
		}
		report.New = len(known) - before
		reports = append(reports, report)
		r.progress(report)
	}
	return reports, known
}

func (r *reseeder) begin() (before control.Reseed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.state
	r.state.State, r.state.Servers = control.ReseedRunning, []control.ReseedServer{}
	return before
}

func (r *reseeder) restore(before control.Reseed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = before
}

// progress shows in the status what is known so far. The list is made anew: others hold it.
func (r *reseeder) progress(report fetch.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	servers := r.state.Servers
	r.state.Servers = append(servers[:len(servers):len(servers)], reseedServer(report))
}

func reseedServer(r fetch.Report) control.ReseedServer {
	return control.ReseedServer{
		Server: r.Server, Result: string(r.Result), Reason: r.Reason, Status: r.Status, Bytes: r.Bytes,
		Found: r.Found, Accepted: r.Accepted, New: r.New, Rejected: r.Rejected, Signer: r.Signer, Made: r.Made,
		AgeSeconds: r.AgeSeconds, DurationMillis: r.DurationMillis,
	}
}

// end judges a try, and says how things stand where that has changed.
func (r *reseeder) end(reports []fetch.Report) control.Reseed {
	now, known := r.client.Now(), r.known()
	s := r.judge(reports, known)
	servers, learned := make([]control.ReseedServer, len(reports)), 0
	for i, report := range reports {
		servers[i] = reseedServer(report)
		learned += report.New
	}
	r.mu.Lock()
	news := s != r.last || s == enough
	if r.same++; s != r.last {
		r.same = 0
	}
	r.last = s
	state := control.Reseed{
		State: control.ReseedOff, Reason: fetch.Summary(reports), Reached: s != unreached,
		Last: now.UTC(), Learned: learned, Servers: servers,
	}
	if s == unreached || s == useless {
		state.Reason = string(s)
	}
	if r.auto {
		state.State, state.Next = control.ReseedWaiting, now.Add(r.pause(s)).UTC()
		if s == enough {
			state.State = control.ReseedEnough
		}
	}
	r.mu.Unlock()
	r.tell(s, news, known, reports) // first: who sees the state finds the log's line
	r.mu.Lock()
	r.state = state
	r.mu.Unlock()
	return state
}

func (r *reseeder) judge(reports []fetch.Report, known int) situation {
	reached, given := false, false
	for _, report := range reports {
		reached = reached || !report.Result.Unreached()
		given = given || report.Accepted > 0
	}
	switch {
	case !reached:
		return unreached
	case !given:
		return useless
	case known < r.threshold:
		return tooFew
	}
	return enough
}

// pause is the time until the next try. It varies, so that routers that started together, as
// after a power cut, do not go on together. The caller holds mu.
func (r *reseeder) pause(s situation) time.Duration {
	d := reseedInterval
	switch pauses := politely(); s {
	case unreached:
		pauses = offline()
		d = pauses[min(r.same, len(pauses)-1)]
	case useless, tooFew:
		d = pauses[min(r.same, len(pauses)-1)]
	}
	return time.Duration(float64(d) * (0.8 + 0.4*mathrand.Float64()))
}

// tell logs what is new, and has every try followed.
func (r *reseeder) tell(s situation, news bool, known int, reports []fetch.Report) {
	summary, failures := fetch.Summary(reports), fetch.Failures(reports)
	r.event(cmp.Or(strings.Trim(summary+"; "+failures, "; "), string(s)))
	level := slog.LevelDebug
	if news && (s == unreached || s == useless) {
		level = slog.LevelWarn
	} else if news {
		level = slog.LevelInfo
	}
	args := []any{"result", summary, "known", known}
	if failures != "" {
		args = append(args, "failures", failures)
	}
	r.log.Log(context.Background(), level, "reseed: "+string(s), args...)
}

// status is the present state.
func (r *reseeder) status() control.Reseed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Reseed asks for RouterInfos now: from servers and absolute paths, or as the settings have it.
func (n *Node) Reseed(ctx context.Context, from []string) (control.Reseed, error) {
	servers, sources := n.reseed.servers, n.reseed.sources
	if len(from) > 0 {
		servers, sources = nil, nil
	}
	for _, text := range from {
		if !strings.Contains(text, "://") {
			if !filepath.IsAbs(text) {
				return control.Reseed{}, control.Errorf(control.BadRequest, "%q is no absolute path", text)
			}
			sources = append(sources, text)
			continue
		}
		server, err := fetch.ParseServer(text)
		if err != nil {
			return control.Reseed{}, control.Errorf(control.BadRequest, "%v", err)
		}
		servers = append(servers, server)
	}
	if len(servers)+len(sources) == 0 {
		return control.Reseed{}, control.Errorf(control.BadRequest,
			"network %d has no known reseed servers: name one, or a file", n.cfg.Settings.NetID)
	}
	return n.reseed.try(ctx, sources, servers, len(from) > 0)
}
