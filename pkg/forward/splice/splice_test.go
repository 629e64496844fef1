package splice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// stream is a TCP connection that stands for a stream of I2P: Abort breaks it off.
type stream struct{ *net.TCPConn }

func (s stream) Abort() {
	s.SetLinger(0)
	s.TCPConn.Close()
}

// pair is both ends of a TCP connection.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	taken, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{dialled, taken} {
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return dialled, taken
}

// spliced is a user, a peer, and what lies between them.
func spliced(t *testing.T, ctx context.Context) (user, peer *net.TCPConn, count *Count, done chan error) {
	t.Helper()
	user, local := pair(t)
	remote, peer := pair(t)
	count, done = new(Count), make(chan error, 1)
	go func() { done <- Both(ctx, local, stream{remote}, count) }()
	return user, peer, count, done
}

func TestBothEnds(t *testing.T) {
	user, peer, count, done := spliced(t, t.Context())
	io.WriteString(user, "question")
	user.CloseWrite()
	if b, err := io.ReadAll(peer); err != nil || string(b) != "question" {
		t.Fatalf("%q, %v", b, err)
	}
	answer := bytes.Repeat([]byte("answer"), 100_000) // after the end of the other direction
	go func() { peer.Write(answer); peer.CloseWrite() }()
	if b, err := io.ReadAll(user); err != nil || !bytes.Equal(b, answer) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if count.In.Load() != uint64(len(answer)) || count.Out.Load() != 8 {
		t.Errorf("%d in, %d out", count.In.Load(), count.Out.Load())
	}
}

// TestBreaking: what breaks off on one side is a reset on the other, and never an end.
func TestBreaking(t *testing.T) {
	for what, breaks := range map[string]func(user, peer *net.TCPConn, cancel func()) (other *net.TCPConn){
		"peer":   func(user, peer *net.TCPConn, _ func()) *net.TCPConn { stream{peer}.Abort(); return user },
		"user":   func(user, peer *net.TCPConn, _ func()) *net.TCPConn { stream{user}.Abort(); return peer },
		"router": func(user, peer *net.TCPConn, cancel func()) *net.TCPConn { cancel(); return user },
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			user, peer, _, done := spliced(t, ctx)
			io.WriteString(user, "x")
			io.ReadFull(peer, make([]byte, 1))
			other := breaks(user, peer, cancel)
			if n, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%d bytes, %v", n, err)
			}
			if err := <-done; err == nil {
				t.Error("it ended well")
			}
		})
	}
}

// TestBreakingAtTheEnd: who breaks off what ends just then breaks off all of it or nothing.
func TestBreakingAtTheEnd(t *testing.T) {
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		user, peer, _, done := spliced(t, ctx)
		user.CloseWrite()
		go cancel()
		peer.CloseWrite()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
}

// TestCount: bytes count as they go, and a connection stays one.
func TestCount(t *testing.T) {
	var n atomic.Uint64
	near, far := net.Pipe()
	go io.Copy(io.Discard, far)
	defer near.Close()
	w := CountWrites(near, &n)
	if _, ok := w.(net.Conn); !ok {
		t.Error("it has no deadlines")
	}
	io.WriteString(w, "12")
	io.WriteString(CountWrites(io.Discard, &n), "345")
	io.ReadFull(CountReads(strings.NewReader("6789"), &n), make([]byte, 4))
	if n.Load() != 9 {
		t.Errorf("%d bytes", n.Load())
	}
}
