//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// floodfillTest is a network with a floodfill of i2pd, i2pd0, and one of ours.
type floodfillTest struct {
	*Network
	ours *Router // the floodfill
	end  *Router // of ours, whose destinations others reach
	// open are all sessions and streams, to the end: i2pd is known to crash where they come and go quickly.
	open []io.Closer
}

// keep notes what is to be closed at the end.
func (f *floodfillTest) keep(c io.Closer) { f.open = append(f.open, c) }

// session opens one that stays to the end.
func (f *floodfillTest) session(ctx context.Context, r *I2PD) (*SAMSession, error) {
	s, err := r.SAMSession(ctx, TunnelOptions(1, 2))
	if err == nil {
		f.keep(s)
	}
	return s, err
}

// TestFloodfill: i2pd routers publish to a floodfill of ours and find one another by it, first beside one of
// i2pd and then, when that has stopped, by it alone. I2P_FLOODFILL says how long that second part lasts (2m);
// lease sets last for ten minutes, so with 10m every one that is used at the end was renewed by then.
func TestFloodfill(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("I2P_FLOODFILL"))
	if os.Getenv("I2P_FLOODFILL") == "" {
		length = 2 * time.Minute
	} else if err != nil {
		t.Fatal(err)
	}
	ctx := gate(t, length+10*time.Minute)
	f := &floodfillTest{Network: network(t, ctx, NetworkConfig{
		Releases: []Release{Sid, Trixie, Sid, Trixie, Sid}, Floodfills: 1,
		Each: func(i int, c *I2PDConfig) { c.NoTransit = i == 0 }, // no tunnel is to break when it stops
	})}
	if err := f.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	f.ours = startRouter(t, ctx, f.Network, RouterConfig{Name: "ours", Floodfill: true})
	t.Cleanup(func() {
		if text, err := f.ours.ask(context.Background(), "metrics"); err == nil && t.Failed() {
			t.Logf("our floodfill:\n%s", strings.Join(regexp.MustCompile(`(?m)^i2p_netdb_.* [^0].*$`).FindAllString(string(text), -1), "\n"))
		}
	})
	f.end = startRouter(t, ctx, f.Network, RouterConfig{Name: "end", NoTransit: true, Hops: 1})
	err = Await(ctx, 2*time.Minute, "every i2pd knows both floodfills", func(ctx context.Context) error {
		for _, r := range f.I2PD[1:] {
			if c, err := r.Counters(ctx); err != nil || c.Floodfills < 2 {
				return fmt.Errorf("%s knows %d: %v", r.Name, c.Floodfills, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.published(t, ctx, f.I2PD)
	f.flooded(t, ctx)
	f.round(t, ctx, f.I2PD[1], f.I2PD[2])
	f.ourEnd(t, ctx, f.I2PD[3])

	defer func() {
		for _, c := range f.open {
			c.Close()
		}
	}()
	server, client, err := samSessions(ctx, f.I2PD[1].samDoor(), f.I2PD[2].samDoor(), TunnelOptions(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	defer client.Close()
	defer f.serveAll(ctx, server)()
	held, err := client.Connect(ctx, server.Destination)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	f.I2PD[0].Stop(10 * time.Second)
	f.alone(t, ctx, server, held, length)
}

// published waits until our floodfill has the RouterInfos that all these routers publish now.
func (f *floodfillTest) published(t *testing.T, ctx context.Context, routers []*I2PD) {
	t.Helper()
	err := Await(ctx, 2*time.Minute, "our floodfill has every RouterInfo", func(ctx context.Context) error {
		list, err := f.ours.Tool(ctx, "i2p-netdb", "list", "-0")
		for _, r := range routers {
			hash, hashErr := r.Hash()
			if err = errors.Join(err, hashErr); err == nil && !strings.Contains(string(list), hash) {
				err = fmt.Errorf("not that of %s", r.Name)
			}
		}
		if taken := f.metric(t, ctx, `i2p_netdb_stores_total{result="taken"}`); err == nil && taken == 0 {
			err = errors.New("it took no store")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// flooded opens destinations at i2pd and at ours until each floodfill has been passed a lease set by the
// other: which one a destination publishes to is a matter of the keys.
func (f *floodfillTest) flooded(t *testing.T, ctx context.Context) {
	t.Helper()
	listen, b32, err := f.end.Listen(ctx, "--hops", "1", "--keep")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	session, err := f.session(ctx, f.I2PD[3])
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := b32Of(session.Destination)
	if err != nil {
		t.Fatal(err)
	}
	err = Await(ctx, time.Minute, "both floodfills have both lease sets", func(ctx context.Context) error {
		page, err := f.I2PD[0].ConsolePage(ctx, "/?page=leasesets")
		if err != nil {
			return err
		}
		for _, name := range []string{b32, theirs} {
			if !strings.Contains(page, strings.TrimSuffix(name, ".b32.i2p")) {
				return fmt.Errorf("i2pd's has not %s", name)
			}
		}
		if s, err := f.ours.Status(ctx); err != nil || s.Known.LeaseSets < 2 {
			return fmt.Errorf("ours has %d: %v", s.Known.LeaseSets, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// serveAll lets every stream to a session be served; stop ends that.
func (f *floodfillTest) serveAll(ctx context.Context, s *SAMSession) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			c, err := s.Accept(ctx, nil)
			if err != nil {
				select {
				case <-ctx.Done():
				case <-time.After(pollEvery):
				}
				continue
			}
			go func() {
				defer c.Close()
				defer bound(ctx, c)()
				Serve(c)
			}()
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// round opens a destination at each of two routers, and a stream between them.
func (f *floodfillTest) round(t *testing.T, ctx context.Context, server, client *I2PD) {
	t.Helper()
	begun := time.Now()
	s, end, err := SAMPair(ctx, server, client, TunnelOptions(1, 2), Serve)
	if err != nil {
		t.Fatal(err)
	}
	f.keep(closerFunc(end))
	if err := Upload(ctx, s, 100e3); err != nil {
		t.Fatalf("from %s to %s: %v", client.Name, server.Name, err)
	}
	t.Logf("new destinations at %s and %s, and 100 kB: %v", server.Name, client.Name, time.Since(begun).Round(10*time.Millisecond))
}

// anew reaches a destination from a new one, which has to ask for the lease set. i2pd gives each floodfill that it
// knows one chance of 1.6 s, the stopped one too, and then fails: it may be asked again.
func (f *floodfillTest) anew(ctx context.Context, server *SAMSession, client *I2PD) (took time.Duration, tries int, err error) {
	session, err := f.session(ctx, client)
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	var s *SAMConn
	err = Await(ctx, 30*time.Second, client.Name+" connects", func(ctx context.Context) error {
		tries++
		s, err = session.Connect(ctx, server.Destination)
		return err
	})
	if err != nil {
		return 0, tries, err
	}
	f.keep(s)
	defer bound(ctx, s)()
	took = time.Since(begun)
	return took, tries, Upload(ctx, s, 20e3)
}

// ourEnd has i2pd find a destination of ours by its hash and reach it, and ours one of i2pd.
func (f *floodfillTest) ourEnd(t *testing.T, ctx context.Context, theirs *I2PD) {
	t.Helper()
	listen, b32, err := f.end.Listen(ctx, "--hops", "1")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	served := serveTunnel(listen)
	session, err := f.session(ctx, theirs)
	if err != nil {
		t.Fatal(err)
	}
	dest, err := awaitLookup(ctx, session, b32)
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.Connect(ctx, dest)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := Upload(ctx, s, 100e3); err != nil {
		t.Fatalf("%s to ours: %v", theirs.Name, err)
	}
	s.CloseWrite()
	if err := <-served; err != nil {
		t.Error(err)
	}
	defer f.serveAll(ctx, session)()
	name, err := b32Of(session.Destination)
	if err != nil {
		t.Fatal(err)
	}
	connect, err := f.end.Connect(name, "--hops", "1", "--timeout", "60s")
	if err != nil {
		t.Fatal(err)
	}
	defer connect.Close()
	if err := Upload(ctx, connect, 100e3); err != nil {
		t.Fatalf("ours to %s: %v: %s", theirs.Name, err, connect.LogTail(5))
	}
}

// alone is what goes on where ours is the only floodfill: one stream is held, others are opened anew twice a
// minute, to a destination from before and between new ones; a router joins that knows ours only.
func (f *floodfillTest) alone(t *testing.T, ctx context.Context, server *SAMSession, held Stream, length time.Duration) {
	served := f.metric(t, ctx, `i2p_netdb_requests_total{result="served"}`)
	start := time.Now()
	joined, err := f.Join(ctx, Sid, f.ours)
	if err != nil {
		t.Fatal(err)
	}
	var took, pings []time.Duration
	again := 0
	for i := 0; time.Since(start) < length || i == 0; i++ {
		client := f.I2PD[2+i%3]
		d, tries, err := f.anew(ctx, server, client)
		if err != nil {
			t.Fatalf("after %v: %v", time.Since(start).Round(time.Second), err)
		}
		took, again = append(took, d), again+tries-1
		if d, err = Ping(ctx, held); err != nil {
			t.Fatalf("the held stream after %v: %v", time.Since(start).Round(time.Second), err)
		}
		pings = append(pings, d)
		switch i % 4 {
		case 0:
			f.round(t, ctx, f.I2PD[1+i/4%4], f.I2PD[1+(i/4+1)%4])
		case 1:
			f.ourEnd(t, ctx, f.I2PD[1+i/4%4])
		case 2:
			f.published(t, ctx, f.I2PD[1:])
			f.round(t, ctx, joined, f.I2PD[1])
			f.round(t, ctx, f.I2PD[4], joined)
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(min(time.Duration(i+1)*30*time.Second, length) - time.Since(start)):
		}
	}
	served = f.metric(t, ctx, `i2p_netdb_requests_total{result="served"}`) - served
	t.Logf("%v with our floodfill alone: streams opened %d times in %v, median %v, %d of them not at once; the held one answers in %v; it served %d lookups, took %d stores and refused %d",
		time.Since(start).Round(time.Second), len(took), took, Median(took).Round(time.Millisecond), again, Median(pings).Round(time.Millisecond), served,
		f.metric(t, ctx, `i2p_netdb_stores_total{result="taken"}`), f.metric(t, ctx, `i2p_netdb_stores_total{result="refused"}`))
	if int(served) < len(took) {
		t.Errorf("it served %d lookups, want one for each of %d new destinations", served, len(took))
	}
}

// metric is one of the figures of our floodfill.
func (f *floodfillTest) metric(t *testing.T, ctx context.Context, name string) int64 {
	t.Helper()
	text, err := f.ours.ask(ctx, "metrics")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in %s", name, text)
	}
	v, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }

// b32Of is the address of a destination in base64.
func b32Of(destination string) (string, error) {
	b, err := i2pBase64.DecodeString(destination)
	if err != nil {
		return "", err
	}
	sum, err := identSum(b)
	return strings.ToLower(i2pBase32.EncodeToString(sum[:])) + ".b32.i2p", err
}
