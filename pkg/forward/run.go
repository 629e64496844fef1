package forward

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/access"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/forward/splice"
)

// forward is one that runs.
type forward struct {
	m          *Manager
	name       string
	foreground bool
	home       *home
	cancel     context.CancelFunc
	done       chan struct{}
	planned    atomic.Pointer[plan.Plan]

	count   splice.Count
	streams atomic.Int64
	opened  atomic.Uint64
	refused atomic.Uint64
	failed  atomic.Uint64
	gate    gate
	filter  atomic.Pointer[access.Filter] // nil: none

	mu      sync.Mutex // a leaf
	now     control.ForwardState
	why     string
	since   time.Time
	bound   string
	address string
	seen    [2]uint64 // bytes in and out at the last sample
	rate    [2]uint64
}

func newForward(m *Manager, p plan.Plan, foreground bool) *forward {
	f := &forward{m: m, name: p.Name, foreground: foreground, home: m.homes.of(p), done: make(chan struct{}), now: control.ForwardOpening, since: m.cfg.Now()}
	f.planned.Store(&p)
	return f
}

func (f *forward) plan() plan.Plan { return *f.planned.Load() }

// is notes what the forward is from now on.
func (f *forward) is(s control.ForwardState, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	f.mu.Lock()
	same := f.now == s && f.why == why
	if !same {
		f.now, f.why, f.since = s, why, f.m.cfg.Now()
	}
	f.mu.Unlock()
	if !same {
		if err != nil {
			f.m.cfg.Log.Warn("forward failed", "name", f.name, "error", err)
		} else {
			f.m.cfg.Log.Debug("forward", "name", f.name, "state", string(s))
		}
		f.m.tell()
	}
}

// note sets what is known of the ends.
func (f *forward) note(bound, address string) {
	f.mu.Lock()
	if bound != "" {
		f.bound = bound
	}
	if address != "" {
		f.address = address
	}
	f.mu.Unlock()
	f.m.tell()
}

// unbind notes that nothing listens any more.
func (f *forward) unbind() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bound = ""
}

func (f *forward) sample() {
	in, out := f.count.In.Load(), f.count.Out.Load()
	f.mu.Lock()
	defer f.mu.Unlock()
	const seconds = uint64(sampling / time.Second)
	f.rate = [2]uint64{(in - f.seen[0]) / seconds, (out - f.seen[1]) / seconds}
	f.seen = [2]uint64{in, out}
}

func (f *forward) state() control.Forward {
	p := f.plan()
	f.mu.Lock()
	defer f.mu.Unlock()
	return control.Forward{
		Name: f.name, Type: p.Type, State: f.now, Error: f.why, Foreground: f.foreground,
		Listen: f.bound, Address: f.address, Destinations: p.Destinations, Targets: p.Targets, Share: p.Share,
		Streams: int(f.streams.Load()), Opened: f.opened.Load(), Refused: f.refused.Load(), Failed: f.failed.Load(),
		BytesIn: f.count.In.Load(), BytesOut: f.count.Out.Load(), RateIn: f.rate[0], RateOut: f.rate[1], Since: f.since,
	}
}

// change has the forward be what another plan says, where that can be done while it runs.
func (f *forward) change(p plan.Plan) bool {
	if p.Stopped || !inPlace(f.plan(), p) || !f.home.reshape(p, f.m.homes.several(f.home)) {
		return false
	}
	f.planned.Store(&p)
	return true
}

// inPlace tells whether two plans differ in nothing but what is looked at anew for each stream, and what
// an open destination may be able to change.
func inPlace(was, p plan.Plan) bool {
	was.Targets, was.IdleClose, was.Options = p.Targets, p.IdleClose, p.Options
	was.Access.Allow, was.Access.Deny = p.Access.Allow, p.Access.Deny
	if p.Type == plan.Client || p.Type == plan.Server { // the doors of others have limits of their own
		was.Limits, was.Destinations = p.Limits, p.Destinations
	}
	return was.Equal(p)
}

// The pauses between tries of what did not work.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// run does what the plan says until ctx ends. What goes wrong is told, and tried again.
func (f *forward) run(ctx context.Context) {
	defer f.m.counts.carried.of(f)()
	if f.plan().Stopped {
		f.is(control.ForwardStopped, nil)
		<-ctx.Done()
		return
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		begun := f.m.cfg.Now()
		err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if f.m.cfg.Now().Sub(begun) > lastPause {
			pause = firstPause
		}
		f.unbind()
		f.is(control.ForwardFailed, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// once runs it until something is wrong.
func (f *forward) once(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch t := f.plan().Type; {
	case t.Serves():
		return f.serve(ctx)
	case t == plan.UDPClient || t == plan.StreamrClient:
		return f.flows(ctx)
	}
	return f.listen(ctx)
}

// listen runs what local users connect to.
func (f *forward) listen(ctx context.Context) error {
	l, err := f.bind()
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &resident{f: f, ctx: ctx, home: f.home}
	defer r.leave()
	defer cancel() // leave waits for what goes on
	if p := f.plan(); p.DelayOpen {
		f.is(control.ForwardIdle, nil)
	} else {
		r.background.Go(func() { r.stay(ctx) })
	}
	d := f.door(r)
	defer f.m.counts.of(d)()
	return d.Serve(ctx, l)
}

// server is a door.
type server interface {
	Serve(ctx context.Context, l net.Listener) error
}

// joined is what is left of several failures.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return failure{errs, strings.Join(texts, "; ")}
}

// failure is several errors in one line.
type failure struct {
	errs []error
	text string
}

func (f failure) Error() string   { return f.text }
func (f failure) Unwrap() []error { return f.errs }

// awaitReady says how it is until others, or we, can go on.
func awaitReady(ctx context.Context, local *destinations.Local, say func(control.ForwardState, error)) {
	say(control.ForwardOpening, nil)
	for {
		wait, cancel := context.WithTimeout(ctx, time.Minute)
		err := local.Ready(wait)
		cancel()
		switch {
		case ctx.Err() != nil || !isOpen(local):
			return
		case err == nil:
			say(control.ForwardReady, nil)
			return
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			say(control.ForwardOpening, err)
		}
	}
}
