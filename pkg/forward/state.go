package forward

import (
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/splice"
)

// carried is what a forward counts.
type carried struct {
	count   splice.Count
	streams atomic.Int64 // now
	opened  atomic.Uint64
	refused atomic.Uint64
	failed  atomic.Uint64
}

// Stats are the counts of one forward.
func (c *carried) Stats() CarriedStats {
	return CarriedStats{
		Streams: int(c.streams.Load()), Opened: c.opened.Load(), Refused: c.refused.Load(), Failed: c.failed.Load(),
		BytesIn: c.count.In.Load(), BytesOut: c.count.Out.Load(),
	}
}

// condition is how a forward is, and where its ends are.
type condition struct {
	mu      sync.Mutex // a leaf
	now     control.ForwardState
	why     string
	since   time.Time
	bound   string
	address string
	seen    [2]uint64 // bytes in and out at the last sample
	rate    [2]uint64
}

// is notes what the forward is from now on.
func (f *forward) is(s control.ForwardState, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	f.mu.Lock()
	same := f.now == s && f.why == why
	if f.now != s {
		f.since = f.m.cfg.Now()
	}
	f.now, f.why = s, why
	f.mu.Unlock()
	if !same {
		if err != nil || s == control.ForwardNoTunnels {
			f.m.cfg.Log.Warn("forward", "name", f.name, "state", string(s), "error", err)
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
		KeyExpires: f.home.expires.Load(),
	}
}
