package client

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tally"
)

// Rekey has the destination go on with other keys of its own: another transient one, in time before the one in
// use expires. Its lease set is made anew, and told to peers; streams go on, each signed as it began.
func (c *Client) Rekey(keys *i2p.PrivateKeys) (err error) {
	if c.host == nil || keys.Destination().Hash() != c.dest.Hash() {
		return ErrOtherKeys
	}
	now := c.cfg.Now()
	if o := keys.Offline; o != nil && !now.Before(time.Unix(int64(o.Expires), 0)) {
		return fmt.Errorf("%w: the transient key has expired", ErrOtherKeys)
	}
	err = ErrClosed
	c.call(func(time.Time) {
		asked := c.cfg
		asked.Keys = keys
		if err = blindable(asked); err != nil {
			return
		}
		own := newKeeper(keys, c.cfg.Rand)
		c.cfg.Keys, c.cfg.Keeper = keys, own
		tally.AddTotals(&c.stats.ElGamal, c.elders.keepBy(c.now, &own))
		c.host.Rekey(keys)
		c.own.renew(true)
	})
	return err
}

// When its owner is told that a transient key expires: a week before, and on each day.
const (
	keyWarning = 7 * 24 * time.Hour
	keyReminds = 24 * time.Hour
)

// warn tells of a transient key that expires soon: nobody reaches the destination then.
func (l *loop) warn(now time.Time) {
	if l.cfg.Keys == nil || l.cfg.Keys.Offline == nil {
		return
	}
	end := time.Unix(int64(l.cfg.Keys.Offline.Expires), 0)
	if end.Sub(now) < keyWarning && now.Sub(l.own.warned) >= keyReminds {
		l.own.warned = now
		l.cfg.Log.Warn("the transient key of a destination expires soon", "destination", l.cfg.Options.Nickname, "at", end.UTC())
	}
}
