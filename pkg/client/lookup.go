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
	retired := c.gates.done(c.gates.retired)
	for attempt := 1; ; attempt++ {
		set, err := c.find(ctx, hash)
		if err == nil || errors.Is(err, ErrEncryption) || errors.Is(err, ErrLeaseSetKind) {
			return set, err
		}
		err = fmt.Errorf("lease set of %s: %w", hash.B32(), err)
		if ctx.Err() != nil || (attempt >= lookupAttempts && c.cfg.Now().Sub(start) >= lookupPatience) {
			return nil, err
		}
		select {
		case <-time.After(lookupRetry):
		case <-retired:
			return nil, err
		case <-c.ended:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, err
		}
	}
}

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

// find takes the lease set that is known, or else runs one lookup.
func (c *Client) find(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	type answer struct {
		set leaseset.Set
		err error
	}
	done := make(chan answer, 1)
	tell := func(now time.Time, set leaseset.Set, err error) {
		if err == nil && endsSoon(set, now) {
			err = ErrTakenBack
		}
		if err == nil {
			err = c.voice.speaks(set)
		}
		done <- answer{set, err}
	}
	c.post(func(now time.Time) {
		if set := c.known(now, hash); set != nil {
			tell(now, set, nil)
			return
		}
		c.tunnels.LookupLeaseSet(hash, 0, func(found leaseset.Record, err error) {
			c.post(func(now time.Time) {
				set, err := open(found, err)
				if err == nil {
					c.learn(now, set)
					set = c.newest(set)
				}
				tell(now, set, err)
			})
		})
	})
	select {
	case a := <-done:
		return a.set, a.err
	case <-c.ended:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// open takes what a lookup found for a lease set to send by.
func open(found leaseset.Record, err error) (leaseset.Set, error) {
	if err != nil {
		return nil, err
	}
	switch set := found.(type) {
	case leaseset.Set:
		return set, nil
	case *leaseset.EncryptedLeaseSet:
		return nil, fmt.Errorf("%w: it is encrypted", ErrLeaseSetKind)
	case *leaseset.MetaLeaseSet:
		return nil, fmt.Errorf("%w: it names further lease sets", ErrLeaseSetKind)
	}
	return nil, ErrLeaseSetKind
}

// known is a lease set that need not be looked up; nil where there is none.
func (l *loop) known(now time.Time, hash i2p.Hash) leaseset.Set {
	if hash == l.own.hash && l.own.set != nil {
		return l.own.set
	}
	return l.others.lasting(now, hash)
}
