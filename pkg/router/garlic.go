package router

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
)

// opener opens the garlic that is for the router: what is sealed to its
// identity, and the answers to what its parties asked.
type opener struct {
	*core
	parties *parties
	limit   *rateLimit      // of what is sealed to the identity
	router  *ratchet.Router // its key
}

func newOpener(c *core, parties *parties) *opener {
	rate := c.cfg.Limits.GarlicPerSec
	return &opener{
		core: c, parties: parties,
		router: ratchet.NewRouter(ratchet.RouterConfig{Static: c.cfg.Static, NewPerSecond: int(rate)}),
		limit:  newRateLimit(rate, rate),
	}
}

// open opens garlic that is sealed to our identity's key. The answer to a
// question that named a tunnel is none, and takes as long to be found out.
func (o *opener) open(from i2p.Hash, m i2np.Message) []i2np.Clove {
	if !o.limit.allow(o.now, o.source(from)) {
		o.counts.GarlicLimited++
		return nil
	}
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil {
		o.counts.Malformed++
		return nil
	}
	opened, err := o.router.Open(o.now, body)
	if err != nil {
		if o.answers(m) {
			o.counts.Strayed++
		} else {
			o.counts.Undecryptable++
		}
		o.cfg.Log.Debug("garlic not opened", "error", err)
		return nil
	}
	return opened.Cloves
}

// unseal opens garlic that came through a tunnel of ours, sealed with a
// one-time key that we gave away for that tunnel, and tells which floodfill has
// that, if one does. It reports false for any other.
func (o *opener) unseal(t *ownTunnel, m i2np.Message) (cloves []i2np.Clove, of i2p.Hash, ok bool) {
	tag, body, ok := garlicTag(m)
	if !ok {
		return nil, of, false
	}
	tags := t.party.expected.tags
	k, ok := tags[tag]
	if !ok || k.via != t || !o.now.Before(k.expires) {
		return nil, of, false
	}
	opened, err := ratchet.OpenTagged(k.key, body)
	if err != nil {
		o.counts.Undecryptable++
		return nil, of, true
	}
	delete(tags, tag)
	return opened.Cloves, k.of, true
}

func garlicTag(m i2np.Message) (tag [8]byte, body []byte, ok bool) {
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil || len(body) < len(tag) {
		return tag, nil, false
	}
	return [8]byte(body), body, true
}

// answers reports whether garlic is the answer to a question of ours, in
// whatever way it came.
func (o *opener) answers(m i2np.Message) bool {
	tag, _, ok := garlicTag(m)
	return ok && o.parties.expect(func(e *expected) bool { _, ok := e.tags[tag]; return ok })
}
