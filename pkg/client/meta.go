package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sockets"
)

// Limits of the way from a MetaLeaseSet to a lease set that says how to reach somebody (proposal 123,
// Meta LS2: loops are refused, and how far clients go is for them to say).
const (
	maxMetaDepth   = 4                // MetaLeaseSets, one behind the other
	maxMetaLookups = 16               // for one way
	maxMirrors     = 4                // dialled for one stream
	mirrorPatience = 15 * time.Second // with one of them, where there may be others
	silentMirror   = 10 * time.Minute // how long one that did not answer comes after the others: as long as its leases may last
)

// Why a MetaLeaseSet does not lead to anybody.
var (
	errMetaLoop  = errors.New("leads back to where it came from")
	errMetaDeep  = fmt.Errorf("is one more that names others, after %d", maxMetaDepth)
	errMetaEnded = errors.New("names nobody any longer")
	errMetaLong  = fmt.Errorf("is not looked up: %d lookups were made already", maxMetaLookups)
)

// redirect is what is known of a destination in whose place others serve.
type redirect struct {
	meta   *leaseset.MetaLeaseSet // nil: nobody does
	mirror i2p.Hash               // who does, as long as that one answers; zero: nobody was chosen
	silent map[i2p.Hash]time.Time // who did not answer: since when
}

// serves is who serves in its place at a time, where that is known.
func (d *redirect) serves(now time.Time) (i2p.Hash, bool) {
	return d.mirror, d.stands(now) && !d.mirror.IsZero()
}

// stands tells whether the MetaLeaseSet holds.
func (d *redirect) stands(now time.Time) bool {
	return d.meta != nil && d.meta.Expires() > i2p.DateOf(now)
}

// lost has another be chosen.
func (d *redirect) lost(now time.Time, mirror i2p.Hash) {
	if d.mirror == mirror {
		d.mirror = i2p.Hash{}
	}
	if d.silent == nil {
		d.silent = make(map[i2p.Hash]time.Time)
	}
	for h, since := range d.silent {
		if now.Sub(since) >= silentMirror {
			delete(d.silent, h)
		}
	}
	if _, known := d.silent[mirror]; known || len(d.silent) < leaseset.MaxMeta {
		d.silent[mirror] = now
	}
}

// order is what a MetaLeaseSet names, in the order in which it is tried: what did not answer lately
// last, and of those the one first that was tried longest ago; then by cost, and by lot among equals, so that clients spread.
func (d *redirect) order(now time.Time, meta *leaseset.MetaLeaseSet, pick func(int) int) (hashes []i2p.Hash) {
	leases := meta.Usable(now)
	for i := range leases {
		j := i + pick(len(leases)-i)
		leases[i], leases[j] = leases[j], leases[i]
	}
	silent := func(l leaseset.MetaLease) (since time.Time) {
		if at, is := d.silent[l.Hash]; is && now.Sub(at) < silentMirror {
			since = at
		}
		return since
	}
	slices.SortStableFunc(leases, func(a, b leaseset.MetaLease) int {
		return cmp.Or(silent(a).Compare(silent(b)), int(a.Cost)-int(b.Cost))
	})
	for _, l := range leases {
		hashes = append(hashes, l.Hash)
	}
	return hashes
}

// quest is on its way from a MetaLeaseSet to a lease set to send by: depth first through what it names,
// one lookup at a time.
type quest struct {
	l        *loop
	asked    i2p.Hash // whose MetaLeaseSet it began with
	steps    []step   // that are left
	lookups  int
	failures []metaFailure
	tell     func(time.Time, leaseset.Set, error)
}

// step is one destination to be looked up, and the MetaLeaseSets that led to it.
type step struct {
	hash i2p.Hash
	path []i2p.Hash
}

type metaFailure struct {
	hash i2p.Hash
	err  error
}

// follow finds who serves in the place of a destination.
func (l *loop) follow(now time.Time, meta *leaseset.MetaLeaseSet, tell func(time.Time, leaseset.Set, error)) {
	q := &quest{l: l, asked: meta.Hash(), tell: tell}
	q.fork(now, meta, nil)
	q.next(now)
}

// fork goes on with what a MetaLeaseSet names.
func (q *quest) fork(now time.Time, meta *leaseset.MetaLeaseSet, path []i2p.Hash) {
	path = append(slices.Clone(path), meta.Hash())
	if len(path) > maxMetaDepth {
		q.failed(meta.Hash(), errMetaDeep)
		return
	}
	var known redirect
	if r := q.l.remotes[q.asked]; r != nil {
		known = r.redirect
	}
	hashes := known.order(now, meta, q.l.random.Below)
	if len(hashes) == 0 {
		q.failed(meta.Hash(), errMetaEnded)
	}
	var steps []step
	for _, h := range hashes {
		steps = append(steps, step{h, path})
	}
	q.steps = append(steps, q.steps...)
}

func (q *quest) failed(hash i2p.Hash, err error) {
	q.failures = append(q.failures, metaFailure{hash, err})
}

// next looks at what is next, until one can be sent to.
func (q *quest) next(now time.Time) {
	for len(q.steps) > 0 {
		s := q.steps[0]
		q.steps = q.steps[1:]
		if slices.Contains(s.path, s.hash) {
			q.failed(s.hash, errMetaLoop)
			continue
		}
		if known := q.l.known(now, s.hash); known != nil {
			if q.take(now, s, known, nil) {
				return
			}
			continue
		}
		if r := q.l.remotes[s.hash]; r != nil && r.stands(now) {
			q.fork(now, r.meta, s.path)
			continue
		}
		if q.lookups++; q.lookups > maxMetaLookups {
			q.failed(s.hash, errMetaLong)
			break
		}
		q.l.inquire(s.hash, 0, func(now time.Time, found leaseset.Record, err error) {
			if !q.take(now, s, found, err) {
				q.next(now)
			}
		})
		return
	}
	q.tell(now, nil, q.failure())
}

// take tells whether what was found ends the quest.
func (q *quest) take(now time.Time, s step, found leaseset.Record, err error) bool {
	if meta, ok := found.(*leaseset.MetaLeaseSet); ok && err == nil {
		q.l.redirected(now, meta, nil)
		q.fork(now, meta, s.path)
		return false
	}
	set, err := open(found, err)
	if err == nil && endsSoon(set, now) {
		err = ErrTakenBack
	}
	if err == nil {
		err = q.l.voice.speaks(set)
	}
	if err != nil {
		q.failed(s.hash, err)
		return false
	}
	q.l.learn(now, set)
	if r := q.l.remotes[q.asked]; r != nil {
		r.mirror = set.Hash()
	}
	q.tell(now, set, nil)
	return true
}

// failure says of each that was tried why it did not do. What could be otherwise the next time is its kind.
func (q *quest) failure() error {
	kind := ErrLeaseSetKind
	var said []string
	for _, f := range q.failures {
		said = append(said, fmt.Sprintf("%s %v", f.hash.B32(), strings.TrimPrefix(f.err.Error(), "client: ")))
		switch f.err {
		case errMetaLoop, errMetaDeep, errMetaEnded, errMetaLong:
		default:
			if kind == ErrLeaseSetKind {
				kind = f.err
			}
		}
	}
	return metaError{kind, "client: its lease set names others that serve in its place, and none can be used: " + strings.Join(said, "; ")}
}

// metaError is why a MetaLeaseSet leads nowhere.
type metaError struct {
	kind error
	text string
}

func (e metaError) Error() string { return e.text }
func (e metaError) Unwrap() error { return e.kind }

// redirected remembers a MetaLeaseSet as long as it holds (proposal 123: clients must), and what opened it.
func (l *loop) redirected(now time.Time, meta *leaseset.MetaLeaseSet, reader *leaseset.Reader) {
	r := l.remote(now, meta.Hash())
	if r == nil {
		return
	}
	if r.meta == nil || meta.Published() > r.meta.Published() {
		r.meta = meta
	}
	if reader != nil {
		r.reader = reader
	}
}

// behind is who serves in the place of a destination, where that is known, or else the destination.
func (o *others) behind(now time.Time, hash i2p.Hash) i2p.Hash {
	if r := o.remotes[hash]; r != nil {
		if mirror, ok := r.serves(now); ok {
			return mirror
		}
	}
	return hash
}

// mirrorLost has another be chosen wherever one was that is not found any more.
func (o *others) mirrorLost(now time.Time, mirror i2p.Hash) {
	for _, r := range o.where(func(r *remote) bool { return r.meta != nil && r.mirror == mirror }) {
		r.lost(now, mirror)
	}
}

// dialMirror opens a stream to one who serves in a destination's place. Where that one does not answer, again
// tells that the next may.
func (c *Client) dialMirror(ctx context.Context, asked i2p.Hash, mirror i2p.Destination, o sockets.Options) (s *sockets.Conn, again bool, err error) {
	one, cancel := context.WithTimeoutCause(ctx, mirrorPatience, errMirrorSilent)
	defer cancel()
	if s, err = c.dial(one, mirror, o); err == nil || ctx.Err() != nil {
		return s, false, err
	}
	c.call(func(now time.Time) {
		if r := c.remotes[asked]; r != nil && r.meta != nil {
			r.lost(now, mirror.Hash())
			again = true
		}
	})
	return nil, again, err
}

var errMirrorSilent = fmt.Errorf("client: no answer in %v: %w", mirrorPatience, context.DeadlineExceeded)

// Resolve finds the destination with a hash. It is that of the hash also where others serve in its place,
// which Dial goes to.
func (c *Client) Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error) {
	set, err := c.Lookup(ctx, hash)
	if err != nil {
		return i2p.Destination{}, err
	}
	return c.named(set, func(r *remote) bool { return r.hash == hash }), nil
}

// ResolveBlinded is Resolve for the address of an encrypted lease set.
func (c *Client) ResolveBlinded(ctx context.Context, a i2p.BlindedAddress) (i2p.Destination, error) {
	set, err := c.LookupBlinded(ctx, a)
	if err != nil {
		return i2p.Destination{}, err
	}
	reader := c.cfg.Options.Blinding.Reader(a)
	return c.named(set, func(r *remote) bool { return r.reader != nil && r.reader.Same(reader) }), nil
}

// named is the destination of a lease set, or the one that was asked for where that serves in its place.
func (c *Client) named(set leaseset.Set, asked func(*remote) bool) i2p.Destination {
	to := set.Destination()
	c.call(func(time.Time) {
		for _, r := range c.where(func(r *remote) bool { return r.meta != nil && r.mirror == to.Hash() && asked(r) }) {
			to = r.meta.Destination()
		}
	})
	return to
}
