package mailbox

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// take is one turn of a loop that writes down what it gets.
func take(b *Box[int]) (got []int) {
	b.Take()
	b.Each(func(v int) { got = append(got, v) })
	return got
}

func TestOrder(t *testing.T) {
	b := New(Config[int]{Limit: 8})
	var got []int
	b.Post(1)
	b.Call(func() { got = append(got, 2) })
	b.Post(3)
	b.Call(func() {
		got = append(got, 4)
		b.Post(6) // by the loop itself, for its next turn
	})
	b.Post(5)
	b.Take()
	b.Each(func(v int) { got = append(got, v) })
	if want := []int{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := take(b); !slices.Equal(got, []int{6}) {
		t.Errorf("the next turn got %v, want 6", got)
	}
}

// Posts are bounded and counted; calls are not.
func TestLimit(t *testing.T) {
	var dropped []int
	b := New(Config[int]{Limit: 2, Drop: func(v int) { dropped = append(dropped, v) }})
	calls := 0
	for i := range 5 {
		if took := b.Post(i); took != (i < 2) {
			t.Errorf("post %d: %v", i, took)
		}
		b.Call(func() { calls++ })
	}
	if got := take(b); !slices.Equal(got, []int{0, 1}) || calls != 5 {
		t.Errorf("got %v and %d calls, want 0 and 1, and 5", got, calls)
	}
	if !slices.Equal(dropped, []int{2, 3, 4}) || b.Dropped() != 3 {
		t.Errorf("dropped %v and counted %d, want 2, 3 and 4", dropped, b.Dropped())
	}
	if !b.Post(7) {
		t.Error("there is no room again")
	}
}

// TestBytes: what waits is bounded by what it takes as well, until it is taken.
func TestBytes(t *testing.T) {
	b := New(Config[int]{Limit: 8, Bytes: 100, Size: func(v int) int { return v }})
	for range 2 {
		for _, v := range []int{60, 41, 40, 1} {
			if took := b.Post(v); took != (v%10 == 0) {
				t.Errorf("post of %d: %v", v, took)
			}
		}
		if got := take(b); !slices.Equal(got, []int{60, 40}) {
			t.Errorf("got %v, want 60 and 40", got)
		}
	}
	if b.Dropped() != 4 {
		t.Errorf("%d were counted as dropped, of 4", b.Dropped())
	}
}

func TestReady(t *testing.T) {
	b := New(Config[int]{Limit: 1})
	ready := func() bool {
		select {
		case <-b.Ready():
			return true
		default:
			return false
		}
	}
	if ready() {
		t.Error("an empty box is ready")
	}
	for _, f := range []func(){func() { b.Post(1) }, func() { b.Call(func() {}) }, b.Wake} {
		f()
		f()
		if !ready() {
			t.Error("not ready")
		}
		take(b)
		if ready() {
			t.Error("ready for what was taken")
		}
	}
}

// What waits at the end is dropped or run, and what comes later is refused.
func TestClose(t *testing.T) {
	var dropped []int
	b := New(Config[int]{Limit: 8, Drop: func(v int) { dropped = append(dropped, v) }})
	ran := false
	b.Post(1)
	b.Take()
	b.Post(2)
	b.Call(func() { ran = true; b.Post(3) })
	b.Close()
	if !ran {
		t.Error("a call was forgotten")
	}
	if b.Post(4) || b.Call(func() {}) || b.Do(func() {}) {
		t.Error("a closed box takes things")
	}
	slices.Sort(dropped)
	if !slices.Equal(dropped, []int{1, 2, 3, 4}) || b.Dropped() != 4 {
		t.Errorf("dropped %v and counted %d, want 1 to 4", dropped, b.Dropped())
	}
}

// Do waits for the loop, also for one that ends.
func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config[int]{Limit: 1})
		ran := 0
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if !b.Do(func() { ran++ }) {
					t.Error("not run")
				}
			})
		}
		synctest.Wait()
		<-b.Ready()
		b.Take()
		b.Each(nil)
		all.Go(func() { b.Do(func() { ran++ }) })
		synctest.Wait()
		b.Close()
		all.Wait()
		if ran != 4 {
			t.Errorf("%d calls ran, want 4", ran)
		}
	})
}

// Gather is called before anything is taken: what others add until it returns is seen.
func TestGather(t *testing.T) {
	var b *Box[int]
	b = New(Config[int]{Limit: 8, Gather: func() { b.Post(2) }})
	b.Post(1)
	if got := take(b); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v, want 1 and 2", got)
	}
}

// Every post of several goroutines is seen once or counted as dropped.
func TestConcurrent(t *testing.T) {
	const posters, each = 4, 2000
	var all sync.WaitGroup
	b := New(Config[int]{Limit: 64})
	for range posters {
		all.Go(func() {
			for i := range each {
				b.Post(i)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	seen := 0
	for ended := false; !ended; {
		select {
		case <-b.Ready():
		case <-done:
			ended = true
		}
		seen += b.Take()
		b.Each(func(int) {})
	}
	if uint64(seen)+b.Dropped() != posters*each {
		t.Errorf("%d seen and %d dropped of %d", seen, b.Dropped(), posters*each)
	}
}

func TestPostsDoNotAllocate(t *testing.T) {
	b := New(Config[int]{Limit: 64})
	sum := 0
	turn := func() {
		for i := range 64 {
			b.Post(i)
		}
		b.Take()
		b.Each(func(v int) { sum += v })
	}
	turn() // both slices have their room after two turns
	turn()
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations per turn", n)
	}
}

// message has the size of an I2NP message and its sender.
type message [15]uint64

// BenchmarkPost is one goroutine that posts and another that takes.
func BenchmarkPost(b *testing.B) {
	b.ReportAllocs()
	box := New(Config[message]{Limit: 4096})
	var posted sync.WaitGroup
	posted.Go(func() {
		for range b.N {
			for !box.Post(message{}) {
			}
		}
	})
	for seen := 0; seen < b.N; {
		<-box.Ready()
		seen += box.Take()
		box.Each(func(message) {})
	}
	posted.Wait()
}

// BenchmarkTurn is a turn with a batch of 64.
func BenchmarkTurn(b *testing.B) {
	b.ReportAllocs()
	box := New(Config[message]{Limit: 4096})
	for range b.N {
		for range 64 {
			box.Post(message{})
		}
		box.Take()
		box.Each(func(message) {})
	}
}

// TestLeave: what is left has nobody woken, and is run in its turn.
func TestLeave(t *testing.T) {
	b := New(Config[int]{Limit: 8})
	var got []int
	if b.Holds() || !b.Leave(func() { got = append(got, 1) }) || !b.Holds() {
		t.Error("it is not in the box")
	}
	select {
	case <-b.Ready():
		t.Error("the loop is woken")
	default:
	}
	b.Post(2)
	b.Take()
	b.Each(func(v int) { got = append(got, v) })
	if b.Holds() || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v", got)
	}
	b.Close()
	if b.Leave(func() { t.Error("run") }) {
		t.Error("a closed box takes things")
	}
}
