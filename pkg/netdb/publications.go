package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// Store is a DatabaseStore to be sent to a floodfill. Of the reply fields the
// token is set; the shell adds the tunnel and gateway where the confirmation is
// to come, and wraps the message.
type Store struct {
	To      *routerinfo.RouterInfo
	Message i2np.DatabaseStore
	Foreign bool // the entry is not ours: that it comes from here is nobody's business
}

// Published tells how a publication goes.
type Published struct {
	Key       i2p.Hash
	Floodfill i2p.Hash // the last one that it was stored at
	Confirmed bool     // a floodfill has it, by its DeliveryStatus
	Verified  bool     // another one gave it back
	Err       error    // a round of floodfills has failed; another follows
}

// publications are what one segment publishes.
type publications struct {
	witness *witness
	rand    *draw.Source
	list    []*publication
}

// publish publishes an entry, in place of an older one under its key.
func (ps *publications) publish(now time.Time, e ownEntry) Out {
	ps.drop(e.key)
	p := &publication{entry: e}
	ps.list = append(ps.list, p)
	return ps.begin(now, p)
}

func (ps *publications) drop(key i2p.Hash) {
	ps.list = slices.DeleteFunc(ps.list, func(p *publication) bool { return p.entry.key == key })
}

// has tells whether a key is published from here.
func (ps *publications) has(key i2p.Hash) bool {
	return slices.ContainsFunc(ps.list, func(p *publication) bool { return p.entry.key == key })
}

func (ps *publications) begin(now time.Time, p *publication) Out {
	p.begin(ps.witness)
	return ps.store(now, p)
}

// store stores an entry at the next floodfill. Where there is none it may lie at
// one already; else the round has failed.
func (ps *publications) store(now time.Time, p *publication) Out {
	if s := p.store(now, ps.rand); s != nil {
		return Out{Stores: []Store{*s}}
	}
	switch {
	case p.state == storing && len(p.round.sent) > 0:
		p.at = p.round.sent[0].at.Add(confirmPatience)
		return Out{}
	case p.entry.last:
		ps.drop(p.entry.key)
		return Out{}
	case len(p.round.confirmed) > 0:
		p.settle(now, ps.rand)
		return Out{}
	}
	p.pause(now)
	return Out{Published: []Published{{Key: p.entry.key, Err: ErrNoFloodfills}}}
}

// confirmed takes the message ID of a DeliveryStatus, which may confirm a store.
func (ps *publications) confirmed(now time.Time, id uint32) Out {
	for _, p := range ps.list {
		h, ok := p.round.remove(id)
		if !ok {
			continue
		}
		p.round.confirmed = append(p.round.confirmed, h)
		ps.witness.queried(now, h, true)
		if p.state != storing { // it was tried beside one that was faster
			return Out{}
		}
		p.confirm(now, ps.rand)
		out := Out{Published: []Published{{Key: p.entry.key, Floodfill: h, Confirmed: true}}}
		switch {
		case !p.kept(now):
			out.add(ps.store(now, p))
		case p.entry.last:
			ps.drop(p.entry.key)
		case p.entry.kind == i2np.StoreRouterInfo:
			// It is not verified, as nowhere since 0.9.7.1: the check shows who asks.
			p.settle(now, ps.rand)
		default:
			p.state = resting
		}
		return out
	}
	return Out{}
}

// ask verifies that an entry can be found, if there is anybody to ask.
func (ps *publications) ask(now time.Time, p *publication) Out {
	q := p.ask(now)
	if q == nil {
		p.settle(now, ps.rand)
		return Out{}
	}
	return Out{Queries: []Query{*q}}
}

// cameBack takes an entry of ours that a floodfill gave. A forged one does not
// count, and for an older one it is stored again.
func (ps *publications) cameBack(now time.Time, key i2p.Hash, date i2p.Date, valid bool) Out {
	for _, p := range ps.list {
		if p.entry.key != key || p.state != verifying || !valid {
			continue
		}
		ps.witness.queried(now, p.verify.by, true)
		if date < p.entry.date {
			return ps.store(now, p)
		}
		p.settle(now, ps.rand)
		return Out{Published: []Published{{Key: key, Floodfill: p.verify.by, Confirmed: true, Verified: true}}}
	}
	return Out{}
}

// missed takes a search reply in place of an entry of ours: it is stored again.
func (ps *publications) missed(now time.Time, key, floodfill i2p.Hash) (out Out, asked bool) {
	for _, p := range ps.list {
		if p.verifiedBy(key, floodfill) {
			ps.witness.queried(now, floodfill, true)
			return ps.store(now, p), true
		}
	}
	return Out{}, false
}

// queryUnsent takes a verification that could not be sent: there may be no tunnel
// for it, so it waits a while, and nobody is blamed.
func (ps *publications) queryUnsent(now time.Time, q Query) {
	for _, p := range ps.list {
		if p.verifiedBy(q.Key, q.To.Hash()) {
			p.state, p.at = resting, now.Add(confirmPatience)
		}
	}
}

// storeUnsent has another floodfill tried in place of one that could not be.
func (ps *publications) storeUnsent(now time.Time, s Store) Out {
	for _, p := range ps.list {
		if _, ok := p.round.remove(s.Message.ReplyToken); ok && p.state == storing {
			return ps.store(now, p)
		}
	}
	return Out{}
}

// tick does what is due.
func (ps *publications) tick(now time.Time) Out {
	var out Out
	for _, p := range slices.Clone(ps.list) {
		if p.at.IsZero() || now.Before(p.at) {
			continue
		}
		switch p.state {
		case storing:
			if silent, ok := p.round.overdue(now); ok {
				ps.witness.queried(now, silent, false)
			}
			out.add(ps.store(now, p))
		case resting:
			out.add(ps.ask(now, p))
		case verifying:
			ps.witness.queried(now, p.verify.by, false)
			if p.verify.silent++; p.verify.silent < maxVerifiers {
				out.add(ps.ask(now, p))
			} else {
				out.add(ps.store(now, p))
			}
		case paused:
			out.add(ps.begin(now, p))
		case settled:
			switch {
			case !now.Before(p.renew):
				p.at = time.Time{}
				out.Renew = append(out.Renew, p.entry.key)
			case p.astray(now, ps.witness.db):
				out.add(ps.begin(now, p))
			default:
				p.settle(now, ps.rand)
			}
		}
	}
	return out
}

// deadline is when tick has something to do; zero for never.
func (ps *publications) deadline() time.Time {
	var d time.Time
	for _, p := range ps.list {
		d = deadline.Earliest(d, p.at)
	}
	return d
}
