// Package join finds the first peers of a router that knows too few others: it
// reads files, asks reseed servers, and asks again until enough are known.
package join

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/draw"
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

// Policy is whom to ask, and when. It may change.
type Policy struct {
	Client    fetch.Config // how servers are asked; its Servers, Known and Each are not used
	Servers   []string
	Sources   []string // files and directories, read before a server is asked
	Auto      bool     // ask without being told to
	Threshold int      // that is, while fewer routers are known

	number int // of the policies that a Joiner has had
}

// Config is what a Joiner is made of.
type Config struct {
	Policy
	Known func() int // how many routers are known
	Learn func(*routerinfo.RouterInfo)
	Log   *slog.Logger
	Event func(detail string) // of each try
}

// Joiner finds the first peers of a router.
type Joiner struct {
	cfg     Config
	turn    chan struct{} // holds one token: one try at a time
	changed chan struct{} // holds one token once the policy has changed

	mu     sync.Mutex
	policy Policy
	state  control.Reseed
	last   situation // of the policy's tries
	same   int       // of them in a row that came to nothing in the same way
	stats  Stats
}

// Stats count tries by what came of them.
type Stats struct {
	Unreached, Useless, TooFew, Enough uint64
	Learned, Rejected                  uint64    // RouterInfos
	Last                               time.Time // the last try's end; zero: there was none
}

// Stats returns the counts.
func (j *Joiner) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats
}

func (s *Stats) count(of situation, reports []fetch.Report, now time.Time) {
	switch of {
	case unreached:
		s.Unreached++
	case useless:
		s.Useless++
	case tooFew:
		s.TooFew++
	case enough:
		s.Enough++
	}
	for _, r := range reports {
		s.Learned += uint64(r.New)
		for _, n := range r.Rejected {
			s.Rejected += uint64(n)
		}
	}
	s.Last = now
}

// New makes a joiner that does nothing yet.
func New(cfg Config) *Joiner {
	j := &Joiner{cfg: cfg, turn: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	j.setPolicy(cfg.Policy)
	return j
}

// setPolicy begins a policy. No try has been made by it yet.
func (j *Joiner) setPolicy(p Policy) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p.number = j.policy.number + 1
	j.policy, j.last, j.same = p, "", 0
	j.state.Next = time.Time{}
	if j.state.Servers == nil {
		j.state.Servers = []control.ReseedServer{}
	}
	switch {
	case !p.Auto:
		j.state.State, j.state.Reason = control.ReseedOff, "this router does not reseed by itself"
	case j.state.Last.IsZero():
		j.state.State, j.state.Reason = control.ReseedWaiting, "the netDb is being read"
	default:
		j.state.State = control.ReseedWaiting
	}
}

// Change makes another policy hold from the next try on, which is at once if too
// few routers are known.
func (j *Joiner) Change(p Policy) {
	j.setPolicy(p)
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// Policy is the one that holds.
func (j *Joiner) Policy() Policy {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.policy
}

// Run tries until enough routers are known, and again whenever they become too
// few. It begins once it is known how many the router has kept.
func (j *Joiner) Run(ctx context.Context) error {
	for {
		var pause time.Duration
		switch p := j.Policy(); {
		case !p.Auto: // until that changes
		case j.cfg.Known() >= p.Threshold:
			j.rest()
			pause = knownInterval
		default:
			if left := j.left(); left > 0 {
				pause = min(knownInterval, left)
				break
			}
			if _, err := j.try(ctx, p, false); err != nil {
				return nil // ctx ended
			}
			continue
		}
		if !j.sleep(ctx, pause) {
			return nil
		}
	}
}

// sleep waits for a time, or for another policy where it is 0; false is the end of ctx.
func (j *Joiner) sleep(ctx context.Context, d time.Duration) bool {
	var expired <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-expired:
	case <-j.changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// rest is the state of a router that knows enough others.
func (j *Joiner) rest() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.policy.Auto && j.state.State != control.ReseedRunning { // the policy may be another by now
		j.state.State = control.ReseedEnough
		if j.state.Last.IsZero() {
			j.state.Reason = string(enough)
		}
	}
}

// left is the time until the next try.
func (j *Joiner) left() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state.State == control.ReseedEnough {
		j.state.State = control.ReseedWaiting // there were enough, and are no more
	}
	return j.state.Next.Sub(j.policy.Client.Now())
}

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
	reports, known := j.read(ctx, p)
	if len(p.Servers) > 0 && (all || len(known) < p.Threshold) {
		client := p.Client
		client.Servers, client.Known, client.Each = p.Servers, known, j.progress
		asked, _ := fetch.Fetch(ctx, client, j.cfg.Learn) // the reports say why there is nothing
		reports = append(reports, asked...)
	}
	if ctx.Err() != nil {
		j.restore(p, before)
		return control.Reseed{}, context.Cause(ctx)
	}
	return j.end(p, reports), nil
}

// read learns what files and directories have.
func (j *Joiner) read(ctx context.Context, p Policy) ([]fetch.Report, map[i2p.Hash]i2p.Date) {
	var reports []fetch.Report
	known := make(map[i2p.Hash]i2p.Date)
	for _, path := range p.Sources {
		report, infos, _ := fetch.Source(ctx, p.Client, path) // the report says why there is nothing
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

func (j *Joiner) begin() (before control.Reseed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before = j.state
	j.state.State, j.state.Servers = control.ReseedRunning, []control.ReseedServer{}
	return before
}

// restore forgets a try that was broken off. What another policy has said meanwhile stays.
func (j *Joiner) restore(p Policy, before control.Reseed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.number != j.policy.number {
		before.State, before.Reason, before.Next = j.state.State, j.state.Reason, j.state.Next
	}
	j.state = before
}

// progress shows in the status what is known so far. The list is made anew: others hold it.
func (j *Joiner) progress(report fetch.Report) {
	j.mu.Lock()
	defer j.mu.Unlock()
	servers := j.state.Servers
	j.state.Servers = append(servers[:len(servers):len(servers)], reseedServer(report))
}

func reseedServer(r fetch.Report) control.ReseedServer {
	return control.ReseedServer{
		Server: r.Server, Result: string(r.Result), Reason: r.Reason, Status: r.Status, Bytes: r.Bytes,
		Found: r.Found, Accepted: r.Accepted, New: r.New, Rejected: r.Rejected, Signer: r.Signer, Made: r.Made,
		AgeSeconds: r.AgeSeconds, DurationMillis: r.DurationMillis,
	}
}

// end judges a try, and says how things stand where that has changed. Where the policy is
// another meanwhile, it has had no try.
func (j *Joiner) end(p Policy, reports []fetch.Report) control.Reseed {
	now, known := p.Client.Now(), j.cfg.Known()
	s := judge(reports, known, p.Threshold)
	servers, learned := make([]control.ReseedServer, len(reports)), 0
	for i, report := range reports {
		servers[i] = reseedServer(report)
		learned += report.New
	}
	j.mu.Lock()
	news := s != j.last || s == enough
	if p.number == j.policy.number {
		if j.same++; s != j.last {
			j.same = 0
		}
		j.last = s
	}
	j.stats.count(s, reports, now)
	j.mu.Unlock()
	j.tell(s, news, known, reports) // first: who sees the state finds the log's line
	state := control.Reseed{
		State: control.ReseedOff, Reason: fetch.Summary(reports), Reached: s != unreached,
		Last: now.UTC(), Learned: learned, Servers: servers,
	}
	if s == unreached || s == useless {
		state.Reason = string(s)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.policy.Auto {
		state.State = control.ReseedWaiting
		if s == enough {
			state.State = control.ReseedEnough
		}
		if p.number == j.policy.number {
			state.Next = now.Add(j.pause(s)).UTC()
		}
	}
	j.state = state
	return state
}

func judge(reports []fetch.Report, known, threshold int) situation {
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
	case known < threshold:
		return tooFew
	}
	return enough
}

// pause is the time until the next try. It varies, so that routers that started together, as
// after a power cut, do not go on together. The caller holds mu.
func (j *Joiner) pause(s situation) time.Duration {
	d := reseedInterval
	switch pauses := politely(); s {
	case unreached:
		pauses = offline()
		d = pauses[min(j.same, len(pauses)-1)]
	case useless, tooFew:
		d = pauses[min(j.same, len(pauses)-1)]
	}
	return draw.From(j.policy.Client.Rand).Between(d*4/5, d*6/5)
}

// tell logs what is new, and has every try followed.
func (j *Joiner) tell(s situation, news bool, known int, reports []fetch.Report) {
	summary, failures := fetch.Summary(reports), fetch.Failures(reports)
	j.cfg.Event(cmp.Or(strings.Trim(summary+"; "+failures, "; "), string(s)))
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
	j.cfg.Log.Log(context.Background(), level, "reseed: "+string(s), args...)
}

// Status is the present state.
func (j *Joiner) Status() control.Reseed {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// Now asks at once: servers and absolute paths, or as the policy has it.
func (j *Joiner) Now(ctx context.Context, from []string) (control.Reseed, error) {
	p := j.Policy()
	if len(from) > 0 {
		p.Servers, p.Sources = nil, nil
	}
	for _, text := range from {
		if !strings.Contains(text, "://") {
			if !filepath.IsAbs(text) {
				return control.Reseed{}, control.Errorf(control.BadRequest, "%q is no absolute path", text)
			}
			p.Sources = append(p.Sources, text)
			continue
		}
		server, err := fetch.ParseServer(text)
		if err != nil {
			return control.Reseed{}, control.Errorf(control.BadRequest, "%v", err)
		}
		p.Servers = append(p.Servers, server)
	}
	if len(p.Servers)+len(p.Sources) == 0 {
		return control.Reseed{}, control.Errorf(control.BadRequest,
			"network %d has no known reseed servers: name one, or a file", p.Client.NetID)
	}
	return j.try(ctx, p, len(from) > 0)
}
