package netdb

import (
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// explorer looks for routers not yet known, by asking for keys at random from
// time to time.
type explorer struct {
	next  time.Time
	due   time.Time // when it is time whatever is known
	quick int       // rounds before that
}

const (
	// fewRouters is below what a router can do without: a reseed gives three times as many. Who knows fewer was given
	// some by hand, and may not have the hops for a tunnel yet.
	fewRouters = 25
	// fewFloodfills is below how many of them the routers that are close to a key may all be far from it.
	fewFloodfills = 8
	// firstPause is that between the first quick rounds. Each is twice the last.
	firstPause = 2 * time.Second
	// quickKeys are asked for in a quick round: a single floodfill is to answer all of them, and Java's answers 30
	// questions of a tunnel in two minutes.
	quickKeys = 3
)

// exploration is a key to ask for, and how: who explores is told of no floodfills (I2NP, DatabaseLookup), and of
// nothing else who asks for a router that nobody knows.
type exploration struct {
	key  i2p.Hash
	kind i2np.LookupKind
}

// tick gives what is to be asked now: more while few routers are known, and
// nothing at the first time or where there is nobody to ask.
func (x *explorer) tick(now time.Time, rand *draw.Source, db *DB) (asks []exploration) {
	if now.Before(x.next) {
		return nil
	}
	first, few, due := x.due.IsZero(), db.Len() < fewRouters, !now.Before(x.due)
	if !first && (few || due) && db.floodfills.n > 0 {
		n := quickKeys
		if due {
			n = min(max(800/max(db.Len(), 1), 1), 9)
		} else {
			x.quick++
		}
		for i := range n {
			a := exploration{kind: i2np.LookupExploration}
			if i%2 == 1 && db.floodfills.n < fewFloodfills {
				a.kind = i2np.LookupRouterInfo
			}
			rand.Fill(a.key[:])
			asks = append(asks, a)
		}
	}
	if due {
		// Every one to four minutes; twice as often while few routers are known.
		pause := rand.Between(time.Minute, 4*time.Minute)
		if db.Len() < 2500 {
			pause /= 2
		}
		x.due = now.Add(pause)
	}
	x.next = x.due
	if soon := now.Add(firstPause << min(x.quick, 10)); few && soon.Before(x.due) {
		x.next = soon
	}
	return asks
}
