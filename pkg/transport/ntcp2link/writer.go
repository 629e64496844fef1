package ntcp2link

import (
	"errors"
	"os"
	"sync"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// Frames are closed once they hold frameTarget bytes; the specification asks
// for a few KB, i2pd sends up to 16. A batch of frames is written at once.
const (
	frameTarget = 16 << 10
	batchTarget = 48 << 10
	keptBuffer  = 160 << 10
	batchLeast  = 4 << 10
)

// slowWrite is how long a batch should not take to be written.
const slowWrite = 40 * time.Millisecond

// outBuffers lends write buffers to the writers that have something to write.
var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, batchTarget+frameTarget); return &b }}

// writer is what a link's writing goroutine keeps.
type writer struct {
	*link
	first    []byte // message 3, until it is written
	progress progress
	stalls   bool
	timer    *time.Timer
	fires    time.Time // when the timer does
	deadline time.Time // of writes
	batch    []i2np.Message
	target   int // how much is taken out of the queue at once
	ceiling  ceiling
	unjudged int // bytes written since the ceiling was looked at
	flight   flight
}

// write is the link's writer. It sends what is queued at once, never waits for
// more, and ends by closing the connection.
func (l *link) write(first []byte) {
	defer func() {
		if !l.moved.Load() { // the reader may still have something to read
			l.conn.Close()
		}
	}()
	w := writer{
		link: l, first: first, progress: newProgress(l.conn), timer: time.NewTimer(deadline.Rest(0)), fires: time.Now(), target: batchTarget,
		flight: flight{loan: l.session.Lend(ownFlight)},
	}
	defer w.timer.Stop()
	defer func() { l.session.Return(w.flight.takeBack()) }()
	for {
		l.d.host.Gather()
		select { // what this says is seen now
		case <-l.wake:
		default:
		}
		stop, options := l.told()
		if stop != nil {
			l.sayFarewell(stop)
			return
		}
		if options != nil {
			l.send.Negotiate(ntcp2.DefaultOptions, *options)
		}
		todo := l.session.Take(w.batch, w.target)
		w.batch = todo.Messages
		now := time.Now()
		switch why := w.look(now); {
		case why != nil:
			l.session.Return(todo.Messages)
			l.end(why)
		case l.yielded.Load():
			w.yield(now, todo)
		case !todo.Idle() || len(w.first) > 0:
			err := w.writeBatch(todo)
			took := time.Since(now)
			w.adapt(took)
			w.bound(now.Add(took))
			if err != nil && !errors.Is(err, errYielded) { // a frame may be cut: nothing can follow it
				l.end(lost(err))
			}
		default:
			w.sleep(now, todo.Due)
		}
	}
}

// told is what the writer must know: whether the link ends, and the options that
// the peer has sent since.
func (l *link) told() (*ntcp2.TerminationError, *ntcp2.Options) {
	l.mu.Lock()
	defer l.mu.Unlock()
	options := l.options
	l.options = nil
	return l.stop, options
}

// errYielded is the end of a link that should send again after it has yielded.
var errYielded = errors.New("ntcp2: what was written is not all there any more")

// yield gives back what may not have arrived, and waits.
func (w *writer) yield(now time.Time, todo transport.Work) {
	w.session.Return(w.flight.takeBack())
	w.progress.owed, w.stalls = false, false
	if len(todo.Messages) > 0 {
		w.session.Return(todo.Messages)
		w.end(lost(errYielded))
		return
	}
	w.sleep(now, todo.Due)
}

// adapt has less taken out of the queue at once while that takes long to be
// written: what has left the queue cannot be put in order or dropped any more.
func (w *writer) adapt(took time.Duration) {
	switch {
	case took > slowWrite:
		w.target = max(w.target/2, batchLeast)
	case took < slowWrite/4:
		w.target = min(2*w.target, batchTarget)
	}
}

// bound keeps the rate of bulk to what the line carries.
func (w *writer) bound(now time.Time) {
	if w.unjudged < leastSent || now.Sub(w.ceiling.at) < leastSpan {
		return
	}
	w.unjudged = 0
	if f, known := tcpFlow(w.conn); known && w.ceiling.judge(now, f) {
		govern(w.conn, w.ceiling.rate, w.ceiling.cubic)
	}
}

// sleep waits until there is something to do, which time asks for at due.
func (w *writer) sleep(now, due time.Time) {
	if w.progress.owed || w.stalls {
		due = deadline.Earliest(due, w.progress.next)
	}
	if due.Before(w.fires) || !now.Before(w.fires) {
		w.timer.Reset(deadline.Rest(due.Sub(now)))
		w.fires = due
	}
	select {
	case <-w.wake:
	case <-w.timer.C:
	}
}

// look says why the session must end, where its peer has acknowledged nothing
// for too long; before that, it has the peer's messages sent elsewhere.
func (w *writer) look(now time.Time) *ntcp2.TerminationError {
	if !(w.progress.owed || w.stalls) || now.Before(w.progress.next) {
		return nil
	}
	silence := w.progress.silence(now)
	w.flight.arrived(w.progress.through())
	if silence >= w.d.limits.DeadAfter {
		return lost(errUnanswered)
	}
	if stalls := silence >= w.d.limits.StallAfter; stalls != w.stalls {
		w.stalls = stalls
		w.session.Stall(stalls)
	}
	return nil
}

// writeBatch seals messages into frames and writes them in one piece, behind
// message 3 where that has not been written yet.
func (w *writer) writeBatch(todo transport.Work) error {
	lent := outBuffers.Get().(*[]byte)
	out := append((*lent)[:0], w.first...)
	w.first = nil
	switch {
	case todo.Info != nil:
		out = w.sealInfo(out, todo.Info)
	case todo.KeepAlive:
		at := len(out)
		out = w.send.Seal(ntcp2.AppendDateTime(ntcp2.Begin(out), w.d.host.Now()), at)
	}
	out = w.sealMessages(out, todo.Messages)
	w.unjudged += len(out)
	w.flight.add(todo.Messages, len(out), w.progress.known)
	err := w.writeAll(out)
	if w.flight.memory >= askFlight {
		w.flight.arrived(w.progress.through())
	}
	if cap(out) <= keptBuffer {
		*lent = out[:0]
		outBuffers.Put(lent)
	}
	return err
}

// sealMessages appends the batch's frames to out.
func (l *link) sealMessages(out []byte, batch []i2np.Message) []byte {
	at := -1
	for _, m := range batch {
		if at >= 0 && len(out)-at+m.ShortLen() > frameTarget {
			out = l.send.Seal(out, at)
			at = -1
		}
		if at < 0 {
			at = len(out)
			out = ntcp2.Begin(out)
		}
		block := len(out)
		out = ntcp2.EndI2NP(m.AppendShort(ntcp2.BeginI2NP(out)), block)
	}
	if at >= 0 {
		out = l.send.Seal(out, at)
	}
	return out
}

// sealInfo appends a frame with the date and our RouterInfo.
func (l *link) sealInfo(out []byte, ri *routerinfo.RouterInfo) []byte {
	at := len(out)
	out = ntcp2.AppendDateTime(ntcp2.Begin(out), l.d.host.Now())
	out = ntcp2.RouterInfo{Info: ri.Bytes()}.AppendTo(out)
	return l.send.Seal(out, at)
}

// writeAll writes b, within the limit of bandwidth. A write that gets stuck is
// interrupted, to see whether the peer still acknowledges.
func (w *writer) writeAll(b []byte) error {
	for len(b) > 0 {
		n := len(b)
		if w.d.host.Out.Limited() {
			n = min(n, w.d.host.Out.Chunk())
			if err := w.d.host.Out.Wait(w.ctx, n); err != nil {
				return err
			}
		}
		if err := w.writeChunk(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (w *writer) writeChunk(b []byte) error {
	for {
		now := time.Now()
		w.progress.writing(now)
		if w.deadline.Sub(now) < progressEvery {
			w.deadline = now.Add(2 * progressEvery)
			w.conn.SetWriteDeadline(w.deadline)
			if w.stopped.Load() { // end may have set its own before ours
				w.conn.SetWriteDeadline(now.Add(farewell))
			}
			if w.yielded.Load() { // and so may Yield
				return errYielded
			}
		}
		n, err := w.conn.Write(b)
		w.session.Wrote(n)
		b = b[n:]
		if n > 0 {
			w.progress.took(now, len(b) == 0)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || w.stopped.Load() {
			return err
		}
		if len(b) == 0 {
			return nil
		}
		if w.yielded.Load() {
			return errYielded
		}
		if why := w.look(time.Now()); why != nil {
			return why.Err
		}
	}
}

// sayFarewell writes the Termination block.
func (l *link) sayFarewell(why *ntcp2.TerminationError) {
	if silent(why) {
		return
	}
	l.conn.SetWriteDeadline(time.Now().Add(farewell))
	end := ntcp2.Termination{Frames: l.frames.Load(), Reason: why.Reason}
	n, _ := l.conn.Write(l.send.Seal(end.AppendTo(ntcp2.Begin(nil)), 0))
	l.session.Wrote(n)
}
