package transport

import (
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
)

// outBuffers lends write buffers to the writers that have something to write.
var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, batchTarget+frameTarget); return &b }}

// work is what a writer finds to do.
type work struct {
	batch    []i2np.Message
	announce bool
	options  *ntcp2.Options
	stop     *ntcp2.TerminationError
}

// write is the session's writer. It sends what is queued at once, never waits
// for more, and ends by closing the connection.
func (s *session) write(first []byte) {
	defer s.conn.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	fires := time.Now()
	nextInfo := s.since.Add(s.t.limits.InfoInterval + drawDuration(s.random, s.t.limits.InfoInterval))
	lastSent, deadline := s.since, time.Time{}
	var batch []i2np.Message
	for {
		s.t.cfg.Gather()
		w := s.take(batch)
		if w.stop != nil {
			s.sayFarewell(w.stop)
			return
		}
		if w.options != nil {
			s.send.Negotiate(ntcp2.DefaultOptions, *w.options)
		}
		now := time.Now()
		if !now.Before(nextInfo) {
			w.announce = true
			nextInfo = now.Add(s.t.limits.InfoInterval + drawDuration(s.random, s.t.limits.InfoInterval))
		}
		due, keepAlive := now, false
		if len(w.batch) == 0 {
			var why *ntcp2.TerminationError
			if due, keepAlive, why = s.upkeep(now, lastSent); why != nil {
				s.end(why)
				continue
			}
		}
		if len(w.batch) > 0 || len(first) > 0 || w.announce || keepAlive {
			if deadline.Sub(now) < s.t.limits.WriteTimeout/2 {
				deadline = now.Add(s.t.limits.WriteTimeout)
				s.conn.SetWriteDeadline(deadline)
				if s.stopped.Load() { // end may have set its own before ours
					s.conn.SetWriteDeadline(now.Add(farewell))
				}
			}
			err := s.writeBatch(first, w, keepAlive)
			first, batch, lastSent = nil, w.batch[:0], now
			if err != nil { // a frame may be cut: nothing can follow it
				s.end(lost(err))
				return
			}
			continue
		}
		batch = w.batch
		if due = earlier(due, nextInfo); due.Before(fires) || !now.Before(fires) {
			timer.Reset(due.Sub(now))
			fires = due
		}
		select {
		case <-s.wake:
		case <-timer.C:
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// take collects what there is to do. Only the current session takes messages.
func (s *session) take(batch []i2np.Message) work {
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
		var expired int
		w.batch, expired = p.queue.take(w.batch, now, batchTarget)
		if expired > 0 {
			p.expired += uint64(expired)
			s.t.counters.expired.Add(uint64(expired))
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
func (s *session) writeBatch(first []byte, w work, keepAlive bool) error {
	lent := outBuffers.Get().(*[]byte)
	out := append((*lent)[:0], first...)
	if w.announce {
		out = s.sealInfo(out)
	} else if keepAlive {
		at := len(out)
		out = s.send.Seal(ntcp2.AppendDateTime(ntcp2.Begin(out), s.t.cfg.Now()), at)
	}
	out = s.sealMessages(out, w.batch)
	if n := len(w.batch); n > 0 {
		s.touch()
		s.msgsOut.Add(uint64(n))
		s.t.counters.msgsOut.Add(uint64(n))
	}
	err := s.writeAll(out)
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

// writeAll writes b, within the limit of bandwidth.
func (s *session) writeAll(b []byte) error {
	for len(b) > 0 {
		n := len(b)
		if s.t.out.limiter != nil {
			n = min(n, s.t.out.chunk)
			if err := s.t.out.wait(s.ctx, n); err != nil {
				return err
			}
		}
		n, err := s.conn.Write(b[:n])
		s.bytesOut.Add(uint64(n))
		s.t.counters.bytesOut.Add(uint64(n))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
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
