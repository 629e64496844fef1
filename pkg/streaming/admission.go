package streaming

import (
	"math"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/quota"
)

// admission decides which incoming streams are let in (SECURITY: stream
// floods), and knows the SYNs that were.
type admission struct {
	limits Limits
	checks bucket.Bucket // of signatures
	noes   bucket.Bucket // RESETs in answer to SYNs
	strays bucket.Bucket // RESETs for streams that there are none of

	total quota.Counter
	peers quota.Visitors[i2p.Hash, quota.Counter]

	seen    [2]map[[16]byte]struct{} // by the start of the signature; two generations
	renewed instant
}

const (
	maxRates = 4096
	maxSeen  = 8192 // of a generation
	seenLife = 10 * time.Minute
)

func (a *admission) init(l Limits) {
	a.limits = l
	a.peers.Most = maxRates
	a.seen = [2]map[[16]byte]struct{}{{}, {}}
}

// verify takes a token for a signature to check.
func (a *admission) verify(now instant) bool {
	perSecond := float64(min(a.limits.SYNsPerSecond, 1<<30))
	return a.checks.Take(time.Unix(0, int64(now)), 1, perSecond, 2*perSecond)
}

// RESETs in answer to SYNs, a second and at once: of all, and of one peer's.
const (
	noRate, noBurst         = 100, 200
	peerNoRate, peerNoBurst = 5, 20
)

// answers takes a token for a RESET in answer to a peer's SYN.
func (a *admission) answers(now instant, p *peer) bool {
	at := time.Unix(0, int64(now))
	return p.noes.Take(at, 1, peerNoRate, peerNoBurst) && a.noes.Take(at, 1, noRate, noBurst)
}

// disowns takes a token for a RESET to a peer, for a stream that there is none of.
func (a *admission) disowns(now instant, p *peer) bool {
	at := time.Unix(0, int64(now))
	return p.strays.Take(at, 1, peerStrayRate, peerStrayBurst) && a.strays.Take(at, 1, strayRate, strayBurst)
}

// incoming counts a stream whose SYN was verified, and says whether it is
// within the limits.
func (a *admission) incoming(now instant, from i2p.Hash) bool {
	at, l := time.Unix(0, int64(now)), a.limits
	if each := perTime(l.PeerPerMinute, l.PeerPerHour, l.PeerPerDay); len(each) > 0 {
		peer := a.peers.Of(at, from, func(c *quota.Counter) bool { return c.Idle(at, each) })
		if peer == nil || !peer.Take(at, each) {
			return false
		}
	}
	return a.total.Take(at, perTime(l.TotalPerMinute, l.TotalPerHour, l.TotalPerDay))
}

// perTime are the rates that are limited.
func perTime(minute, hour, day int) (rates []quota.Rate) {
	for _, r := range []quota.Rate{{Most: minute, In: time.Minute}, {Most: hour, In: time.Hour}, {Most: day, In: 24 * time.Hour}} {
		if r.Most < math.MaxInt {
			rates = append(rates, r)
		}
	}
	return rates
}

func seenKey(sig []byte) (k [16]byte) {
	copy(k[:], sig)
	return k
}

func (a *admission) seenBefore(now instant, sig []byte) bool {
	if now-a.renewed > seenLife || len(a.seen[0]) >= maxSeen {
		a.seen[1], a.seen[0] = a.seen[0], make(map[[16]byte]struct{})
		a.renewed = now
	}
	k := seenKey(sig)
	_, new := a.seen[0][k]
	_, old := a.seen[1][k]
	return new || old
}

func (a *admission) see(sig []byte) { a.seen[0][seenKey(sig)] = struct{}{} }
