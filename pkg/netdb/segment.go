package netdb

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tally"
)

// Defaults of a Segment.
const (
	DefaultMaxLookups   = 128
	DefaultMaxQueries   = 10
	DefaultParallel     = 2
	DefaultPatience     = 2 * time.Second
	DefaultTimeout      = 15 * time.Second
	DefaultMaxLeaseSets = 4096

	maxRouterInfo = 4096 // bytes; the largest seen are half of it
	maxStoreType  = i2np.StoreMetaLeaseSet
)

// SegmentConfig of a Segment.
type SegmentConfig struct {
	DB   *DB
	Rand io.Reader // nil: crypto/rand
	// Destination is set for the segment of a local destination: what comes
	// through its tunnels stays in it, and it fetches no RouterInfos itself.
	Destination bool
	// Explore has Tick start explorations; for the router's own segment.
	Explore bool
	// VerifyRouterInfo checks publications of our RouterInfo too. It is off
	// by default, as everywhere since 0.9.7.1: the check shows who asks.
	VerifyRouterInfo bool

	MaxLookups   int           // at once; 0: DefaultMaxLookups
	MaxQueries   int           // for one lookup; 0: DefaultMaxQueries
	Parallel     int           // queries of one lookup that are waited for at once; 0: DefaultParallel
	Patience     time.Duration // after this the next floodfill is asked; 0: DefaultPatience
	Timeout      time.Duration // of a lookup; 0: DefaultTimeout
	MaxLeaseSets int           // 0: DefaultMaxLeaseSets
}

// Segment is one context's part of the netDb: its lease sets, its lookups and
// what it publishes.
type Segment struct {
	cfg  SegmentConfig
	rand *draw.Source

	sets         leaseSets
	lookups      []*lookup // in the order in which they began
	lastID       LookupID
	publications []*publication
	askers       peerBuckets // budget of replies
	replies      bucket.Bucket
	nextExplore  time.Time
	nextSweep    time.Time
	stats        SegmentStats
}

// SegmentStats counts what a segment did.
type SegmentStats struct {
	LeaseSets, Active, Publications                int // now
	Lookups, Queries, Found, Failed, Busy, Unasked uint64
	Stored, Refused, Served, NotServed, OverBudget uint64
	Took                                           tally.Durations // lookups that ended
}

// Out is what a call makes the shell do.
type Out struct {
	Queries   []Query
	Stores    []Store
	Needs     []Need
	Acks      []Ack
	Floods    []Flood
	Results   []Result
	Published []Published
	Renew     []i2p.Hash // publications that are due for a new version
}

// Ack is a DeliveryStatus that the sender of a store asked for.
type Ack struct {
	To     i2p.Hash
	Tunnel uint32 // 0: directly
	Token  uint32 // the message ID that the status carries
}

// Flood is a store that a floodfill passes on, directly and without a token.
type Flood struct {
	To      []i2p.Hash
	Message i2np.DatabaseStore
}

func (o *Out) add(p Out) {
	o.Queries = append(o.Queries, p.Queries...)
	o.Stores = append(o.Stores, p.Stores...)
	o.Needs = append(o.Needs, p.Needs...)
	o.Acks = append(o.Acks, p.Acks...)
	o.Floods = append(o.Floods, p.Floods...)
	o.Results = append(o.Results, p.Results...)
	o.Published = append(o.Published, p.Published...)
	o.Renew = append(o.Renew, p.Renew...)
}

// NewSegment makes an empty segment.
func NewSegment(cfg SegmentConfig) *Segment {
	cfg.MaxLookups = cmp.Or(cfg.MaxLookups, DefaultMaxLookups)
	cfg.MaxQueries = cmp.Or(cfg.MaxQueries, DefaultMaxQueries)
	cfg.Parallel = cmp.Or(cfg.Parallel, DefaultParallel)
	cfg.MaxLeaseSets = cmp.Or(cfg.MaxLeaseSets, DefaultMaxLeaseSets)
	cfg.Patience = cmp.Or(cfg.Patience, DefaultPatience)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	s := &Segment{cfg: cfg, rand: draw.From(cfg.Rand)}
	s.sets = newLeaseSets(cfg.MaxLeaseSets)
	s.askers = peerBuckets{rate: askerRate, burst: askerBurst, max: askersTracked}
	return s
}

// Stats returns the counters.
func (s *Segment) Stats() SegmentStats {
	st := s.stats
	st.LeaseSets, st.Active, st.Publications = len(s.sets.sets), len(s.lookups), len(s.publications)
	return st
}

// Stored is what became of a DatabaseStore.
type Stored struct {
	Change     Change
	RouterInfo *routerinfo.RouterInfo // as the DB has it now
	LeaseSet   leaseset.Record        // as the segment has it now
	Err        error                  // why it was refused
}

// HandleStore takes a DatabaseStore that was not asked for, or not so that it
// would come like this; peer is the router whose session it came over. It ends
// no lookup: else somebody who was asked through a tunnel could send it to find
// out who asked him.
func (s *Segment) HandleStore(now time.Time, peer i2p.Hash, m i2np.DatabaseStore) (Stored, Out) {
	st, out := s.store(now, origin{peer: peer}, m)
	if st.Err != nil || m.ReplyToken == 0 {
		return st, out
	}
	out.Acks = append(out.Acks, Ack{m.ReplyGateway, m.ReplyTunnel, m.ReplyToken})
	if s.cfg.DB.cfg.Floodfill && st.Change != Unchanged && s.floodable(now, st) {
		flood := i2np.DatabaseStore{Key: m.Key, Type: m.Type, Data: m.Data}
		to := s.cfg.DB.floodTargets(now, m.Key, m.Type != i2np.StoreRouterInfo, peer)
		out.Floods = append(out.Floods, Flood{to, flood})
	}
	return st, out
}

// HandleAnswer takes a DatabaseStore that came as the answer to a query of this
// segment, in the way that the query named. Its reply fields are ignored.
func (s *Segment) HandleAnswer(now time.Time, m i2np.DatabaseStore) (Stored, Out) {
	return s.store(now, origin{asked: true}, m)
}

// origin is whence a DatabaseStore came: a peer's session, or an answer.
type origin struct {
	asked bool
	peer  i2p.Hash
}

func (s *Segment) store(now time.Time, from origin, m i2np.DatabaseStore) (Stored, Out) {
	var out Out
	var st Stored
	switch {
	case m.Type == i2np.StoreRouterInfo:
		st = s.storeRouterInfo(now, from, m, &out)
	case m.Type > maxStoreType || m.Type&1 == 0:
		st.Err = fmt.Errorf("netdb: DatabaseStore of type %d: %w", m.Type, ErrKind)
	default:
		st = s.storeLeaseSet(now, from, m, &out)
	}
	if st.Err != nil {
		s.stats.Refused++
	} else {
		s.stats.Stored++
	}
	return st, out
}

// floodable: neither an old RouterInfo nor an expired lease set is flooded.
func (s *Segment) floodable(now time.Time, st Stored) bool {
	if st.RouterInfo != nil {
		return now.Sub(st.RouterInfo.Published().Time()) <= floodMaxAge
	}
	return st.LeaseSet.Expires().Time().After(now)
}

func (s *Segment) storeRouterInfo(now time.Time, from origin, m i2np.DatabaseStore, out *Out) Stored {
	if s.cfg.Destination { // nobody has business sending us these there
		return Stored{Err: fmt.Errorf("netdb: RouterInfo at a destination: %w", ErrKind)}
	}
	raw, err := i2np.DecompressRouterInfo(m.Data, maxRouterInfo)
	if err != nil {
		return Stored{Err: err}
	}
	ri, err := routerinfo.Parse(raw)
	if err != nil {
		return Stored{Err: err}
	}
	if ri.Hash() != m.Key {
		s.cfg.DB.stats.BadKey++
		return Stored{Err: fmt.Errorf("netdb: RouterInfo %s under %s: %w", ri.Hash(), m.Key, ErrKey)}
	}
	src := FromStore
	switch {
	case from.asked:
		src = FromReply
	case from.peer == m.Key:
		src = FromSession
	}
	st, more := s.HandleRouterInfo(now, src, ri)
	out.add(more)
	return st
}

// HandleRouterInfo takes a RouterInfo that did not come as a DatabaseStore:
// from a handshake, a RouterInfo block or a bundle. Only one that is FromReply
// ends the lookups for it.
func (s *Segment) HandleRouterInfo(now time.Time, src Source, ri *routerinfo.RouterInfo) (Stored, Out) {
	var out Out
	var st Stored
	h := ri.Hash()
	if h == s.cfg.DB.cfg.Self {
		if src == FromReply && s.verified(now, h, ri.Published(), ri.Verify() == nil, &out) {
			return Stored{RouterInfo: ri}, out
		}
		return Stored{Err: ErrOwn}, out
	}
	if st.Change, st.Err = s.cfg.DB.StoreRouterInfo(now, src, ri); st.Err != nil {
		return st, out
	}
	if st.RouterInfo = ri; st.Change == Unchanged {
		st.RouterInfo = s.cfg.DB.Router(h)
	}
	if st.RouterInfo == nil {
		st.Err = fmt.Errorf("netdb: RouterInfo %s: %w", h, ErrSignature)
		return st, out
	}
	if src == FromReply {
		s.found(now, h, st.RouterInfo, nil, &out)
		s.fetchEnded(now, h, &out)
	}
	return st, out
}

func (s *Segment) storeLeaseSet(now time.Time, from origin, m i2np.DatabaseStore, out *Out) Stored {
	floodfill := s.cfg.DB.cfg.Floodfill && !s.cfg.Destination && !from.asked
	if !floodfill && !from.asked {
		return Stored{Err: fmt.Errorf("netdb: lease set that nobody asked for: %w", ErrKind)}
	}
	set, err := leaseset.Parse(m.Type, m.Data)
	if err != nil {
		return Stored{Err: err}
	}
	if set.Hash() != m.Key {
		return Stored{Err: fmt.Errorf("netdb: lease set %s under %s: %w", set.Hash(), m.Key, ErrKey)}
	}
	if from.asked && s.publishes(m.Key) { // our own, come back to be compared
		s.verified(now, m.Key, set.Published(), set.Verify(now) == nil, out)
		return Stored{LeaseSet: set}
	}
	if u, ok := set.(interface{ Unpublished() bool }); ok && u.Unpublished() && floodfill {
		return Stored{Err: fmt.Errorf("netdb: unpublished lease set at a floodfill: %w", ErrKind)}
	}
	st := Stored{}
	if st.Change, st.Err = s.sets.store(now, set, floodfill); st.Err != nil {
		return st
	}
	if st.LeaseSet = s.sets.get(now, m.Key); from.asked {
		s.found(now, m.Key, nil, st.LeaseSet, out)
	}
	return st
}

// StoreLeaseSet takes a lease set that came otherwise than as a DatabaseStore.
func (s *Segment) StoreLeaseSet(now time.Time, set leaseset.Record) (Change, Out, error) {
	var out Out
	change, err := s.sets.store(now, set, false)
	if err == nil {
		s.found(now, set.Hash(), nil, s.sets.get(now, set.Hash()), &out)
	}
	return change, out, err
}

// LeaseSet gives a lease set of this segment that has not expired, or nil.
func (s *Segment) LeaseSet(now time.Time, key i2p.Hash) leaseset.Record { return s.sets.get(now, key) }

// LeaseSets lists the lease sets of this segment, sorted by key.
func (s *Segment) LeaseSets(now time.Time) []leaseset.Record { return s.sets.list(now) }

// Tick does what is due.
func (s *Segment) Tick(now time.Time) Out {
	var out Out
	s.tickLookups(now, &out)
	s.tickPublications(now, &out)
	if !now.Before(s.nextSweep) {
		s.sets.expire(now)
		s.nextSweep = now.Add(time.Minute)
	}
	if s.cfg.Explore && !now.Before(s.nextExplore) {
		if !s.nextExplore.IsZero() && s.cfg.DB.floodfills.n > 0 {
			for range s.explorations() {
				_, more := s.Explore(now)
				out.add(more)
			}
		}
		s.nextExplore = now.Add(s.explorePause())
	}
	return out
}

// Deadline is when Tick has something to do; zero before the first Tick.
func (s *Segment) Deadline() time.Time {
	d := deadline.Earliest(s.lookupDeadline(), s.publishDeadline())
	d = deadline.Earliest(d, s.nextSweep)
	if s.cfg.Explore {
		d = deadline.Earliest(d, s.nextExplore)
	}
	return d
}

// explorations is how many random keys are asked for at once: more while few
// routers are known.
func (s *Segment) explorations() int { return min(max(800/max(s.cfg.DB.Len(), 1), 1), 9) }

// explorePause is one to four minutes; half of that while few routers are known.
func (s *Segment) explorePause() time.Duration {
	p := s.rand.Between(time.Minute, 4*time.Minute)
	if s.cfg.DB.Len() < 2500 {
		p /= 2
	}
	return p
}
