package netdb

import (
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
)

// maxWitnessed is how many floodfills a destination remembers.
const maxWitnessed = 512

// witness is what a segment knows of how floodfills answer. The router's own has
// seen what all profiles are made of. A destination's has that too, and beside it
// keeps for itself what it saw: a floodfill that answers all but those who look for
// one key would else see which router asks it no more.
type witness struct {
	db  *DB
	own *profile.Table // of a destination
}

func newWitness(db *DB, destination bool, rand *draw.Source) *witness {
	w := &witness{db: db}
	if destination {
		w.own = profile.New(profile.Config{Rand: rand, MaxPeers: maxWitnessed})
	}
	return w
}

// queried judges a floodfill by whether it answered.
func (w *witness) queried(now time.Time, floodfill i2p.Hash, answered bool) {
	if w.own != nil {
		w.own.Queried(now, floodfill, answered)
		return
	}
	w.db.queried(now, floodfill, answered)
}

// responsive tells whether a floodfill is worth asking.
func (w *witness) responsive(now time.Time, floodfill i2p.Hash) bool {
	return w.db.cfg.Profiles.Responsive(now, floodfill) && (w.own == nil || w.own.Responsive(now, floodfill))
}

// served tells whether a router has answered us, by whichever way.
func (w *witness) served(e *entry) bool {
	return w.db.served(e) || w.own != nil && w.own.Served(e.sum.Hash)
}
