package netdb

import (
	"cmp"
	"io"
	"slices"
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

// DefaultMaxLeaseSets is how many a Segment holds.
const DefaultMaxLeaseSets = 4096

// SegmentConfig of a Segment.
type SegmentConfig struct {
	DB   *DB
	Rand io.Reader // nil: crypto/rand
	// Destination is set for the segment of a local destination: what comes
	// through its tunnels stays in it, RouterInfos too.
	Destination bool
	// Explore has Tick start explorations; for the router's own segment.
	Explore      bool
	MaxLeaseSets int // 0: DefaultMaxLeaseSets
}

// Segment is one context's part of the netDb: its lease sets, its lookups and
// what it publishes.
type Segment struct {
	cfg          SegmentConfig
	rand         *draw.Source
	sets         leaseSets
	lookups      lookups
	publications publications
	deposits     deposits
	explorer     explorer
	server       server
	floods       floods
	nextSweep    time.Time
	stats        SegmentStats
}

// SegmentStats counts what a segment did.
type SegmentStats struct {
	LeaseSets, Active, Publications                int // now
	Lookups, Queries, Found, Failed, Busy, Unasked uint64
	Stored, Refused, Served, NotServed, OverBudget uint64
	FloodsLimited                                  uint64          // entries that were not passed on at once, for want of budget
	Took                                           tally.Durations // lookups that ended
}

// Out is what a call makes the shell do.
type Out struct {
	Queries   []Query
	Stores    []Store
	Acks      []Ack
	Floods    []Flood
	Results   []Result
	Published []Published
	Deposited []Deposited
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
	o.Acks = append(o.Acks, p.Acks...)
	o.Floods = append(o.Floods, p.Floods...)
	o.Results = append(o.Results, p.Results...)
	o.Published = append(o.Published, p.Published...)
	o.Deposited = append(o.Deposited, p.Deposited...)
	o.Renew = append(o.Renew, p.Renew...)
}

// NewSegment makes an empty segment.
func NewSegment(cfg SegmentConfig) *Segment {
	s := &Segment{cfg: cfg, rand: draw.From(cfg.Rand)}
	s.sets = newLeaseSets(cmp.Or(cfg.MaxLeaseSets, DefaultMaxLeaseSets))
	w := newWitness(cfg.DB, cfg.Destination, s.rand)
	s.lookups = lookups{witness: w, sets: &s.sets, stats: &s.stats}
	s.publications = publications{witness: w, rand: s.rand}
	s.deposits = deposits{witness: w, rand: s.rand}
	s.floods.keys = make(map[i2p.Hash]*shares)
	s.server = server{db: cfg.DB, sets: &s.sets, askers: askers{buckets: make(map[i2p.Hash]*bucket.Bucket)}}
	return s
}

// Stats returns the counters.
func (s *Segment) Stats() SegmentStats {
	st := s.stats
	st.LeaseSets, st.Active, st.Publications = len(s.sets.sets), len(s.lookups.list), len(s.publications.list)
	return st
}

// LookUp begins a lookup, or joins the one under way for the same key. The
// result comes from this or a later call.
func (s *Segment) LookUp(now time.Time, key i2p.Hash, kind i2np.LookupKind) (LookupID, Out) {
	return s.lookups.start(now, &lookup{key: key, kind: kind})
}

// Progress is how far a lookup that is under way has come: for who does not wait for its
// result any more.
func (s *Segment) Progress(now time.Time, id LookupID) (Result, bool) {
	i := slices.IndexFunc(s.lookups.list, func(l *lookup) bool { return l.id == id })
	if i < 0 {
		return Result{}, false
	}
	r := s.lookups.list[i].result(now, nil)
	r.Trace = slices.Clone(r.Trace)
	return r, true
}

// LookUpElsewhere begins a lookup that asks none of some floodfills: whether an entry has come
// to others.
func (s *Segment) LookUpElsewhere(now time.Time, key i2p.Hash, kind i2np.LookupKind, but []i2p.Hash) (LookupID, Out) {
	return s.lookups.start(now, &lookup{key: key, kind: kind, but: but})
}

// LookUpNewer begins a lookup of a lease set that was published later than the
// one known, as that seems to be no use any more. Floodfills that have no newer
// one do not end it; where none has, its result is what they have.
func (s *Segment) LookUpNewer(now time.Time, key i2p.Hash, than i2p.Date) (LookupID, Out) {
	return s.lookups.start(now, &lookup{key: key, kind: i2np.LookupLeaseSet, wish: wish{than: than}})
}

// QueryUnsent tells that a query could not be sent, so the next floodfill is asked
// at once; whether an entry of ours can be found is asked later.
func (s *Segment) QueryUnsent(now time.Time, q Query) Out {
	if q.Verify {
		s.publications.queryUnsent(now, q)
		return Out{}
	}
	return s.lookups.unsent(now, q)
}

// PublishRouterInfo publishes our RouterInfo, in place of an older one.
func (s *Segment) PublishRouterInfo(now time.Time, ri *routerinfo.RouterInfo) Out {
	return s.publications.publish(now, ofRouterInfo(ri))
}

// PublishLeaseSet publishes a lease set of ours, in place of an older one.
func (s *Segment) PublishLeaseSet(now time.Time, set leaseset.Record) Out {
	return s.publications.publish(now, ofLeaseSet(set))
}

// WithdrawLeaseSet publishes a lease set that takes an older one back: it is
// stored, and not looked for afterwards. As the specification knows no
// revocation of a LeaseSet2, it is one that ends at once.
func (s *Segment) WithdrawLeaseSet(now time.Time, set leaseset.Record) Out {
	e := ofLeaseSet(set)
	e.last = true
	return s.publications.publish(now, e)
}

// StoreUnsent tells that a store could not be sent: another floodfill is tried.
func (s *Segment) StoreUnsent(now time.Time, st Store) Out {
	if st.Foreign {
		return s.deposits.unsent(now, st.Message.ReplyToken)
	}
	return s.publications.storeUnsent(now, st)
}

// HandleSearchReply takes a DatabaseSearchReply.
func (s *Segment) HandleSearchReply(now time.Time, m i2np.DatabaseSearchReply) Out {
	out, verified := s.publications.missed(now, m.Key, m.From)
	more, asked := s.lookups.reply(now, m)
	if out.add(more); !verified && !asked {
		s.stats.Unasked++
	}
	return out
}

// HandleDeliveryStatus takes the message ID of a DeliveryStatus, which may confirm
// a publication or a deposit.
func (s *Segment) HandleDeliveryStatus(now time.Time, id uint32) Out {
	out := s.publications.confirmed(now, id)
	out.add(s.deposits.confirmed(now, id))
	return out
}

// HandleLookup answers a DatabaseLookup, or returns nil where none is due. peer
// is the router whose session it came over, zero for a tunnel.
//
// A router that is no floodfill gives its own RouterInfo and the names of
// floodfills, and nothing of what it has learnt. A floodfill gives what was
// stored at it. Whatever a destination's segment holds is never given: a direct
// lookup for it runs as one for any unknown key does.
func (s *Segment) HandleLookup(now time.Time, peer i2p.Hash, m i2np.DatabaseLookup) *Reply {
	if s.cfg.Destination {
		s.stats.NotServed++
		return nil
	}
	r, within := s.server.answer(now, peer, m)
	switch {
	case r != nil:
		s.stats.Served++
	case within:
		s.stats.NotServed++
	default:
		s.stats.OverBudget++
	}
	return r
}

// Serves tells whether HandleLookup has an entry to give, whatever its budget.
func (s *Segment) Serves(now time.Time, key i2p.Hash, kind i2np.LookupKind) bool {
	return !s.cfg.Destination && s.server.entry(now, i2np.DatabaseLookup{Key: key, Kind: kind}) != nil
}

// LeaseSet gives a lease set of this segment that has not expired, or nil.
func (s *Segment) LeaseSet(now time.Time, key i2p.Hash) leaseset.Record { return s.sets.get(now, key) }

// Tick does what is due.
func (s *Segment) Tick(now time.Time) Out {
	out := s.lookups.tick(now)
	out.add(s.publications.tick(now))
	out.add(s.deposits.tick(now))
	out.add(s.lateFloods(now))
	if !now.Before(s.nextSweep) {
		s.sets.expire(now)
		s.nextSweep = now.Add(time.Minute)
	}
	if s.cfg.Explore {
		for _, ask := range s.explorer.tick(now, s.rand, s.cfg.DB) {
			_, more := s.LookUp(now, ask.key, ask.kind)
			out.add(more)
		}
	}
	return out
}

// Deadline is when Tick has something to do; zero before the first Tick.
func (s *Segment) Deadline() time.Time {
	d := deadline.Earliest(s.lookups.deadline(), s.publications.deadline())
	d = deadline.Earliest(d, s.deposits.deadline())
	d = deadline.Earliest(d, s.floods.deadline())
	d = deadline.Earliest(d, s.nextSweep)
	return deadline.Earliest(d, s.explorer.next)
}
