package node

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

// slowBinder is the Internet with a port that cannot be bound before somebody says how that ends.
type slowBinder struct {
	transport.Internet
	asked chan struct{}
	bind  chan error
}

func newSlowBinder() *slowBinder {
	return &slowBinder{asked: make(chan struct{}, 1), bind: make(chan error, 1)}
}

func (b *slowBinder) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	b.asked <- struct{}{}
	if err := <-b.bind; err != nil {
		return nil, err
	}
	return b.Internet.Listen(ctx, addr)
}

// run starts a node behind a slow binder, and tells when it says that it is ready.
func (b *slowBinder) run(t *testing.T, dir string) (c *client.Client, ready, ended chan error) {
	t.Helper()
	ready, ended = make(chan error, 1), make(chan error, 1)
	n, err := New(Config{
		Settings: settings(dir), Network: b,
		Ready: func() error { ready <- nil; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() { cancel(); n.StopNow() })
	<-b.asked
	return client.New(filepath.Join(dir, "router.sock")), ready, ended
}

// TestReady: nobody is told that the router is ready before its port is bound; its socket answers
// before that, and the status that follows says where the router can be reached.
func TestReady(t *testing.T) {
	b := newSlowBinder()
	c, ready, ended := b.run(t, t.TempDir())
	st, err := c.Status(t.Context())
	if err != nil || st.State != control.StateStarting || len(st.Addresses) != 0 {
		t.Fatalf("before the port is bound: %+v, %v", st, err)
	}
	waited := make(chan control.Status, 1)
	go func() {
		st, err := c.Wait(t.Context(), control.WaitReady)
		if err != nil {
			t.Error(err)
		}
		waited <- st
	}()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(short, control.WaitReady); err == nil {
		t.Error("a router that is bound to no port is ready for who waits")
	}
	select {
	case <-ready:
		t.Error("a router that is bound to no port says that it is ready")
	default:
	}
	b.bind <- nil
	<-ready
	if st := <-waited; len(st.Addresses) != 2 || !strings.HasPrefix(st.Addresses[0], "NTCP2 127.0.0.1:") || st.Caps == "" {
		t.Errorf("ready, but %+v", st)
	}
	if err := c.StopNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestNotReady: a router whose port cannot be bound ends with the reason, and was never ready. So
// it is with one that is stopped before.
func TestNotReady(t *testing.T) {
	for name, end := range map[string]func(*slowBinder, *client.Client) error{
		"taken": func(b *slowBinder, _ *client.Client) error {
			err := errors.New("address already in use")
			b.bind <- err
			return err
		},
		"stopped": func(b *slowBinder, c *client.Client) error {
			if err := c.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			b.bind <- nil
			return nil
		},
	} {
		b := newSlowBinder()
		c, ready, ended := b.run(t, t.TempDir())
		waited := make(chan error, 1)
		go func() {
			_, err := c.Wait(t.Context(), control.WaitReady)
			waited <- err
		}()
		want := end(b, c)
		if err := <-ended; (err == nil) != (want == nil) || want != nil && (!strings.HasSuffix(err.Error(), want.Error()) || strings.Count(err.Error(), "transport:") != 1) {
			t.Errorf("%s: the router ends with %v, expected %v", name, err, want)
		}
		if err := <-waited; err == nil && want != nil {
			t.Errorf("%s: who waits is told that it is ready", name)
		}
		if len(ready) > 0 && want != nil {
			t.Errorf("%s: it says that it is ready", name)
		}
	}
}

// TestAcceptEnds: a tool that waits for a stream learns that the router has stopped, and not of an
// error that it could do nothing about: it may wait for the next one.
func TestAcceptEnds(t *testing.T) {
	b := newSlowBinder()
	c, ready, ended := b.run(t, t.TempDir())
	b.bind <- nil
	<-ready
	session, err := c.Open(t.Context(), control.Open{Listen: []uint16{0}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	accepted := make(chan error, 1)
	go func() {
		_, err := session.Accept(t.Context(), control.Accept{})
		accepted <- err
	}()
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; !errors.Is(err, &control.Error{Code: control.Stopping}) && !errors.Is(err, client.ErrNoRouter) {
		t.Errorf("the wait for a stream ended with %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// askedBinder is the Internet with ports that are bound only between many questions.
type askedBinder struct {
	transport.Internet
	answers atomic.Int64
}

// pause returns once some more questions have been answered, or ctx has ended.
func (b *askedBinder) pause(ctx context.Context) {
	for until := b.answers.Load() + 50; b.answers.Load() < until && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
}

func (b *askedBinder) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	b.pause(ctx)
	defer b.pause(ctx)
	return b.Internet.Listen(ctx, addr)
}

func (b *askedBinder) ListenPacket(ctx context.Context, addr netip.AddrPort) (transport.PacketConn, error) {
	b.pause(ctx)
	defer b.pause(ctx)
	return b.Internet.ListenPacket(ctx, addr)
}

// TestAskedWhileStarting: a router can be asked everything from the moment in which its socket is there, while
// its transports bind their ports, it reads its netDb and it is stopped. What this finds needs the race detector.
func TestAskedWhileStarting(t *testing.T) {
	for range 3 {
		b, dir := &askedBinder{}, t.TempDir()
		ready, ended := make(chan error, 1), make(chan error, 1)
		s := settings(dir)
		s.Floodfill, s.BOB.Enabled, s.BOB.Listen = true, true, []string{"127.0.0.1:0"}
		for _, door := range []*config.Door{&s.I2CP.Door, &s.SAM.Door} {
			door.Enabled, door.Listen = true, []string{"127.0.0.1:0"}
		}
		n, err := New(Config{Settings: s, Network: b, Ready: func() error { ready <- nil; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		defer cancel()
		go func() { ended <- n.Run(ctx) }()
		c := client.New(filepath.Join(dir, "router.sock"))
		defer c.Close()
		nowhere := i2p.Hash{1}.String()
		questions := []func(){
			func() { c.Status(ctx) },
			func() { c.Peers(ctx) },
			func() { c.Tunnels(ctx) },
			func() { c.Transports(ctx) },
			func() { c.Doctor(ctx) },
			func() { c.Doors(ctx) },
			func() { c.Metrics(ctx, io.Discard) },
			func() { c.Reload(ctx) },
			func() { c.Forwards(ctx) },
			func() { c.Feeds(ctx) },
			func() { c.NetDB(ctx, control.KindRouterInfo, func(control.Record) error { return nil }) },
			func() { c.NetDB(ctx, control.KindLeaseSet, func(control.Record) error { return nil }) },
			func() { c.Lookup(ctx, control.Lookup{Kind: control.KindRouterInfo, Hash: nowhere}) },
			func() { c.Explore(ctx, control.Explore{}) },
			func() { c.LookUpName(ctx, "nobody.i2p") },
			func() { c.ChangeLogLevel(ctx, "warn") },
			func() {
				if s, err := c.Open(ctx, control.Open{}); err == nil {
					s.Close()
				}
			},
		}
		var askers sync.WaitGroup
		asking, stopAsking := context.WithCancel(ctx)
		for _, ask := range questions {
			askers.Go(func() {
				for asking.Err() == nil {
					ask()
					b.answers.Add(1)
				}
			})
		}
		select {
		case <-ready:
		case err := <-ended:
			t.Fatalf("not ready: %v", err)
		}
		b.pause(ctx)
		if err := c.StopNow(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stopAsking()
		askers.Wait()
	}
}
