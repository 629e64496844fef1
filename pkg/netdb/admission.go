package netdb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/origin"
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
	ErrUnasked   = errors.New("too many routers that nobody asked for")
	ErrFlood     = errors.New("too many new routers at once")
	ErrFull      = errors.New("table full of better entries")
	ErrOwn       = errors.New("our own entry")
	ErrKind      = errors.New("kind of entry not taken here")
)

// Refused counts the RouterInfos that were refused.
type Refused struct {
	BadSignature, BadKey, BadNetID, FromFuture, TooOld, BadVersion, Unusable uint64 // see the errors
	Crowded, Unasked, Flood, Full                                            uint64 // for want of room
}

func (r *Refused) count(why error) {
	for _, c := range [...]struct {
		err error
		n   *uint64
	}{
		{ErrSignature, &r.BadSignature}, {ErrKey, &r.BadKey}, {ErrNetID, &r.BadNetID}, {ErrFuture, &r.FromFuture},
		{ErrOld, &r.TooOld}, {ErrVersion, &r.BadVersion}, {ErrForged, &r.BadVersion}, {ErrUnusable, &r.Unusable},
		{ErrCrowded, &r.Crowded}, {ErrUnasked, &r.Unasked}, {ErrFlood, &r.Flood}, {ErrFull, &r.Full},
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
	hostMax          = 4   // routers of one IPv4 address, or IPv6 /64
	hostUnasked      = 2   // where they come by themselves
	siteMax          = 16  // of one IPv4 /24, or IPv6 /56
	prefixShare      = 512 // at most 1/512 has one wider address range, but not fewer than prefixMin
	prefixMin        = 32
	unaskedMin       = 4096 // of those that came by themselves, there may be so many, and else no more than of others
	unaskedShare     = 2    // at a floodfill, to which all are sent, they may have half of the table
	addresslessShare = 4    // at most a quarter has no published address
	lookShare        = 4    // and at most a quarter one look, for routers nobody asked for
)

// Rates for routers that nobody asked for. Updates of known routers are not
// counted among the new ones.
const (
	newRoutersRate, newRoutersBurst = 20, 5000
	newLookRate, newLookBurst       = 4, 2000 // for each look (version and capabilities)
	verifyRate, verifyBurst         = 500, 5000
	looksTracked                    = 1024
	hostsTracked                    = 4096
)

// Rates for routers that nobody asked for, by whose session they came over, at each of
// the networks in which the sender is (origin.Networks).
var newFrom = [origin.Steps]struct{ rate, burst float64 }{{0.5, 256}, {1, 512}, {4, 2048}}

// admission says which RouterInfos may come into the table. An attacker can invent any
// number of routers; what he cannot do is answer for them, or come from anywhere.
type admission struct {
	netID      int
	samePrefix bool
	shared     *Shared
	room       int // routers that the table may hold

	prefixes                  counts[uint32] // routers there for each address range
	hosts                     crowds
	looks                     map[uint32]int // and for each look
	unasked                   int            // routers there that only came by themselves
	newRouters, verifications bucket.Bucket
	newLooks                  map[uint32]*bucket.Bucket
	newFrom                   [origin.Steps]map[origin.Host]*bucket.Bucket
}

func newAdmission(cfg *Config) admission {
	a := admission{
		netID: cfg.NetID, samePrefix: cfg.SamePrefix, shared: cfg.Shared, room: cfg.MaxRouters,
		prefixes: make(counts[uint32]), hosts: newCrowds(),
		looks: make(map[uint32]int), newLooks: make(map[uint32]*bucket.Bucket),
	}
	for step := range a.newFrom {
		a.newFrom[step] = make(map[origin.Host]*bucket.Bucket)
	}
	return a
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
	case sum.Flags&profile.X25519 == 0 || sum.Flags&profile.Scattered != 0 || size > maxRouterInfo:
		return ErrUnusable
	}
	return nil
}

// admit limits routers not yet known: by address range, by look and by rate. Those that
// came by themselves are held to the rates, and to a share of the n that there are.
// Where one is known already, as old, only what it publishes anew counts.
func (a *admission) admit(now time.Time, e, old *entry, sender origin.Host, n int, floodfill bool) error {
	switch {
	case a.samePrefix:
		return nil
	case a.crowded(e, old):
		return ErrCrowded
	case old != nil || !e.src.unasked():
		return nil
	case a.looks[e.sum.Look()] >= a.most(lookShare):
		return ErrCrowded
	case floodfill && a.unasked >= a.room/unaskedShare, !floodfill && a.unasked >= max(unaskedMin, n-a.unasked):
		return ErrUnasked
	case !a.newRouter(now, sender, e.sum.Look()):
		return ErrFlood
	}
	return nil
}

// most is how many routers a share of the table is.
func (a *admission) most(share int) int { return max(prefixMin, a.room/share) }

// crowded tells whether there are too many routers already where a router is, or
// was not until now. Those of whom we were only told crowd out nobody else.
func (a *admission) crowded(e, old *entry) bool {
	told := e.src.unasked() || e.src == FromDiskTold
	for _, p := range e.sum.Prefixes {
		if p != 0 && (old == nil || !slices.Contains(old.sum.Prefixes[:], p)) && a.prefixes[p].before(told) >= a.most(prefixShare) {
			return true
		}
	}
	limits := [origin.Steps]int{hostMax, siteMax, a.most(prefixShare)}
	if e.src.unasked() {
		limits[0] = hostUnasked
	}
	for _, h := range e.hosts() {
		if h != 0 && (old == nil || !slices.Contains(old.hosts(), h)) && !a.hosts.room(h, told, limits) {
			return true
		}
	}
	return old == nil && e.sum.Prefixes[0] == 0 && a.prefixes[0].before(told) >= a.room/addresslessShare
}

// newRouter takes from the buckets that a router falls under with such a look, and
// whose session it came over, or from none of these: whoever has used up his own takes
// nothing from others. The widest network comes first, so that who has used that up
// fills no table with ever new hosts of it.
func (a *admission) newRouter(now time.Time, sender origin.Host, look uint32) bool {
	if sender != 0 {
		var from [origin.Steps]*bucket.Bucket
		for step := origin.Steps - 1; step >= 0; step-- {
			l := newFrom[step]
			from[step] = tracked(a.newFrom[step], sender.Within(step), hostsTracked, func(b *bucket.Bucket) bool { return b.Full(now, l.rate, l.burst) })
			if from[step].Left(now, l.rate, l.burst) < 1 {
				return false
			}
		}
		for step, l := range newFrom {
			from[step].Take(now, 1, l.rate, l.burst)
		}
	}
	// A forger with so many versions shares one bucket.
	return tracked(a.newLooks, look, looksTracked, nil).Take(now, 1, newLookRate, newLookBurst) &&
		a.newRouters.Take(now, 1, newRoutersRate, newRoutersBurst)
}

// tracked finds or makes the bucket of a key. Where there are as many as may be, those
// that are idle go, and where there are none, the key shares one with all that follow.
func tracked[K comparable, B any](of map[K]*B, key K, limit int, idle func(*B) bool) *B {
	if b := of[key]; b != nil {
		return b
	}
	if len(of) >= limit && idle != nil {
		maps.DeleteFunc(of, func(_ K, b *B) bool { return idle(b) })
	}
	if len(of) >= limit {
		var shared K
		if key = shared; of[key] != nil {
			return of[key]
		}
	}
	b := new(B)
	of[key] = b
	return b
}

// verify checks the signature. Those on disk were checked, or are once they are used.
func (a *admission) verify(now time.Time, src Source, ri *routerinfo.RouterInfo) error {
	switch {
	case src.disk():
		return nil
	case src.unasked() && !a.verifications.Take(now, 1, verifyRate, verifyBurst):
		return ErrFlood
	}
	if err := a.shared.verify(ri); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// count takes a router into account that is in the table now.
func (a *admission) count(e *entry) {
	a.add(e, 1)
	a.looks[e.sum.Look()]++
}

// uncount is for one that is there no more.
func (a *admission) uncount(e *entry) {
	a.add(e, -1)
	less(a.looks, e.sum.Look())
}

func (a *admission) add(e *entry, n int32) {
	told := e.came.told()
	for i, p := range e.sum.Prefixes {
		if p != 0 || i == 0 {
			a.prefixes.add(p, told, n)
		}
	}
	for _, h := range e.hosts() {
		if h != 0 {
			a.hosts.add(h, told, n)
		}
	}
	if told {
		a.unasked += int(n)
	}
}

func less(m map[uint32]int, k uint32) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}
