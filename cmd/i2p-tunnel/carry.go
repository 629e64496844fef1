package main

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/control/client"
)

// carry copies what l says to the stream, and the stream to l, until both directions have
// ended, and returns how the stream ended. The end of what l says is held back as h says. Its
// reading of l may outlive it.
func carry(ctx context.Context, stream *client.Stream, l local, h *hold) error {
	var said atomic.Bool
	written := make(chan struct{})
	ctx, cancel := lasting(ctx, stream, said.Load, written)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	go feed(ctx, stream, l, h, &said, cancel)

	out := &blamed{Writer: l.out}
	_, err := io.Copy(io.MultiWriter(h, out), stream)
	h.ended()
	close(written)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case out.err != nil: // it is full or gone: the peer must not believe that we have it all
		stream.Close()
		err = out.err
	case err != nil: // the router's doing: it knows why
		if _, why := stream.Result(ctx); why != nil {
			err = why
		}
		stream.Close()
	default:
		err = stream.PeerEnded(ctx)
	}
	if err != nil {
		l.abort()
		return err
	}
	l.closeWrite()
	if l.terminal {
		stream.CloseWrite() // nobody wants to type into a stream that said goodbye
	}
	if _, err = stream.Result(ctx); err != nil {
		l.abort()
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
	return err
}

// How long what has come is still written once we are told to stop: where nothing tells that it is all,
// and where it is.
const (
	lastMoment = 250 * time.Millisecond
	lastWords  = 5 * time.Second
)

// lasting gives a context for a stream: it ends with ctx, but not before all is written of which the peer may have been
// told that it arrived. That is so once both have ended their writing: the router has it all then, and we may not
// have read it. Where we have not said so, the peer sees the stream break off. written is closed when all is.
func lasting(ctx context.Context, stream *client.Stream, said func() bool, written <-chan struct{}) (life context.Context, end context.CancelCauseFunc) {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	wait := func(most time.Duration) {
		select {
		case <-written:
		case <-time.After(most):
		case <-life.Done():
		}
	}
	stop := context.AfterFunc(ctx, func() {
		if said() && !stream.PeerHasEnded() {
			wait(lastMoment)
		}
		if stream.PeerHasEnded() {
			wait(lastWords)
		}
		cancel(context.Cause(ctx))
	})
	return life, func(err error) {
		stop()
		cancel(err)
	}
}

// feed writes what l says to the stream. Where l fails, so does the whole.
func feed(ctx context.Context, stream *client.Stream, l local, h *hold, said *atomic.Bool, fail context.CancelCauseFunc) {
	in := &blamed{Reader: l.in}
	n, err := io.Copy(onlyWriter{stream}, in)
	switch {
	case in.err != nil:
		fail(in.err)
	case err == nil: // what is wrong with the stream, its reader is told
		h.wait(ctx, n)
		said.Store(true)
		stream.CloseWrite()
	}
}

// onlyWriter hides ReadFrom, so that io.Copy reads as it comes.
type onlyWriter struct{ io.Writer }

// blamed notes what went wrong on its side of a copy.
type blamed struct {
	io.Reader
	io.Writer
	err error
}

func (b *blamed) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != io.EOF {
		b.err = err
	}
	return n, err
}

func (b *blamed) Write(p []byte) (int, error) {
	n, err := b.Writer.Write(p)
	b.err = err
	return n, err
}
