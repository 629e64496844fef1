package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// way is how a message reached us: through an inbound tunnel of ours, or over a
// session with a peer. An answer is taken only where it comes in the way that
// its question named. Else somebody who was asked through a tunnel could send
// his answer straight to a router that he suspects, or into a tunnel that he
// takes for the same router's, and see whether it acts on it (network database,
// "Network Database Segmentation").
type way struct {
	tunnel *ownTunnel
	peer   i2p.Hash // of the session, where tunnel is nil
}

// awaited is how a message must come that is waited for, and its message id.
type awaited struct {
	id  uint32
	way way
}

// inAnyWay reports whether a message with an id is among those that are waited
// for, however it is to come.
func inAnyWay[T any](waiting map[awaited]T, id uint32) bool {
	for a := range waiting {
		if a.id == id {
			return true
		}
	}
	return false
}

// expected is what a party waits for of the netDb. No party sees another's.
type expected struct {
	tags    map[[8]byte]oneTime
	asked   map[i2p.Hash][]question // by the key that was asked for
	stores  map[uint32]question     // by the token that confirms them
	lookups map[netdb.LookupID][]func(netdb.Result)
	// deposits are those that somebody waits for.
	deposits map[netdb.DepositID]func(netdb.Deposited)
}

// oneTime is a key that we gave away in a request, for one answer: a netDb
// reply (I2NP, DatabaseLookup, flag bit 4), a build reply of an outbound
// endpoint, or a tunnel test.
type oneTime struct {
	key     [32]byte
	via     *ownTunnel
	of      i2p.Hash // the floodfill that has it, of a netDb reply
	expires time.Time
}

// question is what a floodfill was asked, or asked to store.
type question struct {
	floodfill i2p.Hash // that was asked
	way       way      // of its answer
	expires   time.Time
}

const (
	maxOneTime   = 4096 // of one party
	maxQuestions = 4096
	maxAsked     = 64 // for one key: the last ones
	answerLife   = time.Minute
)

func newExpected() expected {
	return expected{
		tags:    make(map[[8]byte]oneTime),
		asked:   make(map[i2p.Hash][]question),
		stores:  make(map[uint32]question),
		lookups: make(map[netdb.LookupID][]func(netdb.Result)), deposits: make(map[netdb.DepositID]func(netdb.Deposited)),
	}
}

// seal expects an answer that is sealed with a one-time key.
func (e *expected) seal(now time.Time, tag [8]byte, key [32]byte, via *ownTunnel, of i2p.Hash) {
	if len(e.tags) >= maxOneTime {
		e.expire(now)
	}
	if len(e.tags) < maxOneTime {
		e.tags[tag] = oneTime{key, via, of, now.Add(answerLife)}
	}
}

// ask expects a floodfill's answer for a key.
func (e *expected) ask(now time.Time, key, floodfill i2p.Hash, w way) {
	qs := e.asked[key]
	if len(qs) == 0 && len(e.asked) >= maxQuestions {
		e.expire(now)
	}
	if len(qs) == 0 && len(e.asked) >= maxQuestions {
		return
	}
	qs = append(qs, question{floodfill, w, now.Add(answerLife)})
	e.asked[key] = qs[max(0, len(qs)-maxAsked):]
}

// open reports whether a question waits for what comes in a way.
func (q question) open(now time.Time, w way) bool { return q.way == w && now.Before(q.expires) }

// answers reports whether an entry comes as it was asked for. A DatabaseStore
// does not say who sends it.
func (e *expected) answers(now time.Time, key i2p.Hash, w way) bool {
	return slices.ContainsFunc(e.asked[key], func(q question) bool { return q.open(now, w) })
}

// names reports whether the search reply of a floodfill comes as it was asked for.
func (e *expected) names(now time.Time, key, floodfill i2p.Hash, w way) bool {
	return slices.ContainsFunc(e.asked[key], func(q question) bool {
		return q.floodfill == floodfill && q.open(now, w)
	})
}

// store expects the confirmation of a store.
func (e *expected) store(now time.Time, token uint32, w way) {
	if len(e.stores) >= maxQuestions {
		e.expire(now)
	}
	if len(e.stores) < maxQuestions {
		e.stores[token] = question{way: w, expires: now.Add(answerLife)}
	}
}

// confirms reports whether a store's confirmation comes as it was asked for,
// and expects it no more.
func (e *expected) confirms(now time.Time, token uint32, w way) bool {
	q, ok := e.stores[token]
	if !ok || !q.open(now, w) {
		return false
	}
	delete(e.stores, token)
	return true
}

// expire forgets the answers that did not come.
func (e *expected) expire(now time.Time) {
	for tag, k := range e.tags {
		if !now.Before(k.expires) {
			delete(e.tags, tag)
		}
	}
	for key, qs := range e.asked {
		if qs = slices.DeleteFunc(qs, func(q question) bool { return !now.Before(q.expires) }); len(qs) > 0 {
			e.asked[key] = qs
		} else {
			delete(e.asked, key)
		}
	}
	for token, q := range e.stores {
		if !now.Before(q.expires) {
			delete(e.stores, token)
		}
	}
}

// asking reports whether an entry was asked for, in whatever way.
func (e *expected) asking(key i2p.Hash) bool { return len(e.asked[key]) > 0 }

// newOneTime draws a key and tag for an answer through a tunnel, and has the
// tunnel's party expect it: of a floodfill, or of nobody in particular.
func (c *core) newOneTime(via *ownTunnel, of i2p.Hash) (key [32]byte, tag [8]byte) {
	c.rand.Fill(key[:])
	c.rand.Fill(tag[:])
	via.party.expected.seal(c.now, tag, key, via, of)
	return key, tag
}
