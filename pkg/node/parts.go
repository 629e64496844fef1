package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// parts are the goroutines of a node: the first that fails ends all.
type parts struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

func newParts(ctx context.Context, cancel context.CancelFunc) *parts {
	return &parts{ctx: ctx, cancel: cancel}
}

func (p *parts) run(name string, f func(context.Context) error) {
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		if err := f(p.ctx); err != nil && p.ctx.Err() == nil {
			p.mu.Lock()
			if p.err == nil {
				p.err = err
				if !strings.HasPrefix(err.Error(), name+": ") { // most errors say whose they are
					p.err = fmt.Errorf("%s: %w", name, err)
				}
			}
			p.mu.Unlock()
			p.cancel()
		}
	}()
}

func (p *parts) wait() error {
	p.wg.Wait()
	return p.err
}
