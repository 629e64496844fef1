package server_test

import (
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

func (s stopped) Stop()           { s.how <- "soon" }
func (s stopped) StopNow()        { s.how <- "now" }
func (s stopped) StopGracefully() { s.how <- "gracefully" }

func TestStops(t *testing.T) {
	s := stopped{&controltest.Node{}, make(chan string, 1)}
	ctx, c := serve(t, s)
	for want, stop := range map[string]func(context.Context) error{"soon": c.Stop, "now": c.StopNow, "gracefully": c.StopGracefully} {
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
		"accept":      {control.BadRequest, func() error { _, err := session.Accept(ctx, control.Accept{Port: 2}); return err }},
		"lookup": {control.NotFound, func() error {
			_, err := c.Lookup(ctx, control.Lookup{Kind: control.KindLeaseSet, Hash: nobody.String()})
			return err
		}},
		"lookup kind":     {control.BadRequest, func() error { _, err := c.Lookup(ctx, control.Lookup{Kind: "x", Hash: nobody.String()}); return err }},
		"explore nothing": {control.BadRequest, func() error { _, err := c.Explore(ctx, control.Explore{}); return err }},
		"explore all":     {control.BadRequest, func() error { _, err := c.Explore(ctx, control.Explore{Searches: 1000}); return err }},
		"store nothing":   {control.BadData, func() error { _, err := c.Store(ctx, control.Store{Copies: 1}); return err }},
		"store at all":    {control.BadRequest, func() error { _, err := c.Store(ctx, control.Store{Copies: 1000}); return err }},
		"netdb kind":      {control.BadRequest, func() error { return c.NetDB(ctx, "x", func(control.Record) error { return nil }) }},
		"log level":       {control.BadRequest, func() error { return c.ChangeLogLevel(ctx, "loud") }},
		"wait":            {control.BadRequest, func() error { _, err := c.Wait(ctx, "spring"); return err }},
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

// TestTrace: a trace says how a lookup went also where it failed.
func TestTrace(t *testing.T) {
	rec := control.Record{Kind: control.KindLeaseSet, Hash: i2p.HashOf([]byte("x")).String(), StoreType: 3, Data: []byte("x")}
	ctx, c := start(t, &controltest.Node{Records: []control.Record{rec}})
	found, err := c.Trace(ctx, control.Lookup{Kind: rec.Kind, Hash: rec.Hash})
	if err != nil || found.Record == nil || found.Record.Hash != rec.Hash || found.Error != nil || len(found.Asked) != 4 {
		t.Errorf("%+v, %v", found, err)
	}
	lost, err := c.Trace(ctx, control.Lookup{Kind: control.KindRouterInfo, Hash: rec.Hash})
	if err != nil || lost.Record != nil || lost.Error == nil || lost.Error.Code != control.NotFound || len(lost.Asked) != 4 {
		t.Errorf("%+v, %v", lost, err)
	}
	if _, err := c.Trace(ctx, control.Lookup{Kind: "x", Hash: rec.Hash}); !errors.Is(err, &control.Error{Code: control.BadRequest}) {
		t.Error(err)
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
	if !errors.Is(err, os.ErrNotExist) {
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
	err := c.Events(ctx, func() {}, func(e control.Event) error {
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
	srv, err := server.New(server.Config{Path: path, Node: &controltest.Node{NoTunnels: true}, Limits: server.Limits{Requests: 3, Sessions: 1}})
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
	answers := make(chan error)
	for range 4 { // of which none ends by itself
		go func() {
			_, err := c.Wait(ctx, control.WaitTunnels)
			answers <- err
		}()
	}
	select {
	case err := <-answers:
		if !errors.Is(err, &control.Error{Code: control.Busy}) {
			t.Errorf("a fourth request: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("a fourth request is served, too")
		go func() { <-answers }()
	}
	cancel()
	for range 3 {
		<-answers
	}
	c.Close()
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

// TestSlowBodies: requests that are slow to come hold up nobody, and are given up.
func TestSlowBodies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	limits := server.Limits{Requests: 2, BodyTime: 500 * time.Millisecond}
	srv, err := server.New(server.Config{Path: path, Node: &controltest.Node{}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	var slow []net.Conn
	for range 3 * limits.Requests {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
		fmt.Fprintf(conn, "POST /v1/lookup HTTP/1.1\r\nHost: router\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
		line := make([]byte, len("HTTP/1.1 100 Continue"))
		if _, err := io.ReadFull(conn, line); err != nil || !strings.HasSuffix(string(line), " 100 Continue") {
			t.Fatalf("%q, %v", line, err) // its body is being read
		}
		io.WriteString(conn, "{")
	}
	c := client.New(path)
	if _, err := c.Status(ctx); err != nil {
		t.Errorf("beside slow ones: %v", err)
	}
	for _, conn := range slow {
		text, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(text), " 504 ") || !strings.Contains(string(text), "not whole within") {
			t.Errorf("a slow one gets %q, %v", text, err)
		}
		conn.Close()
	}
	if st := srv.Stats(); st.Failed != uint64(len(slow)) || st.Busy != 0 {
		t.Errorf("%+v", st)
	}
	c.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
