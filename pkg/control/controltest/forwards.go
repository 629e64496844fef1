package controltest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

// forwards are a fake router's: they are kept, and carry nothing. One that listens at port 1 cannot
// be had, one at port 2 has lost its tunnels, and port 3 is taken.
type forwards struct {
	mu         sync.Mutex
	plans      map[string]plan.Plan
	foreground map[string]plan.Plan
	keys       map[string][]byte
	opened     map[string]bool
}

// List gives each the same figures. Who asks about one for the first time is told that it opens.
func (f *forwards) List() []control.Forward {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []control.Forward
	if f.opened == nil {
		f.opened = make(map[string]bool)
	}
	for _, p := range f.plans {
		s := forwardOf(p, false)
		if !f.opened[p.Name] && !p.Stopped {
			s.State, s.Address = control.ForwardOpening, ""
		}
		f.opened[p.Name] = true
		all = append(all, s)
	}
	for _, p := range f.foreground {
		all = append(all, forwardOf(p, true))
	}
	slices.SortFunc(all, func(a, b control.Forward) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func forwardOf(p plan.Plan, foreground bool) control.Forward {
	s := control.Forward{
		Name: p.Name, Type: p.Type, State: control.ForwardReady, Foreground: foreground, Listen: p.Listen,
		Destinations: p.Destinations, Targets: p.Targets, Share: p.Share,
		Streams: 2, Opened: 5, Refused: 1, BytesIn: 123456, BytesOut: 7890, RateIn: 1500, RateOut: 20, Since: epoch(),
	}
	s.Address = i2p.HashOf([]byte(p.Name)).B32()
	if p.Share != "" {
		s.Address = i2p.HashOf([]byte(p.Share)).B32()
	}
	if strings.HasSuffix(p.Listen, ":2") {
		s.State, s.Error = control.ForwardNoTunnels, "no other router is known"
	}
	if strings.HasSuffix(p.Listen, ":3") {
		s.State, s.Error, s.Listen = control.ForwardFailed, "listen on "+p.Listen+": address already in use", ""
	}
	if p.Stopped {
		s.State, s.Streams, s.RateIn, s.RateOut, s.Address = control.ForwardStopped, 0, 0, 0, ""
	}
	return s
}

// Apply does as a router does, on paper.
func (f *forwards) Apply(_ context.Context, asked control.ApplyForwards) (control.AppliedForwards, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	done := control.AppliedForwards{Added: []string{}, Changed: []string{}, Removed: []string{}, Kept: []string{}}
	next := make(map[string]plan.Plan)
	for name, p := range f.plans {
		if asked.Add || slices.Contains(asked.Keep, name) {
			next[name] = p
		}
	}
	for name, key := range asked.Keys {
		if have := f.keys[name]; have == nil && !asked.Dry {
			if f.keys == nil {
				f.keys = make(map[string][]byte)
			}
			f.keys[name] = key
		}
	}
	for _, p := range asked.Plans {
		if key := asked.Keys[p.KeyName()]; key != nil && f.keys[p.KeyName()] != nil && !bytes.Equal(key, f.keys[p.KeyName()]) {
			if done.Failed == nil {
				done.Failed = make(map[string]string)
			}
			done.Failed[p.Name] = "key " + p.KeyName() + ": there is another of that name"
			continue
		}
		if strings.HasSuffix(p.Listen, ":1") {
			if done.Failed == nil {
				done.Failed = make(map[string]string)
			}
			done.Failed[p.Name] = "listen on " + p.Listen + ": permission denied"
			continue
		}
		next[p.Name] = p
	}
	for _, name := range slices.Sorted(maps.Keys(next)) {
		before, had := f.plans[name]
		switch {
		case !had:
			done.Added = append(done.Added, name)
		case before.Equal(next[name]):
			done.Kept = append(done.Kept, name)
		default:
			done.Changed = append(done.Changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.plans)) {
		if _, has := next[name]; !has && done.Failed[name] == "" {
			done.Removed = append(done.Removed, name)
		}
	}
	if !asked.Dry {
		f.plans = next
		maps.DeleteFunc(f.opened, func(name string, _ bool) bool { _, has := next[name]; return !has })
	}
	return done, nil
}

// Remove forgets one.
func (f *forwards) Remove(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, has := f.plans[name]; !has {
		return control.Errorf(control.NotFound, "there is no forward %s", name)
	}
	delete(f.plans, name)
	delete(f.opened, name)
	return nil
}

// RunWhile opens it, has it ready, and waits.
func (f *forwards) RunWhile(ctx context.Context, p plan.Plan, each func(control.Forward) error) error {
	if err := f.begin(p); err != nil {
		return err
	}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.foreground, p.Name)
	}()
	state := forwardOf(p, true)
	state.State = control.ForwardOpening
	for _, s := range []control.Forward{state, forwardOf(p, true)} {
		if err := each(s); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *forwards) begin(p plan.Plan) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, kept := f.plans[p.Name]
	_, runs := f.foreground[p.Name]
	if kept || runs {
		return control.Errorf(control.InUse, "there is a forward %s already", p.Name)
	}
	if f.foreground == nil {
		f.foreground = make(map[string]plan.Plan)
	}
	f.foreground[p.Name] = p
	return nil
}
