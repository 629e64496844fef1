package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// backoff is how long to wait before each next try.
type backoff struct{ next time.Duration }

const (
	firstPause = 250 * time.Millisecond
	mostPause  = 15 * time.Second
)

func (b *backoff) pause() time.Duration {
	b.next = min(max(2*b.next, firstPause), mostPause)
	return b.next
}

// pause waits, and reports whether there is any use in going on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// passing tells whether what went wrong may be otherwise in a while, once the router or the
// peer is there again.
func passing(err error) bool {
	for _, code := range []control.Code{control.NotFound, control.Refused, control.Reset} {
		if errors.Is(err, &control.Error{Code: code}) {
			return true
		}
	}
	status := cli.StatusOf(err)
	return !errors.Is(err, client.ErrForbidden) && (status == cli.StatusNoRouter || status == cli.StatusAgain)
}

// source is a reader that is read ahead, so that its end is known, and that several streams
// may be given one after the other: what one has not taken is the next one's.
type source struct {
	chunks chan chunk

	mu    sync.Mutex // of who reads
	rest  []byte
	err   error // behind rest
	taken bool  // some of it
}

type chunk struct {
	bytes []byte
	err   error
}

// newSource begins to read r. It goes on until r ends, whatever becomes of the source.
func newSource(r io.Reader) *source {
	s := &source{chunks: make(chan chunk)}
	go func() {
		for {
			b := make([]byte, 32<<10)
			n, err := r.Read(b)
			s.chunks <- chunk{b[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// stopped is the error of a reader whose stream has ended.
var errStopped = errors.New("the stream has ended")

// reader reads for one stream, until ctx ends.
func (s *source) reader(ctx context.Context) io.Reader { return sourceReader{s, ctx} }

type sourceReader struct {
	s   *source
	ctx context.Context
}

func (r sourceReader) Read(p []byte) (int, error) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.rest) == 0 && s.err == nil {
		select {
		case c := <-s.chunks:
			s.rest, s.err = c.bytes, c.err
		case <-r.ctx.Done():
			return 0, errStopped
		}
	}
	if r.ctx.Err() != nil {
		return 0, errStopped
	}
	if len(s.rest) == 0 {
		return 0, s.err
	}
	n := copy(p, s.rest)
	s.rest, s.taken = s.rest[n:], true
	return n, nil
}

// untouched tells whether nothing of it went to any stream. It waits for a reader whose stream
// has ended.
func (s *source) untouched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.taken
}

// wait waits, and reports whether there is still something that a stream is for: not once all
// has ended, and nothing was said.
func (s *source) wait(ctx context.Context, d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		chunks := s.chunks
		if len(s.rest) > 0 || s.err != nil {
			chunks = nil
		}
		if len(s.rest) == 0 && s.err != nil {
			return false
		}
		select {
		case c := <-chunks:
			s.rest, s.err = c.bytes, c.err
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}
