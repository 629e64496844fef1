package door

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTurns: while a hundred connections have the router compute without end, what comes for its goroutines waits for some
// of their commands, and not for their 10 ms each: a round trip on this machine would take 30,000 of them.
func TestTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	d := New(Config{Name: "sam"})
	var stop atomic.Bool
	var done atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		c := &Client{door: d}
		all.Go(func() {
			for !stop.Load() {
				c.Work(func() {
					for begun := time.Now(); time.Since(begun) < 50*time.Microsecond; {
					}
				})
				done.Add(1)
			}
		})
	}
	here, there := pair(t)
	all.Go(func() { io.Copy(there, there) })
	for done.Load() < 200 {
		runtime.Gosched()
	}
	const trips = 5
	begun := done.Load()
	for range trips {
		here.Write([]byte{1})
		if _, err := io.ReadFull(here, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	}
	n := int(done.Load()-begun) / trips
	t.Logf("a round trip waits for %d commands", n)
	if n > 4000 {
		t.Errorf("a round trip waits for %d commands", n)
	}
	here.Close()
	stop.Store(true)
	all.Wait()
}

// pair are the ends of a connection of this machine.
func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err == nil {
		there, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	return here, there
}
