package netdb

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

const (
	maxRouterInfo = 4096 // bytes; the largest seen are half of it
	maxStoreType  = i2np.StoreMetaLeaseSet
)

// Stored is what became of a DatabaseStore.
type Stored struct {
	Change     Change
	RouterInfo *routerinfo.RouterInfo // as the DB has it now
	LeaseSet   leaseset.Record        // as the segment has it now
	Err        error                  // why it was refused
}

// HandleStore takes a DatabaseStore that was not asked for, or not so that it
// would come like this, from whoever sent it. It ends no lookup: else somebody who
// was asked through a tunnel could send it to find out who asked him.
func (s *Segment) HandleStore(now time.Time, from Sender, m i2np.DatabaseStore) (Stored, Out) {
	st, out := s.store(now, whence{sender: from}, m)
	if st.Err != nil {
		return st, out
	}
	news := s.news(st)
	if m.ReplyToken == 0 {
		return st, out
	}
	out.Acks = append(out.Acks, Ack{m.ReplyGateway, m.ReplyTunnel, m.ReplyToken})
	if news {
		out.add(s.flood(now, st))
	}
	return st, out
}

// news tells whether an entry is stored here for the first time, as it is now. A RouterInfo
// may be known already and be news: the session over which it is stored has mostly begun
// with it.
func (s *Segment) news(st Stored) bool {
	if st.RouterInfo == nil {
		return st.Change != Unchanged
	}
	e := s.cfg.DB.records.of[st.RouterInfo.Hash()]
	first := !e.stored
	e.stored = true
	return first
}

// flood passes an entry on that is news, as a floodfill.
func (s *Segment) flood(now time.Time, st Stored) Out {
	if !s.cfg.DB.cfg.Floodfill || !floodable(now, st) {
		return Out{}
	}
	var m i2np.DatabaseStore
	if ri := st.RouterInfo; ri != nil {
		m = i2np.DatabaseStore{Key: ri.Hash(), Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes())}
	} else {
		m = i2np.DatabaseStore{Key: st.LeaseSet.Hash(), Type: st.LeaseSet.StoreType(), Data: st.LeaseSet.Bytes()}
	}
	to := s.cfg.DB.floodTargets(now, m.Key, st.LeaseSet != nil)
	if !s.floods.take(now, m.Key, float64(len(to)*len(m.Data))) {
		s.stats.FloodsLimited++
		s.floods.postpone(now, m.Key, st.LeaseSet != nil)
		return Out{}
	}
	return Out{Floods: []Flood{{to, m}}}
}

// HandleAnswer takes a DatabaseStore that came as the answer to a query of this
// segment, in the way that the query named. Its reply fields are ignored. by is the
// floodfill that gave it, where the key that sealed it tells; else it is zero: a
// DatabaseStore itself does not say (network database, "Notes on Lookup Responses").
func (s *Segment) HandleAnswer(now time.Time, by i2p.Hash, m i2np.DatabaseStore) (Stored, Out) {
	return s.store(now, whence{asked: true, by: by}, m)
}

// whence a DatabaseStore came: a peer's session, or an answer.
type whence struct {
	asked  bool
	by     i2p.Hash // the floodfill of an answer; zero: not known
	sender Sender
}

func (s *Segment) store(now time.Time, from whence, m i2np.DatabaseStore) (st Stored, out Out) {
	switch {
	case m.Type == i2np.StoreRouterInfo:
		st, out = s.storeRouterInfo(now, from, m)
	case m.Type > maxStoreType || m.Type&1 == 0:
		st.Err = fmt.Errorf("netdb: DatabaseStore of type %d: %w", m.Type, ErrKind)
	default:
		st, out = s.storeLeaseSet(now, from, m)
	}
	if st.Err != nil {
		s.stats.Refused++
	} else {
		s.stats.Stored++
	}
	return st, out
}

// floodable: neither an old RouterInfo nor an expired lease set is flooded.
func floodable(now time.Time, st Stored) bool {
	if st.RouterInfo != nil {
		return now.Sub(st.RouterInfo.Published().Time()) <= floodMaxAge
	}
	return st.LeaseSet != nil && st.LeaseSet.Expires().Time().After(now)
}

func (s *Segment) storeRouterInfo(now time.Time, from whence, m i2np.DatabaseStore) (Stored, Out) {
	if s.cfg.Destination && !from.asked { // nobody has business sending us these there
		return Stored{Err: fmt.Errorf("netdb: RouterInfo at a destination: %w", ErrKind)}, Out{}
	}
	raw, err := i2np.DecompressRouterInfo(m.Data, maxRouterInfo)
	if err != nil {
		return Stored{Err: err}, Out{}
	}
	ri, err := s.cfg.DB.cfg.Shared.parse(raw)
	if err != nil {
		return Stored{Err: err}, Out{}
	}
	if ri.Hash() != m.Key {
		s.cfg.DB.stats.BadKey++
		return Stored{Err: fmt.Errorf("netdb: RouterInfo %s under %s: %w", ri.Hash(), m.Key, ErrKey)}, Out{}
	}
	switch {
	case s.cfg.Destination:
		return s.privateRouterInfo(now, from.by, ri)
	case from.asked:
		return s.offer(now, FromReply, from, ri)
	}
	return s.offer(now, from.sender.source(m.Key), from, ri)
}

// HandleGreeting takes a RouterInfo that came over a session with that router, in the
// handshake or a RouterInfo block. Its router may ask to have it flooded (NTCP2,
// "RouterInfo").
func (s *Segment) HandleGreeting(now time.Time, from Sender, ri *routerinfo.RouterInfo, flood bool) (Stored, Out) {
	st, out := s.offer(now, from.source(ri.Hash()), whence{sender: from}, ri)
	if flood && st.Err == nil && s.news(st) {
		out.add(s.flood(now, st))
	}
	return st, out
}

// HandleRouterInfo takes a RouterInfo that nobody sent: from a bundle, or from disk.
// Only one that is FromReply ends the lookups for it.
func (s *Segment) HandleRouterInfo(now time.Time, src Source, ri *routerinfo.RouterInfo) (Stored, Out) {
	return s.offer(now, src, whence{}, ri)
}

func (s *Segment) offer(now time.Time, src Source, from whence, ri *routerinfo.RouterInfo) (st Stored, out Out) {
	h := ri.Hash()
	if st.Change, st.Err = s.cfg.DB.offer(now, src, from.sender.Host, ri); st.Err != nil {
		if src == FromReply && s.lookups.seek(h) && s.cfg.DB.spurns(ri, st.Err) {
			out = s.lookups.refused(now, h, from.by)
		}
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
		out = s.lookups.found(now, from.by, h, st.RouterInfo, nil)
		out.add(s.lookups.fetchEnded(now, h, st.RouterInfo))
	}
	return st, out
}

// privateRouterInfo takes the RouterInfo of a router that was named to a lookup of a
// destination's. It ends with the lookups that asked for it: the DB never has it.
func (s *Segment) privateRouterInfo(now time.Time, by i2p.Hash, ri *routerinfo.RouterInfo) (Stored, Out) {
	if err := s.cfg.DB.vet(now, ri); err != nil {
		return Stored{Err: err}, Out{}
	}
	out := s.lookups.found(now, by, ri.Hash(), ri, nil)
	out.add(s.lookups.fetchEnded(now, ri.Hash(), ri))
	return Stored{}, out
}

func (s *Segment) storeLeaseSet(now time.Time, from whence, m i2np.DatabaseStore) (st Stored, out Out) {
	refuse := func(err error) (Stored, Out) { return Stored{Err: err}, Out{} }
	floodfill := s.cfg.DB.cfg.Floodfill && !s.cfg.Destination && !from.asked
	if !floodfill && !from.asked {
		return refuse(fmt.Errorf("netdb: lease set that nobody asked for: %w", ErrKind))
	}
	set, err := leaseset.Parse(m.Type, m.Data)
	if err != nil {
		return refuse(err)
	}
	if set.Hash() != m.Key {
		return refuse(fmt.Errorf("netdb: lease set %s under %s: %w", set.Hash(), m.Key, ErrKey))
	}
	if from.asked && s.publications.has(m.Key) { // our own, come back to be compared
		valid := set.Verify(now) == nil
		out := s.publications.cameBack(now, m.Key, set.Published(), valid)
		if valid {
			out.add(s.lookups.found(now, from.by, m.Key, nil, set))
		}
		return Stored{LeaseSet: set}, out
	}
	if u, ok := set.(interface{ Unpublished() bool }); ok && u.Unpublished() && floodfill {
		return refuse(fmt.Errorf("netdb: unpublished lease set at a floodfill: %w", ErrKind))
	}
	if st.Change, st.Err = s.sets.store(now, set, floodfill); st.Err != nil {
		return st, out
	}
	if st.LeaseSet = s.sets.get(now, m.Key); from.asked {
		out = s.lookups.found(now, from.by, m.Key, nil, st.LeaseSet)
	}
	return st, out
}
