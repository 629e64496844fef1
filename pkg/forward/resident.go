package forward

import (
	"context"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/sockets"
)

// resident keeps the destination of a client or proxy open as its plan says: from the start, or from the
// first use on, until the end, or until it was idle for long.
type resident struct {
	f          *forward
	ctx        context.Context // of the door
	home       *home
	guest      bool // it is one user's alone, and of no matter for the forward's state
	background sync.WaitGroup

	turn    sync.Mutex
	release func() // of what is held between uses
	idle    *time.Timer
	busy    int
	guests  map[string]*resident
}

// open opens the destination, and notes its address.
func (r *resident) open(ctx context.Context) (*destinations.Local, func(), error) {
	p := r.f.plan()
	if r.guest {
		p.Share, p.Key = "", ""
	}
	local, release, err := r.home.use(ctx, p)
	if err == nil && !r.guest {
		r.f.note("", local.Address())
	}
	return local, release, err
}

// guestIdle is how long the destination of one user's streams is kept after the last of them.
const guestIdle = 10 * time.Minute

// maxGuests bounds the users that have destinations of their own.
const maxGuests = 64

// guestOf is the resident of one user of a proxy; nil where there are too many.
func (r *resident) guestOf(user string) *resident {
	r.turn.Lock()
	defer r.turn.Unlock()
	if g := r.guests[user]; g != nil {
		return g
	}
	for name, g := range r.guests {
		if len(r.guests) >= maxGuests && g.gone() {
			delete(r.guests, name)
		}
	}
	if len(r.guests) >= maxGuests {
		return nil
	}
	if r.guests == nil {
		r.guests = make(map[string]*resident)
	}
	g := &resident{f: r.f, ctx: r.ctx, home: &home{cfg: &r.f.m.cfg}, guest: true}
	r.guests[user] = g
	return g
}

// gone tells whether nobody uses it, and it keeps nothing.
func (r *resident) gone() bool {
	r.turn.Lock()
	defer r.turn.Unlock()
	return r.busy == 0 && r.release == nil
}

// stay opens the destination, tells how it is, and opens it again when it has ended.
func (r *resident) stay(ctx context.Context) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, lastPause) {
		local, release, err := r.open(ctx)
		if err == nil {
			follow(r.hold(release), local, r.say)
			if ctx.Err() != nil || !r.holds() {
				return // it was let go because it was idle
			}
			pause = firstPause
		} else if ctx.Err() == nil {
			r.f.is(control.ForwardFailed, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// say tells how the destination is, unless it was let go: then the forward is idle, however far it has come.
func (r *resident) say(s control.ForwardState, err error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.release != nil {
		r.f.is(s, err)
	}
}

func (r *resident) holds() bool {
	r.turn.Lock()
	defer r.turn.Unlock()
	return r.release != nil
}

// hold keeps the destination until it is let go: then the context ends that it returns.
func (r *resident) hold(release func()) (held context.Context) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.release != nil {
		r.release()
	}
	held, let := context.WithCancel(r.ctx)
	r.release = func() {
		let()
		release()
	}
	r.rest()
	return held
}

// rest has the destination let go after a while without users.
func (r *resident) rest() {
	after := time.Duration(r.f.plan().IdleClose)
	if r.guest {
		after = guestIdle
	}
	if r.idle != nil {
		r.idle.Stop()
	}
	if after == 0 || r.busy > 0 || r.release == nil {
		return
	}
	r.idle = time.AfterFunc(after, func() {
		r.turn.Lock()
		defer r.turn.Unlock()
		if r.busy == 0 && r.release != nil {
			r.release()
			r.release = nil
			if !r.guest {
				r.f.is(control.ForwardIdle, nil)
			}
		}
	})
}

// use gives the destination for one stream or association.
func (r *resident) use(ctx context.Context) (*destinations.Local, func(), error) {
	local, release, err := r.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.turn.Lock()
	r.busy++
	first := r.release == nil
	r.turn.Unlock()
	if first { // it was idle: it stays open between this stream and the next
		if _, also, err := r.open(ctx); err == nil {
			held := r.hold(also)
			if !r.guest {
				r.background.Go(func() { follow(held, local, r.say) })
			}
		}
	}
	var once sync.Once
	return local, func() {
		once.Do(func() {
			release()
			r.turn.Lock()
			defer r.turn.Unlock()
			r.busy--
			r.rest()
		})
	}, nil
}

// leave lets go of the destination, and waits for what goes on.
func (r *resident) leave() {
	r.background.Wait()
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.idle != nil {
		r.idle.Stop()
	}
	if r.release != nil {
		r.release()
		r.release = nil
	}
	for _, g := range r.guests {
		g.leave()
	}
}

// dial opens a stream to a host and port of I2P. The destination is in use as long as the stream is.
func (r *resident) dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	local, release, err := r.use(ctx)
	if err != nil {
		return nil, err
	}
	to, err := r.f.m.cfg.Resolve(ctx, local, host)
	if err == nil {
		c, dialErr := local.Dial(ctx, to, port)
		if dialErr == nil {
			return &used{c, release}, nil
		}
		err = dialErr
	}
	release()
	return nil, err
}

// dialAny opens a stream to one of the plan's destinations, in the plan's order.
func (r *resident) dialAny(ctx context.Context, p plan.Plan, turn int) (net.Conn, error) {
	var errs []error
	for _, to := range inOrder(p.Destinations, p.Order, turn) {
		host, port, err := plan.Remote(to)
		if err != nil {
			return nil, err
		}
		c, err := r.dial(ctx, host, port)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, joined(errs)
}

// used is a stream that keeps its destination open.
type used struct {
	*sockets.Conn
	release func()
}

// Abort breaks the stream off.
func (u *used) Abort() {
	u.Conn.Abort()
	u.release()
}

// Close closes the stream.
func (u *used) Close() error {
	defer u.release()
	return u.Conn.Close()
}

// clientDoor joins each local connection with a stream to one of the plan's destinations.
type clientDoor struct {
	r      *resident
	join   func(ctx context.Context, local, stream net.Conn, count *splice.Count) error
	filter any // that counts for itself; nil: there is none
}

// connectTime bounds how long a local user waits for a stream.
const connectTime = 2 * time.Minute

// Serve takes connections until ctx ends.
func (d clientDoor) Serve(ctx context.Context, l net.Listener) error {
	f := d.r.f
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for turn := 0; ; turn++ {
		c, err := l.Accept()
		if err != nil {
			if passes(err) {
				time.Sleep(acceptPause)
				continue
			}
			return err
		}
		leave, ok := f.gate.enter(f.m.cfg.Now(), f.plan().Limits, nobody)
		if !ok {
			f.refused.Add(1)
			splice.Break(c)
			continue
		}
		all.Go(func() {
			defer leave()
			d.carry(ctx, c, turn)
		})
	}
}

func (d clientDoor) carry(ctx context.Context, c net.Conn, turn int) {
	f := d.r.f
	f.streams.Add(1)
	defer f.streams.Add(-1)
	dialling, cancel := context.WithTimeout(ctx, connectTime)
	stream, err := d.r.dialAny(dialling, f.plan(), turn)
	cancel()
	if err != nil {
		f.failed.Add(1)
		f.m.cfg.Log.Debug("no stream", "forward", f.name, "error", err)
		splice.Break(c)
		return
	}
	f.opened.Add(1)
	d.join(ctx, c, stream, &f.count)
}
