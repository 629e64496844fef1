package httpserver

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/httpmsg"
)

// attendance is the goroutine that reads the peer while its request is answered: the request's body, and
// then whether the peer is still there.
type attendance struct {
	done     chan struct{} // one for each time
	active   bool          // the session's own
	stopping atomic.Bool
	err      error // why the request goes no further; to be looked at when done
}

// watch sends the request's body, and then waits for the peer to break off.
func (e *session) watch() {
	a, up := &e.attend, e.up
	a.active, a.err = true, nil
	a.stopping.Store(false)
	go func() {
		defer func() { a.done <- struct{}{} }()
		err := e.send(up)
		if err == nil {
			_, err = e.r.Peek(1)
		}
		if err == nil || err == io.EOF || a.stopping.Load() || errors.Is(err, errUpstream) {
			return // a peer that has said all may still wait for the answer
		}
		a.err = err
		splice.Break(up.Conn)
	}()
}

// dismiss ends what watch began, and tells what it found.
func (e *session) dismiss() error {
	a := &e.attend
	if !a.active {
		return nil
	}
	a.stopping.Store(true)
	e.c.SetReadDeadline(past)
	<-a.done
	a.active = false
	e.c.SetReadDeadline(time.Time{})
	return a.err
}

// errUpstream is why a body was not sent where the web server did not take it: it may have answered all
// the same.
var errUpstream = errors.New("the web server takes no more")

// send sends the request's body.
func (e *session) send(up *upstream) error {
	if e.sent.Done {
		return nil
	}
	limits := &e.s.cfg.Limits
	buf := writers.Get().(*[]byte)
	defer writers.Put(buf)
	w := httpmsg.Pieces{Body: &e.sent, Chunked: e.req.Body.Kind == httpmsg.Chunked}
	for {
		e.c.SetReadDeadline(time.Now().Add(limits.Stall))
		if e.attend.stopping.Load() {
			return os.ErrDeadlineExceeded
		}
		piece, err := w.Next((*buf)[:0])
		if err != nil && err != io.EOF {
			return err
		}
		now := time.Now()
		up.SetWriteDeadline(now.Add(limits.Stall))
		if _, err := up.Write(piece); err != nil {
			return errUpstream
		}
		if err == io.EOF {
			e.c.SetReadDeadline(time.Time{})
			if e.attend.stopping.Load() {
				return os.ErrDeadlineExceeded
			}
			up.SetReadDeadline(now.Add(limits.Answer))
			return nil
		}
		up.SetReadDeadline(now.Add(limits.Answer))
	}
}
