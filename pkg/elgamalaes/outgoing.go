package elgamalaes

import (
	"cmp"
	"time"

	"i2ptoolkit/pkg/aescbc"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
)

// outgoing are the sessions in which we send, by the key of the peer's lease set.
type outgoing struct {
	tags, low   int // of a delivery, and when there is to be one
	peers       map[[elgamal.KeyLen]byte]*session
	deliveries  map[uint32]*delivery // that are not confirmed, by the id of their confirmation
	unconfirmed uint64
}

func newOutgoing(tags, low int) outgoing {
	return outgoing{
		tags: tags, low: low,
		peers:      make(map[[elgamal.KeyLen]byte]*session),
		deliveries: make(map[uint32]*delivery),
	}
}

// session is one of ours.
//
//	begun --tags confirmed--> has tags --used up, or expired--> begun
//
// Without a tag a message begins the session again, with the same session key: the peer may have got none of those
// before, or all.
type session struct {
	peer   [elgamal.KeyLen]byte
	public *elgamal.PublicKey
	key    [keyLen]byte
	aes    *aescbc.Encrypter
	sets   []tagSet // confirmed; the oldest first
	coming []*delivery
	used   time.Time
	begun  time.Time // when it was given another key
	rate
}

// tagSet are tags that the peer has.
type tagSet struct {
	tags []tag
	sent time.Time
}

// delivery is a message with tags, or one that is to be confirmed for another reason.
type delivery struct {
	session *session
	tagSet
}

// rate counts messages in spans of rateSpan.
type rate struct {
	at            time.Time
	count, count1 int // in this span, and in the one before
}

func (r *rate) add(now time.Time) {
	r.turn(now)
	r.count++
}

func (r *rate) turn(now time.Time) {
	switch d := now.Sub(r.at); {
	case d >= 2*rateSpan:
		r.at, r.count, r.count1 = now, 0, 0
	case d >= rateSpan:
		r.at, r.count, r.count1 = r.at.Add(rateSpan), 0, r.count
	}
}

// most is how many there were in a span lately.
func (r *rate) most() int { return max(r.count, r.count1) }

// session finds or begins that with a peer.
func (o *outgoing) session(now time.Time, peer [elgamal.KeyLen]byte, limit int, random *draw.Source) (*session, error) {
	n := o.peers[peer]
	if n == nil {
		public, err := elgamal.NewPublicKey(peer[:])
		if err != nil {
			return nil, err
		}
		if len(o.peers) >= limit {
			o.evict()
		}
		n = &session{peer: peer, public: public}
		n.rekey(random)
		o.peers[peer] = n
	}
	n.used = now
	n.add(now)
	return n, nil
}

// rekey begins the session with another key.
func (n *session) rekey(random *draw.Source) {
	draw.Fill(random, n.key[:])
	n.aes = aescbc.NewEncrypter(&n.key)
}

// evict drops the session that was idle longest.
func (o *outgoing) evict() {
	var idle *session
	for _, n := range o.peers {
		if idle == nil || n.used.Before(idle.used) {
			idle = n
		}
	}
	o.drop(idle)
}

func (o *outgoing) drop(n *session) {
	o.forget(n)
	delete(o.peers, n.peer)
}

// forget gives up all tags of a session.
func (o *outgoing) forget(n *session) {
	n.sets, n.coming = nil, nil
	for id, d := range o.deliveries {
		if d.session == n {
			delete(o.deliveries, id)
		}
	}
}

// take uses up a tag, the oldest first.
func (n *session) take(now time.Time) (t tag, ok bool) {
	for len(n.sets) > 0 {
		set := &n.sets[0]
		if len(set.tags) > 0 && now.Sub(set.sent) < sendLife {
			t, set.tags = set.tags[0], set.tags[1:]
			return t, true
		}
		n.sets = n.sets[1:]
	}
	return tag{}, false
}

// left is how many tags there are that last, and are there soon.
func (n *session) left(now time.Time) (count int) {
	for _, set := range n.sets {
		if now.Sub(set.sent) < sendLife-sendMargin {
			count += len(set.tags)
		}
	}
	for _, d := range n.coming {
		if now.Sub(d.sent) < confirmWait {
			count += len(d.tags)
		}
	}
	return count
}

// wants is how many tags the next message is to deliver: some for the messages of the time that it takes until
// they are confirmed. What is asked for with the message is advice, and not to be followed where more go than that.
func (o *outgoing) wants(now time.Time, n *session, p Payload) int {
	tags, low := cmp.Or(min(p.Tags, maxTags), o.tags), cmp.Or(p.Low, o.low)
	if o.low == 0 || n.left(now) >= max(low, n.most()) {
		return 0
	}
	return max(tags, min(n.most()/2, mostTags))
}

// deliver notes that a message with tags, or none, is to be confirmed by an id.
func (o *outgoing) deliver(now time.Time, n *session, id uint32, tags []tag) {
	d := &delivery{n, tagSet{tags, now}}
	o.deliveries[id] = d
	if len(tags) > 0 {
		n.coming = append(n.coming, d)
	}
}

// confirmed takes the tags that a message brought into use.
func (o *outgoing) confirmed(now time.Time, id uint32) *delivery {
	d := o.deliveries[id]
	if d == nil {
		return nil
	}
	delete(o.deliveries, id)
	d.session.arrived(d)
	if len(d.tags) > 0 && now.Sub(d.sent) < sendLife {
		d.session.sets = append(d.session.sets, d.tagSet)
	}
	return d
}

// arrived ends the waiting for a delivery.
func (n *session) arrived(d *delivery) {
	kept := n.coming[:0]
	for _, c := range n.coming {
		if c != d {
			kept = append(kept, c)
		}
	}
	clear(n.coming[len(kept):])
	n.coming = kept
}

// expire drops what has outlived: the sessions that are idle without tags, and what was not confirmed.
func (o *outgoing) expire(now time.Time) {
	for id, d := range o.deliveries {
		if now.Sub(d.sent) >= confirmLife {
			o.unconfirmed++
			delete(o.deliveries, id)
			d.session.arrived(d)
		}
	}
	for _, n := range o.peers {
		if now.Sub(n.used) >= sendLife {
			o.drop(n)
		}
	}
}
