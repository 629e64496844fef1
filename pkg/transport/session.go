package transport

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// Session is the table's side of a link. One goroutine at a time calls Take, and
// one, which may be another, what tells of things that have come in.
type Session struct {
	t          *table
	way        *way
	link       Link
	peer       *peer
	inbound    bool
	networks   origin.Networks // none where it is not counted
	left       bool            // the place in the table is another's; the transport's mutex guards it
	since      time.Time
	version    string
	maxMessage int

	sending
	known
	traffic
	standing
}

// sending is what Take keeps.
type sending struct {
	random   *draw.Source
	idle     time.Duration
	nextInfo time.Time // when our RouterInfo is due
	lastSent time.Time
	kept     atomic.Bool // by Keep
}

// known is what the receiving side keeps.
type known struct {
	info   *routerinfo.RouterInfo // the newest that the peer sent
	infoAt time.Time              // when one was last verified
	readAt time.Duration          // since the transport's epoch; a look at the clock for each message is too dear
}

// traffic counts what went over a session.
type traffic struct {
	lastI2NP           atomic.Int64 // since the transport's epoch
	bytesIn, bytesOut  atomic.Uint64
	msgsIn, msgsOut    atomic.Uint64
	ignored, malformed atomic.Uint64
}

// standing is how a session stands. The peer's mutex guards it.
type standing struct {
	why        error // it has ended, or is about to
	stalled    bool
	announce   bool
	spareSince time.Time // zero unless this is the spare
}

func (t *table) newSession(w *way, l Link, inbound bool, random *draw.Source) *Session {
	s := &Session{t: t, way: w, link: l, inbound: inbound, since: time.Now(), maxMessage: l.State().MaxMessage}
	s.random = random
	s.idle = t.cfg.Limits.IdleTimeout + s.random.Between(0, t.cfg.Limits.IdleTimeout/6)
	s.nextInfo, s.lastSent = s.since.Add(s.infoInterval()), s.since
	s.used()
	s.readAt = s.t.since()
	return s
}

// run runs the link until it has ended.
func (s *Session) run() {
	s.link.Run(s)
	s.End(nil)
	s.t.retire(s)
}

// Work is what there is for a link to do.
type Work struct {
	Messages  []i2np.Message         // that are the link's now
	Info      *routerinfo.RouterInfo // ours, which the peer is to get; nil where it need not
	KeepAlive bool                   // something is to be sent, however little
	Due       time.Time              // when to Take again, unless woken before
}

// Idle reports whether there is nothing to do.
func (w *Work) Idle() bool { return len(w.Messages) == 0 && w.Info == nil && !w.KeepAlive }

// Take gives a link what there is to do: messages of about limit bytes, appended
// to batch[:0], which is urgent ones first and then the tunnels' by turns. It
// ends a session that has nothing to do for too long.
func (s *Session) Take(batch []i2np.Message, limit int) Work {
	t, p := s.t, s.peer
	date := i2p.DateOf(t.cfg.Now())
	w := Work{Messages: batch[:0]}
	p.mu.Lock()
	if s.why != nil {
		p.mu.Unlock()
		return w
	}
	announce, spare := s.announce, s.spareSince
	s.announce = false
	if p.current == s && p.queue.len() > 0 {
		var gone taken
		w.Messages, gone = p.queue.take(w.Messages, date, t.since(), limit)
		if gone != (taken{}) {
			p.expired += uint64(gone.expired)
			p.dropped += uint64(gone.late)
			s.way.counters.expired.Add(uint64(gone.expired))
			s.way.counters.dropped.Add(uint64(gone.late))
			s.way.counters.late.Add(uint64(gone.late))
		}
	}
	p.mu.Unlock()
	w.Messages = s.fitting(w.Messages)

	now := time.Now()
	if !now.Before(s.nextInfo) {
		announce, s.nextInfo = true, now.Add(s.infoInterval())
	}
	if announce {
		w.Info = t.cfg.OurInfo()
	}
	if n := uint64(len(w.Messages)); n > 0 {
		s.used()
		s.msgsOut.Add(n)
		s.way.counters.msgsOut.Add(n)
	} else if w.Info == nil {
		s.upkeep(&w, now, spare)
	}
	if !w.Idle() {
		s.lastSent = now
	}
	return w
}

// fitting drops the messages that came for a link that carries larger ones.
func (s *Session) fitting(batch []i2np.Message) []i2np.Message {
	tooLarge := func(m i2np.Message) bool { return len(m.Body) > s.maxMessage }
	i := 0
	for i < len(batch) && len(batch[i].Body) <= s.maxMessage {
		i++
	}
	if i == len(batch) {
		return batch
	}
	for _, m := range batch[i:] {
		if tooLarge(m) {
			m.Release()
			s.way.counters.dropped.Add(1)
		}
	}
	return slices.DeleteFunc(batch, tooLarge)
}

// upkeep says when the link must look again, and whether a keep-alive is due. It
// ends the session for idleness, or as a spare without traffic.
func (s *Session) upkeep(w *Work, now, spare time.Time) {
	l := &s.t.cfg.Limits
	quiet := s.quietFor()
	switch {
	case !spare.IsZero() && !s.kept.Load():
		left := spareLife - min(quiet, now.Sub(spare))
		if left <= 0 {
			s.close(ReasonReplaced)
		}
		w.Due = now.Add(left)
	case quiet < s.idle/2 && quiet < l.KeepAlive: // the common case: not worth asking
		w.Due = now.Add(min(s.idle, l.KeepAlive) - quiet)
	case s.kept.Load() || s.t.cfg.Wanted != nil && s.t.cfg.Wanted(s.peer.hash):
		left := l.KeepAlive - now.Sub(s.lastSent)
		if w.KeepAlive = left <= 0; w.KeepAlive {
			left = l.KeepAlive
		}
		w.Due = now.Add(left)
	case quiet >= s.idle:
		s.close(ReasonIdle)
		w.Due = now
	default:
		w.Due = now.Add(min(s.idle-quiet, l.KeepAlive))
	}
	if s.nextInfo.Before(w.Due) {
		w.Due = s.nextInfo
	}
}

func (s *Session) infoInterval() time.Duration {
	return s.t.cfg.Limits.InfoInterval + s.random.Between(0, s.t.cfg.Limits.InfoInterval)
}

// Wrote counts bytes that were written.
func (s *Session) Wrote(n int) {
	s.bytesOut.Add(uint64(n))
	s.way.counters.bytesOut.Add(uint64(n))
}

// Read counts bytes that were read just now, before what is in them is delivered.
func (s *Session) Read(n int) {
	s.readAt = s.t.since()
	s.bytesIn.Add(uint64(n))
	s.way.counters.bytesIn.Add(uint64(n))
}

// Deliver passes on an I2NP message with its short header (I2NP, NTCP2 and SSU2
// header), which it borrows.
func (s *Session) Deliver(message []byte) {
	m, err := i2np.ParseShort(message)
	if err != nil || len(m.Body) > buf.Max {
		s.Malformed()
		return
	}
	s.lastI2NP.Store(int64(s.readAt))
	s.msgsIn.Add(1)
	s.way.counters.msgsIn.Add(1)
	s.t.cfg.Events.Deliver(s.peer.hash, m.Own())
}

// meeting is how the session came about.
func (s *Session) meeting() Meeting {
	return Meeting{Transport: s.way.name, Inbound: s.inbound, Remote: s.link.State().Remote.Addr()}
}

// Malformed counts what the peer sent that does not parse or verify.
func (s *Session) Malformed() {
	s.malformed.Add(1)
	s.way.counters.malformed.Add(1)
}

// Ignore counts what the peer sent that was passed over.
func (s *Session) Ignore() { s.ignored.Add(1) }

// infoPause is the least time between two RouterInfos of one peer that are
// verified.
const infoPause = 5 * time.Second

// PeerInfo passes on the peer's own newer RouterInfo, which it borrows. Verifying
// costs more than sending, so it is done rarely.
func (s *Session) PeerInfo(info []byte, flood bool) {
	now := time.Now()
	tell := s.t.cfg.Events.PeerInfo
	if tell == nil || now.Sub(s.infoAt) < infoPause {
		s.Ignore()
		return
	}
	ri, err := routerinfo.Parse(info)
	if err != nil || ri.Hash() != s.peer.hash || s.info != nil && ri.Published() <= s.info.Published() {
		s.Ignore()
		return
	}
	s.infoAt = now
	if ri.Verify() != nil {
		s.Malformed()
		return
	}
	s.info = ri
	s.peer.mu.Lock()
	s.peer.info = ri
	s.peer.mu.Unlock()
	tell(ri, s.meeting(), flood)
}

// settledAfter is how long a session has to have stood for its peer to be dialled anew when it
// stalls: one that shakes hands and reads nothing would have us shake hands again and again.
const settledAfter = 30 * time.Second

// Stall notes that the peer acknowledges nothing, or does again. What waits for
// it may find another way: the spare's, if there is one; else bulk is dropped, and refused until it
// goes on. The peer is
// dialled anew, unless that has just been: it may have been started again, and know of no session.
func (s *Session) Stall(stalled bool) {
	p, dropped := s.peer, 0
	p.mu.Lock()
	s.stalled = stalled
	current := p.current == s
	swapped := stalled && p.swap(s)
	if stalled && current && !swapped {
		dropped = p.queue.dropBulk()
		p.dropped += uint64(dropped)
	}
	heir := p.current
	p.mu.Unlock()
	if swapped {
		s.link.Yield()
		heir.link.Wake()
	}
	s.log("session stalls, or no more", "stalled", stalled, "dropped", dropped)
	if !stalled {
		return
	}
	s.way.counters.dropped.Add(uint64(dropped))
	s.way.counters.stalls.Add(1)
	if current && time.Since(s.since) >= settledAfter {
		s.inTurn() // other links may stall at the same instant
		s.t.redial(p, false)
	}
	if s.t.cfg.Events.Stalled != nil {
		s.t.events.add(func() { s.t.cfg.Events.Stalled(p.hash) })
		s.t.events.run()
	}
}

// Return takes back messages that were Taken, and which the peer may not have, for the
// session that carries on: they go before all others. Where there is none they are lost with the
// peer; and bulk of a session that has stalled was sent again long ago.
func (s *Session) Return(messages []i2np.Message) {
	if len(messages) == 0 {
		return
	}
	p, dropped := s.peer, uint64(0)
	s.inTurn() // the link that carries on may be taking at the same instant
	p.mu.Lock()
	for _, m := range messages {
		if p.dead || s.stalled && isBulk(m.Type) || !p.queue.giveBack(m, s.t.since(), &s.t.cfg.Limits) {
			m.Release()
			dropped++
		}
	}
	p.dropped += dropped
	current := p.current
	p.mu.Unlock()
	s.way.counters.dropped.Add(dropped)
	s.way.counters.returned.Add(uint64(len(messages)) - dropped)
	if current != nil && current != s {
		current.link.Wake()
	}
}

// Lend is a loan of memory for what the link keeps, which may be so many bytes in any case.
func (s *Session) Lend(own int) Loan { return s.t.stock.Lend(own, s.networks) }

// inTurn is for simulations: of the links of several peers it is not chance which goes on first.
func (s *Session) inTurn() {
	if f := s.t.cfg.Turn; f != nil {
		f(binary.BigEndian.Uint64(s.peer.hash[:]))
	}
}

// Keep says whether the session is to outlive idleness for the link's own reasons, though
// another session with the peer sends in its place.
func (s *Session) Keep(keep bool) { s.kept.Store(keep) }

// End notes why a link ends, as soon as that is known: nothing is taken over it
// any more. The first word counts. An error that is ErrRefused keeps the peer
// from being dialled for a while.
func (s *Session) End(why error) { s.ended(why) }

func (s *Session) ended(why error) (first bool) {
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	if s.why != nil {
		return false
	}
	if why == nil {
		why = errEnded
	}
	s.why = why
	return true
}

// over reports whether the session has ended, or is about to.
func (s *Session) over() bool {
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	return s.why != nil
}

// close ends the session.
func (s *Session) close(why Reason) {
	if s.ended(why) {
		s.link.Close(why)
	}
}

// used notes that an I2NP message came or went: the session is not idle.
func (s *Session) used() { s.lastI2NP.Store(int64(s.t.since())) }

func (s *Session) quietFor() time.Duration {
	return s.t.since() - time.Duration(s.lastI2NP.Load())
}

func (s *Session) log(msg string, args ...any) {
	s.t.cfg.Log.Debug(msg, append([]any{"peer", s.peer.hash.String()[:6]}, args...)...)
}
