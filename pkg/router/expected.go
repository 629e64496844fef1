package router

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/ratchet"
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

// expected are the answers that a party waits for. No party sees another's.
type expected struct {
	tags    map[[8]byte]oneTime
	asked   map[i2p.Hash][]question // by the key that was asked for
	stores  map[uint32]question     // by the token that confirms them
	builds  map[uint32]*build       // by the message id of their reply
	tests   map[uint32]test         // by the message id of their status
	lookups map[netdb.LookupID][]func(netdb.Result)
}

// oneTime is a key that we gave away in a request, for one answer: a netDb
// reply (I2NP, DatabaseLookup, flag bit 4), a build reply of an outbound
// endpoint, or a tunnel test.
type oneTime struct {
	key     [32]byte
	via     *ownTunnel
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
		builds:  make(map[uint32]*build),
		tests:   make(map[uint32]test),
		lookups: make(map[netdb.LookupID][]func(netdb.Result)),
	}
}

// seal expects an answer that is sealed with a one-time key.
func (e *expected) seal(now time.Time, tag [8]byte, key [32]byte, via *ownTunnel) {
	if len(e.tags) >= maxOneTime {
		e.expire(now)
	}
	if len(e.tags) < maxOneTime {
		e.tags[tag] = oneTime{key, via, now.Add(answerLife)}
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

// newOneTime draws a key and tag for an answer through a tunnel, and expects it.
func (ps *pools) newOneTime(via *ownTunnel) (key [32]byte, tag [8]byte) {
	ps.rand.Fill(key[:])
	ps.rand.Fill(tag[:])
	via.pool.party.expected.seal(ps.now, tag, key, via)
	return key, tag
}

// tagged opens a garlic message that came through a tunnel of ours, sealed with
// a one-time key that we gave away for that tunnel, and handles the answers that
// it holds, with reply. It reports false for any other message.
func (ps *pools) tagged(t *ownTunnel, m i2np.Message, reply func(i2np.Message)) bool {
	tag, body, ok := garlicTag(m)
	if !ok {
		return false
	}
	e := &t.pool.party.expected
	k, ok := e.tags[tag]
	if !ok || k.via != t || !ps.now.Before(k.expires) {
		return false
	}
	opened, err := ratchet.OpenTagged(k.key, body)
	if err != nil {
		ps.counts.Undecryptable++
		return true
	}
	delete(e.tags, tag)
	for _, c := range opened.Cloves {
		switch {
		case c.Delivery.Kind != i2np.DeliverLocal: // we forward for nobody who was asked by a tunnel
			ps.counts.Unknown++
		case c.Message.CheckExpiration(ps.now) != nil:
			ps.counts.Expired++
		default:
			reply(c.Message)
		}
	}
	return true
}

func garlicTag(m i2np.Message) (tag [8]byte, body []byte, ok bool) {
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil || len(body) < len(tag) {
		return tag, nil, false
	}
	return [8]byte(body), body, true
}

// astray reports whether garlic is the answer to a question of ours that named
// another way.
func (ps *pools) astray(m i2np.Message) bool {
	tag, _, ok := garlicTag(m)
	return ok && ps.elsewhere(func(e *expected) bool { _, ok := e.tags[tag]; return ok })
}

// elsewhere reports whether some party expects an answer.
func (ps *pools) elsewhere(expects func(*expected) bool) bool {
	return slices.ContainsFunc(ps.parties, func(p *party) bool { return expects(&p.expected) })
}

func building(id uint32) func(*expected) bool {
	return func(e *expected) bool { return e.builds[id] != nil }
}

func asking(key i2p.Hash) func(*expected) bool {
	return func(e *expected) bool { return len(e.asked[key]) > 0 }
}

// unexpected counts an answer that is not taken.
func (ps *pools) unexpected(expects func(*expected) bool) {
	if ps.elsewhere(expects) {
		ps.counts.Strayed++
	} else {
		ps.counts.Unknown++
	}
}
