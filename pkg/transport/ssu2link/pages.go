package ssu2link

import (
	"maps"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// pages are RouterInfos that came with introductions and tests, for as long as these take. They
// are verified when they are asked for, or where two of one router's have come: who sends many has no
// more work done than by asking.
type pages struct{ by map[i2p.Hash]*page }

type page struct {
	by       i2p.Hash               // who sent it; zero where it was looked for
	info     *routerinfo.RouterInfo // nil: it is being looked for
	verified bool
	until    time.Time
}

const (
	mostPages   = 256
	mostPagesBy = 8 // of one peer
	pageLife    = time.Minute
)

func newPages() pages { return pages{map[i2p.Hash]*page{}} }

// room makes room for a page of a peer's: of its own that ends first where it has many, or else
// of anybody's.
func (p *pages) room(by i2p.Hash) {
	mine := 0
	for _, e := range p.by {
		if e.by == by {
			mine++
		}
	}
	own := !by.IsZero() && mine >= mostPagesBy
	if !own && len(p.by) < mostPages {
		return
	}
	var first i2p.Hash
	for h, e := range p.by {
		if (!own || e.by == by) && (first.IsZero() || e.until.Before(p.by[first].until)) {
			first = h
		}
	}
	delete(p.by, first)
}

// put keeps a RouterInfo that a peer has sent. In place of another's it has to verify and be newer, or
// the other's not to verify: whoever comes first with what is forged, or old, is in nobody's way.
func (p *pages) put(now time.Time, by i2p.Hash, ri *routerinfo.RouterInfo) {
	h := ri.Hash()
	kept := &page{by: by, info: ri, until: now.Add(pageLife)}
	if e := p.by[h]; e != nil && e.info != nil && now.Before(e.until) && (e.verified || e.by != by) && e.verify() {
		if ri.Published() <= e.info.Published() || !kept.verify() {
			return
		}
	}
	delete(p.by, h)
	p.room(by)
	p.by[h] = kept
}

// verify reports whether the RouterInfo is signed by its router.
func (e *page) verify() bool {
	e.verified = e.verified || e.info.Verify() == nil
	return e.verified
}

// ask notes that one is being looked for.
func (p *pages) ask(now time.Time, h i2p.Hash) {
	if p.by[h] == nil {
		p.room(i2p.Hash{})
		p.by[h] = &page{until: now.Add(time.Second)}
	}
}

// get gives a RouterInfo that verifies, or says that it is being looked for.
func (p *pages) get(now time.Time, h i2p.Hash) (ri *routerinfo.RouterInfo, asked bool) {
	e := p.by[h]
	if e != nil && (!now.Before(e.until) || e.info != nil && !e.verify()) {
		delete(p.by, h)
		e = nil
	}
	if e == nil {
		return nil, false
	}
	return e.info, e.info == nil
}

// recent are the hosts to which something went a while ago: through a NAT they reach us as
// no stranger would. Who has one link of IPv6 fills no table with its addresses.
type recent struct {
	at    map[bool]map[origin.Host]time.Time // by family, IPv4 being true
	blind map[bool]time.Time                 // until then all are
}

const (
	mostRecent = 1 << 12
	holeLife   = 5 * time.Minute // of the mappings of most NATs
)

func newRecent() recent {
	return recent{at: map[bool]map[origin.Host]time.Time{true: {}, false: {}}, blind: map[bool]time.Time{}}
}

func (r *recent) add(now time.Time, a netip.Addr) {
	h := origin.HostOf(a)
	all := r.at[h.Is4()]
	if _, has := all[h]; !has && len(all) >= mostRecent {
		maps.DeleteFunc(all, func(_ origin.Host, at time.Time) bool { return now.Sub(at) >= holeLife })
		if len(all) >= mostRecent {
			r.blind[h.Is4()] = now.Add(holeLife)
			return
		}
	}
	all[h] = now
}

// forget forgets those of a family.
func (r *recent) forget(v4 bool) { clear(r.at[v4]) }

func (r *recent) has(now time.Time, a netip.Addr) bool {
	h := origin.HostOf(a)
	at, has := r.at[h.Is4()][h]
	return has && now.Sub(at) < holeLife || now.Before(r.blind[h.Is4()])
}
