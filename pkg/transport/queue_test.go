package transport

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// testQueue is a queue whose time the test makes.
type testQueue struct {
	queue
	t      *testing.T
	limits Limits
	now    time.Duration
}

func newTestQueue(t *testing.T, l Limits) *testQueue {
	buftest.NoLeak(t)
	q := &testQueue{t: t, limits: l.withDefaults(), now: time.Minute}
	t.Cleanup(func() { q.drop() })
	return q
}

func (q *testQueue) add(typ i2np.Type, tunnel uint32, n int) bool {
	m := message(typ, 1, n)
	if n >= 4 {
		binary.BigEndian.PutUint32(m.Body, tunnel)
	}
	_, ok := q.put(m, q.now, &q.limits)
	if !ok {
		m.Release()
	}
	return ok
}

// next takes messages of about n bytes, and gives their tunnels.
func (q *testQueue) next(n int) (tunnels []uint32, gone taken) {
	batch, gone := q.take(nil, i2p.DateOf(time.Now()), q.now, n)
	for _, m := range batch {
		tunnels = append(tunnels, tunnelOf(m))
		m.Release()
	}
	return tunnels, gone
}

func (q *testQueue) check(bulk int) {
	q.t.Helper()
	if q.bulk != bulk || bulk == 0 && q.urgent.size == 0 && q.bytes != 0 {
		q.t.Fatalf("%d messages of bulk, %d bytes; want %d", q.bulk, q.bytes, bulk)
	}
}

func TestQueueLimits(t *testing.T) {
	q := newTestQueue(t, Limits{QueueMessages: 8, QueueBytes: 1000})
	for i := range 6 {
		if !q.add(i2np.TunnelDataType, 1, 10) {
			t.Fatalf("bulk message %d has no room", i)
		}
	}
	if q.add(i2np.TunnelDataType, 1, 10) {
		t.Fatal("bulk takes more than three quarters")
	}
	if !q.add(i2np.ShortTunnelBuildType, 0, 10) || !q.add(i2np.DatabaseStoreType, 0, 10) {
		t.Fatal("no room for builds and netDb")
	}
	if q.add(i2np.DatabaseStoreType, 0, 10) {
		t.Fatal("more than the limit")
	}
	q.urgent.first.Expiration = 1
	batch, gone := q.take(nil, i2p.DateOf(time.Now()), q.now, 1<<20)
	if gone != (taken{expired: 1}) || len(batch) != 7 || batch[0].Type != i2np.DatabaseStoreType || q.len() != 0 || q.bytes != 0 {
		t.Fatalf("%+v, %d taken, %d left", gone, len(batch), q.len())
	}
	for _, m := range batch {
		m.Release()
	}
	if !q.add(i2np.DataType, 0, 900) || q.add(i2np.DataType, 0, 200) {
		t.Fatal("the limit of bytes does not hold")
	}
}

// A tunnel that sends little does not wait behind one that sends much.
func TestQueueTurns(t *testing.T) {
	q := newTestQueue(t, Limits{})
	for range 300 {
		q.add(i2np.TunnelDataType, 1, 1028)
	}
	q.next(4 * 1028)
	q.add(i2np.TunnelDataType, 2, 1028)
	q.add(i2np.TunnelDataType, 3, 1028)
	if got, _ := q.next(4 * 1028); !slices.Contains(got[:3], 2) || !slices.Contains(got[:3], 3) {
		t.Errorf("the next are of tunnels %v", got)
	}
	for range 50 {
		q.add(i2np.TunnelDataType, 2, 1028)
	}
	got, _ := q.next(40 * 1028)
	if n := len(slices.DeleteFunc(got, func(id uint32) bool { return id == 1 })); n < 18 || n > 22 {
		t.Errorf("%d of 40 are of the second tunnel", n)
	}
}

// A full queue makes room at the expense of the tunnel that has most in it.
func TestQueueEvictsTheFattest(t *testing.T) {
	q := newTestQueue(t, Limits{QueueMessages: 40})
	for range 28 {
		q.add(i2np.TunnelDataType, 1, 1028)
	}
	for range 14 {
		if !q.add(i2np.TunnelDataType, 2, 1028) {
			t.Fatal("a tunnel with less than another is refused")
		}
	}
	q.check(30)
	if q.flows[1].size != 16 || q.flows[2].size != 14 {
		t.Errorf("%d and %d messages", q.flows[1].size, q.flows[2].size)
	}
	if q.add(i2np.TunnelDataType, 1, 1028) {
		t.Error("the tunnel with most is given more")
	}
	if got, _ := q.next(1 << 20); len(got) != 30 || len(q.flows) != 0 {
		t.Errorf("%d taken, %d flows stay", len(got), len(q.flows))
	}
	q.check(0)
}

// What comes faster than the line takes it waits for a bounded time, with few
// losses where it is little too much; a burst loses nothing.
func TestQueueDelay(t *testing.T) {
	const each = 10 * time.Millisecond // a message on the line: 100 kB/s
	for _, c := range []struct {
		name        string
		load        float64
		wait        time.Duration // at most, in the last ten seconds
		least, most float64       // share of the messages that are lost
	}{
		{"half", 0.5, each, 0, 0},
		{"a little too much", 1.03, 500 * time.Millisecond, 0.005, 0.06},
		{"twice too much", 2, maxWait, 0.4, 0.6},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newTestQueue(t, Limits{})
			came, lost, due, worst := 0, 0, 0.0, time.Duration(0)
			for i := range 6000 {
				for due += c.load; due >= 1; due-- {
					came++
					if !q.add(i2np.TunnelDataType, 7, 1028) {
						lost++
					}
				}
				waits := time.Duration(0)
				if f := q.flows[7]; f != nil && f.size > 0 {
					waits = q.now - f.first.at
				}
				_, gone := q.next(1)
				lost += gone.late
				if i > 5000 && gone.late == 0 {
					worst = max(worst, waits)
				}
				q.now += each
			}
			share := float64(lost) / float64(came)
			t.Logf("%.4f lost, %v waited at most", share, worst)
			if worst > c.wait || share < c.least || share > c.most {
				t.Errorf("%.4f lost, %v waited at most; want %v to %v, %v", share, worst, c.least, c.most, c.wait)
			}
		})
	}
	q := newTestQueue(t, Limits{})
	for range 90 {
		q.add(i2np.TunnelDataType, 7, 1028)
	}
	for range 90 {
		if got, gone := q.next(1); len(got) != 1 || gone.late != 0 {
			t.Fatalf("a burst loses messages: %+v, %d left", gone, q.bulk)
		}
		q.now += each
	}
}

// What waited for the session has not waited for the line.
func TestQueueRestart(t *testing.T) {
	q := newTestQueue(t, Limits{})
	q.add(i2np.TunnelDataType, 1, 1028)
	q.now += maxWait + time.Second
	q.restart(q.now)
	if got, gone := q.next(1); len(got) != 1 || gone.late != 0 {
		t.Errorf("%d taken, %+v", len(got), gone)
	}
	q.add(i2np.TunnelDataType, 1, 1028)
	q.now += maxWait
	if got, gone := q.next(1); len(got) != 0 || gone.late != 1 {
		t.Errorf("%d taken, %+v", len(got), gone)
	}
}

// TestQueueYouth: while a session is opened, and young, more may wait for it, and what another had taken
// is given back; as far as the memory does that all have for it.
func TestQueueYouth(t *testing.T) {
	const (
		usual = 512 * 3 / 4
		each  = 1280 // the memory that a message takes
		own   = 1 << 19
		most  = (own + 1<<20) / each
	)
	shared := NewStock(2 << 20) // one gets half of it
	young := func() *testQueue {
		q := newTestQueue(t, Limits{})
		q.loan, q.deepUntil = shared.Lend(own, nowhere), forever
		return q
	}
	fill := func(q *testQueue) (n int) {
		for q.add(i2np.TunnelDataType, 1, 1024) {
			n++
		}
		return n
	}
	q, other := young(), young()
	if n := fill(q); n != most {
		t.Errorf("%d messages wait for a session that is being opened", n)
	}
	if n := fill(other); n > own/each+1 {
		t.Errorf("%d messages wait for another, where no memory is left", n)
	}
	other.drop()
	q.restart(q.now)
	q.next(1 << 20)
	if shared.Lent() != 0 {
		t.Errorf("%d bytes are lent to a queue with %d", shared.Lent(), q.bytes)
	}
	q.now += youth - 1
	q.drop()
	if n := fill(q); n != most {
		t.Errorf("%d messages wait for a young session", n)
	}
	q.drop()
	for _, want := range []int{most, most, 2 * usual, usual, usual} { // twice as the memory has it
		q.now++
		if n := fill(q); n != want {
			t.Errorf("%d messages wait for a session that is young no more, expected %d", n, want)
		}
		q.drop()
		q.now += time.Second - 1
	}
	q.restart(q.now)
	back := 0
	for m := message(i2np.TunnelDataType, 1, 1024); ; m = message(i2np.TunnelDataType, 1, 1024) {
		if !q.giveBack(m, q.now, &q.limits) {
			m.Release()
			break
		}
		back++
	}
	if back != most {
		t.Errorf("%d messages could be given back", back)
	}
	q.drop()
	if n := shared.Lent(); n != 0 {
		t.Errorf("%d bytes are lent to nobody", n)
	}
}
