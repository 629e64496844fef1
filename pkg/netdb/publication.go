package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// Times of publishing.
const (
	confirmPatience = 5 * time.Second  // until a floodfill confirms a store
	verifyAfter     = 10 * time.Second // network database, "LeaseSet Storage Verification"
	verifyJitter    = 3 * time.Second
	maxStores       = 8 // floodfills tried in one round
	besideCrowd     = 2 // floodfills that are to confirm it where a crowd lies about the key
	maxVerifiers    = 2 // asked in vain before the entry is stored again
	roundPause      = 15 * time.Second
	renewAfter      = 30 * time.Minute // a RouterInfo is published anew in 30 to 40 minutes
	renewJitter     = 10 * time.Minute
	firstLook       = time.Minute // until it is seen to that a RouterInfo lies where it belongs, and twice as long each time
)

// publication is one entry that we publish, and where that stands.
type publication struct {
	entry  ownEntry
	state  publishState
	at     time.Time // when the state is to change by itself; zero for never
	round  round
	verify verification
	renew  time.Time     // when the entry is to be made anew; zero for never
	look   time.Duration // until it is seen to once more where it lies
}

// ownEntry is what we publish.
type ownEntry struct {
	key  i2p.Hash
	kind byte
	data []byte // as a DatabaseStore carries it
	date i2p.Date
	last bool // nothing follows once it is stored: the entry is taken back
}

func ofRouterInfo(ri *routerinfo.RouterInfo) ownEntry {
	return ownEntry{
		key: ri.Hash(), kind: i2np.StoreRouterInfo, data: i2np.CompressRouterInfo(ri.Bytes()), date: ri.Published(),
	}
}

func ofLeaseSet(set leaseset.Record) ownEntry {
	return ownEntry{key: set.Hash(), kind: set.StoreType(), data: set.Bytes(), date: set.Published()}
}

// round is one pass over the floodfills closest to a key, until one confirms.
type round struct {
	search    *search
	stores    int
	to        *routerinfo.RouterInfo
	token     uint32
	confirmed []i2p.Hash
}

// verification asks other floodfills for what was stored.
type verification struct {
	search *search
	by     i2p.Hash // the floodfill that is or was asked last
	silent int
}

// publishState is where a publication stands.
//
//	storing --confirmed--> resting --10 s--> verifying --it is there--> settled
//	 ^ ^  |                   ^                |    |
//	 | |  |                   +-- not sent ----+    |
//	 | |  +--no floodfill left--> paused            |
//	 | +--------- 15 s -------------+               |
//	 +------------ not there -----------------------+
//
// A RouterInfo is not verified. It is stored anew where it turns out to lie astray.
type publishState byte

const (
	storing   publishState = iota // a store is sent, its confirmation is waited for
	resting                       // stored; floodfills are passing it on
	verifying                     // another floodfill is asked for it
	settled
	paused // a round has failed
)

// begin begins with the closest floodfills anew.
func (p *publication) begin(w *witness) {
	p.round = round{search: newSearch(w, p.entry.key)}
	p.round.search.exclude(p.entry.key)
	p.verify = verification{search: newSearch(w, p.entry.key), by: p.verify.by}
}

// store stores the entry at the next floodfill, or gives nil where there is none.
func (p *publication) store(now time.Time, rand *draw.Source) *Store {
	r := &p.round
	r.to = nil
	if r.stores < maxStores {
		r.to = r.search.next(now)
	}
	if r.to == nil {
		return nil
	}
	r.token = rand.Nonzero32()
	r.stores++
	p.state, p.at = storing, now.Add(confirmPatience)
	m := i2np.DatabaseStore{Key: p.entry.key, Type: p.entry.kind, ReplyToken: r.token, Data: p.entry.data}
	return &Store{To: r.to, Message: m}
}

// pause waits after a round that has failed: a shorter while where it is for want
// of any floodfill.
func (p *publication) pause(now time.Time) {
	p.state, p.at = paused, now.Add(roundPause)
	if p.round.stores == 0 {
		p.at = now.Add(roundPause / 5)
	}
}

// confirm takes the confirmation of a store, which names the floodfill, and draws when it is to be verified.
func (p *publication) confirm(now time.Time, rand *draw.Source) (floodfill i2p.Hash) {
	floodfill = p.round.to.Hash()
	p.round.confirmed = append(p.round.confirmed, floodfill)
	p.at = now.Add(rand.Between(verifyAfter, verifyAfter+verifyJitter))
	return floodfill
}

// kept tells whether so many have confirmed it that it may be left to them to pass it on: one,
// or where a crowd lies about the key, which may keep nothing, some beside it.
func (p *publication) kept(now time.Time) bool {
	routingKey := RoutingKey(p.entry.key, now)
	crowd := p.round.search.db.floodfills.crowdAt(routingKey)
	if crowd == noCrowd {
		return len(p.round.confirmed) > 0
	}
	beside := 0
	for _, h := range p.round.confirmed {
		if SharedBits(h, routingKey) < crowd {
			beside++
		}
	}
	return beside >= besideCrowd
}

// ask asks the floodfill that should have got the entry by now: close to the key,
// but not one that it was stored at, nor the one that was asked last. It gives nil
// where there is none.
func (p *publication) ask(now time.Time) *Query {
	v := &p.verify
	v.search.again()
	for _, h := range p.round.confirmed {
		v.search.exclude(h)
	}
	v.search.exclude(p.entry.key)
	v.search.exclude(v.by)
	to := v.search.next(now)
	if to == nil {
		return nil
	}
	v.by = to.Hash()
	p.state, p.at = verifying, now.Add(confirmPatience)
	return &Query{To: to, Key: p.entry.key, Kind: i2np.LookupLeaseSet, Exclude: slices.Clone(p.round.confirmed), Verify: true}
}

// settle ends what there is to do, for a RouterInfo until it is to be renewed, or seen to: a
// router that begins knows few floodfills, and none near its key.
func (p *publication) settle(now time.Time, rand *draw.Source) {
	p.state, p.at = settled, time.Time{}
	if p.entry.kind != i2np.StoreRouterInfo {
		return
	}
	if p.renew.IsZero() {
		p.renew, p.look = now.Add(rand.Between(renewAfter, renewAfter+renewJitter)), firstLook
	}
	p.at = deadline.Earliest(p.renew, now.Add(p.look))
	p.look *= 2
}

// astray tells whether an entry lies at none of those that who looks for it asks first.
func (p *publication) astray(now time.Time, db *DB) bool {
	not := func(h i2p.Hash) bool { return h == db.cfg.Self || h == p.entry.key }
	return !slices.ContainsFunc(db.around(now, p.entry.key, replicas, not), func(h i2p.Hash) bool {
		return slices.Contains(p.round.confirmed, h)
	})
}

// verifiedBy tells whether a floodfill is being asked for the entry.
func (p *publication) verifiedBy(key, floodfill i2p.Hash) bool {
	return p.entry.key == key && p.state == verifying && p.verify.by == floodfill
}
