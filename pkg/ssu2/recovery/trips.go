package recovery

import "time"

// trips are the round trips of control: the shortest known, and what those of each round
// had in common, which is what a queue that stands adds to. Reordering and pauses of the
// peer lengthen some, and hardly four in a row.
type trips struct {
	shortest time.Duration
	now      trip          // of the round under way
	last     trip          // of the one before
	peak     time.Duration // what rounds had above the shortest, of late
}

// trip is the mean of the shortest of every four round trips: were it the shortest of
// all, who sends much would see less of a queue than who sends little.
type trip struct {
	sum     time.Duration
	groups  int
	least   time.Duration // of the group under way
	samples int
}

const group = 4

func (t *trip) add(d time.Duration) {
	if t.samples%group == 0 || d < t.least {
		t.least = d
	}
	if t.samples++; t.samples%group == 0 {
		t.sum += t.least
		t.groups++
	}
}

// common is what the round trips have in common; 0 where there are none.
func (t *trip) common() time.Duration {
	if t.groups == 0 {
		return t.least
	}
	return t.sum / time.Duration(t.groups)
}

const (
	slowSamples  = 8 // before slow start believes in a queue (RFC 9406)
	roundSamples = 3
	// leastQueue is a queue that is allowed on any path: below, the pauses of busy
	// machines are longer than round trips.
	leastQueue = 4 * time.Millisecond
)

// sample takes a round trip, which tells of the round if it began after the last answer.
func (t *trips) sample(d time.Duration, tells bool) {
	if d <= 0 {
		return
	}
	if t.shortest == 0 || d < t.shortest {
		t.shortest = d
	}
	if tells {
		t.now.add(d)
	}
}

// allowed is how much longer than the shortest the round trips of a round may be.
func (t *trips) allowed() time.Duration { return max(t.shortest/8, leastQueue) }

// queued reports whether a queue stands in this round.
func (t *trips) queued() bool {
	return t.now.samples > 0 && t.now.common() > t.shortest+t.allowed()
}

// standing is by how much all round trips are longer than the shortest.
func (t *trips) standing() time.Duration {
	r := t.now
	if r.samples < roundSamples && t.last.samples > 0 {
		r = t.last
	}
	return max(r.common()-t.shortest, 0)
}

// emptying is the share of what is in flight that the path holds without a queue.
func (t *trips) emptying() float64 {
	held := max(t.shortest, leastQueue)
	return 0.9 * held.Seconds() / max(t.now.common(), held).Seconds()
}

func (t *trips) endRound() {
	if t.now.samples == 0 {
		return
	}
	t.peak = max(t.peak-t.peak/16, t.now.common()-t.shortest)
	t.last, t.now = t.now, trip{}
}

// congested reports whether there is a queue, for its kind: losses beside one are its
// overflow. A queue may be too short to be answered, and overflow all the same.
func (t *trips) congested() bool {
	return t.standing() > max(t.shortest/32, time.Millisecond, t.peak/2)
}
