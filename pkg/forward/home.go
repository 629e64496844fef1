package forward

import (
	"context"
	"fmt"
	"sync"

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
		h = &home{cfg: hs.cfg}
		hs.groups[group] = h
	}
	return h
}

// home is the destination of a forward, or of several: open while somebody uses it.
type home struct {
	cfg *Config

	turn  sync.Mutex // one opens or closes it at a time
	local *destinations.Local
	uses  int
}

// asked are the options of a plan's destination. A client's need not be found by anybody.
func (h *home) asked(p plan.Plan) (options.Options, error) {
	asked := h.cfg.Defaults()
	asked.Unpublished = !p.Type.Serves()
	asked.Nickname = p.Name
	if p.Share != "" {
		asked.Nickname = p.Share
	}
	asked, problems := options.Parse(asked, p.Options)
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
	}
	if asked := h.local.Options(); p.Type.Serves() && asked.Unpublished {
		asked.Unpublished = false // a client with the key of a server was first
		h.local.Reshape(asked)
	}
	local = h.local
	h.uses++
	var once sync.Once
	return local, func() { once.Do(func() { h.release(local) }) }, nil
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
	return h.cfg.Open(ctx, req)
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
	if h.local == nil {
		return true
	}
	asked, err := h.asked(p)
	return err == nil && (asked.Equal(h.local.Options()) || h.local.Reshape(asked))
}

func isOpen(local *destinations.Local) bool {
	select {
	case <-local.Done():
		return false
	default:
		return true
	}
}
