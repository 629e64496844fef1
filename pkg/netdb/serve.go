package netdb

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
)

// Budgets of replies, in bytes: for each router that sends lookups, and for all.
const (
	askerRate, askerBurst     = 4 << 10, 128 << 10
	repliesRate, repliesBurst = 256 << 10, 2 << 20
	askersTracked             = 2048
	replyHashes               = 3  // network database: "Typical number of hashes returned"
	exploreHashes             = 16 // "Recommended maximum number of hashes to return"
)

// Reply answers a DatabaseLookup: either Store or Search is set.
type Reply struct {
	To     i2p.Hash // the asker, or the gateway of its reply tunnel
	Tunnel uint32   // with ViaTunnel
	Lookup i2np.DatabaseLookup
	Store  *i2np.DatabaseStore
	Search *i2np.DatabaseSearchReply
}

// Type is the I2NP type of the reply.
func (r *Reply) Type() i2np.Type {
	if r.Store != nil {
		return i2np.DatabaseStoreType
	}
	return i2np.DatabaseSearchReplyType
}

// AppendTo appends the body of the reply.
func (r *Reply) AppendTo(b []byte) []byte {
	if r.Store != nil {
		return r.Store.AppendTo(b)
	}
	return r.Search.AppendTo(b)
}

// HandleLookup answers a DatabaseLookup, or returns nil where none is due. peer
// is the router whose session it came over, zero for a tunnel.
//
// A router that is no floodfill gives its own RouterInfo and the names of
// floodfills, and nothing of what it has learnt. A floodfill gives what was
// stored at it. Whatever a destination's segment holds is never given: a direct
// lookup for it runs as one for any unknown key does.
func (s *Segment) HandleLookup(now time.Time, peer i2p.Hash, m i2np.DatabaseLookup) *Reply {
	if s.cfg.Destination || m.Key.IsZero() || (!m.ViaTunnel && m.From == s.cfg.DB.cfg.Self) {
		s.stats.NotServed++
		return nil
	}
	if m.Kind == i2np.LookupExploration && !s.cfg.DB.cfg.Floodfill {
		s.stats.NotServed++
		return nil
	}
	r := &Reply{To: m.From, Tunnel: m.ReplyTunnel, Lookup: m}
	if r.Store = s.serve(now, m); r.Store == nil {
		r.Search = s.searchReply(now, m)
	}
	if peer.IsZero() {
		peer = m.From
	}
	size := 74
	if r.Store != nil {
		size += len(r.Store.Data)
	} else {
		size += 32 * len(r.Search.Peers)
	}
	if !s.askers.take(now, peer, float64(size)) || !s.replies.Take(now, float64(size), repliesRate, repliesBurst) {
		s.stats.OverBudget++
		return nil
	}
	s.stats.Served++
	return r
}

// serve finds an entry that may be given.
func (s *Segment) serve(now time.Time, m i2np.DatabaseLookup) *i2np.DatabaseStore {
	db := s.cfg.DB
	if m.Kind == i2np.LookupRouterInfo || m.Kind == i2np.LookupAny {
		e := db.records.of[m.Key]
		if m.Key == db.cfg.Self || (db.cfg.Floodfill && e != nil && e.came.stored()) {
			if ri := db.Router(m.Key); ri != nil {
				return &i2np.DatabaseStore{Key: m.Key, Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes())}
			}
		}
	}
	if db.cfg.Floodfill && (m.Kind == i2np.LookupLeaseSet || m.Kind == i2np.LookupAny) {
		if h, ok := s.sets.sets[m.Key]; ok && h.stored && h.set.Expires().Time().After(now) {
			return &i2np.DatabaseStore{Key: m.Key, Type: h.set.StoreType(), Data: h.set.Bytes()}
		}
	}
	return nil
}

func (s *Segment) searchReply(now time.Time, m i2np.DatabaseLookup) *i2np.DatabaseSearchReply {
	db := s.cfg.DB
	excluded := make(map[i2p.Hash]struct{}, len(m.Exclude))
	for _, h := range m.Exclude {
		excluded[h] = struct{}{}
	}
	no := func(h i2p.Hash) bool {
		_, ok := excluded[h]
		return ok || h == m.From || h == db.cfg.Self || db.records.of[h].came.sought()
	}
	r := &i2np.DatabaseSearchReply{Key: m.Key, From: db.cfg.Self}
	if m.Kind == i2np.LookupExploration {
		r.Peers = db.closest(&db.records.near, now, RoutingKey(m.Key, now), exploreHashes, func(h i2p.Hash) bool {
			return no(h) || db.records.of[h].sum.Flags&(profile.Floodfill|profile.Hidden) != 0
		})
	} else {
		r.Peers = db.closestFloodfills(now, m.Key, replyHashes, no)
	}
	return r
}
