package client

import (
	"time"

	"i2ptoolkit/pkg/i2p"
)

// maxSeeks bounds the lookups at once of those who only say that they sent something: anybody can
// name anybody.
const maxSeeks = 4

// Seek has the lease set of a destination looked up that says to have sent something, unless it is
// known. Once it is, handlers are told whose session that destination's is. It does not wait.
func (c *Client) Seek(hash i2p.Hash) { c.post(func(now time.Time) { c.seek(now, hash) }) }

func (l *loop) seek(now time.Time, hash i2p.Hash) {
	if l.known(now, hash) != nil {
		return
	}
	if l.seeking >= maxSeeks {
		l.stats.SeeksRefused++
		return
	}
	r := l.remote(now, hash)
	if r != nil && l.lookThen(now, r, func() { l.seeking-- }) {
		l.seeking++
		l.stats.Seeks++
	}
}
