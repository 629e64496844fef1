package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
)

// Budgets of what a floodfill passes on: how often the entry of one key, and bytes in all. A
// key has a share that nothing takes from it. What it wants beyond that, as the lease set of a
// service that is started again and again, it has while at least half of the bytes are left.
const (
	floodsOfKeyRate, floodsOfKeyBurst = 1. / 20, 3
	moreOfKeyRate, moreOfKeyBurst     = 1. / 4, 12
	floodedRate, floodedBurst         = 512 << 10, 4 << 20
	floodsTracked                     = 4096 // keys
	floodsLate                        = 256  // keys
	floodLater                        = 5 * time.Second
)

// floods limits what is passed on: whoever signs a new version of an entry each
// millisecond has each of them sent to three others. What is not passed on at once is later, as
// it is by then.
type floods struct {
	keys  map[i2p.Hash]*shares
	bytes bucket.Bucket
	late  []lateFlood // one for a key, in the order of their time
}

// shares are those of one key.
type shares struct{ own, more bucket.Bucket }

func (s *shares) full(now time.Time) bool {
	return s.own.Full(now, floodsOfKeyRate, floodsOfKeyBurst) && s.more.Full(now, moreOfKeyRate, moreOfKeyBurst)
}

type lateFlood struct {
	key      i2p.Hash
	leaseSet bool
	at       time.Time
}

func (f *floods) take(now time.Time, key i2p.Hash, bytes float64) bool {
	of := tracked(f.keys, key, floodsTracked, func(s *shares) bool { return s.full(now) })
	switch {
	case of.own.Take(now, 1, floodsOfKeyRate, floodsOfKeyBurst):
	case f.bytes.Left(now, floodedRate, floodedBurst) < floodedBurst/2 || !of.more.Take(now, 1, moreOfKeyRate, moreOfKeyBurst):
		return false
	}
	return f.bytes.Take(now, bytes, floodedRate, floodedBurst)
}

// postpone has an entry passed on later, where there is room.
func (f *floods) postpone(now time.Time, key i2p.Hash, leaseSet bool) {
	if len(f.late) < floodsLate && !slices.ContainsFunc(f.late, func(l lateFlood) bool { return l.key == key }) {
		f.late = append(f.late, lateFlood{key, leaseSet, now.Add(floodLater)})
	}
}

// due takes what is to be passed on now.
func (f *floods) due(now time.Time) []lateFlood {
	n := 0
	for n < len(f.late) && !now.Before(f.late[n].at) {
		n++
	}
	due := slices.Clone(f.late[:n])
	f.late = slices.Delete(f.late, 0, n)
	return due
}

// deadline is when there is something due; zero for never.
func (f *floods) deadline() time.Time {
	if len(f.late) == 0 {
		return time.Time{}
	}
	return f.late[0].at
}

// lateFloods passes on what was too much before.
func (s *Segment) lateFloods(now time.Time) (out Out) {
	for _, l := range s.floods.due(now) {
		var st Stored
		if l.leaseSet {
			st.LeaseSet = s.sets.stored(now, l.key)
		} else {
			st.RouterInfo = s.cfg.DB.Router(l.key)
		}
		if st.LeaseSet != nil || st.RouterInfo != nil {
			out.add(s.flood(now, st))
		}
	}
	return out
}
