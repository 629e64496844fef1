package forward

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
)

// Apply has the forwards be what is asked. The plans are kept all at once, before any of them holds.
func (m *Manager) Apply(_ context.Context, asked control.ApplyForwards) (control.AppliedForwards, error) {
	return m.ApplyRead(func() (control.ApplyForwards, error) { return asked, nil })
}

// ApplyRead is Apply of what is read of the store: nobody else changes that meanwhile, so that nothing is undone
// that was kept just before.
func (m *Manager) ApplyRead(read func() (control.ApplyForwards, error)) (control.AppliedForwards, error) {
	m.turn.Lock()
	defer m.turn.Unlock()
	done := control.AppliedForwards{Added: []string{}, Changed: []string{}, Removed: []string{}, Kept: []string{}}
	asked, err := read()
	if err == nil {
		err = m.rests()
	}
	if err != nil {
		return done, err
	}
	asked.Plans = slices.Clone(asked.Plans)
	slices.SortFunc(asked.Plans, func(p, q plan.Plan) int { return strings.Compare(p.Name, q.Name) })
	differ := m.sift(asked, &done)
	if !asked.Dry && len(differ) > 0 {
		if err := m.store(differ, nil); err != nil {
			for _, p := range differ {
				fail(&done, p.Name, err)
			}
			differ = nil
		}
	}
	for _, p := range differ {
		f := m.find(p.Name)
		if f == nil {
			done.Added = append(done.Added, p.Name)
		} else {
			done.Changed = append(done.Changed, p.Name)
		}
		if !asked.Dry {
			m.put(f, p)
		}
	}
	if asked.Stays("") {
		return done, nil
	}
	return done, m.removeOthers(asked, &done)
}

// sift finds the plans that are not what runs, and notes those that are, and those that cannot be.
func (m *Manager) sift(asked control.ApplyForwards, done *control.AppliedForwards) (differ []plan.Plan) {
	room, beside := plan.MaxPlans-m.count(), m.staying(asked)
	for _, p := range asked.Plans {
		err := m.take(p.KeyName(), asked)
		if err == nil {
			err = conflict(p, beside)
		}
		if err == nil {
			err = m.admits(p, &room)
		}
		if err != nil {
			fail(done, p.Name, err)
			continue
		}
		beside = append(beside, p)
		if m.has(p) {
			m.keep(p, asked.Dry, done)
		} else {
			differ = append(differ, p)
		}
	}
	return differ
}

// conflict tells why a plan cannot be beside others.
func conflict(p plan.Plan, beside []plan.Plan) error {
	for _, q := range beside {
		if err := p.Conflict(q); err != nil {
			return err
		}
	}
	return nil
}

// staying are the plans of forwards that stay as they are.
func (m *Manager) staying(asked control.ApplyForwards) (all []plan.Plan) {
	m.each(func(f *forward) {
		if (f.foreground || asked.Stays(f.name)) && !asked.Has(f.name) && f.refusal == nil {
			all = append(all, f.plan())
		}
	})
	return all
}

// keep has a forward whose plan is as it was go on with what its key file has now, and notes which it was.
func (m *Manager) keep(p plan.Plan, dry bool, done *control.AppliedForwards) {
	if dry {
		done.Kept = append(done.Kept, p.Name)
		return
	}
	switch renewed, err := m.find(p.Name).home.renew(p); {
	case err != nil:
		fail(done, p.Name, err)
	case renewed:
		done.Changed = append(done.Changed, p.Name)
	default:
		done.Kept = append(done.Kept, p.Name)
	}
}

func fail(done *control.AppliedForwards, name string, err error) {
	if done.Failed == nil {
		done.Failed = map[string]string{}
	}
	done.Failed[name] = err.Error()
}

// removeOthers ends the forwards that are not among those asked for, and forgets them.
func (m *Manager) removeOthers(asked control.ApplyForwards, done *control.AppliedForwards) error {
	m.each(func(f *forward) {
		if f.foreground || asked.Stays(f.name) || asked.Has(f.name) {
			return
		}
		done.Removed = append(done.Removed, f.name)
		if !asked.Dry {
			m.end(f)
		}
	})
	if asked.Dry || len(done.Removed) == 0 {
		return nil
	}
	return m.store(nil, done.Removed)
}

// store has the changes outlive the process, all at once.
func (m *Manager) store(keep []plan.Plan, forget []string) error {
	if m.cfg.Store == nil {
		return nil
	}
	return m.cfg.Store.Change(keep, forget)
}

// take takes the key file that a plan names, where it was brought along.
func (m *Manager) take(name string, asked control.ApplyForwards) error {
	file, brought := asked.Keys[name]
	if !brought || asked.Dry {
		return nil
	}
	if err := m.cfg.Take(name, file); err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	return nil
}

// admits tells why there cannot be such a forward. room is how many more there may be.
func (m *Manager) admits(p plan.Plan, room *int) error {
	switch f := m.find(p.Name); {
	case f != nil && f.foreground:
		return control.Errorf(control.InUse, "a command runs a forward of this name")
	case f == nil && *room <= 0:
		return errFull
	case f == nil:
		*room--
	}
	return nil
}

// has tells whether a forward is what its plan says.
func (m *Manager) has(p plan.Plan) bool {
	f := m.find(p.Name)
	return f != nil && f.refusal == nil && f.plan().Equal(p)
}

// put has a forward be what its plan says; f is what there is of its name, or nil.
func (m *Manager) put(f *forward, p plan.Plan) {
	if f != nil {
		if f.change(p) {
			return
		}
		m.end(f)
	}
	m.begin(p, false)
}
