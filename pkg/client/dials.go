package client

import (
	"context"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// dials are the streams that are being opened, by their destination: each with
// what gives it up.
type dials map[i2p.Hash][]*context.CancelCauseFunc

// takenBack gives up the streams to the destination of a lease set, as that ends at once.
func (d dials) takenBack(now time.Time, set leaseset.Set) {
	if set == nil || !endsSoon(set, now) {
		return
	}
	for _, giveUp := range d[set.Hash()] {
		(*giveUp)(ErrTakenBack)
	}
}

func (d dials) remove(hash i2p.Hash, giveUp *context.CancelCauseFunc) {
	d[hash] = slices.DeleteFunc(d[hash], func(g *context.CancelCauseFunc) bool { return g == giveUp })
	if len(d[hash]) == 0 {
		delete(d, hash)
	}
}

// watched gives a context that ends with ErrTakenBack once the lease set of a
// destination is known to be. Until stop.
func (c *Client) watched(ctx context.Context, hash i2p.Hash) (watched context.Context, stop func()) {
	ctx, giveUp := context.WithCancelCause(ctx)
	c.post(func(now time.Time) {
		c.dials[hash] = append(c.dials[hash], &giveUp)
		if r := c.remotes[hash]; r != nil {
			c.dials.takenBack(now, r.set)
		}
	})
	return ctx, func() {
		giveUp(nil)
		c.post(func(time.Time) { c.dials.remove(hash, &giveUp) })
	}
}
