package elgamalaes

import (
	"container/list"
	"time"

	"i2ptoolkit/pkg/aescbc"
)

// incoming are the sessions in which peers send, and the tags that they have delivered.
//
// Whoever has our lease set can deliver tags. So there are so many in all and in one session; and those go first
// whose session has not used any: a stranger's.
type incoming struct {
	limits   Limits
	tags     map[tag]*delivered
	sessions map[[keyLen]byte]*inbound
	strange  list.List // of *delivered, the oldest first: of sessions that have not used a tag
	known    list.List // and of those that have
	evicted  uint64
	expired  uint64
}

// inbound is a session of a peer's, for as long as there are tags of it.
type inbound struct {
	key  [keyLen]byte
	aes  *aescbc.Decrypter
	used bool // it has used a tag
	sets list.List
	tags int
}

// delivered are the tags of one message.
type delivered struct {
	session *inbound
	tags    []tag // those used up included
	left    int   // that are not
	at      time.Time
	mine    *list.Element // in session.sets
	all     *list.Element // in strange or known
}

func newIncoming(l Limits) incoming {
	return incoming{limits: l, tags: make(map[tag]*delivered), sessions: make(map[[keyLen]byte]*inbound)}
}

// find is the session that listens to a tag; nil where none does.
func (i *incoming) find(now time.Time, t tag) *inbound {
	d := i.tags[t]
	if d == nil || now.Sub(d.at) >= receiveLife {
		return nil
	}
	return d.session
}

// consume takes out a tag that was used.
func (i *incoming) consume(t tag) {
	d := i.tags[t]
	n := d.session
	i.remove(d, t)
	if !n.used {
		n.used = true
		for e := n.sets.Front(); e != nil; e = e.Next() {
			d := e.Value.(*delivered)
			i.strange.Remove(d.all)
			d.all = i.known.PushBack(d)
		}
	}
}

// remove takes out a tag, and what is empty without it.
func (i *incoming) remove(d *delivered, t tag) {
	delete(i.tags, t)
	d.left--
	d.session.tags--
	if d.left == 0 {
		i.unlist(d)
	}
}

func (i *incoming) unlist(d *delivered) {
	n := d.session
	n.sets.Remove(d.mine)
	if n.used {
		i.known.Remove(d.all)
	} else {
		i.strange.Remove(d.all)
	}
	if n.sets.Len() == 0 {
		delete(i.sessions, n.key)
	}
}

// drop takes out what is left of a delivery.
func (i *incoming) drop(d *delivered) (count int) {
	for _, t := range d.tags {
		if i.tags[t] == d {
			delete(i.tags, t)
			count++
		}
	}
	d.session.tags -= count
	i.unlist(d)
	return count
}

// add takes the tags of a message, which has used one itself or not, and returns how many. One that is there already
// stays whose it is. A session whose last tag brought these is as much in use as before, though it had none left.
func (i *incoming) add(now time.Time, key [keyLen]byte, tags []byte, used bool) (count int) {
	n := i.sessions[key]
	if n == nil {
		n = &inbound{key: key, aes: aescbc.NewDecrypter(&key), used: used}
	}
	d := &delivered{session: n, at: now}
	for ; len(tags) >= tagLen; tags = tags[tagLen:] {
		t := tag(tags)
		if i.tags[t] == nil {
			i.tags[t] = d
			d.tags = append(d.tags, t)
		}
	}
	d.left = len(d.tags)
	if d.left == 0 {
		return 0
	}
	i.sessions[key] = n
	n.tags += d.left
	d.mine = n.sets.PushBack(d)
	if n.used {
		d.all = i.known.PushBack(d)
	} else {
		d.all = i.strange.PushBack(d)
	}
	i.limit(n)
	return len(d.tags)
}

// limit drops what there is too much of, the oldest first.
func (i *incoming) limit(n *inbound) {
	for n.tags > i.limits.SessionTags && n.sets.Len() > 1 {
		i.evict(n.sets.Front())
	}
	for len(i.tags) > i.limits.Tags {
		at := i.strange.Front()
		if at == nil {
			at = i.known.Front()
		}
		i.evict(at)
	}
}

func (i *incoming) evict(e *list.Element) { i.evicted += uint64(i.drop(e.Value.(*delivered))) }

// expire drops tags that nobody may use any more.
func (i *incoming) expire(now time.Time) {
	for _, l := range []*list.List{&i.strange, &i.known} {
		for e := l.Front(); e != nil; {
			d := e.Value.(*delivered)
			e = e.Next()
			if now.Sub(d.at) >= receiveLife {
				i.expired += uint64(i.drop(d))
			}
		}
	}
}
