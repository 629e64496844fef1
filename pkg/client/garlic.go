package client

import (
	"errors"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// send passes payloads to one destination, in order, and owns them.
func (l *loop) send(hash i2p.Hash, payloads []*buf.Buf) {
	parcels := make([]parcel, len(payloads))
	for i, p := range payloads {
		parcels[i].Buf = p
	}
	l.sendPaced(hash, parcels, nil)
}

// sendPaced is send, and has passed called, unless it is nil, once there is room for more.
func (l *loop) sendPaced(hash i2p.Hash, parcels []parcel, passed func()) {
	now := l.cfg.Now()
	r := l.remote(now, l.behind(now, hash))
	messages := l.sealFor(now, r, parcels)
	switch {
	case len(messages) == 0:
		if passed != nil {
			passed()
		}
		return
	case passed != nil:
		l.tunnels.SendPaced(r.via, r.lease.Gateway, r.lease.TunnelID, messages, passed)
	default:
		l.pass(r, messages)
	}
	l.watch(now, r)
	if r.lasts(now) < leaseRefresh {
		l.lookUpdate(now, r)
	}
}

// sealFor makes messages of payloads, which it owns, where there is a way to the destination now. Where there
// is none they are dropped, or wait for it.
func (l *loop) sealFor(now time.Time, r *remote, parcels []parcel) []i2np.Message {
	if r == nil || l.sessions == nil {
		l.drop(contents(parcels))
		return nil
	}
	r.used, r.written = now, true
	for _, p := range parcels {
		r.tells = r.tells || !p.NoLeaseSet
	}
	if !r.choose(now, l.state.Outbound, l.random.Below) {
		l.drop(r.hold(parcels))
		l.held = true
		l.lookUpdate(now, r)
		return nil
	}
	return l.sealAll(now, r, parcels)
}

// pass sends messages the way that was chosen for a remote.
func (l *loop) pass(r *remote, messages []i2np.Message) {
	if len(messages) > 0 {
		l.tunnels.Send(r.via, r.lease.Gateway, r.lease.TunnelID, messages)
	}
}

// drop counts payloads that do not get through.
func (l *loop) drop(payloads []*buf.Buf) {
	l.stats.Dropped += uint64(len(payloads))
	release(payloads)
}

func release(payloads []*buf.Buf) {
	for _, p := range payloads {
		p.Release()
	}
}

// sealAll makes one garlic message of each payload that there is use in sending yet; of what begins a session, one of
// as many as go together, and the others wait.
func (l *loop) sealAll(now time.Time, r *remote, parcels []parcel) []i2np.Message {
	if begins, at := l.greets(now, r); begins {
		return l.sealGreeting(now, r, parcels, at)
	}
	out := make([]i2np.Message, 0, len(parcels))
	for _, p := range parcels {
		if p.Expires != 0 && p.Expires <= i2p.DateOf(now) {
			l.drop([]*buf.Buf{p.Buf})
		} else if m, ok := l.seal(now, r, p.Buf, p.Hints); ok {
			out = append(out, m)
		}
	}
	return out
}

// seal makes a garlic message of a payload, which it owns, or of none.
func (l *loop) seal(now time.Time, r *remote, p *buf.Buf, h Hints) (i2np.Message, bool) {
	m, told, err := l.voice.seal(now, r, &l.own, l.state.Leases, p, h)
	return m, l.sealed(now, told, err)
}

// sealed notes what became of a message.
func (l *loop) sealed(now time.Time, told bool, err error) bool {
	if err != nil {
		l.stats.Dropped++
		l.cfg.Log.Debug("message not sealed", "error", err)
		return false
	}
	if told {
		l.pushBy(now.Add(leaseSetResend)) // unless the peer says before that it came
	}
	l.stats.Sent++
	return true
}

// arrived handles one message that came through our tunnels, or has it wait in the lobby.
// It takes ownership.
func (l *loop) arrived(now time.Time, a arrival) {
	m := a.message
	var body []byte
	err := errNotGarlic
	if m.Type == i2np.GarlicType {
		body, err = i2np.ParseGarlic(m.Body)
	}
	dear := l.sessions != nil && l.steps(body) > fewSteps
	switch {
	case err != nil:
		l.stats.Rejected++
	case l.sessions == nil: // nobody can have sealed it to us
		l.stats.Undecryptable++
	case !dear && (l.sessions.Knows(now, body) || l.former.knows(now, body)), l.elders.knows(now, body):
		l.open(now, body)
	case !dear && !(l.ratchets && ratchet.MayBegin(body)) && !l.elders.mayBegin(body):
		l.stats.Undecryptable++
	default:
		for _, m := range l.lobby.add(a) {
			l.stats.Crowded++
			m.Release()
		}
		return
	}
	m.Release()
}

// admit opens some of what waits in the lobby.
func (l *loop) admit() {
	begun := l.cfg.Now()
	l.lobby.reckon(begun)
	for left := max(sliceTime, begun.Sub(l.now)/2); left > 0 && !l.lobby.empty() && l.lobby.suffices(); {
		m := l.lobby.next()
		body, _ := i2np.ParseGarlic(m.Body) // it did when it came
		steps := l.steps(body)
		l.open(begun, body)
		m.Release()
		ended := l.cfg.Now()
		left -= l.lobby.spend(ended.Sub(begun), steps)
		begun = ended
	}
}

// steps is how many messages a body passes over.
func (l *loop) steps(body []byte) int {
	if l.former.Sessions != nil {
		return max(l.sessions.Steps(body), l.former.Steps(body))
	}
	return l.sessions.Steps(body)
}

var errNotGarlic = errors.New("client: not garlic")

// open opens what was sealed to us, and handles what is in it.
func (l *loop) open(now time.Time, body []byte) {
	known := l.sessions.Knows(now, body)
	if !known && (l.elders.knows(now, body) || l.elders.mayBegin(body)) {
		// One of 2^20 of the ratchet's looks like one of these: a block that does not decrypt is as it was.
		err := l.openOld(now, body)
		if err == nil {
			return
		}
		if !l.ratchets || !errors.Is(err, elgamal.ErrDecrypt) {
			l.unopened(err)
			return
		}
	}
	o, err := l.sessions.Open(now, body)
	before := err != nil && l.former.Sessions != nil
	if before {
		o, err = l.former.Open(now, body)
	}
	if err != nil {
		l.unopened(err)
		return
	}
	l.stats.Received++
	if r := l.byStatic[o.From]; r != nil {
		r.heard = now
	}
	again := false
	for _, clove := range o.Cloves {
		if clove.Message.Type == i2np.DatabaseStoreType { // which may tell whose the others are
			again = l.clove(now, clove, i2p.Hash{}, o.From) || again
		}
	}
	session := l.whose(o.From)
	for _, clove := range o.Cloves {
		switch {
		case clove.Message.Type == i2np.DatabaseStoreType:
		case clove.Message.Type == i2np.DeliveryStatusType && o.Kind == ratchet.OneTime: // which we sealed ourselves
			l.confirmedBy(now, clove.Message.Body)
		default:
			l.clove(now, clove, session, o.From)
		}
	}
	if r := l.byStatic[o.From]; r != nil { // its lease set may have come just now
		r.heard = now
		r.use(o.From, o.Type)
		if !before { // those are of other sessions
			switch {
			case len(o.Acks) > 0:
				acks := make([]proof, len(o.Acks))
				for i, id := range o.Acks {
					acks[i].sealed = id
				}
				l.gotThrough(now, r, acks)
			case again:
				l.toldAgain(now, r)
			}
		}
		if o.Renewed && l.host != nil { // what went to the session before was not read, perhaps
			l.host.Revive(now, r.hash)
		}
	}
}

func (l *loop) unopened(err error) {
	l.stats.Undecryptable++
	l.cfg.Log.Debug("garlic message not opened", "error", err)
}

// clove handles what a garlic message held that came in a session: whose that is, and the static key of whom, or zero.
// It reports whether that is a lease set which was known.
func (l *loop) clove(now time.Time, clove i2np.Clove, session i2p.Hash, static [32]byte) (again bool) {
	if !meant(clove.Delivery, l.own.hash) || clove.Message.CheckExpiration(now) != nil {
		l.stats.Rejected++
		return false
	}
	switch clove.Message.Type {
	case i2np.DataType:
		l.data(now, clove.Message.Body, session)
	case i2np.DatabaseStoreType:
		set, err := stored(now, clove.Message.Body, l.own.hash)
		if err != nil {
			l.stats.Rejected++
			l.cfg.Log.Debug("bundled lease set refused", "error", err)
			return false
		}
		again = !l.learn(now, set)
		l.proved(set.Hash(), static)
	}
	return again
}

// meant reports whether a clove is for the destination itself: a client forwards
// for nobody.
func meant(d i2np.DeliveryInstructions, hash i2p.Hash) bool {
	return d.Kind == i2np.DeliverLocal || d.Kind == i2np.DeliverDestination && d.To == hash
}

var errNotLeaseSet = errors.New("client: not a lease set")

// stored is the lease set that a peer bundles with its messages, verified; not ours.
func stored(now time.Time, body []byte, ours i2p.Hash) (leaseset.Set, error) {
	s, err := i2np.ParseDatabaseStore(body)
	if err != nil {
		return nil, err
	}
	if s.Type == i2np.StoreRouterInfo {
		return nil, errNotLeaseSet
	}
	set, err := open(leaseset.Parse(s.Type, s.Data))
	if err != nil {
		return nil, err
	}
	if set.Hash() != s.Key || set.Hash() == ours {
		return nil, errNotLeaseSet
	}
	if err := set.Verify(now); err != nil {
		return nil, err
	}
	return set, nil
}

// learn keeps a verified lease set, unless it has one that is not older, and sends what waited for it.
func (l *loop) learn(now time.Time, set leaseset.Set) (news bool) {
	r := l.remote(now, set.Hash())
	if r == nil {
		return false
	}
	revive := false
	if news = l.update(r, set, l.voice.usable(set)); news {
		r.learned = now
		l.dials.takenBack(now, set)
		revive = r.stalled(now) || r.withdrawn(now)
		if r.stalled(now) && !r.heard.After(r.stall) { // it may have been started anew, and know of no session
			l.sessions.Renew(r.static())
			l.elders.suspect(now, r)
		}
		if r.pushes > 0 && !r.knowsSet { // there are new ways to send it ours
			r.again()
			l.pushBy(now)
		}
	}
	l.flush(now, r)
	if revive && l.host != nil {
		l.host.Revive(now, r.hash)
	}
	return news
}

// flush sends what waited for r.
func (l *loop) flush(now time.Time, r *remote) {
	if len(r.waiting) == 0 || l.sessions == nil || !r.choose(now, l.state.Outbound, l.random.Below) {
		return
	}
	waiting := r.waiting
	r.waiting = nil
	n, next := l.allows(now, r.hash, waiting)
	n = min(n, len(waiting))
	l.pass(r, l.sealAll(now, r, waiting[:n]))
	l.putBack(r.hash, waiting[n:], next)
}
