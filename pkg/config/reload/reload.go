// Package reload makes changed settings hold in a running router: what its owner
// asks for now is compared with what holds, and each part applies its own
// difference.
package reload

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
)

// Settings are what the owner asked for, and what holds: the port that was
// drawn, and the values of the start where a change waits for the next one.
type Settings struct {
	asked config.Config // the reloader's
	holds atomic.Pointer[config.Config]
}

// NewSettings are those of a start.
func NewSettings(asked, holds config.Config) *Settings {
	s := &Settings{asked: asked}
	s.holds.Store(&holds)
	return s
}

// Current are those that hold.
func (s *Settings) Current() config.Config { return *s.holds.Load() }

// Part is a part of a router, with the settings that it makes hold when they
// change.
type Part struct {
	Keys string // "reseed.*" are all of a table
	// Prepare finds what is to be done, before anything is changed: its error
	// is what is wrong with the settings. Where there is no function to apply,
	// they wait for the next start.
	Prepare func(from, to config.Config) (apply func(), err error)
}

// Always is a part for which all settings are good.
func Always(keys string, apply func(to config.Config)) Part {
	return Part{keys, func(_, to config.Config) (func(), error) {
		return func() { apply(to) }, nil
	}}
}

// Covers tells whether a setting is one of the part's.
func (p Part) Covers(key string) bool { return covers(p.Keys, key) }

func covers(keys, key string) bool {
	table, _, _ := strings.Cut(key, ".")
	return slices.ContainsFunc(strings.Fields(keys), func(k string) bool { return k == key || k == table+".*" })
}

// Config is what a Reloader is made of.
type Config struct {
	Settings *Settings
	// Read gives the settings as a reload finds them; nil where there is
	// nothing to read again.
	Read  func() (config.Config, error)
	Parts []Part
	// Announce is called once some settings of Announced, by which others know
	// the router, have changed and hold.
	Announced string
	Announce  func()
	Log       *slog.Logger
	Now       func() time.Time
}

// Reloader reads settings again.
type Reloader struct {
	cfg  Config
	turn sync.Mutex // one reload at a time

	mu    sync.Mutex // a leaf
	stats Stats
}

// Stats count reloads.
type Stats struct {
	Done, Refused uint64
	Last          time.Time // zero: there was none
	LastDone      bool
}

// New makes a reloader.
func New(cfg Config) *Reloader { return &Reloader{cfg: cfg} }

// Stats returns the counts.
func (r *Reloader) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

func (r *Reloader) count(done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done {
		r.stats.Done++
	} else {
		r.stats.Refused++
	}
	r.stats.Last, r.stats.LastDone = r.cfg.Now(), done
}

// Reload reads the settings again and makes those hold that differ. Where they
// make no sense nothing changes. It is not to be broken off: what is told to hold
// is done.
func (r *Reloader) Reload() (control.Reloaded, error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	out, err := r.reload()
	r.count(err == nil)
	return out, err
}

// refusal tells settings that are wrong from a file that cannot be read.
func refusal(err error) error {
	var file *fs.PathError
	if !errors.As(err, &file) {
		return control.Errorf(control.BadData, "%v", err)
	}
	return control.Errorf(control.Internal, "%s", strings.Replace(err.Error(), file.Error(), file.Path+": "+file.Err.Error(), 1))
}

func (r *Reloader) reload() (control.Reloaded, error) {
	if r.cfg.Read == nil {
		return control.Reloaded{}, control.Errorf(control.BadRequest, "this router has no settings to read again")
	}
	to, err := r.cfg.Read()
	if err == nil {
		err = to.Check()
	}
	if err != nil {
		return control.Reloaded{}, refusal(err)
	}
	asked, holds := r.cfg.Settings.asked, r.cfg.Settings.Current()
	changed := asked.Changed(to)
	for _, c := range changed { // no part is to see what does not hold yet
		if c.Reload == config.NextStart {
			c.Copy(&to, holds)
		}
	}
	to.Port = holds.Port // one that was drawn
	apply, atOnce, err := r.prepare(changed, holds, to)
	if err != nil {
		return control.Reloaded{}, refusal(err)
	}
	out, announce := control.Reloaded{Changed: []control.Change{}}, false
	for _, c := range changed {
		when := control.HoldsNextStart
		switch {
		case atOnce[c.Key]:
			when = control.HoldsNow
		case c.Reload == config.WhenOpen:
			when = control.HoldsWhenOpened
		}
		if when != control.HoldsNextStart {
			c.Copy(&asked, to)
			c.Copy(&holds, to)
			announce = announce || covers(r.cfg.Announced, c.Key)
		}
		out.Changed = append(out.Changed, control.Change{Key: c.Key, Holds: when})
	}
	r.cfg.Settings.asked = asked
	r.cfg.Settings.holds.Store(&holds)
	for _, f := range apply {
		f()
	}
	if announce {
		r.cfg.Announce()
	}
	r.tell(out)
	return out, nil
}

// prepare finds what is to be done for the settings that have changed, and which
// of them hold by that. Nothing has changed yet.
func (r *Reloader) prepare(changed []config.Setting, from, to config.Config) (apply []func(), atOnce map[string]bool, err error) {
	atOnce = make(map[string]bool)
	for _, p := range r.cfg.Parts {
		mine := slices.DeleteFunc(slices.Clone(changed), func(c config.Setting) bool { return !p.Covers(c.Key) })
		if len(mine) == 0 {
			continue
		}
		f, err := p.Prepare(from, to)
		if err != nil {
			return nil, nil, err
		}
		if f == nil {
			continue
		}
		apply = append(apply, f)
		for _, c := range mine {
			atOnce[c.Key] = true
		}
	}
	return apply, atOnce, nil
}

// tell has the log say what came of a reload.
func (r *Reloader) tell(out control.Reloaded) {
	r.cfg.Log.Info("settings read again", "changed", strings.Join(out.Keys(control.HoldsNow, control.HoldsWhenOpened), " "))
	if later := out.Keys(control.HoldsNextStart); len(later) > 0 {
		r.cfg.Log.Warn("some settings take effect with the next start only", "keys", strings.Join(later, " "))
	}
}
