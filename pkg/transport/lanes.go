package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// lane is a kind of way to a router: a driver, and what it dials.
type lane struct {
	way  *way
	kind laneKind
}

type laneKind byte

const (
	overOthers laneKind = iota // who introduce us
	overIPv4
	overIPv6
)

// offer is a driver's bid for a router.
type offer struct {
	lane
	Bid
}

func laneOf(w *way, at netip.AddrPort) lane {
	switch {
	case !at.IsValid():
		return lane{w, overOthers}
	case at.Addr().Unmap().Is4():
		return lane{w, overIPv4}
	}
	return lane{w, overIPv6}
}

// record is what dials in a lane have come to, with one peer or with all.
type record struct {
	rtt    time.Duration // as measured last; 0 is never
	misses int           // dials in a row that failed, or stood after another that began later
	missed time.Time     // the last
}

// records are the table's memory of dials. Its mutex guards it.
type records struct {
	peers map[i2p.Hash]map[lane]record
	lanes map[lane]record
}

func newRecords() records {
	return records{map[i2p.Hash]map[lane]record{}, map[lane]record{}}
}

// A lane that misses costs more with the peer, until it is given another chance.
// Where it misses with several peers whom others reach, something on this side is
// probably in its way, and it costs more with all.
const (
	missLife     = 10 * time.Minute
	missCost     = 20 // more than what drivers publish differs by
	mostMisses   = 3  // that count
	fewMisses    = 4  // with all peers, that do not count
	costInterval = 25 * time.Millisecond
	maxRecords   = 4096 // peers
)

// cost is what a record adds.
func (r record) cost(now time.Time, few int) int {
	if now.Sub(r.missed) >= missLife || r.misses < few {
		return 0
	}
	return missCost * min(r.misses-few, mostMisses)
}

// order sorts offers, best first: by what they cost, by what came of them with this
// peer and with all, and by the round trips that were measured. A lane without any
// is taken to be as quick as the quickest of the others.
func (rs *records) order(peer i2p.Hash, offers []offer, now time.Time) {
	of := rs.peers[peer]
	var quickest time.Duration
	for _, o := range offers {
		if rtt := of[o.lane].rtt; rtt > 0 && (quickest == 0 || rtt < quickest) {
			quickest = rtt
		}
	}
	cost := func(o offer) int {
		r := of[o.lane]
		rtt := cmp.Or(r.rtt, quickest)
		return o.Cost + r.cost(now, 0) + rs.lanes[o.lane].cost(now, fewMisses) + int(rtt/costInterval)
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Compare(cost(a), cost(b)) })
}

// How long an offer has the field to itself. A handshake takes two round trips where
// all goes well.
const (
	leastPatience = 250 * time.Millisecond
	mostPatience  = 2 * time.Second
	commonRTT     = 200 * time.Millisecond // while there is no other
	roundTrips    = 3
)

// patience is how long to wait for an offer before the next is tried beside it.
func (rs *records) patience(peer i2p.Hash, o offer) time.Duration {
	rtt := cmp.Or(rs.peers[peer][o.lane].rtt, rs.lanes[o.lane].rtt, commonRTT)
	return min(max(roundTrips*rtt, leastPatience), mostPatience)
}

// stood notes that a dial has made a link, and which offers missed beside it.
func (rs *records) stood(peer i2p.Hash, by lane, rtt time.Duration, missed []lane, now time.Time) {
	all := rs.lanes[by]
	rs.lanes[by] = record{rtt: cmp.Or(all.rtt*7/8, rtt*7/8) + rtt/8}
	rs.of(peer)[by] = record{rtt: rtt}
	for _, l := range missed {
		rs.lanes[l] = rs.lanes[l].miss(now)
	}
	rs.failed(peer, missed, now)
}

// failed notes that dials have come to nothing.
func (rs *records) failed(peer i2p.Hash, missed []lane, now time.Time) {
	for _, l := range missed {
		of := rs.of(peer)
		of[l] = of[l].miss(now)
	}
}

func (r record) miss(now time.Time) record {
	if now.Sub(r.missed) >= missLife {
		r.misses = 0
	}
	return record{r.rtt, r.misses + 1, now}
}

// measured notes the round trip of a session that has ended.
func (rs *records) measured(peer i2p.Hash, l lane, rtt time.Duration) {
	if rtt > 0 {
		of := rs.of(peer)
		r := of[l]
		r.rtt = rtt
		of[l] = r
	}
}

// of is the record of a peer. A full memory forgets all.
func (rs *records) of(peer i2p.Hash) map[lane]record {
	of := rs.peers[peer]
	if of == nil {
		if len(rs.peers) >= maxRecords {
			clear(rs.peers)
		}
		of = map[lane]record{}
		rs.peers[peer] = of
	}
	return of
}

// maxOffers bounds what a RouterInfo can have dialled.
const maxOffers = 6

// bids asks the drivers for a router, best first.
func (t *table) bids(ri *routerinfo.RouterInfo) (offers []offer) {
	for _, w := range t.drivers() {
		for _, b := range w.Bids(ri) {
			o := offer{laneOf(w, b.At), b}
			if !slices.ContainsFunc(offers, func(p offer) bool { return p.lane == o.lane && p.At == o.At }) {
				offers = append(offers, o)
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records.order(ri.Hash(), offers, time.Now())
	return offers[:min(len(offers), maxOffers)]
}
