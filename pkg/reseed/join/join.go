// Package join finds the first peers of a router that knows too few others: it
// reads files, asks reseed servers, and asks again until enough are known.
package join

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/routerinfo"
)

// Policy is whom to ask, and when. It may change.
type Policy struct {
	Client    fetch.Config // how servers are asked; its Servers, Known, Each, Now and Rand are the joiner's
	Servers   []string
	Sources   []string // files and directories, read before a server is asked
	Auto      bool     // ask without being told to
	Threshold int      // that is, while fewer routers are known

	number int // of the policies that a Joiner has had
}

// Config is what a Joiner is made of.
type Config struct {
	env.Env
	Policy
	Known func() int // how many routers are known
	Learn func(*routerinfo.RouterInfo)
	Event func(detail string) // of each try
}

// Joiner finds the first peers of a router.
type Joiner struct {
	standing
	cfg     Config
	turn    chan struct{} // holds one token: one try at a time
	changed chan struct{} // holds one token once the policy has changed
}

// New makes a joiner that does nothing yet.
func New(cfg Config) *Joiner {
	cfg.Env = cfg.Env.Complete()
	j := &Joiner{cfg: cfg, turn: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	j.adopt(cfg.Policy)
	return j
}

// Change makes another policy hold from the next try on, which is at once if too
// few routers are known.
func (j *Joiner) Change(p Policy) {
	j.adopt(p)
	select {
	case j.changed <- struct{}{}:
	default:
	}
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
			if left := j.left(j.cfg.Now()); left > 0 {
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
