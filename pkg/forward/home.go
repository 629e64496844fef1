package forward

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/options"
)

// homes are the destinations of forwards.
type homes struct {
	cfg    *Config
	mu     sync.Mutex // a leaf
	groups map[string]*home
}

// of is the home of a forward: its own, or that of its group, or of all that have its key: one
// destination is open once.
func (hs *homes) of(p plan.Plan) *home {
	group := "share " + p.Share
	if p.Share == "" {
		if p.KeyName() == "" {
			return &home{cfg: hs.cfg}
		}
		group = "key " + p.KeyName()
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.groups[group]
	if h == nil {
		h = &home{cfg: hs.cfg, group: group}
		hs.groups[group] = h
	}
	h.have(p)
	return h
}

// leave is told of a forward's end. A group that has no other is none.
func (hs *homes) leave(h *home, name string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.members, name); len(h.members) == 0 && hs.groups[h.group] == h {
		delete(hs.groups, h.group)
	}
}

// home is the destination of a forward, or of several: open while somebody uses it.
type home struct {
	cfg   *Config
	group string // empty: it is one forward's alone

	mu      sync.Mutex                   // a leaf
	members map[string]map[string]string // the options of each forward of a group

	turn  sync.Mutex // one opens or closes it at a time
	local *destinations.Local
	holds map[string]string // the options that local was opened with, or has since
	uses  int

	expires atomic.Pointer[time.Time] // of the destination's transient key; nil: it has none, or is not open
}

// have notes what a forward of the group asks for.
func (h *home) have(p plan.Plan) {
	if h.group == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.members == nil {
		h.members = make(map[string]map[string]string)
	}
	h.members[p.Name] = p.Asked()
}

// several tells whether it is the destination of more than one forward.
func (h *home) several() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.members) > 1
}

// together are the options of all forwards of a group: what one asks for holds for all (plan.Plan.Conflict).
func (h *home) together(p plan.Plan) map[string]string {
	all := maps.Clone(p.Asked())
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(h.members)) {
		for option, value := range h.members[name] {
			if all == nil {
				all = make(map[string]string)
			}
			if _, has := all[option]; !has {
				all[option] = value
			}
		}
	}
	return all
}

// asked are the options of a plan's destination. A client's need not be found by anybody.
func (h *home) asked(p plan.Plan) (options.Options, error) {
	asked := h.cfg.Defaults()
	asked.Unpublished = !p.Type.Serves()
	asked.Nickname = p.Name
	if p.Share != "" {
		asked.Nickname = p.Share
	}
	asked, problems := options.Parse(asked, h.together(p))
	return asked, problems.But(options.Moot).Err()
}

// use gives the destination until release, and opens it for the first user. One that has ended is opened
// anew.
func (h *home) use(ctx context.Context, p plan.Plan) (local *destinations.Local, release func(), err error) {
	h.turn.Lock()
	defer h.turn.Unlock()
	if h.local != nil && !isOpen(h.local) {
		h.local.Close()
		h.local, h.uses = nil, 0
	}
	if h.local == nil {
		if h.local, err = h.open(ctx, p); err != nil {
			return nil, nil, err
		}
		h.holds = h.together(p)
	}
	if err := h.join(p); err != nil {
		return nil, nil, err
	}
	local = h.local
	h.uses++
	var once sync.Once
	return local, func() { once.Do(func() { h.release(local) }) }, nil
}

// join has the open destination be another forward's as well.
func (h *home) join(p plan.Plan) error {
	asked, err := h.asked(p)
	if err != nil {
		return err
	}
	open := h.local.Options()
	both, err := joint(open, asked)
	if err != nil {
		return err
	}
	if all := h.together(p); !maps.Equal(all, h.holds) {
		asked.Unpublished = both.Unpublished
		if !h.local.Reshape(asked) {
			return errOtherwise
		}
		h.holds = all
		return nil
	}
	if both.Unpublished != open.Unpublished && !h.local.Reshape(both) {
		return errOtherwise
	}
	return nil
}

var (
	errOtherwise = errors.New("other forwards have the destination open, with options that cannot change while it is")
	errBlinded   = fmt.Errorf("%w of encrypted lease sets: i2cp.leaseSetType and those beside it have to be the same", errOtherwise)
)

// joint is what an open destination has to be for another forward as well: peers find it once there is a
// server. What was to be encrypted is never published in clear because another forward was first.
func joint(open, asked options.Options) (options.Options, error) {
	a, b := open.Blinding, asked.Blinding
	if serves := !asked.Unpublished; (serves || b.Own) && (a.Own != b.Own || a.Own && (a.Secret != b.Secret || a.Admission != b.Admission || a.Clients != b.Clients)) {
		return open, errBlinded
	}
	open.Unpublished = open.Unpublished && asked.Unpublished
	return open, nil
}

func (h *home) open(ctx context.Context, p plan.Plan) (*destinations.Local, error) {
	asked, err := h.asked(p)
	if err != nil {
		return nil, err
	}
	req := destinations.Request{Options: asked}
	if name := p.KeyName(); name != "" {
		if req.Keys, err = h.cfg.Keys(name); err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
	}
	local, err := h.cfg.Open(ctx, req)
	if err == nil {
		h.noteKey(local)
	}
	return local, err
}

func (h *home) noteKey(local *destinations.Local) {
	at := local.KeyExpires().UTC()
	if h.expires.Store(&at); at.IsZero() {
		h.expires.Store(nil)
	}
}

// renew has an open destination go on with what its key file has now: another transient key. It tells whether
// there is one.
func (h *home) renew(p plan.Plan) (renewed bool, err error) {
	h.turn.Lock()
	defer h.turn.Unlock()
	name := p.KeyName()
	if h.local == nil || name == "" {
		return false, nil
	}
	keys, err := h.cfg.Keys(name)
	if err != nil {
		return false, fmt.Errorf("key %s: %w", name, err)
	}
	before := h.local.KeyExpires()
	if err := h.local.Rekey(keys); err != nil {
		return false, fmt.Errorf("key %s: %w", name, err)
	}
	h.noteKey(h.local)
	return !before.Equal(h.local.KeyExpires()), nil
}

func (h *home) release(local *destinations.Local) {
	h.turn.Lock()
	defer h.turn.Unlock()
	if h.local != local {
		return // it ended, and there is another
	}
	if h.uses--; h.uses == 0 {
		h.local.Close()
		h.local = nil
	}
}

// reshape has an open destination be what a changed plan asks for. It reports false where it has to be
// opened anew.
func (h *home) reshape(p plan.Plan) bool {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.have(p)
	several := h.several()
	if h.local == nil {
		return true
	}
	asked, err := h.asked(p)
	if err != nil {
		return false
	}
	open := h.local.Options()
	if several && asked.Blinding != open.Blinding {
		return false // the others are not asked
	}
	asked.Unpublished = asked.Unpublished && (open.Unpublished || !several) // it may be a server's as well
	if !asked.Equal(open) && !h.local.Reshape(asked) {
		return false
	}
	h.holds = h.together(p)
	return true
}

func isOpen(local interface{ Done() <-chan struct{} }) bool {
	select {
	case <-local.Done():
		return false
	default:
		return true
	}
}
