package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// Limits of what one lookup does with what it is told.
const (
	maxQueries    = 10
	replicas      = 1 + floodTo // floodfills that have an entry, where all know all
	parallel      = 2           // queries that are waited for at once
	lookupTimeout = 15 * time.Second

	maxNewer = 6  // questions that a newer lease set is worth: most often there is none
	maxNamed = 16 // hashes read of one search reply
	maxNeeds = 8  // RouterInfos fetched for one lookup
	maxFound = 16 // routers that one exploration brings
)

// lookup is one under way: whom it has asked, and whom it will ask next.
type lookup struct {
	id      LookupID
	key     i2p.Hash
	kind    i2np.LookupKind
	started time.Time
	handled time.Time // when advance last looked
	done    bool

	search *search
	but    []i2p.Hash             // not to be asked
	hint   *routerinfo.RouterInfo // to be asked first: it named the key
	trail  trail
	named  named
	found  []i2p.Hash // of an exploration: routers not known until now
	wish   wish
}

// named are the floodfills that others named to a lookup.
type named struct {
	awaited []i2p.Hash // whose RouterInfo is not here yet
	all     int
}

// wish is for a lease set that is newer than one we have, with what came instead.
type wish struct {
	than    i2p.Date        // zero: any will do
	stale   leaseset.Record // the newest that is not
	nobodys int             // stale answers of which it cannot be told who gave them
}

// begin makes a lookup ready to be advanced.
func (l *lookup) begin(now time.Time, id LookupID, s *search) {
	l.id, l.started, l.search = id, now, s
	l.search.exclude(l.key) // a router is not asked for itself
	for _, h := range l.but {
		l.search.exclude(h)
	}
}

// worth is how many queries a lookup is worth.
func (l *lookup) worth() int {
	switch {
	case l.kind == i2np.LookupExploration:
		return 1
	case l.wish.than > 0:
		return maxNewer
	}
	return maxQueries
}

// serves tells whether the result of a lookup is also that of another.
func (l *lookup) serves(o *lookup) bool {
	return l.key == o.key && l.kind == o.kind && l.wish.than >= o.wish.than && len(l.but) == 0 && len(o.but) == 0
}

// wants tells whether an entry is what is looked for.
func (l *lookup) wants(key i2p.Hash, ri *routerinfo.RouterInfo, set leaseset.Record) bool {
	switch {
	case l.key != key:
		return false
	case l.kind == i2np.LookupAny:
		return true
	}
	return l.kind == i2np.LookupRouterInfo && ri != nil || l.kind == i2np.LookupLeaseSet && set != nil
}

// advance asks until enough answers are waited for. over tells that nothing more
// is to be expected.
func (l *lookup) advance(now time.Time) (ask []Query, over bool) {
	l.handled = now
	for len(l.trail) < l.worth() && l.waiting(now) < parallel {
		to := l.pick(now)
		if to == nil {
			break
		}
		l.trail = append(l.trail, Asked{Floodfill: to.Hash(), At: now})
		ask = append(ask, Query{ID: l.id, To: to, Key: l.key, Kind: l.kind, Exclude: l.trail.floodfills()})
	}
	if l.waiting(now) > 0 {
		return ask, false
	}
	// A floodfill named to us may still become known.
	hope := len(l.trail) < l.worth() && len(l.named.awaited) > 0 && now.Before(l.hopeless())
	return ask, !hope
}

// waiting counts the queries that may still be answered soon.
func (l *lookup) waiting(now time.Time) int {
	return max(0, l.trail.fresh(now)-l.wish.nobodys)
}

// hopeless is when floodfills that are not known yet are waited for no more.
func (l *lookup) hopeless() time.Time {
	last := l.started
	if n := len(l.trail); n > 0 {
		last = l.trail[n-1].At
	}
	return last.Add(2 * patience)
}

// pick is the next floodfill to ask.
func (l *lookup) pick(now time.Time) *routerinfo.RouterInfo {
	if to := l.hint; to != nil {
		l.hint = nil
		l.search.exclude(to.Hash())
		return to
	}
	if l.kind == i2np.LookupExploration {
		return l.search.next(now)
	}
	if to := l.repeat(now); to != nil {
		return to
	}
	if to := l.search.next(now); to != nil {
		return to
	}
	if h, ok := l.trail.again(now, nil); ok {
		return l.search.router(h)
	}
	return nil
}

// repeat is one of those closest to the key that is to be asked once more, as it has been
// silent: they are where the entry lies, and the question or its answer may have been lost. All
// of them come first, and then others have every second turn: those may be silent on purpose.
// Only who has answered us before is worth it while there are others.
func (l *lookup) repeat(now time.Time) *routerinfo.RouterInfo {
	all := slices.DeleteFunc(l.trail.floodfills(), func(h i2p.Hash) bool { return l.search.crowded(now, h) })
	if len(all) < replicas || (len(l.trail)-replicas)%2 != 0 {
		return nil
	}
	routingKey := RoutingKey(l.key, now)
	slices.SortFunc(all, func(a, b i2p.Hash) int { return routingKey.Xor(a).Compare(routingKey.Xor(b)) })
	holds := func(h i2p.Hash) bool { return slices.Contains(all[:replicas], h) && l.search.reliable(h) }
	if h, ok := l.trail.again(now, holds); ok {
		return l.search.router(h)
	}
	return nil
}

// follow tells whether the RouterInfo of a router that was named is to be fetched.
// An exploration wants those that are new. Others want floodfills that are not known
// yet and are closer to the key than those who are, and of whom we were not only told:
// the known ones will be chosen by themselves when their turn comes.
func (l *lookup) follow(now time.Time, h i2p.Hash) bool {
	db := l.search.db
	if h.IsZero() || l.search.knows(h) {
		return false
	}
	if l.kind == i2np.LookupExploration {
		if len(l.found) >= maxFound || slices.Contains(l.found, h) {
			return false
		}
		l.found = append(l.found, h)
		return true
	}
	if l.named.all >= maxNeeds || h == l.key || slices.Contains(l.named.awaited, h) {
		return false
	}
	told := func(h i2p.Hash) bool { return !db.records.heard(h) || l.search.crowded(now, h) }
	if closest := db.closestFloodfills(now, l.key, 3, told); len(closest) == 3 && !closer(RoutingKey(l.key, now), h, closest[2]) {
		return false // it would not be asked any sooner than those we know
	}
	l.named.all++
	l.named.awaited = append(l.named.awaited, h)
	return true
}

// unknown counts the routers that nobody has told of until now.
func (l *lookup) unknown(named []i2p.Hash) (n int) {
	for _, h := range named {
		if !l.search.knows(h) {
			n++
		}
	}
	return n
}

// fetched tells whether a router was awaited, which is known now or never.
func (n *named) fetched(router i2p.Hash) bool {
	i := slices.Index(n.awaited, router)
	if i >= 0 {
		n.awaited = slices.Delete(n.awaited, i, i+1)
	}
	return i >= 0
}

// gaveStale takes a lease set that is not as new as is wanted. Where it cannot be
// told who sent it, it counts for any of those who were asked.
func (l *lookup) gaveStale(now time.Time, by i2p.Hash, set leaseset.Record) {
	l.wish.stale = set
	if !l.trail.gave(now, by) && by.IsZero() && slices.ContainsFunc(l.trail, func(a Asked) bool { return a.waits() }) {
		l.wish.nobodys++
	}
}

// judge tells of each floodfill that was asked whether it answered; of those
// that may have, it tells nothing.
func (l *lookup) judge(now time.Time, tell func(floodfill i2p.Hash, answered bool)) {
	for i := range l.trail {
		a := &l.trail[i]
		switch {
		case a.Answer != NoAnswer:
			tell(a.Floodfill, true)
		case !a.Unsent && now.Sub(a.At) >= patience && l.wish.nobodys == 0 && !l.trail.heard(a.Floodfill):
			tell(a.Floodfill, false)
		}
	}
}

// result is the end that a lookup comes to: with the entry, or with err.
func (l *lookup) result(now time.Time, err error) Result {
	return Result{ID: l.id, Key: l.key, Kind: l.kind, Err: err, Took: now.Sub(l.started), Trace: l.trail}
}

// failed is the end of one that did not bring its entry, with what it brought
// instead.
func (l *lookup) failed(now time.Time) Result {
	r := l.result(now, l.trail.failure())
	switch {
	case l.kind == i2np.LookupExploration && l.trail.answered():
		r.Err, r.Routers = nil, l.found
	case l.wish.stale != nil:
		r.Err, r.LeaseSet = nil, l.wish.stale
	case l.kind == i2np.LookupRouterInfo && l.search.own == nil: // it may have become known otherwise
		if ri := l.search.db.Router(l.key); ri != nil {
			r.Err, r.RouterInfo, r.Stored = nil, ri, true
		}
	}
	return r
}

// expired tells whether a lookup has taken too long.
func (l *lookup) expired(now time.Time) bool { return now.Sub(l.started) >= lookupTimeout }

// deadline is when advance has something to do, or the lookup has taken too long.
func (l *lookup) deadline() time.Time {
	d := l.started.Add(lookupTimeout)
	sooner := func(at time.Time) {
		if at.After(l.handled) && at.Before(d) {
			d = at
		}
	}
	for i := range l.trail {
		if l.trail[i].waits() {
			sooner(l.trail[i].At.Add(patience))
		}
	}
	if len(l.named.awaited) > 0 {
		sooner(l.hopeless())
	}
	return d
}
