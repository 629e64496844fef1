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
)

// maxTimes is how often one floodfill is asked in one lookup, when it is silent
// and nobody else is left.
const maxTimes = 3

// maxNewer is how many questions a newer lease set is worth: most often there
// is none.
const maxNewer = 6

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

// Answer is what one floodfill did with a query.
type Answer byte

// The answers.
const (
	NoAnswer Answer = iota
	Named           // it named others
	Gave            // the entry came while it was being asked
)

func (a Answer) String() string {
	switch a {
	case Named:
		return "named others"
	case Gave:
		return "gave the entry"
	}
	return "no answer"
}

// Asked is one step of a lookup.
type Asked struct {
	Floodfill i2p.Hash
	At        time.Time
	Took      time.Duration // 0 while there is no answer
	Answer    Answer
	Peers     int // named
	Unsent    bool
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
	Took       time.Duration
	Trace      []Asked
}

// Need is a router whose RouterInfo a lookup of a destination's segment wants;
// the router's own segment is to look it up (Segment.Fetch), so that nothing of
// it shows at the destination's tunnels. FetchEnded is called once that lookup has
// ended, and not when the router becomes known otherwise.
type Need struct {
	Router i2p.Hash
	From   i2p.Hash // the floodfill that named it
}

// lookup is one under way.
type lookup struct {
	id      LookupID
	key     i2p.Hash
	kind    i2np.LookupKind
	started time.Time
	search  *search
	asked   []Asked
	hint    i2p.Hash   // to be asked first: it named the key
	awaited []i2p.Hash // floodfills named to us whose RouterInfo is not here yet
	needs   int
	found   []i2p.Hash // of an exploration
	answers int
	handled time.Time // when advance last looked
	done    bool

	than  i2p.Date        // a lease set must be newer
	stale leaseset.Record // the newest that came and is not
	older int             // answers with one
}

// LookUp begins a lookup, or joins the one under way for the same key. The
// result comes from this or a later call.
func (s *Segment) LookUp(now time.Time, key i2p.Hash, kind i2np.LookupKind) (LookupID, Out) {
	return s.start(now, &lookup{key: key, kind: kind})
}

// LookUpNewer begins a lookup of a lease set that was published later than the
// one known, as that seems to be no use any more. Floodfills that have no newer
// one do not end it; where none has, its result is what they have.
func (s *Segment) LookUpNewer(now time.Time, key i2p.Hash, than i2p.Date) (LookupID, Out) {
	return s.start(now, &lookup{key: key, kind: i2np.LookupLeaseSet, than: than})
}

// Fetch looks a RouterInfo up, asking first the router that named it.
func (s *Segment) Fetch(now time.Time, n Need) (LookupID, Out) {
	return s.start(now, &lookup{key: n.Router, kind: i2np.LookupRouterInfo, hint: n.From})
}

func (s *Segment) start(now time.Time, l *lookup) (LookupID, Out) {
	var out Out
	for _, o := range s.lookups {
		if o.key == l.key && o.kind == l.kind && o.than >= l.than {
			return o.id, out
		}
	}
	s.lastID++
	l.id, l.started, l.search = s.lastID, now, newSearch(s.cfg.DB, l.key, s.cfg.Destination)
	l.search.exclude(l.key) // a router is not asked for itself
	if len(s.lookups) >= s.cfg.MaxLookups {
		s.stats.Busy++
		out.Results = append(out.Results, l.result(now, ErrBusy))
		return l.id, out
	}
	s.stats.Lookups++
	s.lookups = append(s.lookups, l)
	s.advance(now, l, &out)
	return l.id, out
}

// Explore looks for routers not yet known: it asks for a random key.
func (s *Segment) Explore(now time.Time) (LookupID, Out) {
	var key i2p.Hash
	s.rand.Fill(key[:])
	return s.start(now, &lookup{key: key, kind: i2np.LookupExploration})
}

// Cancel ends a lookup; its result is not reported.
func (s *Segment) Cancel(id LookupID) {
	s.lookups = slices.DeleteFunc(s.lookups, func(l *lookup) bool {
		l.done = l.done || l.id == id
		return l.id == id
	})
}

// QueryUnsent tells that a query could not be sent, so the next floodfill is asked
// at once; whether an entry of ours can be found is asked later.
func (s *Segment) QueryUnsent(now time.Time, q Query) Out {
	var out Out
	if q.Verify {
		s.verifyUnsent(now, q)
		return out
	}
	for _, l := range s.lookups {
		if l.id != q.ID {
			continue
		}
		for i := range l.asked {
			if a := &l.asked[i]; a.Floodfill == q.To.Hash() && a.Answer == NoAnswer {
				a.Unsent = true
			}
		}
		s.advance(now, l, &out)
		break
	}
	return out
}

// advance sends queries until enough are waited for, and ends a lookup that
// has nobody left to ask.
func (s *Segment) advance(now time.Time, l *lookup, out *Out) {
	if l.done {
		return
	}
	l.handled = now
	limit, parallel := s.cfg.MaxQueries, s.cfg.Parallel
	switch {
	case l.kind == i2np.LookupExploration:
		limit, parallel = 1, 1
	case l.than > 0:
		limit = min(limit, maxNewer)
	}
	for len(l.asked) < limit && l.waiting(now, s.cfg.Patience) < parallel {
		to := s.pick(now, l)
		if to == nil {
			to = s.again(now, l)
		}
		if to == nil {
			break
		}
		l.asked = append(l.asked, Asked{Floodfill: to.Hash(), At: now})
		s.stats.Queries++
		out.Queries = append(out.Queries, Query{ID: l.id, To: to, Key: l.key, Kind: l.kind, Exclude: l.exclude()})
	}
	if l.waiting(now, s.cfg.Patience) > 0 {
		return
	}
	if len(l.asked) < limit && len(l.awaited) > 0 && now.Before(l.lastSent().Add(2*s.cfg.Patience)) {
		return // a floodfill named to us may still become known
	}
	s.end(now, l, l.failure(), out)
}

// pick is the next floodfill to ask.
func (s *Segment) pick(now time.Time, l *lookup) *routerinfo.RouterInfo {
	if !l.hint.IsZero() {
		h := l.hint
		l.hint = i2p.Hash{}
		if ri := s.cfg.DB.Router(h); ri != nil && h != s.cfg.DB.cfg.Self {
			l.search.exclude(h)
			return ri
		}
	}
	return l.search.next(now)
}

// again is a floodfill to be asked once more because nobody else is left: the
// question or its answer may have been lost on the way.
func (s *Segment) again(now time.Time, l *lookup) *routerinfo.RouterInfo {
	if l.kind == i2np.LookupExploration {
		return nil
	}
	for i := range l.asked {
		h, times, open := l.asked[i].Floodfill, 0, true
		for j := range l.asked {
			if a := &l.asked[j]; a.Floodfill == h {
				times++
				open = open && a.Answer == NoAnswer && !a.Unsent && !now.Before(a.At.Add(s.cfg.Patience))
			}
		}
		if open && times < maxTimes {
			return s.cfg.DB.Router(h)
		}
	}
	return nil
}

// waiting counts the queries that may still be answered soon.
func (l *lookup) waiting(now time.Time, patience time.Duration) int {
	n := 0
	for i := range l.asked {
		if a := &l.asked[i]; a.Answer == NoAnswer && !a.Unsent && now.Before(a.At.Add(patience)) {
			n++
		}
	}
	return max(0, n-l.older)
}

func (l *lookup) lastSent() time.Time {
	if len(l.asked) == 0 {
		return l.started
	}
	return l.asked[len(l.asked)-1].At
}

// exclude lists the peers that a reply need not name: those asked already.
func (l *lookup) exclude() []i2p.Hash {
	out := make([]i2p.Hash, 0, len(l.asked))
	for i := range l.asked {
		if h := l.asked[i].Floodfill; !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

func (l *lookup) failure() error {
	switch {
	case len(l.asked) == 0:
		return ErrNoFloodfills
	case !slices.ContainsFunc(l.asked, func(a Asked) bool { return !a.Unsent }):
		return ErrUnsent
	case l.answers == 0:
		return ErrNoAnswer
	}
	return ErrNotFound
}

func (l *lookup) result(now time.Time, err error) Result {
	return Result{ID: l.id, Key: l.key, Kind: l.kind, Err: err, Took: now.Sub(l.started), Trace: l.asked}
}

// end removes a lookup that did not bring its entry, and reports it.
func (s *Segment) end(now time.Time, l *lookup, err error, out *Out) {
	l.done = true
	s.lookups = slices.DeleteFunc(s.lookups, func(x *lookup) bool { return x == l })
	r := l.result(now, err)
	if l.kind == i2np.LookupExploration && l.answers > 0 {
		r.Err, r.Routers = nil, l.found
	}
	if l.stale != nil {
		r.Err, r.LeaseSet = nil, l.stale
	}
	if l.kind == i2np.LookupRouterInfo { // it may have become known otherwise
		if ri := s.cfg.DB.Router(l.key); ri != nil {
			r.Err, r.RouterInfo = nil, ri
		}
	}
	s.judge(now, l)
	s.stats.Took.Observe(r.Took)
	if r.Err != nil {
		s.stats.Failed++
	}
	out.Results = append(out.Results, r)
	if l.kind == i2np.LookupRouterInfo {
		s.fetchEnded(now, l.key, out) // whoever waited for it goes on without
	}
}

// judge tells the profiles which floodfills answered.
func (s *Segment) judge(now time.Time, l *lookup) {
	for i := range l.asked {
		a := &l.asked[i]
		switch {
		case a.Answer != NoAnswer:
			s.cfg.DB.queried(now, a.Floodfill, true)
		case !a.Unsent && now.Sub(a.At) >= s.cfg.Patience && l.older == 0: // else it may have answered
			s.cfg.DB.queried(now, a.Floodfill, false)
		}
	}
}

// found ends the lookups for a key whose entry has come.
func (s *Segment) found(now time.Time, key i2p.Hash, ri *routerinfo.RouterInfo, set leaseset.Record, out *Out) {
	for _, l := range slices.Clone(s.lookups) {
		wants := l.kind == i2np.LookupRouterInfo && ri != nil || l.kind == i2np.LookupLeaseSet && set != nil || l.kind == i2np.LookupAny
		if l.key != key || !wants {
			continue
		}
		if set != nil && set.Published() <= l.than {
			s.gaveOlder(now, l, set, out)
			continue
		}
		l.gave(now)
		l.done = true
		s.lookups = slices.DeleteFunc(s.lookups, func(x *lookup) bool { return x == l })
		s.judge(now, l)
		r := l.result(now, nil)
		r.RouterInfo, r.LeaseSet = ri, set
		s.stats.Took.Observe(r.Took)
		s.stats.Found++
		out.Results = append(out.Results, r)
	}
}

// gaveOlder takes a lease set that is not as new as is wanted. Where it cannot
// be told who sent it, it counts for any of those who were asked.
func (s *Segment) gaveOlder(now time.Time, l *lookup, set leaseset.Record, out *Out) {
	l.stale = set
	open := 0
	for i := range l.asked {
		if l.asked[i].Answer == NoAnswer {
			open++
		}
	}
	if l.gave(now); open > 1 {
		l.older++
	}
	s.advance(now, l, out)
}

// gave credits the entry to the floodfill if only one can have sent it: a
// DatabaseStore does not say who did (network database, "Notes on Lookup Responses").
func (l *lookup) gave(now time.Time) {
	open := -1
	for i := range l.asked {
		if l.asked[i].Answer == NoAnswer {
			if open >= 0 {
				return
			}
			open = i
		}
	}
	if open >= 0 {
		l.asked[open].Answer, l.asked[open].Took = Gave, now.Sub(l.asked[open].At)
	}
}

// tickLookups gives up on queries and lookups whose time is over.
func (s *Segment) tickLookups(now time.Time, out *Out) {
	for _, l := range slices.Clone(s.lookups) {
		if now.Sub(l.started) >= s.cfg.Timeout {
			s.end(now, l, l.failure(), out)
			continue
		}
		s.advance(now, l, out)
	}
}

// lookupDeadline is when tickLookups has something to do; zero for never.
func (s *Segment) lookupDeadline() time.Time {
	var d time.Time
	for _, l := range s.lookups {
		at := l.started.Add(s.cfg.Timeout)
		for i := range l.asked {
			if stale := l.asked[i].At.Add(s.cfg.Patience); l.asked[i].Answer == NoAnswer && stale.After(l.handled) && stale.Before(at) {
				at = stale
			}
		}
		if w := l.lastSent().Add(2 * s.cfg.Patience); len(l.awaited) > 0 && w.After(l.handled) && w.Before(at) {
			at = w
		}
		d = deadline.Earliest(d, at)
	}
	return d
}
