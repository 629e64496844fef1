package netdb

import (
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// How a lookup ends without the entry.
var (
	ErrNotFound     = errors.New("netdb: no floodfill that was asked has it")
	ErrNoAnswer     = errors.New("netdb: no floodfill answered")
	ErrNoFloodfills = errors.New("netdb: no floodfill is known")
	ErrBusy         = errors.New("netdb: too many lookups at once")
	ErrUnsent       = errors.New("netdb: no way to ask a floodfill")
	ErrNobodys      = errors.New("netdb: a hash of zeros is nobody's")
)

const maxLookups = 128 // of one segment at once

// LookupID names a lookup within its segment.
type LookupID uint64

// Query is a DatabaseLookup to be sent to one floodfill. The shell picks
// tunnels, sets where the reply goes and how it is encrypted, and wraps it.
type Query struct {
	ID      LookupID
	To      *routerinfo.RouterInfo
	Key     i2p.Hash
	Kind    i2np.LookupKind
	Exclude []i2p.Hash
	// Verify is set on a query that checks a publication; ID is 0 then.
	Verify bool
}

// Message makes the lookup without reply tunnel and encryption, as it is sent
// directly; from is the asking router.
func (q Query) Message(from i2p.Hash) i2np.DatabaseLookup {
	return i2np.DatabaseLookup{Key: q.Key, From: from, Kind: q.Kind, Exclude: q.Exclude}
}

// Result is the end of a lookup.
type Result struct {
	ID         LookupID
	Key        i2p.Hash
	Kind       i2np.LookupKind
	Err        error                  // nil: found
	RouterInfo *routerinfo.RouterInfo // of a RouterInfo lookup
	LeaseSet   leaseset.Record        // of a lease set lookup
	Routers    []i2p.Hash             // of an exploration: routers not known until now
	Stored     bool                   // it is what the router had: no answer brought it
	Took       time.Duration
	Trace      []Asked // whom it asked, in that order
}

// lookups are those of one segment that are under way.
type lookups struct {
	witness *witness
	sets    *leaseSets // of the segment
	list    []*lookup  // in the order in which they began
	lastID  LookupID
	stats   *SegmentStats
}

// start begins a lookup, unless one that is under way serves it.
func (ls *lookups) start(now time.Time, l *lookup) (LookupID, Out) {
	for _, o := range ls.list {
		if o.serves(l) {
			return o.id, Out{}
		}
	}
	ls.lastID++
	l.begin(now, ls.lastID, newSearch(ls.witness, l.key))
	if l.key.IsZero() {
		// Floodfills ignore such a lookup, as server does: it would be waited for, and those who
		// were asked held to be dead.
		return l.id, Out{Results: []Result{l.result(now, ErrNobodys)}}
	}
	if len(ls.list) >= maxLookups {
		ls.stats.Busy++
		return l.id, Out{Results: []Result{l.result(now, ErrBusy)}}
	}
	ls.stats.Lookups++
	ls.list = append(ls.list, l)
	return l.id, ls.advance(now, l)
}

// fetch looks up a router that was named to a lookup, asking first who named it.
func (ls *lookups) fetch(now time.Time, l *lookup, named, by i2p.Hash) Out {
	_, out := ls.start(now, &lookup{key: named, kind: i2np.LookupRouterInfo, hint: l.search.router(by)})
	return out
}

// advance has a lookup ask on, and gives it up where it has nobody left to ask.
func (ls *lookups) advance(now time.Time, l *lookup) Out {
	if l.done {
		return Out{}
	}
	ask, over := l.advance(now)
	ls.stats.Queries += uint64(len(ask))
	out := Out{Queries: ask}
	if over {
		out.add(ls.giveUp(now, l))
	}
	return out
}

// giveUp ends a lookup that did not bring its entry.
func (ls *lookups) giveUp(now time.Time, l *lookup) Out {
	r := l.failed(now)
	if r.Err != nil && l.kind == i2np.LookupLeaseSet && ls.witness.own == nil { // as a floodfill we may keep it
		if set := ls.sets.stored(now, l.key); set != nil {
			r.Err, r.LeaseSet, r.Stored = nil, set, true
		}
	}
	if r.Err != nil {
		ls.stats.Failed++
	}
	out := ls.end(now, l, r)
	if l.kind == i2np.LookupRouterInfo {
		out.add(ls.fetchEnded(now, l.key, nil)) // whoever waited for it goes on without
	}
	return out
}

// end removes a lookup and reports it.
func (ls *lookups) end(now time.Time, l *lookup, r Result) Out {
	l.done = true
	ls.list = slices.DeleteFunc(ls.list, func(x *lookup) bool { return x == l })
	l.judge(now, func(floodfill i2p.Hash, answered bool) { ls.witness.queried(now, floodfill, answered) })
	ls.stats.Took.Observe(r.Took)
	return Out{Results: []Result{r}}
}

// found ends the lookups for a key whose entry has come, by a floodfill or, where by is
// zero, nobody knows by whom.
func (ls *lookups) found(now time.Time, by, key i2p.Hash, ri *routerinfo.RouterInfo, set leaseset.Record) Out {
	var out Out
	for _, l := range slices.Clone(ls.list) {
		switch {
		case !l.wants(key, ri, set):
		case set != nil && set.Published() <= l.wish.than:
			l.gaveStale(now, by, set)
			out.add(ls.advance(now, l))
		default:
			l.trail.gave(now, by)
			r := l.result(now, nil)
			r.RouterInfo, r.LeaseSet = ri, set
			ls.stats.Found++
			out.add(ls.end(now, l, r))
		}
	}
	return out
}

// fetchEnded has lookups that waited for a router go on. A destination's know it
// from now on, as the DB does not.
func (ls *lookups) fetchEnded(now time.Time, router i2p.Hash, ri *routerinfo.RouterInfo) Out {
	var out Out
	for _, l := range slices.Clone(ls.list) {
		if l.named.fetched(router) {
			if ri != nil && ls.witness.own != nil {
				l.search.learn(ri)
			}
			out.add(ls.advance(now, l))
		}
	}
	return out
}

// seek tells whether a router is looked up.
func (ls *lookups) seek(router i2p.Hash) bool {
	return slices.ContainsFunc(ls.list, func(l *lookup) bool { return l.key == router && l.kind == i2np.LookupRouterInfo })
}

// refused gives up the lookups of a router whose RouterInfo has come and was not taken:
// every other floodfill would give the same. Else whoever names routers of a crowd has
// each of them asked for ten times, again and again.
func (ls *lookups) refused(now time.Time, router, by i2p.Hash) Out {
	var out Out
	for _, l := range slices.Clone(ls.list) {
		if l.key == router && l.kind == i2np.LookupRouterInfo && !l.done {
			l.trail.gave(now, by)
			out.add(ls.giveUp(now, l))
		}
	}
	return out
}

// reply takes a search reply, and tells whether anybody asked for it. The sender
// that it names is not authenticated, so it counts only if it was asked and has not
// answered yet.
func (ls *lookups) reply(now time.Time, m i2np.DatabaseSearchReply) (out Out, asked bool) {
	for _, l := range slices.Clone(ls.list) {
		if l.key != m.Key || !l.trail.waits(m.From) {
			continue
		}
		asked = true
		named := m.Peers[:min(len(m.Peers), maxNamed)]
		l.trail.replied(now, m.From, len(m.Peers), l.unknown(named))
		if l.kind == i2np.LookupExploration || !ls.awaits(l) {
			for _, h := range named {
				l.search.vouch(m.From, h)
				if l.follow(now, h) {
					out.add(ls.fetch(now, l, h, m.From))
				}
			}
		}
		out.add(ls.advance(now, l))
	}
	return out, asked
}

// awaits tells whether a lookup is a fetch that another waits for: that does not
// itself lead to more of them.
func (ls *lookups) awaits(l *lookup) bool {
	return slices.ContainsFunc(ls.list, func(o *lookup) bool { return o != l && slices.Contains(o.named.awaited, l.key) })
}

// unsent has the next floodfill asked in place of one that could not be.
func (ls *lookups) unsent(now time.Time, q Query) Out {
	for _, l := range ls.list {
		if l.id == q.ID {
			l.trail.unsent(q.To.Hash())
			return ls.advance(now, l)
		}
	}
	return Out{}
}

// tick gives up on queries and lookups whose time is over.
func (ls *lookups) tick(now time.Time) Out {
	var out Out
	for _, l := range slices.Clone(ls.list) {
		if l.expired(now) && !l.done {
			out.add(ls.giveUp(now, l))
			continue
		}
		out.add(ls.advance(now, l))
	}
	return out
}

// deadline is when tick has something to do; zero for never.
func (ls *lookups) deadline() time.Time {
	var d time.Time
	for _, l := range ls.list {
		d = deadline.Earliest(d, l.deadline())
	}
	return d
}
