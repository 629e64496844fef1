package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
)

// arrival is a message, and the inbound tunnel of ours that it came through.
type arrival struct {
	tunnel  uint32
	message i2np.Message
}

func (a arrival) release() { a.message.Release() }

func (a arrival) memory() int { return a.message.Memory() }

// lobby is where messages wait that cost much to open. Most belong to no session: someone new may have written them,
// or anybody at all. To tell takes an exchange of keys, hundreds of times what a message of a
// session costs; and whoever knows a lease of ours can send as many as its tunnel lets
// through. So they are opened when all else is done, a few at a time, within a share of the
// processor, and by turns from each tunnel: who fills one keeps nobody out who comes through
// another. Of a tunnel through which more come than can be opened, chance takes the next, and
// chance those that make room: each has the same, whatever the others do and when they do it,
// nobody waits for long, and who is honest writes again.
type lobby struct {
	random *draw.Source
	queues []*queue // none is empty; the next turn is the first's
	bytes  int
	allowance
}

// queue is what waits of one tunnel, the oldest first.
type queue struct {
	tunnel  uint32
	waiting []i2np.Message
	bytes   int
}

const (
	lobbyBytes = 512 << 10
	seatBytes  = 512 // what one that waits takes beside its body
	// calm is up to how many messages of a tunnel are opened in the order in which they
	// came: the first ones of someone new may be several.
	calm = 16
)

func newLobby(random *draw.Source) lobby {
	return lobby{random: random, allowance: newAllowance()}
}

// add has a message wait, and returns those that leave in its favour. It takes ownership.
func (l *lobby) add(a arrival) (left []i2np.Message) {
	q := l.queue(a.tunnel)
	q.waiting = append(q.waiting, a.message)
	l.count(q, a.message, 1)
	for l.bytes > lobbyBytes {
		at := 0
		for i, q := range l.queues {
			if q.bytes > l.queues[at].bytes {
				at = i
			}
		}
		most := l.queues[at]
		left = append(left, most.take(l.random.Below(len(most.waiting))))
		l.count(most, left[len(left)-1], -1)
		if len(most.waiting) == 0 { // large ones came through many tunnels
			l.queues = slices.Delete(l.queues, at, at+1)
		}
	}
	return left
}

// queue finds or makes that of a tunnel.
func (l *lobby) queue(tunnel uint32) *queue {
	for _, q := range l.queues {
		if q.tunnel == tunnel {
			return q
		}
	}
	q := &queue{tunnel: tunnel}
	l.queues = append(l.queues, q)
	return q
}

func (l *lobby) count(q *queue, m i2np.Message, sign int) {
	n := sign * (len(m.Body) + seatBytes)
	q.bytes += n
	l.bytes += n
}

// empty reports whether nobody waits.
func (l *lobby) empty() bool { return len(l.queues) == 0 }

// next is the message to be opened now; the lobby must not be empty. It passes ownership.
func (l *lobby) next() (m i2np.Message) {
	q := l.queues[0]
	at := 0
	if len(q.waiting) > calm {
		at = l.random.Below(len(q.waiting))
	}
	m = q.take(at)
	l.count(q, m, -1)
	l.queues = append(l.queues[:0], l.queues[1:]...)
	if len(q.waiting) > 0 {
		l.queues = append(l.queues, q)
	}
	return m
}

// take takes one out, and moves the oldest into its place.
func (q *queue) take(at int) i2np.Message {
	m := q.waiting[at]
	q.waiting[at], q.waiting[0] = q.waiting[0], i2np.Message{}
	q.waiting = q.waiting[1:]
	return m
}

// clear sends everybody away.
func (l *lobby) clear() {
	for !l.empty() {
		l.next().Release()
	}
}

// allowance is how much of the processor may go into messages of nobody that we know. What
// one of them costs is measured, as no two machines are alike: most of it is one X25519
// exchange and an Elligator2 decoding.
type allowance struct {
	saved time.Duration // of the processor's time
	at    time.Time     // when that was reckoned up
	cost  time.Duration // of a message, on average
}

const (
	processorShare = 2                     // one half of one processor
	mostSaved      = 50 * time.Millisecond // what a crowd after a quiet time may cost at once
	// sliceTime is how long the loop opens such messages before it looks for others again, or
	// half as long as those have taken where that is more.
	sliceTime = time.Millisecond
	// firstCost is the guess before anything was measured, and mostCost what a measurement
	// counts at most: the system may give the processor to somebody else meanwhile.
	firstCost = 100 * time.Microsecond
	mostCost  = 2 * time.Millisecond
	averaged  = 16
	// A message of a session that passes over more than fewSteps others waits as well: it costs their keys, a message's
	// for each stepsOfOne.
	fewSteps   = 128
	stepsOfOne = 32
)

func newAllowance() allowance { return allowance{saved: mostSaved, cost: firstCost} }

// reckon gives what has come together until now.
func (a *allowance) reckon(now time.Time) {
	if d := now.Sub(a.at); d > 0 {
		a.saved = min(a.saved+min(d, time.Minute)/processorShare, mostSaved)
	}
	a.at = now
}

// suffices reports whether there is enough for another message.
func (a *allowance) suffices() bool { return a.saved >= a.cost }

// wait is how long it takes until there is.
func (a *allowance) wait() time.Duration { return max(a.cost-a.saved, 0) * processorShare }

// spend takes what a message has cost. Where no time has passed, as where it is simulated,
// that is what they cost on average. What a message of a session costs goes by how many it passes over.
func (a *allowance) spend(took time.Duration, steps int) (charged time.Duration) {
	if steps > fewSteps {
		charged = a.cost * time.Duration(steps) / stepsOfOne
		a.saved -= charged
		return charged
	}
	if took <= 0 {
		took = a.cost
	}
	took = min(took, mostCost)
	a.saved -= took
	a.cost += (took - a.cost) / averaged
	return took
}
