package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// Times of publishing.
const (
	confirmPatience = 5 * time.Second  // until a floodfill confirms a store
	verifyAfter     = 10 * time.Second // network database, "LeaseSet Storage Verification"
	verifyJitter    = 3 * time.Second
	maxStores       = 8 // floodfills tried in one round
	maxVerifiers    = 2 // asked in vain before the entry is stored again
	roundPause      = 15 * time.Second
	renewAfter      = 30 * time.Minute // a RouterInfo is published anew in 30 to 40 minutes
	renewJitter     = 10 * time.Minute
)

// Store is a DatabaseStore to be sent to a floodfill. Of the reply fields the
// token is set; the shell adds the tunnel and gateway where the confirmation is
// to come, and wraps the message.
type Store struct {
	To      *routerinfo.RouterInfo
	Message i2np.DatabaseStore
}

// Published tells how a publication goes.
type Published struct {
	Key       i2p.Hash
	Floodfill i2p.Hash // the last one that it was stored at
	Confirmed bool     // a floodfill has it, by its DeliveryStatus
	Verified  bool     // another one gave it back
	Err       error    // a round of floodfills has failed; another follows
}

// publication is one entry that we publish.
type publication struct {
	key       i2p.Hash
	kind      byte
	data      []byte // as a DatabaseStore carries it
	published i2p.Date
	search    *search // of floodfills to store at
	checks    *search // of floodfills to verify at
	state     publishState
	at        time.Time // when the state is to change by itself
	stores    int       // in this round
	token     uint32
	to        *routerinfo.RouterInfo
	sent      time.Time
	stored    []i2p.Hash // floodfills that confirmed
	verifier  i2p.Hash
	verifiers int
	last      bool // nothing follows once it is stored: the entry is taken back
}

// publishState is where a publication stands.
//
//	storing --confirmed--> resting --10 s--> verifying --it is there--> settled
//	   ^  |                                      |
//	   |  +--no floodfill left--> paused         |
//	   +------------ not there ------------------+
type publishState byte

const (
	storing   publishState = iota // a store is sent, its confirmation is waited for
	resting                       // stored; floodfills are passing it on
	verifying                     // another floodfill is asked for it
	settled
	paused // a round has failed
)

// PublishRouterInfo publishes our RouterInfo, in place of an older one.
func (s *Segment) PublishRouterInfo(now time.Time, ri *routerinfo.RouterInfo) Out {
	return s.publish(now, &publication{
		key: ri.Hash(), kind: i2np.StoreRouterInfo, data: i2np.CompressRouterInfo(ri.Bytes()), published: ri.Published(),
	})
}

// PublishLeaseSet publishes a lease set of ours, in place of an older one.
func (s *Segment) PublishLeaseSet(now time.Time, set leaseset.Record) Out {
	return s.publish(now, &publication{key: set.Hash(), kind: set.StoreType(), data: set.Bytes(), published: set.Published()})
}

// WithdrawLeaseSet publishes a lease set that takes an older one back: it is
// stored, and not looked for afterwards. As the specification knows no
// revocation of a LeaseSet2, it is one that ends at once.
func (s *Segment) WithdrawLeaseSet(now time.Time, set leaseset.Record) Out {
	return s.publish(now, &publication{
		key: set.Hash(), kind: set.StoreType(), data: set.Bytes(), published: set.Published(), last: true,
	})
}

// Unpublish stops publishing a key.
func (s *Segment) Unpublish(key i2p.Hash) {
	s.publications = slices.DeleteFunc(s.publications, func(p *publication) bool { return p.key == key })
}

func (s *Segment) publish(now time.Time, p *publication) Out {
	var out Out
	s.Unpublish(p.key)
	s.publications = append(s.publications, p)
	s.round(now, p, &out)
	return out
}

// round begins with the closest floodfills anew.
func (s *Segment) round(now time.Time, p *publication, out *Out) {
	p.search, p.stores, p.verifiers, p.stored = newSearch(s.cfg.DB, p.key, s.cfg.Destination), 0, 0, nil
	p.search.exclude(p.key)
	p.checks = newSearch(s.cfg.DB, p.key, s.cfg.Destination)
	s.storeNext(now, p, out)
}

// storeNext stores the entry at the next floodfill.
func (s *Segment) storeNext(now time.Time, p *publication, out *Out) {
	p.to = nil
	if p.stores < maxStores {
		p.to = p.search.next(now)
	}
	if p.to == nil {
		if len(p.stored) > 0 { // it is somewhere, and there is nobody else
			s.settle(now, p)
			return
		}
		if p.last {
			s.Unpublish(p.key)
			return
		}
		p.state, p.at = paused, now.Add(roundPause)
		if p.stores == 0 {
			p.at = now.Add(roundPause / 5) // no floodfill is known yet
		}
		out.Published = append(out.Published, Published{Key: p.key, Err: ErrNoFloodfills})
		return
	}
	p.token = s.rand.Nonzero32()
	p.stores++
	p.state, p.sent, p.at = storing, now, now.Add(confirmPatience)
	out.Stores = append(out.Stores, Store{p.to, i2np.DatabaseStore{Key: p.key, Type: p.kind, ReplyToken: p.token, Data: p.data}})
}

// HandleDeliveryStatus takes the message ID of a DeliveryStatus, which may confirm
// a publication.
func (s *Segment) HandleDeliveryStatus(now time.Time, id uint32) Out {
	var out Out
	for _, p := range s.publications {
		if p.state != storing || p.token != id {
			continue
		}
		h := p.to.Hash()
		p.stored = append(p.stored, h)
		s.cfg.DB.queried(now, h, true)
		p.state, p.at = resting, now.Add(s.rand.Between(verifyAfter, verifyAfter+verifyJitter))
		switch {
		case p.last:
			s.Unpublish(p.key)
		case p.kind == i2np.StoreRouterInfo && !s.cfg.VerifyRouterInfo:
			s.settle(now, p)
		}
		out.Published = append(out.Published, Published{Key: p.key, Floodfill: h, Confirmed: true})
		return out
	}
	return out
}

func (s *Segment) settle(now time.Time, p *publication) {
	p.state, p.at = settled, time.Time{}
	if p.kind == i2np.StoreRouterInfo {
		p.at = now.Add(s.rand.Between(renewAfter, renewAfter+renewJitter))
	}
}

// verify asks the floodfill that should have got the entry by now: close to the
// key, but not one that it was stored at, nor the one that was asked last.
func (s *Segment) verify(now time.Time, p *publication, out *Out) {
	p.checks.again()
	for _, h := range p.stored {
		p.checks.exclude(h)
	}
	p.checks.exclude(p.key)
	p.checks.exclude(p.verifier)
	to := p.checks.next(now)
	if to == nil {
		s.settle(now, p)
		return
	}
	kind := i2np.LookupLeaseSet
	if p.kind == i2np.StoreRouterInfo {
		kind = i2np.LookupRouterInfo
	}
	p.state, p.verifier, p.sent, p.at = verifying, to.Hash(), now, now.Add(confirmPatience)
	out.Queries = append(out.Queries, Query{To: to, Key: p.key, Kind: kind, Exclude: slices.Clone(p.stored), Verify: true})
}

// publishes tells whether a key is published from here.
func (s *Segment) publishes(key i2p.Hash) bool {
	return slices.ContainsFunc(s.publications, func(p *publication) bool { return p.key == key })
}

// verified takes an entry of ours that came back from a floodfill. An older or
// a forged one does not count.
func (s *Segment) verified(now time.Time, key i2p.Hash, published i2p.Date, valid bool, out *Out) bool {
	for _, p := range s.publications {
		if p.key != key || p.state != verifying || !valid {
			continue
		}
		s.cfg.DB.queried(now, p.verifier, true)
		if published < p.published {
			s.storeNext(now, p, out)
			return true
		}
		s.settle(now, p)
		out.Published = append(out.Published, Published{Key: key, Floodfill: p.verifier, Confirmed: true, Verified: true})
		return true
	}
	return false
}

// verifyMissed takes a search reply in place of an entry of ours: it is stored again.
func (s *Segment) verifyMissed(now time.Time, key, from i2p.Hash, out *Out) bool {
	for _, p := range s.publications {
		if p.key == key && p.state == verifying && p.verifier == from {
			s.cfg.DB.queried(now, from, true)
			s.storeNext(now, p, out)
			return true
		}
	}
	return false
}

// verifyUnsent takes a verification that could not be sent: there may be no tunnel
// for it, so it waits a while, and nobody is blamed.
func (s *Segment) verifyUnsent(now time.Time, q Query) {
	for _, p := range s.publications {
		if p.key == q.Key && p.state == verifying && p.verifier == q.To.Hash() {
			p.state, p.at = resting, now.Add(confirmPatience)
		}
	}
}

// StoreUnsent tells that a store could not be sent: another floodfill is tried.
func (s *Segment) StoreUnsent(now time.Time, st Store) Out {
	var out Out
	for _, p := range s.publications {
		if p.state == storing && p.token == st.Message.ReplyToken {
			s.storeNext(now, p, &out)
		}
	}
	return out
}

// tickPublications does what is due.
func (s *Segment) tickPublications(now time.Time, out *Out) {
	for _, p := range slices.Clone(s.publications) {
		if p.at.IsZero() || now.Before(p.at) {
			continue
		}
		switch p.state {
		case storing:
			s.cfg.DB.queried(now, p.to.Hash(), false)
			s.storeNext(now, p, out)
		case resting:
			s.verify(now, p, out)
		case verifying:
			s.cfg.DB.queried(now, p.verifier, false)
			if p.verifiers++; p.verifiers < maxVerifiers {
				s.verify(now, p, out)
			} else {
				s.storeNext(now, p, out)
			}
		case paused:
			s.round(now, p, out)
		case settled:
			p.at = time.Time{}
			out.Renew = append(out.Renew, p.key)
		}
	}
}

func (s *Segment) publishDeadline() time.Time {
	var d time.Time
	for _, p := range s.publications {
		d = deadline.Earliest(d, p.at)
	}
	return d
}
