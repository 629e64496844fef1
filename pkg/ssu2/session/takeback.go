package session

import "i2ptoolkit/pkg/i2np"

// TakeBack gives up the messages that have not arrived as a whole, as far as is known, and hands
// them out, the oldest first: the peer is reached by another session. What is a block of this one
// stays. A session that has ended has let go of all, though packets are noted as flying that the
// peer ended it by.
func (s *Session) TakeBack() (all []i2np.Message) {
	if s.life.over() {
		return nil
	}
	q := &s.outbox
	for _, o := range s.missing() {
		q.held -= o.Memory()
		all = append(all, o.Message)
		o.gone, o.Message = true, i2np.Message{}
	}
	for u := range urgencies {
		q.fresh[u] = q.cleared(q.fresh[u])
	}
	return all
}

// missing are the messages that have not arrived as a whole, each once. They are taken out of the
// count of what waits.
func (s *Session) missing() (list []*outgoing) {
	q := &s.outbox
	note := func(o *outgoing) {
		if !o.gone && !o.taken && !o.isBlock() {
			o.taken = true
			list = append(list, o)
			q.fresher -= len(o.Body) - o.offset
			o.offset = len(o.Body)
		}
	}
	chunk := func(r ref) {
		if c := q.get(r); c != nil && !c.arrived {
			note(c.of)
		}
	}
	s.snd.Each(func(p packet) bool {
		for _, r := range p.refs[:p.n] {
			chunk(r)
		}
		return true
	})
	for u := range urgencies {
		for _, r := range q.again[u][q.head[u]:] {
			chunk(r)
		}
		for o := q.fresh[u].first; o != nil; o = o.next {
			note(o)
		}
	}
	return list
}

// cleared is a line without what is gone.
func (q *outbox) cleared(l line) (left line) {
	for o := l.first; o != nil; o = l.first {
		l.pop()
		switch {
		case !o.gone:
			left.push(o)
		case o.left == 0:
			q.remove(o)
		}
	}
	return left
}
