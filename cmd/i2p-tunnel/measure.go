package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// The kinds of peers.
const (
	benchPeer    = "bench"   // listen --bench
	benchEcho    = "echo"    // sends back what it gets
	benchDiscard = "discard" // takes what it gets, and says nothing
	benchOther   = "other"
)

// guessing is how long a peer may take to say something before it is one that says nothing.
const guessing = 15 * time.Second

// bench is one run.
type bench struct {
	c       *cli.Context
	session *client.Session
	to      control.Connect
	result  benchResult

	phase       atomic.Pointer[string]
	done, whole atomic.Int64 // of the phase
}

func (b *bench) begin(phase string, whole int64) {
	b.done.Store(0)
	b.whole.Store(whole)
	b.phase.Store(&phase)
}

// progress is the line for a terminal.
func (b *bench) progress() string {
	phase := b.phase.Load()
	if phase == nil {
		return "waiting for tunnels"
	}
	done := float64(b.done.Load()) / float64(max(1, b.whole.Load()))
	return fmt.Sprintf("%-10s %s %3.0f %%", *phase, cli.Bar(done), 100*min(1, done))
}

func (b *bench) run(ctx context.Context, begun time.Time) error {
	ready, cancel := context.WithTimeout(ctx, b.c.Duration("timeout"))
	err := b.session.Ready(ready)
	cancel()
	if err != nil {
		return timedOut(err, "no tunnels")
	}
	b.result.ReadyMillis = millis(time.Since(begun))
	for _, step := range []func(context.Context) error{b.connects, b.identify, b.roundTrips, b.upload, b.download, b.tunnels} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) open(ctx context.Context) (*client.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, b.c.Duration("timeout"))
	defer cancel()
	return b.session.Connect(ctx, b.to)
}

// hopeless is how many streams may fail to open, before any has, until the measuring does.
const hopeless = 3

// connects opens streams one after another. One that fails is counted; only where none opens the
// measuring fails.
func (b *bench) connects(ctx context.Context) error {
	n := b.c.Int("connects")
	b.begin("connect", int64(n))
	var times []time.Duration
	var last error
	for i := range n {
		begun := time.Now()
		stream, err := b.open(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			last = err
			if passes := errors.Is(err, context.DeadlineExceeded) || cli.StatusOf(err) == cli.StatusAgain; len(times) == 0 && (!passes || i+1 == hopeless) {
				return err
			}
		} else {
			times = append(times, time.Since(begun))
			stream.Close()
		}
		b.done.Add(1)
	}
	b.result.Connect = spreadOf(times, n-len(times))
	if len(times) == 0 {
		return last
	}
	return nil
}

// identify finds out what the peer is by what it makes of the first line of bench's protocol.
func (b *bench) identify(ctx context.Context) error {
	b.result.Peer = b.c.String("as")
	if b.result.Peer != "" || b.c.Int("pings") == 0 && b.c.Int("bytes") == 0 {
		if b.result.Peer == "" {
			b.result.Peer = benchOther
		}
		return nil
	}
	b.begin("peer", 1)
	stream, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	b.result.Peer, err = identify(stream, min(guessing, b.c.Duration("timeout")))
	return errors.Join(ctx.Err(), err)
}

func identify(conn net.Conn, patience time.Duration) (string, error) {
	const hello = benchHello + "echo\n"
	if _, err := io.WriteString(conn, hello); err != nil {
		return benchOther, nil // it broke off
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	answer := make([]byte, len(hello))
	n, err := io.ReadAtLeast(conn, answer, len(benchOK))
	switch got := string(answer[:n]); {
	case got == benchOK:
		return benchPeer, nil
	case n > 0 && strings.HasPrefix(hello, got):
		return benchEcho, nil
	case n == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return benchDiscard, nil
	}
	return benchOther, nil
}

// ask opens a stream for a verb of bench's protocol; peers of other kinds are asked nothing.
func (b *bench) ask(ctx context.Context, verb string) (*client.Stream, *bufio.Reader, error) {
	stream, err := b.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReaderSize(stream, 64<<10)
	if b.result.Peer != benchPeer {
		return stream, in, nil
	}
	err = stream.SetReadDeadline(time.Now().Add(b.c.Duration("timeout")))
	if err == nil {
		_, err = io.WriteString(stream, benchHello+verb+"\n")
	}
	if err == nil {
		ok := make([]byte, len(benchOK))
		if _, err = io.ReadFull(in, ok); err == nil && string(ok) != benchOK {
			err = errBenchAsk
		}
	}
	if err == nil {
		err = stream.SetReadDeadline(time.Time{})
	}
	if err != nil {
		stream.Close()
		return nil, nil, late(err)
	}
	return stream, in, nil
}

// late is an error of a deadline in the words of contexts.
func late(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

// roundTrips sends a byte and waits until it is back, again and again.
func (b *bench) roundTrips(ctx context.Context) error {
	n := b.c.Int("pings")
	if n == 0 || b.result.Peer != benchPeer && b.result.Peer != benchEcho {
		return nil
	}
	b.begin("round trip", int64(n))
	stream, in, err := b.ask(ctx, "echo")
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	var times []time.Duration
	for range n {
		begun := time.Now()
		err := stream.SetReadDeadline(begun.Add(b.c.Duration("timeout")))
		if err == nil {
			_, err = stream.Write([]byte{'.'})
		}
		if err == nil {
			_, err = in.ReadByte()
		}
		if err != nil {
			return errors.Join(ctx.Err(), late(err))
		}
		times = append(times, time.Since(begun))
		b.done.Add(1)
	}
	s := spreadOf(times, 0)
	b.result.RoundTrip = &s
	return nil
}

// upload sends bytes until the peer has them all.
func (b *bench) upload(ctx context.Context) error {
	most := int64(b.c.Int("bytes"))
	if most == 0 || b.result.Peer == benchOther {
		return nil
	}
	b.begin("up", most)
	stream, in, err := b.ask(ctx, "take")
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	if b.result.Peer == benchEcho {
		return errors.Join(ctx.Err(), b.sendBack(stream, most))
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, in) // the count, or nothing; the stream's result says how it went
	}()
	begun := time.Now()
	sent, err := b.copyFor(stream, filler(), most)
	if err == nil {
		err = stream.CloseWrite()
	}
	if err == nil {
		wait, cancel := context.WithTimeout(ctx, b.c.Duration("timeout"))
		defer cancel()
		_, err = stream.Result(wait)
	}
	b.result.Up = flowOf(sent, time.Since(begun))
	stream.Close()
	<-drained
	return err
}

// sendBack sends to an echo until all is back. The end is not told before: some peers end both
// directions then.
func (b *bench) sendBack(stream *client.Stream, most int64) error {
	var back, target atomic.Int64
	target.Store(math.MaxInt64)
	read := make(chan error, 1)
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := stream.Read(buf)
			if back.Add(int64(n)) >= target.Load() || err != nil {
				read <- err
				return
			}
		}
	}()
	begun := time.Now()
	sent, err := b.copyFor(stream, filler(), most)
	if err != nil {
		stream.Close()
		<-read
		return err
	}
	target.Store(sent)
	limit := time.Now()
	if back.Load() < sent {
		limit = limit.Add(b.c.Duration("timeout"))
	}
	if err := stream.SetReadDeadline(limit); err != nil {
		return err
	}
	if err := <-read; back.Load() < sent {
		return late(err)
	}
	b.result.Up = flowOf(sent, time.Since(begun))
	b.result.Down = b.result.Up
	return nil
}

// download has the peer send.
func (b *bench) download(ctx context.Context) error {
	most := int64(b.c.Int("bytes"))
	if most == 0 || b.result.Peer != benchPeer {
		return nil
	}
	b.begin("down", most)
	stream, in, err := b.ask(ctx, fmt.Sprintf("give %d", most))
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	begun := time.Now()
	if err := stream.SetReadDeadline(begun.Add(b.c.Duration("span"))); err != nil {
		return err
	}
	got, err := b.copyFor(io.Discard, in, most)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.Join(ctx.Err(), err)
	}
	b.result.Down = flowOf(got, time.Since(begun))
	return ctx.Err()
}

// copyFor copies until there is most, or --span is over.
func (b *bench) copyFor(to io.Writer, from io.Reader, most int64) (n int64, err error) {
	const piece = 16 << 10
	for end := time.Now().Add(b.c.Duration("span")); n < most && time.Now().Before(end); {
		m, err := io.CopyN(to, from, min(piece, most-n))
		n += m
		b.done.Store(n)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (b *bench) tunnels(ctx context.Context) error {
	router, err := cli.Router(b.c)
	if err != nil {
		return err
	}
	b.result.Tunnels, err = hops(ctx, router, b.session.B32)
	return err
}
