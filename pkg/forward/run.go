package forward

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/access"
	"i2ptoolkit/pkg/forward/plan"
)

// forward is one that runs.
type forward struct {
	m          *Manager
	name       string
	foreground bool
	refusal    error // why it does nothing; nil: it does what its plan says
	home       *home
	cancel     context.CancelFunc
	done       chan struct{}
	agreed     atomic.Pointer[agreed]

	gate   gate
	filter atomic.Pointer[access.Filter] // nil: none
	carried
	condition
}

func newForward(m *Manager, p plan.Plan, foreground bool) *forward {
	f := &forward{m: m, name: p.Name, foreground: foreground, home: m.homes.of(p), done: make(chan struct{})}
	f.now, f.since = control.ForwardOpening, m.cfg.Now()
	f.agree(p)
	return f
}

// agreed is a plan that holds, and its access list as each stream asks it.
type agreed struct {
	plan.Plan
	allow, deny peers
}

func (f *forward) agree(p plan.Plan) {
	f.agreed.Store(&agreed{p, peersOf(p.Access.Allow), peersOf(p.Access.Deny)})
}

func (f *forward) plan() plan.Plan { return f.agreed.Load().Plan }

// change has the forward be what another plan says, where that can be done while it runs.
func (f *forward) change(p plan.Plan) bool {
	if p.Stopped || f.refusal != nil || !inPlace(f.plan(), p) || !f.home.reshape(p) {
		return false
	}
	f.agree(p)
	return true
}

// inPlace tells whether two plans differ in nothing but what is looked at anew for each stream, and what
// an open destination may be able to change.
func inPlace(was, p plan.Plan) bool {
	was.Targets, was.Order, was.IdleClose, was.Options = p.Targets, p.Order, p.IdleClose, p.Options
	was.Access.Allow, was.Access.Deny = p.Access.Allow, p.Access.Deny
	if p.Type == plan.Meta {
		was.Destinations = p.Destinations
	}
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
	if f.refusal != nil {
		f.is(control.ForwardFailed, f.refusal)
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
	r, leave := f.inhabit(ctx)
	defer leave()
	d := f.door(r)
	defer f.m.counts.of(d)()
	return d.Serve(r.ctx, l)
}

// inhabit has a client's destination kept as its plan says until leave, which ends what goes on and waits
// for it.
func (f *forward) inhabit(ctx context.Context) (r *resident, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	r = &resident{f: f, ctx: ctx, home: f.home}
	if p := f.plan(); p.DelayOpen && p.Type != plan.StreamrClient { // that one asks at once
		f.is(control.ForwardIdle, nil)
	} else {
		r.background.Go(func() { r.stay(ctx) })
	}
	return r, func() {
		cancel()
		r.leave()
	}
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

// tunnelled is a destination, as far as its tunnels are concerned (destinations.Local).
type tunnelled interface {
	Ready(context.Context) error
	Lost(context.Context) error
	Lack() string
	Done() <-chan struct{}
}

// follow says how a destination is, until ctx ends or it does.
func follow(ctx context.Context, local tunnelled, say func(control.ForwardState, error)) {
	state, why := control.ForwardOpening, error(nil)
	for {
		say(state, why)
		wait, cancel := context.WithTimeout(ctx, time.Minute)
		err := local.Ready(wait)
		cancel()
		switch {
		case ctx.Err() != nil || !isOpen(local):
			return
		case err == nil:
			say(control.ForwardReady, nil)
			if local.Lost(ctx) != nil {
				return
			}
			state, why = control.ForwardNoTunnels, lackOf(local)
		case state == control.ForwardNoTunnels:
			why = lackOf(local)
		case !errors.Is(err, context.DeadlineExceeded):
			why = err
		}
	}
}

// lackOf is what the router lacks for tunnels; nil where nobody knows.
func lackOf(local tunnelled) error {
	if lack := local.Lack(); lack != "" {
		return errors.New(lack)
	}
	return nil
}
