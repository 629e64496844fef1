package bob

import (
	"context"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// lookupTime bounds a question that is asked of the network.
const lookupTime = 60 * time.Second

// asker is a destination that asks: that of the current tunnel where it runs, so that nobody learns that it and
// another belong together, and else one of the question's own.
func (c *conversation) asker(ctx context.Context) (local Local, done func(), err error) {
	if c.t != nil {
		c.s.mu.Lock()
		local = c.t.local
		c.s.mu.Unlock()
		if local != nil {
			return local, func() {}, nil
		}
	}
	if local, err = c.s.cfg.Open(ctx, "lookup", nil, false, nil); err != nil {
		return nil, nil, err
	}
	return local, func() { local.Close() }, nil
}

func (c *conversation) lookup(args []string) ([]string, error) {
	if to, err := c.s.cfg.Known(first(args)); err == nil {
		return []string{"OK " + to.Base64()}, nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, lookupTime)
	defer cancel()
	if name, err := i2p.ParseName(first(args)); err != nil || name.Kind == i2p.NameHost {
		return nil, errNotFound
	}
	by, done, err := c.asker(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	to, err := by.Lookup(ctx, first(args))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errNotFound, err)
	}
	return []string{"OK " + to.Base64()}, nil
}

func (c *conversation) lookupLocal(args []string) ([]string, error) {
	to, err := c.s.cfg.Known(first(args))
	if err != nil {
		return nil, errNotFound
	}
	return []string{"OK " + to.Base64()}, nil
}

func (c *conversation) ping(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, errors.New("empty ping address")
	}
	ctx, cancel := context.WithTimeout(c.ctx, lookupTime)
	defer cancel()
	by, done, err := c.asker(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	took, err := by.Ping(ctx, args[0])
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("OK pong: time=%d ms", took.Milliseconds())}, nil
}

func (c *conversation) verify(args []string) ([]string, error) {
	if _, err := i2p.ParseDestinationBase64(first(args)); err != nil {
		return nil, errors.New("not in BASE64 format")
	}
	return []string{"OK"}, nil
}
