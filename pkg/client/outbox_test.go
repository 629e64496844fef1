package client

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// raw is a framed datagram of n bytes that says its number.
func raw(number, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(number))
	return datagram.Header{Protocol: datagram.Raw}.AppendStored(nil, append(b, make([]byte, n-len(b))...))
}

// numbers has a client note the numbers of what comes.
func numbers(t *testing.T, c *Client) (came *[]int) {
	t.Helper()
	came = new([]int)
	_, err := c.Handle(datagram.Raw, 0, func(_ datagram.Header, framed []byte, _ i2p.Hash) {
		_, p, err := datagram.Decode(framed, 0)
		if err != nil {
			t.Error(err)
			return
		}
		*came = append(*came, int(binary.BigEndian.Uint32(p)))
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return came
}

// TestBurst: of a burst to a peer with which there is no session a few datagrams begin one, the next do so after a while, and the
// others wait for the answer, which comes at once then; all arrive.
func TestBurst(t *testing.T) {
	const count = 500
	pair(t, func(t *testing.T, _ *ether, a, b *Client) {
		if _, err := a.Lookup(t.Context(), b.dest.Hash()); err != nil {
			t.Fatal(err)
		}
		came := numbers(t, b)
		begun := time.Now()
		for i := range count {
			if err := a.Send(b.dest.Hash(), raw(i, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		a.Pass()
		if took := time.Since(begun); took > 400*time.Millisecond {
			t.Errorf("passed on after %v", took)
		}
		synctest.Wait()
		b.look(func(time.Time) {
			slices.Sort(*came)
			if *came = slices.Compact(*came); len(*came) != count || (*came)[count-1] != count-1 {
				t.Errorf("%d came", len(*came))
			}
		})
		if st := a.Stats(); st.Sessions.NewSealed > 2 || st.Dropped > 0 || a.sending.Load() != 0 {
			t.Errorf("%d sessions begun, %d dropped, %d bytes left", st.Sessions.NewSealed, st.Dropped, a.sending.Load())
		}
	})
}

// TestBurstToTheDeaf: where the peer does not answer, what waits leaves all the same, many together.
func TestBurstToTheDeaf(t *testing.T) {
	const count = 100
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		if _, err := a.Lookup(t.Context(), b.dest.Hash()); err != nil {
			t.Fatal(err)
		}
		e.lose(b)
		for i := range count {
			if err := a.Send(b.dest.Hash(), raw(i, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		a.Pass()
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("passed on after %v", took)
		}
		if st := a.Stats(); st.Sessions.NewSealed > 5 || st.Dropped > 0 || a.sending.Load() != 0 {
			t.Errorf("%d sessions begun, %d dropped", st.Sessions.NewSealed, st.Dropped)
		}
	})
}

// narrow are tunnels whose next hop takes nothing until it is told to.
type narrow struct {
	etherTunnels
	mu     sync.Mutex
	bytes  int // that it was given
	passed []func()
}

func (n *narrow) SendPaced(_ uint32, _ i2p.Hash, _ uint32, messages []i2np.Message, passed func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range messages {
		n.bytes += len(m.Body)
		m.Release()
	}
	n.passed = append(n.passed, passed)
}

// takes has it take what it was given, and tells what it is given for that.
func (n *narrow) takes() (more int, waits bool) {
	n.mu.Lock()
	before, passed := n.bytes, n.passed
	n.passed = nil
	n.mu.Unlock()
	for _, f := range passed {
		f()
	}
	time.Sleep(time.Second + 100*time.Millisecond) // nobody answers
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bytes - before, len(n.passed) > 0
}

// TestNarrowHop: what the next hop has no room for waits, and who sends may wait as well; what is too much is refused.
func TestNarrowHop(t *testing.T) {
	pair(t, func(t *testing.T, _ *ether, a, b *Client) {
		to := b.dest.Hash()
		if _, err := a.Lookup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		a.Send(to, raw(0, 1000))
		a.Send(to, raw(1, 1000))
		time.Sleep(time.Second) // a session stands
		n := new(narrow)
		a.look(func(time.Time) {
			n.etherTunnels = a.tunnels.(etherTunnels)
			a.tunnels = n
		})
		taken := 0
		var err error
		for err = a.Send(to, raw(taken, 1000)); err == nil; err = a.Send(to, raw(taken, 1000)) {
			taken++
		}
		if !errors.Is(err, ErrBusy) || taken < 900 {
			t.Errorf("after %d: %v", taken, err)
		}
		var passed atomic.Bool
		go func() { a.Pass(); passed.Store(true) }()
		synctest.Wait()
		turns := 0
		for waits := true; waits; turns++ {
			var more int
			if more, waits = n.takes(); more > awayBytes*5/4 {
				t.Fatalf("%d bytes at once", more)
			}
			if passed.Load() == waits {
				t.Fatalf("passed on is %v, and there is more: %v", !waits, waits)
			}
		}
		if turns < taken*1000/awayBytes {
			t.Errorf("%d datagrams in %d turns", taken, turns)
		}
		if got := a.sending.Load(); got != 0 {
			t.Errorf("%d bytes are left", got)
		}
	})
}

// TestPassAtTheEnd: nobody waits for a destination that has ended, and nothing can be sent.
func TestPassAtTheEnd(t *testing.T) {
	c := (&ether{clients: map[i2p.Hash]*Client{}}).newClient(t, 1, options.Default())
	c.outbox.put(i2p.Hash{1}, parcel{})
	waits := make(chan struct{})
	c.outbox.await(waits)
	c.outbox.order[0].waiting = nil
	c.outbox.clear()
	<-waits
	c.over = true
	c.in.Close()
	close(c.ended)
	c.Pass()
	c.sending.Store(maxSending)
	if err := c.Send(i2p.Hash{1}, raw(0, 10)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
