package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/control/controltest"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
)

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
		s, err := listening.Accept(ctx, control.Accept{Port: 7})
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

// TestToolThatHasSaidAll: a tool that has ended its writing may go, with its session, before all has arrived.
func TestToolThatHasSaidAll(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	data := bytes.Repeat([]byte("all "), 20_000)
	for range 10 {
		dialer, acceptor, session := streams(t, ctx, c)
		if _, err := dialer.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := dialer.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		go func() {
			dialer.Close()
			session.Close()
		}()
		if got, err := io.ReadAll(acceptor); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if err := acceptor.PeerEnded(ctx); err != nil {
			t.Error(err)
		}
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

// TestPeerEnded: what reads like an end is told from one, while the other direction goes on.
func TestPeerEnded(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	dialer, acceptor, _ := streams(t, ctx, c)
	dialer.Write([]byte("all"))
	if err := dialer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(acceptor); string(got) != "all" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if err := acceptor.PeerEnded(ctx); err != nil {
		t.Error(err)
	}
	acceptor.Close()
	if got, err := io.ReadAll(dialer); len(got) > 0 || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	for range 2 {
		if err := dialer.PeerEnded(ctx); !errors.Is(err, &control.Error{Code: control.Reset}) {
			t.Errorf("it broke off, and is said to have ended with %v", err)
		}
	}
	if _, err := dialer.Result(ctx); !errors.Is(err, &control.Error{Code: control.Reset}) {
		t.Errorf("the result: %v", err)
	}
}

// TestLastAccept: once the last stream has come, others are refused.
func TestLastAccept(t *testing.T) {
	ctx, c := start(t, &controltest.Node{Hasty: true})
	listening, err := c.Open(ctx, control.Open{Listen: []uint16{7, 8}})
	if err != nil {
		t.Fatal(err)
	}
	dialing, err := c.Open(ctx, control.Open{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialing.Close(); listening.Close() })
	accepted := make(chan error, 1)
	go func() {
		_, err := listening.Accept(ctx, control.Accept{Port: 7, Last: true})
		accepted <- err
	}()
	to := control.Connect{Destination: listening.B32, Port: 7}
	if _, err := dialing.Connect(ctx, to); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	if _, err := dialing.Connect(ctx, to); !errors.Is(err, &control.Error{Code: control.Refused}) {
		t.Error(err)
	}
}

// TestStreamsAreNoRequests: peers who open many streams keep nobody from the router.
func TestStreamsAreNoRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	srv, err := server.New(server.Config{Path: path, Node: &controltest.Node{}, Limits: server.Limits{Requests: 4}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c := client.New(path)
	t.Cleanup(c.Close)
	streams(t, ctx, c) // with their sessions these were four requests
	if _, err := c.Status(ctx); err != nil {
		t.Error(err)
	}
	if st := srv.Stats(); st.Streams != 2 {
		t.Errorf("%d streams", st.Streams)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if n := bytes.Count(stacks, []byte("server.(*Server).serve(")); n > 2 {
		t.Errorf("%d handlers run, and two sessions are open", n)
	}
}
