package router

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
)

// oneTime is a key that we gave away in a request, for one answer: a netDb
// reply (I2NP, DatabaseLookup, flag bit 4), a build reply of an outbound
// endpoint, or a tunnel test. Its tag says for whom of us the answer is.
type oneTime struct {
	key     [32]byte
	party   *party
	expires time.Time
}

const (
	maxOneTime  = 4096
	oneTimeLife = time.Minute
)

func (r *Router) expect(tag [8]byte, key [32]byte, p *party) {
	if len(r.tags) >= maxOneTime {
		r.expireTags(r.now)
	}
	if len(r.tags) < maxOneTime {
		r.tags[tag] = oneTime{key, p, r.now.Add(oneTimeLife)}
	}
}

// newOneTime draws a key and tag, and expects them.
func (r *Router) newOneTime(p *party) (key [32]byte, tag [8]byte) {
	r.random(key[:])
	r.random(tag[:])
	r.expect(tag, key, p)
	return key, tag
}

// tagged opens a garlic message that was sealed with a one-time key, and
// handles what it holds. It reports false for any other message.
func (r *Router) tagged(m i2np.Message) bool {
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil || len(body) < 8 {
		return false
	}
	tag := [8]byte(body)
	k, ok := r.tags[tag]
	if !ok {
		return false
	}
	opened, err := ratchet.OpenTagged(k.key, body)
	if err != nil {
		r.counts.Undecryptable++
		return true
	}
	delete(r.tags, tag)
	r.cloves(k.party, i2p.Hash{}, opened.Cloves)
	return true
}

func (r *Router) expireTags(now time.Time) time.Time {
	var next time.Time
	for tag, k := range r.tags {
		if !now.Before(k.expires) {
			delete(r.tags, tag)
		} else if next.IsZero() || k.expires.Before(next) {
			next = k.expires
		}
	}
	return next
}
