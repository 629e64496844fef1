package netdb

import (
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// Why an entry is refused.
var (
	ErrKey       = errors.New("key is not the hash of the entry")
	ErrSignature = errors.New("bad signature")
	ErrNetID     = errors.New("router of another network")
	ErrFuture    = errors.New("published in the future")
	ErrOld       = errors.New("published too long ago")
	ErrVersion   = errors.New("version below the floor")
	ErrForged    = errors.New("version that no router has")
	ErrUnusable  = errors.New("no usable address or key type")
	ErrCrowded   = errors.New("too many routers of one address range or kind")
	ErrFlood     = errors.New("too many new routers at once")
	ErrFull      = errors.New("table full of better entries")
	ErrOwn       = errors.New("our own entry")
	ErrKind      = errors.New("kind of entry not taken here")
)

// Refused counts the RouterInfos that were refused.
type Refused struct {
	BadSignature, BadKey, BadNetID, FromFuture, TooOld, BadVersion, Unusable uint64 // see the errors
	Crowded, Flood, Full                                                     uint64 // for want of room
}

func (r *Refused) count(why error) {
	for _, c := range [...]struct {
		err error
		n   *uint64
	}{
		{ErrSignature, &r.BadSignature}, {ErrKey, &r.BadKey}, {ErrNetID, &r.BadNetID}, {ErrFuture, &r.FromFuture},
		{ErrOld, &r.TooOld}, {ErrVersion, &r.BadVersion}, {ErrForged, &r.BadVersion}, {ErrUnusable, &r.Unusable},
		{ErrCrowded, &r.Crowded}, {ErrFlood, &r.Flood}, {ErrFull, &r.Full},
	} {
		if errors.Is(why, c.err) {
			*c.n++
			return
		}
	}
}

// Ages of RouterInfos that come.
const (
	maxFuture     = 2 * time.Minute      // clock skew that one may have
	maxAge        = 27 * time.Hour       // of one that arrives
	maxAgeOffline = 180 * 24 * time.Hour // of one from disk or a bundle: better than none
	forgedVersion = profile.Version(2<<16 | 5<<8 | 1)
)

// Shares of a table that routers of one kind may have.
const (
	prefixShare      = 512 // at most 1/512 has one address range, but not fewer than prefixMin
	prefixMin        = 32
	addresslessShare = 4 // at most a quarter has no published address
	lookShare        = 4 // and at most a quarter one look, for routers nobody asked for
)

// Rates for routers that nobody asked for. Updates of known routers are not
// counted among the new ones.
const (
	newRoutersRate, newRoutersBurst = 20, 5000
	newLookRate, newLookBurst       = 4, 2000 // for each look (version and capabilities)
	verifyRate, verifyBurst         = 500, 5000
	looksTracked                    = 1024
)

// admission says which RouterInfos may come into the table. An attacker can invent any
// number of routers; what he cannot do is answer for them.
type admission struct {
	netID      int
	samePrefix bool
	shared     *Shared
	room       int // routers that the table may hold

	prefixes, looks           map[uint32]int // routers there for each address range, and each look
	newRouters, verifications bucket.Bucket
	newLooks                  map[uint32]*bucket.Bucket
}

// check applies the rules that need neither a signature nor the table.
func (a *admission) check(now time.Time, src Source, sum *profile.Summary, netID, size int) error {
	age := now.Sub(sum.Published.Time())
	oldest := maxAge
	if src.disk() || src == FromReseed {
		oldest = maxAgeOffline
	}
	switch {
	case netID != a.netID:
		return fmt.Errorf("%w: %d, ours is %d", ErrNetID, netID, a.netID)
	case age < -maxFuture:
		return fmt.Errorf("%w: %s ahead", ErrFuture, -age)
	case age > oldest:
		return fmt.Errorf("%w: %s", ErrOld, age)
	case sum.Version >= forgedVersion:
		return fmt.Errorf("%w: %s", ErrForged, sum.Version)
	case sum.Version < profile.MinVersion:
		return fmt.Errorf("%w: %s", ErrVersion, sum.Version)
	case sum.Flags&profile.X25519 == 0 || size > maxRouterInfo:
		return ErrUnusable
	}
	return nil
}

// admit limits routers not yet known: by address range, by look and by rate.
// Routers that we met or asked for are not held to the rates.
func (a *admission) admit(now time.Time, src Source, sum *profile.Summary) error {
	switch {
	case a.samePrefix || src == FromSession:
		return nil
	case a.crowded(src, sum):
		return ErrCrowded
	case src == FromStore && !a.newRouter(now, sum.Look()):
		return ErrFlood
	}
	return nil
}

func (a *admission) crowded(src Source, sum *profile.Summary) bool {
	for _, p := range sum.Prefixes {
		if p != 0 && a.prefixes[p] >= max(prefixMin, a.room/prefixShare) {
			return true
		}
	}
	if sum.Prefixes[0] == 0 && a.prefixes[0] >= a.room/addresslessShare {
		return true
	}
	return src == FromStore && a.looks[sum.Look()] >= max(prefixMin, a.room/lookShare)
}

// newRouter takes from the buckets that a router with such a look falls under.
func (a *admission) newRouter(now time.Time, look uint32) bool {
	b := a.newLooks[look]
	if b == nil {
		if len(a.newLooks) >= looksTracked { // a forger with so many versions shares one bucket
			look = 0
		}
		if b = a.newLooks[look]; b == nil {
			b = new(bucket.Bucket)
			a.newLooks[look] = b
		}
	}
	return b.Take(now, 1, newLookRate, newLookBurst) && a.newRouters.Take(now, 1, newRoutersRate, newRoutersBurst)
}

// verify checks the signature. Those on disk were checked, or are once they are used.
func (a *admission) verify(now time.Time, src Source, ri *routerinfo.RouterInfo) error {
	switch {
	case src.disk():
		return nil
	case src == FromStore && !a.verifications.Take(now, 1, verifyRate, verifyBurst):
		return ErrFlood
	}
	if err := a.shared.verify(ri); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// count takes a router into account that is in the table now.
func (a *admission) count(sum *profile.Summary) {
	for i, p := range sum.Prefixes {
		if p != 0 || i == 0 {
			a.prefixes[p]++
		}
	}
	a.looks[sum.Look()]++
}

// uncount is for one that is there no more.
func (a *admission) uncount(sum *profile.Summary) {
	for i, p := range sum.Prefixes {
		if p != 0 || i == 0 {
			less(a.prefixes, p)
		}
	}
	less(a.looks, sum.Look())
}

func less(m map[uint32]int, k uint32) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}
