package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// Lookup finds the lease set of a destination, in the netDb where it must. As
// one that was opened just now may be on its way to the floodfills yet, it
// asks several times before it says that there is none.
func (c *Client) Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	start := c.cfg.Now()
	retired := c.retired()
	for attempt := 1; ; attempt++ {
		set := c.known(hash)
		var err error
		if set == nil {
			set, err = c.ask(ctx, hash)
		}
		if err == nil && endsSoon(set, c.cfg.Now()) {
			err = ErrTakenBack
		}
		if err == nil {
			return set, c.speaks(set)
		}
		err = fmt.Errorf("lease set of %s: %w", hash.B32(), err)
		if ctx.Err() != nil || (attempt >= lookupAttempts && c.cfg.Now().Sub(start) >= lookupPatience) {
			return nil, err
		}
		select {
		case <-time.After(lookupRetry):
		case <-retired:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

// ErrTakenBack means that the owner of a lease set was there moments ago, and
// has taken it back.
var ErrTakenBack = errors.New("client: it was taken back")

// endsSoon reports whether a lease set is one that takes another back.
func endsSoon(set leaseset.Set, now time.Time) bool {
	return set.Expires() <= i2p.DateOf(now.Add(withdrawnLife))
}

// How often a lease set is looked up, and how long, before there is none: its
// owner waits some seconds for a floodfill's confirmation before it stores the
// set at another one.
const (
	lookupAttempts = 3
	lookupPatience = 10 * time.Second
	lookupRetry    = time.Second
)

// known is a lease set that need not be looked up; nil where there is none.
func (c *Client) known(hash i2p.Hash) leaseset.Set {
	now := c.cfg.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if hash == c.dest.Hash() && c.set != nil {
		return c.set
	}
	if r := c.remotes[hash]; r != nil && r.lasts(now) > leaseMargin {
		return r.set
	}
	return nil
}

// ask runs one lookup.
func (c *Client) ask(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	type answer struct {
		set leaseset.Set
		err error
	}
	done := make(chan answer, 1)
	c.tunnels.LookupLeaseSet(hash, 0, func(s leaseset.Set, err error) {
		if s != nil {
			c.learn(s)
		}
		done <- answer{s, err}
	})
	select {
	case a := <-done:
		return a.set, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
