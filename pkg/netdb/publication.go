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
	sent      []sentStore // whose confirmation is waited for
	confirmed []i2p.Hash
}

// sentStore is a store at a floodfill.
type sentStore struct {
	to    i2p.Hash
	token uint32
	at    time.Time
}

// overdue takes out one that is waited for no more.
func (r *round) overdue(now time.Time) (floodfill i2p.Hash, ok bool) {
	if len(r.sent) == 0 || now.Before(r.sent[0].at.Add(confirmPatience)) {
		return i2p.Hash{}, false
	}
	floodfill = r.sent[0].to
	r.sent = r.sent[1:]
	return floodfill, true
}

// remove takes out the one with a token.
func (r *round) remove(token uint32) (floodfill i2p.Hash, ok bool) {
	i := slices.IndexFunc(r.sent, func(s sentStore) bool { return s.token == token })
	if i < 0 {
		return i2p.Hash{}, false
	}
	floodfill = r.sent[i].to
	r.sent = slices.Delete(r.sent, i, i+1)
	return floodfill, true
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
	var to *routerinfo.RouterInfo
	if r.stores < maxStores {
		to = r.search.next(now)
	}
	if to == nil {
		return nil
	}
	token := rand.Nonzero32()
	r.stores++
	if p.state != storing {
		r.sent = nil
	}
	r.sent = append(r.sent, sentStore{to.Hash(), token, now})
	p.state = storing
	p.await()
	m := i2np.DatabaseStore{Key: p.entry.key, Type: p.entry.kind, ReplyToken: token, Data: p.entry.data}
	return &Store{To: to, Message: m}
}

// await waits for confirmations. Of a lease set that comes late many may wait, so a second floodfill
// is tried beside the first.
func (p *publication) await() {
	wait := confirmPatience
	if len(p.round.sent) < parallel && p.entry.kind != i2np.StoreRouterInfo {
		wait = patience
	}
	p.at = p.round.sent[0].at.Add(wait)
}

// pause waits after a round that has failed: a shorter while where it is for want
// of any floodfill.
func (p *publication) pause(now time.Time) {
	p.state, p.at = paused, now.Add(roundPause)
	if p.round.stores == 0 {
		p.at = now.Add(roundPause / 5)
	}
}

// confirm draws when a store that was confirmed is to be verified.
func (p *publication) confirm(now time.Time, rand *draw.Source) {
	p.at = now.Add(rand.Between(verifyAfter, verifyAfter+verifyJitter))
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
