package transport

import (
	"context"
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/routerinfo"
)

// errOvertaken means that the peer's own link came first.
var errOvertaken = errors.New("transport: the peer's own connection came first")

// race is the dial of a peer. Its offers are taken up in their order, each when the
// one before it has failed, or has let some time pass; the first that makes a link
// wins (as Happy Eyeballs, RFC 8305, does with addresses).
//
//	offer 1 ├── handshake ───────────────────── given up
//	offer 2         ├── handshake ──┤ failed     │
//	offer 3                         ├── link ────┤ the session
//	         patience
//
// Those that are still under way are given up before they make one, as far as their
// drivers can: a peer that has a second session would send over that.
type race struct {
	table       *table
	peer        *peer
	ri          *routerinfo.RouterInfo
	offers      []offer
	anew        bool         // sessions that stood before do not do
	random, own *draw.Source // of the link, and of the session
	begun       time.Time
	done        chan finish

	// How it stands; run's own.
	next   int // of the offers
	active int
	failed []bool // those taken up
}

// finish is what a dial has come to.
type finish struct {
	number int // of the offer
	link   Link
	err    error
}

// run dials until a session stands, nothing is left to be tried, or ctx ends.
func (r *race) run(ctx context.Context) (s *Session, err error) {
	r.hearOut(ctx, r.offers, nil, hearFor)
	if r.overtaken() {
		return nil, errOvertaken
	}
	running := ctx
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	late := r.begin(ctx)
	for r.active > 0 || r.next < len(r.offers) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case f := <-r.done:
			r.active--
			if f.err == nil {
				giveUp()
				r.hearOutRival(running, r.offers[f.number])
				return r.won(f)
			}
			err = f.err
			r.failed[f.number] = true
		case <-late:
		}
		if r.overtaken() {
			return nil, errOvertaken
		}
		if r.next < len(r.offers) {
			late = r.begin(ctx)
		}
	}
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.table.records.failed(r.peer.hash, r.missed(len(r.offers)), time.Now())
	return nil, err
}

// Of two routers that dial each other at once, Java I2P (2.7.0) closes its own connection as soon as the other's stands,
// takes what waited for it for lost and bans the peer for minutes, as one that no transport reaches. So a peer that is in
// a handshake of its own with us is heard out: before it is dialled, and once more before the last message by which it
// would learn that it is we who dial. Two of us would wait for one another there: the one whose session would stay after
// all, that of the smaller hash (see admit), does so for a moment only.
const (
	hearFor       = 2 * time.Second // a round trip, and what a busy machine takes
	hearRivalsFor = 500 * time.Millisecond
)

// hearOut waits until nobody is in a handshake with us from where the offers lead, by this way if one is given.
func (r *race) hearOut(ctx context.Context, offers []offer, by *way, patience time.Duration) {
	until := time.NewTimer(patience)
	defer until.Stop()
	for v := r.caller(offers, by); v != nil; v = r.caller(offers, by) {
		select {
		case <-v.left:
		case <-until.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// hearOutRival does so before the peer learns of a link that is ready.
func (r *race) hearOutRival(ctx context.Context, won offer) {
	patience := hearFor
	if r.table.cfg.Self.Compare(r.peer.hash) < 0 {
		patience = hearRivalsFor
	}
	r.hearOut(ctx, []offer{won}, won.way, patience)
}

func (r *race) caller(offers []offer, by *way) *Visitor {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	for _, o := range offers {
		if v := r.table.gate.caller(o.At.Addr(), by); v != nil {
			return v
		}
	}
	return nil
}

// overtaken reports whether there is a session meanwhile, of which the peer acknowledges something.
func (r *race) overtaken() bool {
	r.peer.mu.Lock()
	defer r.peer.mu.Unlock()
	s := r.peer.current
	return s != nil && s.why == nil && !s.stalled && !(r.anew && s.since.Before(r.begun))
}

// met reports whether the session that stands is the peer's own. Where it is ours, as one that a driver has opened
// for its ends, the peer has given it up for the newer one: with that gone too there would be none.
func (r *race) met() bool {
	r.peer.mu.Lock()
	defer r.peer.mu.Unlock()
	return r.peer.current != nil && r.peer.current.inbound
}

// missed are the lanes of the offers that failed, or were slower than one after them.
func (r *race) missed(winner int) (lanes []lane) {
	for i, failed := range r.failed {
		l := r.offers[i].lane
		if (failed || i < winner) && (winner == len(r.offers) || l != r.offers[winner].lane) && !slices.Contains(lanes, l) {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// begin takes up the next offer, and tells when the one after it is due; never, where
// there is none.
func (r *race) begin(ctx context.Context) (late <-chan time.Time) {
	t, number := r.table, r.next
	o := r.offers[number]
	random := r.random
	if len(r.offers) > 1 { // they draw side by side
		random = r.random.Split()
	}
	r.next++
	r.active++
	r.failed = append(r.failed, false)
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		t.count(o.way, 1)
		l, err := o.way.Dial(ctx, r.ri, o.Bid, random)
		t.count(o.way, -1)
		select {
		case r.done <- finish{number, l, err}:
		case <-ctx.Done():
			if err == nil {
				l.Abort()
			}
		}
	}()
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.next == len(r.offers) {
		return nil
	}
	return time.After(t.records.patience(r.peer.hash, o))
}

// won makes a session of the first link.
func (r *race) won(f finish) (*Session, error) {
	t, o := r.table, r.offers[f.number]
	if r.overtaken() && r.met() { // it would be a second session
		f.link.Abort()
		return nil, errOvertaken
	}
	s := t.newSession(o.way, f.link, false, r.own)
	s.networks = t.counted(f.link.State().Remote.Addr())
	if err := t.establish(s, r.ri); err != nil {
		f.link.Abort()
		return nil, err
	}
	o.way.counters.dialed.Add(1)
	missed := r.missed(f.number)
	for _, l := range missed {
		l.way.counters.missed.Add(1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	o.way.dialTime.Observe(now.Sub(r.begun))
	t.records.stood(r.peer.hash, o.lane, f.link.State().RTT, missed, now)
	return s, nil
}

func (t *table) count(w *way, dials int) {
	t.mu.Lock()
	w.dials += dials
	t.mu.Unlock()
}
