package join

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/routerinfo"
)

const netID = 99

// newcomer is a joiner in a bubble of its own, with servers that can be switched on.
type newcomer struct {
	*Joiner
	log    record
	answer atomic.Pointer[func() (net.Conn, error)]
	dials  atomic.Int64
	knows  atomic.Int64
	events atomic.Int64
}

// record is a log that tests read.
type record struct {
	mu sync.Mutex
	b  strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

func newNewcomer(trust *reseed.Trust) *newcomer {
	c := new(newcomer)
	offline := func() (net.Conn, error) { return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH} }
	c.answer.Store(&offline)
	c.Joiner = New(Config{
		Env: env.Env{Log: slog.New(slog.NewTextHandler(&c.log, nil))},
		Policy: Policy{
			Client: fetch.Config{
				NetID: netID, Trust: trust,
				Dial: func(context.Context, string, string) (net.Conn, error) {
					c.dials.Add(1)
					return (*c.answer.Load())()
				},
			},
			Servers: []string{"http://a.example/", "http://b.example/", "http://c.example/"}, Auto: true, Threshold: 3,
		},
		Known: func() int { return int(c.knows.Load()) },
		Learn: func(*routerinfo.RouterInfo) { c.knows.Add(1) },
		Event: func(string) { c.events.Add(1) },
	})
	return c
}

// bundleOf is a bundle of so many routers, and those who trust its signer.
func bundleOf(t *testing.T, routers int) ([]byte, *reseed.Trust) {
	t.Helper()
	var infos []*routerinfo.RouterInfo
	err := reseedtest.Routers(reseedtest.Config{Count: routers, Now: time.Now(), NetID: netID}, func(ri *routerinfo.RouterInfo) error {
		infos = append(infos, ri)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bundle, cert, err := reseedtest.Bundle(time.Now(), infos...)
	if err != nil {
		t.Fatal(err)
	}
	trust := new(reseed.Trust)
	if err := trust.Add(cert); err != nil {
		t.Fatal(err)
	}
	return bundle, trust
}

// says makes the servers answer.
func (c *newcomer) says(body []byte, status string) {
	answer := func() (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			buf := make([]byte, 4096)
			if _, err := theirs.Read(buf); err != nil {
				return
			}
			io.WriteString(theirs, "HTTP/1.1 "+status+"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n")
			theirs.Write(body)
		}()
		return ours, nil
	}
	c.answer.Store(&answer)
}

func (c *newcomer) lines() int { return strings.Count(c.log.String(), "\n") }

// TestLateNetwork: without a network it says so within seconds and once, keeps trying, and has
// its routers soon after the network is there.
func TestLateNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		bundle, trust := bundleOf(t, 5)
		c := newNewcomer(trust)
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()

		time.Sleep(time.Second)
		synctest.Wait()
		c.checkOffline(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		if dials := c.dials.Load(); dials < 60 || dials > 300 {
			t.Errorf("%d dials in an hour", dials)
		}
		if c.lines() != 1 {
			t.Errorf("it goes on about it: %s", c.log.String())
		}

		c.says(bundle, "200 OK")
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if st := c.Status(); c.knows.Load() != 5 || st.State != control.ReseedEnough || st.Learned != 5 {
			t.Errorf("%d routers, %+v", c.knows.Load(), st)
		}
		if c.lines() != 2 || !strings.Contains(c.log.String(), "enough routers are known") {
			t.Errorf("log: %s", c.log.String())
		}
		dials := c.dials.Load()
		time.Sleep(5 * time.Hour)
		if c.dials.Load() != dials {
			t.Error("it asks although it knows enough")
		}

		// They are forgotten: it asks anew.
		c.knows.Store(0)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if c.knows.Load() != 5 {
			t.Errorf("%d routers", c.knows.Load())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// checkOffline is how it is a second after a start without a network.
func (c *newcomer) checkOffline(t *testing.T) {
	t.Helper()
	if c.lines() != 1 || !strings.Contains(c.log.String(), "network is unreachable") || !strings.Contains(c.log.String(), "nobody was reached") {
		t.Errorf("the log is %q, expected one line", c.log.String())
	}
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		if strings.Count(c.log.String(), name) != 1 {
			t.Errorf("%s is not named once: %s", name, c.log.String())
		}
	}
	st := c.Status()
	if wait := time.Until(st.Next); st.State != control.ReseedWaiting || len(st.Servers) != 3 || wait <= 0 || wait > 6*time.Second || st.Reached {
		t.Errorf("%+v, next in %v", st, wait)
	}
}

// TestPolite: servers that answer without use are asked ever less often, without noise.
func TestPolite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newNewcomer(new(reseed.Trust))
		c.says(nil, "503 Service Unavailable")
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		var at []int64
		for range 5 {
			time.Sleep(time.Hour)
			at = append(at, c.dials.Load())
		}
		synctest.Wait()
		// Six tries in the first hour at most, some one an hour later on, three servers each.
		if at[0] > 3*7 || at[4]-at[2] > 3*4 || at[4] < 3*6 {
			t.Errorf("dials after each hour: %v", at)
		}
		if c.lines() != 1 || !strings.Contains(c.log.String(), "HTTP 503") {
			t.Errorf("log: %s", c.log.String())
		}
		if c.events.Load() != at[4]/3 {
			t.Errorf("%d events of %d tries", c.events.Load(), at[4]/3)
		}
		cancel()
		<-ended
	})
}

// TestTooFew: what is given is taken, and more asked for, politely.
func TestTooFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bundle, trust := bundleOf(t, 2)
		c := newNewcomer(trust)
		c.says(bundle, "200 OK")
		st, err := c.try(t.Context(), c.Policy(), false)
		if err != nil || st.Learned != 2 || st.State != control.ReseedWaiting || st.Reason != "2 RouterInfos from 3 of 3 servers, 4 of them given more than once" {
			t.Errorf("%+v, %v", st, err)
		}
		if wait := time.Until(st.Next); wait < 48*time.Second || wait > 72*time.Second {
			t.Errorf("next in %v", wait)
		}
	})
}

// TestChangeMeanwhile: a policy that begins during a try has the last word, and has had no try.
func TestChangeMeanwhile(t *testing.T) {
	for name, change := range map[string]func(c *newcomer, to Policy){
		"while a server is asked": func(c *newcomer, to Policy) {
			c.once(func() { c.Change(to) })
		},
		"while the log is written": func(c *newcomer, to Policy) {
			var first sync.Once
			c.cfg.Event = func(string) { first.Do(func() { c.Change(to) }) }
		},
		"while another try is under way": func(c *newcomer, to Policy) {
			c.turn <- struct{}{}
			go func() {
				synctest.Wait()
				c.Change(to)
				<-c.turn
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newNewcomer(new(reseed.Trust))
				change(c, c.Policy())
				if st, err := c.try(t.Context(), c.Policy(), false); err != nil || !st.Next.IsZero() {
					t.Errorf("the new policy has to wait: %+v, %v", st, err)
				}
				st, err := c.try(t.Context(), c.Policy(), false)
				if wait := time.Until(st.Next); err != nil || wait <= 0 || wait > 6*time.Second {
					t.Errorf("after its first try it waits for %v: %+v, %v", wait, st, err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				c := newNewcomer(new(reseed.Trust))
				without := c.Policy()
				without.Auto = false
				change(c, without)
				if st, err := c.try(t.Context(), c.Policy(), false); err != nil || st.State != control.ReseedOff || !st.Next.IsZero() || len(st.Servers) != 3 {
					t.Errorf("the new policy reseeds only when told: %+v, %v", st, err)
				}
			})
		})
	}
}

// TestChangeBrokenOff: the same where the try does not come to its end.
func TestChangeBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newNewcomer(new(reseed.Trust))
		if _, err := c.try(ctx, c.Policy(), false); err != nil {
			t.Fatal(err)
		}
		before, without := c.Status(), c.Policy()
		without.Auto = false
		c.once(func() { c.Change(without); cancel() })
		if _, err := c.try(ctx, c.Policy(), false); err == nil {
			t.Error("the try was not broken off")
		}
		if st := c.Status(); st.State != control.ReseedOff || !st.Next.IsZero() || !st.Last.Equal(before.Last) || len(st.Servers) != 3 {
			t.Errorf("%+v", st)
		}
	})
}

// TestChangeBeforeBrokenOff: a policy that begins while a try waits for its turn has the state
// again where that try does not come to its end.
func TestChangeBeforeBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newNewcomer(new(reseed.Trust))
		before, without := c.Policy(), c.Policy()
		without.Auto = false
		c.Change(without)
		c.once(cancel)
		if _, err := c.try(ctx, before, false); err == nil {
			t.Error("the try was not broken off")
		}
		if st := c.Status(); st.State != control.ReseedOff || !st.Next.IsZero() || len(st.Servers) != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// once has something done when a server is asked for the first time.
func (c *newcomer) once(do func()) {
	var first sync.Once
	offline := *c.answer.Load()
	answer := func() (net.Conn, error) {
		first.Do(do)
		return offline()
	}
	c.answer.Store(&answer)
}

// TestJitter: routers that start together do not ask together.
func TestJitter(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 100 {
		d := streak{last: useless}.pause(draw.From(nil))
		if seen[d] = true; d < 48*time.Second || d > 72*time.Second {
			t.Errorf("pause of %v", d)
		}
	}
	if len(seen) < 50 {
		t.Errorf("%d different pauses", len(seen))
	}
}

// TestChange: another policy holds at once, and one that asks nobody ends the asking.
func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		bundle, trust := bundleOf(t, 5)
		c := newNewcomer(trust)
		with := c.Policy()
		without := with
		without.Auto = false
		c.Change(without)
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if st := c.Status(); st.State != control.ReseedOff || c.dials.Load() != 0 {
			t.Errorf("%d dials of a router that reseeds when told to: %+v", c.dials.Load(), st)
		}
		c.Change(with)
		synctest.Wait()
		if st := c.Status(); st.State != control.ReseedWaiting || c.dials.Load() != 3 {
			t.Errorf("%d dials after it was told to reseed by itself: %+v", c.dials.Load(), st)
		}
		// It would wait by now; another proxy or server may be of help at once.
		c.says(bundle, "200 OK")
		c.Change(with)
		synctest.Wait()
		if st := c.Status(); st.State != control.ReseedEnough || c.knows.Load() != 5 {
			t.Errorf("%d routers are known: %+v", c.knows.Load(), st)
		}
		c.Change(without)
		synctest.Wait()
		if st := c.Status(); st.State != control.ReseedOff || st.Learned != 5 || len(st.Servers) != 3 {
			t.Errorf("what came of the last try is forgotten: %+v", st)
		}
		cancel()
		<-ended
	})
}
