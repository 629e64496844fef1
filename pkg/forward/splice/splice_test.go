package splice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
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

// polite is a stream that tells how it was closed. What comes of it is what was put into it.
type polite struct {
	net.Conn
	mu       sync.Mutex
	written  bytes.Buffer
	aborted  bool
	brokeOff string // what was written before
	closed   string // likewise
}

func (p *polite) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Write(b)
}

func (p *polite) CloseWrite() error { return nil }

func (p *polite) Abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aborted = true
}

func (p *polite) BreakOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.brokeOff = p.written.String()
}

func (p *polite) Close() error {
	p.mu.Lock()
	p.closed = p.written.String()
	p.mu.Unlock()
	return p.Conn.Close()
}

// politely joins a local connection with one.
func politely(ctx context.Context, moment time.Duration, local net.Conn) (p *polite, peer net.Conn, done chan error) {
	near, far := net.Pipe()
	p, done = &polite{Conn: near}, make(chan error, 1)
	go func() { done <- Parting(ctx, moment, local, p, new(Count)) }()
	return p, far, done
}

// TestAnswerBeforeTheEnd: a server that answers and closes, while its peer is still talking, has answered.
func TestAnswerBeforeTheEnd(t *testing.T) {
	answer := strings.Repeat("answer", 10_000)
	for range 50 {
		user, local := pair(t)
		p, peer, done := politely(t.Context(), 0, local)
		go func() {
			for {
				if _, err := peer.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
		io.ReadFull(user, make([]byte, 100))
		io.WriteString(user, answer)
		user.Close()
		if err := <-done; err == nil {
			t.Error("the peer was heard to its end")
		}
		if p.aborted || p.brokeOff != answer {
			t.Fatalf("aborted %t, behind %d bytes", p.aborted, len(p.brokeOff))
		}
	}
}

// dying is a stream whose peer has given up, with a last word that has come.
type dying struct {
	net.Conn
	word io.Reader
}

func (d *dying) Read(b []byte) (int, error) {
	n, err := d.word.Read(b[:min(len(b), 1000)])
	if err != nil {
		err = syscall.ECONNRESET
	}
	return n, err
}

func (d *dying) Write([]byte) (int, error) { return 0, syscall.ECONNRESET }

// TestWordBeforeTheReset: what a peer said before it gave up is heard, also where somebody is just talking to it.
func TestWordBeforeTheReset(t *testing.T) {
	word := strings.Repeat("why", 10_000)
	for range 50 {
		user, local := pair(t)
		io.WriteString(user, "talk")
		near, _ := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- Both(t.Context(), local, &dying{near, strings.NewReader(word)}, new(Count)) }()
		if got, err := io.ReadAll(user); string(got) != word || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if err := <-done; !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	}
}

// TestParting: what was said to its end arrives, though what it was said for ends before or at the same time; and
// nothing else does.
func TestParting(t *testing.T) {
	for what, c := range map[string]struct {
		moment         time.Duration
		endsFirst, all bool // the end of ctx comes first; all arrives
		silent         bool // it is never said to its end
	}{
		"after the end":            {0, false, true, false},
		"before the end":           {10 * time.Second, true, true, false},
		"before the end, at once":  {0, true, false, true},
		"without an end, a moment": {time.Millisecond, true, false, true},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				user, local := net.Pipe()
				defer user.Close()
				p, _, done := politely(ctx, c.moment, local)
				io.WriteString(user, "all")
				if c.endsFirst {
					cancel()
				}
				if !c.silent {
					user.Close()
				}
				synctest.Wait()
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if p.aborted == c.all || c.all && p.closed != "all" {
					t.Errorf("aborted %t, closed behind %q", p.aborted, p.closed)
				}
			})
		})
	}
}
