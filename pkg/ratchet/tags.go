package ratchet

import "time"

// inbound is a tag set that a session listens to: to data, or to the replies
// to one of our New Session messages.
type inbound struct {
	id      uint16
	chain   chain
	session *session
	replies bool // the keys are unused
	branch  *branch
	expires time.Time // zero until another tag set takes over

	base    int              // number of the first tag in pending
	pending []uint64         // the tags made so far, from base on
	skipped map[int][32]byte // keys of messages not yet received, below chain.nextKeyN
	highest int              // number of the latest message received, or -1
	kept    int              // tags and keys of it in the table
}

// branch is one New Session Reply of Bob's: until Alice uses the tag set that
// belongs to it, its outbound tag set waits.
type branch struct {
	n   uint16
	out outbound
}

// tagRef is what a session tag on the wire stands for.
type tagRef struct {
	set *inbound
	n   int
}

func (in *inbound) ahead() int {
	switch {
	case in.replies:
		return repliesAhead
	case in.id > 0:
		return maxAhead
	}
	return min(maxAhead, minAhead+2*max(in.highest, 0))
}

// tagTable knows what every tag stands for that we listen to, and counts the
// keys that are kept for messages not yet received.
type tagTable struct {
	refs    map[uint64]tagRef
	skipped int
}

func newTagTable() *tagTable { return &tagTable{refs: map[uint64]tagRef{}} }

// len is how many tags and keys are kept.
func (t *tagTable) len() int { return len(t.refs) + t.skipped }

// find tells what a tag stands for.
func (t *tagTable) find(tag uint64) (tagRef, bool) {
	ref, ok := t.refs[tag]
	return ref, ok
}

// received notes that the message of a tag came: no other has the tag, and the
// window moves.
func (t *tagTable) received(tag uint64, ref tagRef) {
	delete(t.refs, tag)
	ref.set.kept--
	ref.set.highest = max(ref.set.highest, ref.n)
}

// listen makes the tags of the window and drops those far behind it.
func (t *tagTable) listen(in *inbound) {
	for end := min(in.highest+in.ahead(), lastIndex-1); in.chain.nextTagN <= end; {
		n := in.chain.nextTagN
		tag := in.chain.tag()
		in.pending = append(in.pending, tag)
		if _, taken := t.refs[tag]; !taken {
			t.refs[tag] = tagRef{in, n}
			in.kept++
		}
	}
	t.trim(in, in.highest-min(2*in.ahead(), maxBehind), lastIndex)
}

// trim drops the tags and keys below from, and the tags above to.
func (t *tagTable) trim(in *inbound, from, to int) {
	for in.base < from && len(in.pending) > 0 {
		t.forget(in, in.pending[0], in.base)
		in.pending = in.pending[1:]
		in.base++
	}
	for len(in.pending) > 0 && in.base+len(in.pending)-1 > to {
		last := len(in.pending) - 1
		t.forget(in, in.pending[last], in.base+last)
		in.pending = in.pending[:last]
	}
}

func (t *tagTable) forget(in *inbound, tag uint64, n int) {
	if r, ok := t.refs[tag]; ok && r.set == in && r.n == n {
		delete(t.refs, tag)
		in.kept--
	}
	if _, ok := in.skipped[n]; ok {
		t.unskip(in, n)
	}
}

// deafen drops tag sets.
func (t *tagTable) deafen(sets ...*inbound) {
	for _, in := range sets {
		t.trim(in, lastIndex+1, lastIndex)
		in.session = nil
	}
}

// open decrypts with the tag set's n-th key, in place. What a
// failure leaves behind is still good for the true message.
func (t *tagTable) open(in *inbound, n int, body []byte) ([]byte, error) {
	for in.chain.nextKeyN <= n {
		at := in.chain.nextKeyN
		k := in.chain.key()
		if at == n {
			p, err := openAEAD(&k, n, body)
			if err != nil {
				t.skip(in, n, k)
			}
			return p, err
		}
		t.skip(in, at, k)
	}
	k, ok := in.skipped[n]
	if !ok {
		return nil, ErrDecrypt
	}
	p, err := openAEAD(&k, n, body)
	if err == nil {
		t.unskip(in, n)
	}
	return p, err
}

// steps is how many keys of others it takes to open the message of a tag.
func (r tagRef) steps() int { return max(r.n-r.set.chain.nextKeyN, 0) }

// skip keeps the key of a message that was not received yet.
func (t *tagTable) skip(in *inbound, n int, k [32]byte) {
	if in.skipped == nil {
		in.skipped = map[int][32]byte{}
	}
	in.skipped[n] = k
	in.kept++
	t.skipped++
}

// unskip forgets it.
func (t *tagTable) unskip(in *inbound, n int) {
	delete(in.skipped, n)
	in.kept--
	t.skipped--
}
