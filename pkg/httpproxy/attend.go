package httpproxy

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/httpmsg"
)

// attendance is the goroutine that reads the client while its request is answered: the request's
// body, and then whether the client is still there.
type attendance struct {
	done     chan struct{} // one for each watch
	active   bool          // the session's own
	stopping atomic.Bool
	finished atomic.Bool // the body was sent

	mu   sync.Mutex
	gone bool  // the client went away
	err  error // the body is malformed
}

// watch has the client read. Its request's body is sent to up, where there is one. Once the
// client is gone, or its body turns out to be malformed, lost is called, once.
func (s *session) watch(up *stream, lost func()) {
	a := &s.attend
	a.active, a.gone, a.err = true, false, nil
	a.stopping.Store(false)
	a.finished.Store(s.sent.Done)
	go func() {
		defer func() { a.done <- struct{}{} }()
		err := s.send(up)
		if err == nil {
			a.finished.Store(s.sent.Done)
			_, err = s.r.Peek(1)
		}
		if err == nil || a.stopping.Load() || errors.Is(err, errUpstream) {
			return
		}
		a.mu.Lock()
		if errors.Is(err, httpmsg.ErrMalformed) {
			a.err = err
		} else {
			a.gone = true
		}
		a.mu.Unlock()
		lost()
	}()
}

// dismiss ends what watch began, and reports whether the client is still there.
func (s *session) dismiss() bool {
	a := &s.attend
	if a.active {
		a.stopping.Store(true)
		s.c.SetReadDeadline(past)
		<-a.done
		a.active = false
		s.c.SetReadDeadline(time.Time{})
	}
	return !a.gone
}

// lost tells what watch has found, which goes on.
func (s *session) lost() (gone bool, err error) {
	s.attend.mu.Lock()
	defer s.attend.mu.Unlock()
	return s.attend.gone, s.attend.err
}

// errUpstream is why a body was not sent where the other side did not take it: it may have
// answered all the same.
var errUpstream = errors.New("the other side takes no more")

// send sends the request's body.
func (s *session) send(up *stream) error {
	if up == nil || s.sent.Done {
		return nil
	}
	limits := &s.p.cfg.Limits
	buf := writers.Get().(*[]byte)
	defer writers.Put(buf)
	w := httpmsg.Pieces{Body: &s.sent, Chunked: s.req.Body.Kind == httpmsg.Chunked}
	defer func() { s.p.counts.bytesOut.Add(w.N) }()
	for {
		piece, err := w.Next((*buf)[:0])
		if err != nil && err != io.EOF {
			return err
		}
		now := time.Now()
		up.SetWriteDeadline(now.Add(limits.Stall))
		if _, err := up.Write(piece); err != nil {
			return errUpstream
		}
		up.SetReadDeadline(now.Add(limits.Answer))
		deadline := now.Add(limits.Stall)
		if err == io.EOF {
			deadline = time.Time{}
		}
		s.c.SetReadDeadline(deadline)
		if s.attend.stopping.Load() {
			return os.ErrDeadlineExceeded
		}
		if err == io.EOF {
			return nil
		}
	}
}
