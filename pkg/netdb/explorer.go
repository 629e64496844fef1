package netdb

import (
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
)

// explorer looks for routers not yet known, by asking for keys at random from
// time to time.
type explorer struct{ next time.Time }

// tick gives the keys to be asked for now: more while few routers are known, and
// none at the first time or where there is nobody to ask.
func (x *explorer) tick(now time.Time, rand *draw.Source, db *DB) []i2p.Hash {
	if now.Before(x.next) {
		return nil
	}
	var keys []i2p.Hash
	if !x.next.IsZero() && db.floodfills.n > 0 {
		keys = make([]i2p.Hash, min(max(800/max(db.Len(), 1), 1), 9))
		for i := range keys {
			rand.Fill(keys[i][:])
		}
	}
	// Every one to four minutes; twice as often while few routers are known.
	pause := rand.Between(time.Minute, 4*time.Minute)
	if db.Len() < 2500 {
		pause /= 2
	}
	x.next = now.Add(pause)
	return keys
}
