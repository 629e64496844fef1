package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/control/controltest"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
)

// start serves a fake router and returns a client of it. A deadline guards every test: a
// stream that hangs must not hang the suite.
func start(t *testing.T, node *controltest.Node) (context.Context, *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	path := filepath.Join(t.TempDir(), "s")
	wait, err := node.Serve(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(path)
	t.Cleanup(func() {
		c.Close()
		node.StopNow()
		if err := wait(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
	return ctx, c
}

// serve is start for a router that is more than the fake one.
func serve(t *testing.T, node server.Node) (context.Context, *client.Client) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "router.sock")
	srv, err := server.New(server.Config{Path: path, Node: node})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	c := client.New(path)
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ctx, c
}

// streams opens two sessions and connects the first to the second.
func streams(t *testing.T, ctx context.Context, c *client.Client) (dialer, acceptor *client.Stream, dialing *client.Session) {
	t.Helper()
	listening, err := c.Open(ctx, control.Open{Listen: []uint16{7}})
	if err != nil {
		t.Fatal(err)
	}
	dialing, err = c.Open(ctx, control.Open{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialing.Close(); listening.Close() })
	type result struct {
		s   *client.Stream
		err error
	}
	accepted := make(chan result, 1)
	go func() {
		s, err := listening.Accept(ctx, 7)
		accepted <- result{s, err}
	}()
	dialer, err = dialing.Connect(ctx, control.Connect{Destination: listening.B32, Port: 7})
	if err != nil {
		t.Fatal(err)
	}
	r := <-accepted
	if r.err != nil {
		t.Fatal(r.err)
	}
	if r.s.Remote != dialing.Destination || dialer.Remote != listening.Destination {
		t.Error("a stream does not name its peer")
	}
	t.Cleanup(func() { dialer.Close(); r.s.Close() })
	return dialer, r.s, dialing
}

// TestLargeDataWithHalfClose sends much one way; only after its end does the other side
// answer, as much again.
func TestLargeDataWithHalfClose(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	dialer, acceptor, _ := streams(t, ctx, c)
	data := make([]byte, 8<<20)
	io.ReadFull(controltest.Rand(1), data)

	served := make(chan error, 1)
	go func() {
		got, err := io.ReadAll(acceptor)
		if err == nil && !bytes.Equal(got, data) {
			err = errors.New("the acceptor read other bytes than were sent")
		}
		if err == nil {
			_, err = io.Copy(acceptor, bytes.NewReader(got))
		}
		if err == nil {
			err = acceptor.CloseWrite()
		}
		if err == nil {
			_, err = acceptor.Result(ctx)
		}
		served <- err
	}()
	if _, err := io.Copy(dialer, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := dialer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(dialer)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("the dialer read %d bytes, error %v, expected %d", len(got), err, len(data))
	}
	result, err := dialer.Result(ctx)
	if err != nil || result.BytesIn != uint64(len(data)) || result.BytesOut != uint64(len(data)) {
		t.Errorf("result %+v, error %v", result, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestToolThatDiesBreaksTheStreamOff: a tool that goes away without ending its writing has
// not sent everything, and the peer must not take it for the end.
func TestToolThatDiesBreaksTheStreamOff(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	dialer, acceptor, _ := streams(t, ctx, c)
	if _, err := dialer.Write([]byte("half a")); err != nil {
		t.Fatal(err)
	}
	dialer.Close()
	if _, err := io.ReadAll(acceptor); err != nil {
		t.Fatal(err)
	}
	_, err := acceptor.Result(ctx)
	if !errors.Is(err, &control.Error{Code: control.Reset}) {
		t.Errorf("the stream ended with %v, expected a reset", err)
	}
}

// slow is a router whose streams that were dialled end when they are told to.
type slow struct {
	*controltest.Node
	waits, end chan struct{}
}

func (s slow) OpenDestination(ctx context.Context, cfg server.DestinationConfig) (server.Destination, error) {
	d, err := s.Node.OpenDestination(ctx, cfg)
	return slowDestination{d, s}, err
}

type destination = server.Destination

type slowDestination struct {
	destination
	slow
}

func (d slowDestination) Dial(ctx context.Context, to i2p.Destination, port uint16) (server.Stream, error) {
	stream, err := d.destination.Dial(ctx, to, port)
	return slowStream{stream, d.slow}, err
}

type slowStream struct {
	server.Stream
	slow
}

func (s slowStream) Wait(ctx context.Context) error {
	select {
	case s.waits <- struct{}{}:
		<-s.end
	case <-ctx.Done():
	}
	return nil
}

// TestResultOfWhatWasBrokenOff: how a stream that was broken off has ended is told once its peer
// has what was written, also where that has closed its own direction before.
func TestResultOfWhatWasBrokenOff(t *testing.T) {
	s := slow{&controltest.Node{}, make(chan struct{}), make(chan struct{})}
	ctx, c := serve(t, s)
	dialer, acceptor, _ := streams(t, ctx, c)
	if err := acceptor.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(dialer); err != nil {
		t.Fatal(err)
	}
	if err := dialer.BreakOff(); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := dialer.Result(ctx)
		result <- err
	}()
	select {
	case <-s.waits:
	case err := <-result:
		t.Fatalf("told too soon: %v", err)
	}
	close(s.end)
	if err := <-result; !errors.Is(err, &control.Error{Code: control.Reset}) {
		t.Errorf("the stream ended with %v, expected a reset", err)
	}
}

// TestResetIsTheReason: of a stream that the peer broke off it is told that it was, and not what
// followed from it here.
func TestResetIsTheReason(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	_, acceptor, dialing := streams(t, ctx, c)
	dialing.Close()
	if _, err := acceptor.Result(ctx); fmt.Sprint(err) != "from the peer: "+controltest.ErrReset.Error() {
		t.Errorf("the reason: %v", err)
	}
}

func TestSessionsEndWithTheirConnection(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	_, acceptor, dialing := streams(t, ctx, c)
	dialing.Close()
	io.ReadAll(acceptor)
	if _, err := acceptor.Result(ctx); !errors.Is(err, &control.Error{Code: control.Reset}) {
		t.Errorf("the peer of a closed session saw %v, expected a reset", err)
	}
	if _, err := dialing.Connect(ctx, control.Connect{Destination: dialing.B32}); !errors.Is(err, &control.Error{Code: control.NotFound}) {
		t.Errorf("connect in a closed session: %v", err)
	}
}

func TestStopEndsStreamsAndSessions(t *testing.T) {
	node := &controltest.Node{}
	ctx, c := start(t, node)
	dialer, _, dialing := streams(t, ctx, c)
	if err := dialing.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.StopNow(ctx); err != nil {
		t.Fatal(err)
	}
	io.ReadAll(dialer)
	<-dialing.Done()
	if dialing.Err() == nil {
		t.Error("the session does not say why it ended")
	}
}

// stopped is a router that tells how it is stopped.
type stopped struct {
	*controltest.Node
	how chan string
}

func (s stopped) Stop()    { s.how <- "gracefully" }
func (s stopped) StopNow() { s.how <- "now" }

func TestStops(t *testing.T) {
	s := stopped{&controltest.Node{}, make(chan string, 1)}
	ctx, c := serve(t, s)
	for want, stop := range map[string]func(context.Context) error{"gracefully": c.Stop, "now": c.StopNow} {
		if err := stop(ctx); err != nil {
			t.Fatal(err)
		}
		if how := <-s.how; how != want {
			t.Errorf("who asks for a stop %s gets one %s", want, how)
		}
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	ctx, c := start(t, &controltest.Node{Hasty: true})
	session, err := c.Open(ctx, control.Open{Listen: []uint16{1}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	nobody := i2p.HashOf(nil)
	for name, tt := range map[string]struct {
		code control.Code
		ask  func() error
	}{
		"key": {control.BadData, func() error { _, err := c.Open(ctx, control.Open{Key: []byte("no key")}); return err }},
		"option": {control.BadRequest, func() error {
			_, err := c.Open(ctx, control.Open{Options: map[string]string{"inbound.length": "9"}})
			return err
		}},
		"destination": {control.BadData, func() error { _, err := session.Connect(ctx, control.Connect{Destination: "AAAA"}); return err }},
		"b32":         {control.NotFound, func() error { _, err := session.Connect(ctx, control.Connect{Destination: nobody.B32()}); return err }},
		"accept":      {control.BadRequest, func() error { _, err := session.Accept(ctx, 2); return err }},
		"lookup": {control.NotFound, func() error {
			_, err := c.Lookup(ctx, control.Lookup{Kind: control.KindLeaseSet, Hash: nobody.String()})
			return err
		}},
		"lookup kind": {control.BadRequest, func() error { _, err := c.Lookup(ctx, control.Lookup{Kind: "x", Hash: nobody.String()}); return err }},
		"netdb kind":  {control.BadRequest, func() error { return c.NetDB(ctx, "x", func(control.Record) error { return nil }) }},
		"log level":   {control.BadRequest, func() error { return c.ChangeLogLevel(ctx, "loud") }},
		"wait":        {control.BadRequest, func() error { _, err := c.Wait(ctx, "spring"); return err }},
		"large option": {control.BadRequest, func() error {
			_, err := c.Open(ctx, control.Open{Options: map[string]string{"x": strings.Repeat("y", 1<<17)}})
			return err
		}},
	} {
		if err := tt.ask(); !errors.Is(err, &control.Error{Code: tt.code}) {
			t.Errorf("%s: error %v, expected the code %s", name, err, tt.code)
		}
	}
}

func TestTimeoutsAreTheRoutersToo(t *testing.T) {
	ctx, c := start(t, &controltest.Node{NoTunnels: true})
	_, err := c.Lookup(ctx, control.Lookup{Kind: control.KindLeaseSet, Hash: i2p.HashOf(nil).String(), TimeoutMillis: 1})
	if !errors.Is(err, &control.Error{Code: control.Timeout}) {
		t.Errorf("lookup: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := c.Wait(short, control.WaitTunnels); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}
}

func TestSocketFile(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := filepath.Join(t.TempDir(), "new", "router.sock")
	node := &controltest.Node{}
	wait, err := node.Serve(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700, path + ".lock": 0o600} {
		if info, err := os.Lstat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, error %v, expected %o", name, info.Mode(), err, want)
		}
	}
	if _, err := server.New(server.Config{Path: path, Node: node}); err == nil || !strings.Contains(err.Error(), "another router") {
		t.Errorf("a second router at the same socket: %v", err)
	}
	node.StopNow()
	wait()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, error %v", entries, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close() // as if killed: the file stays
	node := &controltest.Node{}
	wait, err := node.Serve(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(path)
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
	c.Close()
	node.StopNow()
	wait()
}

func TestForeignFileIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(server.Config{Path: path, Node: &controltest.Node{}}); err == nil {
		t.Error("a file that is no socket was taken over")
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file now holds %q", b)
	}
}

func TestNoRouter(t *testing.T) {
	c := client.New(filepath.Join(t.TempDir(), "s"))
	if _, err := c.Status(t.Context()); !errors.Is(err, client.ErrNoRouter) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Open(t.Context(), control.Open{}); !errors.Is(err, client.ErrNoRouter) {
		t.Errorf("error %v", err)
	}
}

func TestEvents(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	enough := errors.New("enough")
	var got []string
	err := c.Events(ctx, func(e control.Event) error {
		if got = append(got, e.Event); len(got) == 2 {
			return enough
		}
		return nil
	})
	if err != enough || strings.Join(got, " ") != "peer_up tunnel_up" {
		t.Errorf("events %v, error %v", got, err)
	}
}

func TestLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	srv, err := server.New(server.Config{Path: path, Node: &controltest.Node{}, Limits: server.Limits{Requests: 3, Sessions: 1}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	c := client.New(path)
	first, err := c.Open(ctx, control.Open{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(ctx, control.Open{}); !errors.Is(err, &control.Error{Code: control.Busy}) {
		t.Errorf("a second session: %v", err)
	}
	first.Close()
	c.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestReseed: sources reach the router, and its report comes back.
func TestReseed(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	done, err := c.Reseed(ctx, []string{"https://a.example/", "/b.su3", "https://empty.example/"})
	if err != nil || done.Learned != 6 || len(done.Servers) != 3 || done.Servers[1].Server != "/b.su3" || done.Servers[2].Result != "dns" {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := c.Reseed(ctx, nil); !errors.Is(err, &control.Error{Code: control.BadRequest}) {
		t.Errorf("nowhere to reseed from: %v", err)
	}
}
