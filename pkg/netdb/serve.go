package netdb

import (
	"time"

	"i2ptoolkit/pkg/bucket"
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

// server answers the lookups of others, from the DB and from the lease sets that
// were stored with the router.
type server struct {
	db      *DB
	sets    *leaseSets
	askers  askers
	replies bucket.Bucket
}

// answer gives the reply that is due, or nil; within tells whether the budget
// allows it. peer is the router whose session the lookup came over, zero for a tunnel.
func (s *server) answer(now time.Time, peer i2p.Hash, m i2np.DatabaseLookup) (r *Reply, within bool) {
	if m.Key.IsZero() || (!m.ViaTunnel && m.From == s.db.cfg.Self) {
		return nil, true
	}
	if m.Kind == i2np.LookupExploration && !s.db.cfg.Floodfill {
		return nil, true
	}
	r = &Reply{To: m.From, Tunnel: m.ReplyTunnel}
	size := 74
	if r.Store = s.entry(now, m); r.Store != nil {
		size += len(r.Store.Data)
	} else {
		r.Search = s.searchReply(now, m)
		size += 32 * len(r.Search.Peers)
	}
	if peer.IsZero() {
		peer = m.From
	}
	if !s.askers.take(now, peer, float64(size)) || !s.replies.Take(now, float64(size), repliesRate, repliesBurst) {
		return nil, false
	}
	return r, true
}

// entry finds an entry that may be given.
func (s *server) entry(now time.Time, m i2np.DatabaseLookup) *i2np.DatabaseStore {
	if m.Kind == i2np.LookupRouterInfo || m.Kind == i2np.LookupAny {
		e := s.db.records.of[m.Key]
		if m.Key == s.db.cfg.Self || (s.db.cfg.Floodfill && e != nil && e.came.stored()) {
			if ri := s.db.Router(m.Key); ri != nil {
				return &i2np.DatabaseStore{Key: m.Key, Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes())}
			}
		}
	}
	if s.db.cfg.Floodfill && (m.Kind == i2np.LookupLeaseSet || m.Kind == i2np.LookupAny) {
		if set := s.sets.stored(now, m.Key); set != nil {
			return &i2np.DatabaseStore{Key: m.Key, Type: set.StoreType(), Data: set.Bytes()}
		}
	}
	return nil
}

// searchReply names routers that may have the entry.
func (s *server) searchReply(now time.Time, m i2np.DatabaseLookup) *i2np.DatabaseSearchReply {
	db := s.db
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
		r.Peers = db.around(now, m.Key, replyHashes, no)
	}
	return r
}

// askers limits each of many routers, and forgets those that asked first.
type askers struct {
	buckets map[i2p.Hash]*bucket.Bucket
	order   []i2p.Hash
	next    int
}

// take takes n bytes of what a router may be sent.
func (a *askers) take(now time.Time, peer i2p.Hash, n float64) bool {
	b := a.buckets[peer]
	if b == nil {
		if len(a.order) < askersTracked {
			a.order = append(a.order, peer)
		} else {
			delete(a.buckets, a.order[a.next])
			a.order[a.next] = peer
			a.next = (a.next + 1) % askersTracked
		}
		b = new(bucket.Bucket)
		a.buckets[peer] = b
	}
	return b.Take(now, n, askerRate, askerBurst)
}
