package transport

import (
	"errors"
	"os"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
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

// work is what a writer finds to do.
type work struct {
	batch    []i2np.Message
	announce bool
	options  *ntcp2.Options
	stop     *ntcp2.TerminationError
}

// release lets go of messages that are not sent.
func (w *work) release() {
	for i, m := range w.batch {
		m.Release()
		w.batch[i] = i2np.Message{}
	}
	w.batch = w.batch[:0]
}

// writer is what a session's writing goroutine keeps.
type writer struct {
	*session
	progress progress
	stalls   bool
	timer    *time.Timer
	fires    time.Time // when the timer does
	deadline time.Time // of writes
	nextInfo time.Time // when our RouterInfo is due
	lastSent time.Time
	batch    []i2np.Message
	target   int // how much is taken out of the queue at once
}

// write is the session's writer. It sends what is queued at once, never waits
// for more, and ends by closing the connection.
func (s *session) write(first []byte) {
	defer s.conn.Close()
	w := writer{
		session: s, progress: newProgress(s.conn), timer: time.NewTimer(0), fires: time.Now(),
		nextInfo: s.since.Add(s.infoInterval()), lastSent: s.since, target: batchTarget,
	}
	defer w.timer.Stop()
	for {
		s.t.cfg.Gather()
		todo := s.take(w.batch, w.target)
		if todo.stop != nil {
			s.sayFarewell(todo.stop)
			return
		}
		if todo.options != nil {
			s.send.Negotiate(ntcp2.DefaultOptions, *todo.options)
		}
		now := time.Now()
		if !now.Before(w.nextInfo) {
			todo.announce, w.nextInfo = true, now.Add(s.infoInterval())
		}
		due, keepAlive := now, false
		why := w.look(now)
		if why == nil && len(todo.batch) == 0 {
			due, keepAlive, why = s.upkeep(now, w.lastSent)
		}
		w.batch = todo.batch
		switch {
		case why != nil:
			todo.release()
			s.end(why)
		case len(todo.batch) > 0 || len(first) > 0 || todo.announce || keepAlive:
			err := w.writeBatch(first, todo, keepAlive)
			first, w.lastSent = nil, now
			w.adapt(time.Since(now))
			if err != nil { // a frame may be cut: nothing can follow it
				s.end(lost(err))
				return
			}
		default:
			w.sleep(now, due)
		}
	}
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

func (s *session) infoInterval() time.Duration {
	return s.t.limits.InfoInterval + drawDuration(s.random, s.t.limits.InfoInterval)
}

// sleep waits until there is something to do, which time asks for at due.
func (w *writer) sleep(now, due time.Time) {
	due = earlier(due, w.nextInfo)
	if w.progress.owed || w.stalls {
		due = earlier(due, w.progress.next)
	}
	if due.Before(w.fires) || !now.Before(w.fires) {
		w.timer.Reset(due.Sub(now))
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
	if silence >= w.t.limits.DeadAfter {
		return lost(errUnanswered)
	}
	if stalls := silence >= w.t.limits.StallAfter; stalls != w.stalls {
		w.stalls = stalls
		w.stall(stalls)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// take collects what there is to do. Only the current session takes messages.
func (s *session) take(batch []i2np.Message, limit int) work {
	p := s.peer
	now := i2p.DateOf(s.t.cfg.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	select { // what this says is seen now
	case <-s.wake:
	default:
	}
	w := work{batch: batch[:0], stop: s.stop, announce: s.announce, options: s.options}
	if w.stop != nil {
		return w
	}
	s.announce, s.options = false, nil
	if p.current == s && p.queue.len() > 0 {
		var gone taken
		w.batch, gone = p.queue.take(w.batch, now, s.t.since(), limit)
		if gone != (taken{}) {
			p.expired += uint64(gone.expired)
			p.dropped += uint64(gone.late)
			s.t.counters.expired.Add(uint64(gone.expired))
			s.t.counters.dropped.Add(uint64(gone.late))
			s.t.counters.late.Add(uint64(gone.late))
		}
	}
	return w
}

// upkeep says when the writer must look again, whether a keep-alive is due, and
// whether the session must end: for idleness, or as a spare without traffic.
func (s *session) upkeep(now, lastSent time.Time) (due time.Time, keepAlive bool, why *ntcp2.TerminationError) {
	l := &s.t.limits
	quiet := s.quietFor()
	s.peer.mu.Lock()
	spare := s.spareSince
	s.peer.mu.Unlock()
	if !spare.IsZero() {
		left := spareLife - min(quiet, now.Sub(spare))
		if left <= 0 {
			return now, false, &ntcp2.TerminationError{Reason: ntcp2.ReasonNormal}
		}
		return now.Add(left), false, nil
	}
	if quiet < s.idle/2 && quiet < l.KeepAlive { // the common case: not worth asking
		return now.Add(min(s.idle, l.KeepAlive) - quiet), false, nil
	}
	if s.t.cfg.Wanted != nil && s.t.cfg.Wanted(s.peer.hash) {
		if left := l.KeepAlive - now.Sub(lastSent); left > 0 {
			return now.Add(left), false, nil
		}
		return now.Add(l.KeepAlive), true, nil
	}
	if quiet >= s.idle {
		return now, false, &ntcp2.TerminationError{Reason: ntcp2.ReasonIdleTimeout}
	}
	return now.Add(min(s.idle-quiet, l.KeepAlive)), false, nil
}

// writeBatch seals messages into frames and writes them in one piece, behind
// message 3 where that has not been written yet.
func (w *writer) writeBatch(first []byte, todo work, keepAlive bool) error {
	s := w.session
	lent := outBuffers.Get().(*[]byte)
	out := append((*lent)[:0], first...)
	if todo.announce {
		out = s.sealInfo(out)
	} else if keepAlive {
		at := len(out)
		out = s.send.Seal(ntcp2.AppendDateTime(ntcp2.Begin(out), s.t.cfg.Now()), at)
	}
	out = s.sealMessages(out, todo.batch)
	w.batch = todo.batch[:0]
	if n := len(todo.batch); n > 0 {
		s.used()
		s.msgsOut.Add(uint64(n))
		s.t.counters.msgsOut.Add(uint64(n))
	}
	err := w.writeAll(out)
	if cap(out) <= keptBuffer {
		*lent = out[:0]
		outBuffers.Put(lent)
	}
	return err
}

// sealMessages appends the batch's frames to out, and releases the messages.
func (s *session) sealMessages(out []byte, batch []i2np.Message) []byte {
	at := -1
	for i, m := range batch {
		if at >= 0 && len(out)-at+m.ShortLen() > frameTarget {
			out = s.send.Seal(out, at)
			at = -1
		}
		if at < 0 {
			at = len(out)
			out = ntcp2.Begin(out)
		}
		block := len(out)
		out = ntcp2.EndI2NP(m.AppendShort(ntcp2.BeginI2NP(out)), block)
		m.Release()
		batch[i] = i2np.Message{}
	}
	if at >= 0 {
		out = s.send.Seal(out, at)
	}
	return out
}

// sealInfo appends a frame with the date and our RouterInfo.
func (s *session) sealInfo(out []byte) []byte {
	ri := s.t.cfg.OurInfo()
	if ri == nil {
		return out
	}
	at := len(out)
	out = ntcp2.AppendDateTime(ntcp2.Begin(out), s.t.cfg.Now())
	out = ntcp2.RouterInfo{Info: ri.Bytes()}.AppendTo(out)
	return s.send.Seal(out, at)
}

// writeAll writes b, within the limit of bandwidth. A write that gets stuck is
// interrupted, to see whether the peer still acknowledges.
func (w *writer) writeAll(b []byte) error {
	for len(b) > 0 {
		n := len(b)
		if w.t.out.limiter != nil {
			n = min(n, w.t.out.chunk)
			if err := w.t.out.wait(w.ctx, n); err != nil {
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
		}
		n, err := w.conn.Write(b)
		w.bytesOut.Add(uint64(n))
		w.t.counters.bytesOut.Add(uint64(n))
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
		if why := w.look(time.Now()); why != nil {
			return why.Err
		}
	}
}

// sayFarewell writes the Termination block.
func (s *session) sayFarewell(why *ntcp2.TerminationError) {
	if s.silent(why) {
		return
	}
	s.conn.SetWriteDeadline(time.Now().Add(farewell))
	end := ntcp2.Termination{Frames: s.frames.Load(), Reason: why.Reason}
	n, _ := s.conn.Write(s.send.Seal(end.AppendTo(ntcp2.Begin(nil)), 0))
	s.bytesOut.Add(uint64(n))
	s.t.counters.bytesOut.Add(uint64(n))
}
