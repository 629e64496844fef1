package client

import (
	"crypto/sha256"
	"slices"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/elgamalaes"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
)

// elders are the destinations that have no newer encryption than the network's first, ElGamal/AES with session tags:
// how we speak with them. Where our lease set has no key of theirs, there is none of this until we write to one: to
// that one goes along a lease set that has. So nobody else can have us decrypt what is so costly.
type elders struct {
	random *draw.Source
	tags   options.Tags
	keeper *keeper              // nil: somebody else makes our lease sets
	engine *elgamalaes.Sessions // nil: there is none yet
	before *elgamalaes.Sessions // with the key before; nil: there is none
	until  time.Time            // and how long peers may use it

	aside struct { // our lease set as elders get it
		of     i2p.Date // what is published
		stored []byte
	}
}

// confirmEvery is how often an elder that is written to is asked to confirm: there is nothing else by which we know
// what comes from it, as nothing in a message tells.
const confirmEvery = 3 * time.Second

// use has the engine decrypt with a key; nil for none but our own, where we write to an elder.
func (e *elders) use(now time.Time, key *elgamal.PrivateKey) (gone elgamalaes.Stats) {
	if e.engine != nil && (key == nil || e.engine.Key().Public().Bytes() == key.Public().Bytes()) {
		return gone
	}
	if e.before != nil {
		gone = e.before.Stats()
	}
	e.before, e.until, e.engine = e.engine, now.Add(formerLife), nil
	if key != nil {
		e.engine = elgamalaes.New(elgamalaes.Config{Key: key, Rand: e.random, Tags: e.tags.Send, Low: e.tags.Low})
	}
	return gone
}

// keepBy has our lease sets made with other keys.
func (e *elders) keepBy(now time.Time, k *keeper) (gone elgamalaes.Stats) {
	e.keeper = k
	e.aside.stored = nil
	if e.engine != nil {
		gone = e.use(now, k.elgamal())
	}
	return gone
}

// speaks reports whether elders can be written to.
func (e *elders) speaks() bool { return e.engine != nil || e.keeper != nil }

// knows tells whether a message is one of a session, and mayBegin whether it may be the first of one.
func (e *elders) knows(now time.Time, body []byte) bool {
	return e.engine != nil && e.engine.Knows(now, body) || e.before != nil && e.before.Knows(now, body)
}

func (e *elders) mayBegin(body []byte) bool { return e.engine != nil && elgamalaes.MayBegin(body) }

// open opens a message that one of these told of.
func (e *elders) open(now time.Time, body []byte) (*elgamalaes.Opened, error) {
	if e.before == nil || e.engine != nil && e.engine.Knows(now, body) {
		return e.engine.Open(now, body)
	}
	if e.before.Knows(now, body) || e.engine == nil {
		return e.before.Open(now, body)
	}
	o, err := e.engine.Open(now, body)
	if err != nil {
		o, err = e.before.Open(now, body)
	}
	return o, err
}

// suspect says that a peer does not seem to receive what is sent to it.
func (e *elders) suspect(now time.Time, r *remote) {
	if r.key.Type == i2p.CryptoElGamal && len(r.key.Key) == elgamal.KeyLen && e.engine != nil {
		e.engine.Suspect(now, [elgamal.KeyLen]byte(r.key.Key))
	}
}

// tick drops what has expired, and returns what was counted by what is there no more.
func (e *elders) tick(now time.Time) (gone elgamalaes.Stats) {
	if e.engine != nil {
		e.engine.Tick(now)
	}
	switch {
	case e.before == nil:
	case now.Before(e.until):
		e.before.Tick(now)
	default:
		gone, e.before = e.before.Stats(), nil
	}
	return gone
}

func (e *elders) deadline(at time.Time) time.Time {
	if e.engine != nil {
		at = deadline.Earliest(at, e.engine.Deadline())
	}
	return at
}

// engines are those that there are.
func (e *elders) engines() (all []*elgamalaes.Sessions) {
	for _, s := range []*elgamalaes.Sessions{e.engine, e.before} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// ours is our lease set for an elder, as a DatabaseStore message has it.
func (e *elders) ours(own *ownSet) []byte {
	set, ok := own.set.(*leaseset.LeaseSet2)
	if !ok || e.keeper == nil || slices.ContainsFunc(set.EncryptionKeys(), func(k leaseset.EncryptionKey) bool {
		return k.Type == i2p.CryptoElGamal
	}) {
		return own.stored
	}
	if e.aside.stored == nil || e.aside.of != set.Published() {
		e.aside.of, e.aside.stored = set.Published(), own.stored
		if with, err := e.keeper.with(set); err == nil {
			e.aside.stored = i2np.DatabaseStore{Key: own.hash, Type: with.StoreType(), Data: with.Bytes()}.AppendTo(nil)
		}
	}
	return e.aside.stored
}

// sealOld is sealCloves for an elder: what it makes has a buffer of its own, and p is released.
func (v *voice) sealOld(now time.Time, r *remote, own *ownSet, leases []leaseset.Lease, h Hints, p *buf.Buf, cloves ...i2np.Clove) (m i2np.Message, told bool, err error) {
	if p != nil {
		defer p.Release()
	}
	e := &v.elders
	if e.engine == nil {
		e.use(now, e.keeper.elgamal())
	}
	payload := elgamalaes.Payload{
		Cloves: cloves, Status: v.wayBack(now, leases), Confirm: now.Sub(r.askedAt) >= confirmEvery, Tags: h.Tags.Send, Low: h.Tags.Low,
	}
	if own.stands(now) && !h.NoLeaseSet {
		ours := []i2np.Clove{{Message: v.message(now, i2np.DatabaseStoreType, e.ours(own))}}
		if told = r.needsOurSet(now, own.set); told {
			payload.Cloves, payload.Confirm = append(ours, cloves...), true
		} else if !r.knowsSet {
			payload.Bundle = ours
		}
	}
	sealed, err := e.engine.Seal(now, [elgamal.KeyLen]byte(r.key.Key), payload)
	if err != nil {
		return i2np.Message{}, false, err
	}
	if told = told || len(payload.Bundle) > 0 && sealed.New; told {
		r.announced(now, own.set, proof{status: sealed.ID})
	}
	if sealed.ID != 0 {
		r.askedAt = now
	}
	return v.garlic(now, buf.Copy(sealed.Body)), told, nil
}

// wayBack makes the cloves that an elder is to send back to us, through the tunnel of ours that lasts longest. What
// comes back is sealed, so that no hop on its way can tell one from another.
func (v *voice) wayBack(now time.Time, leases []leaseset.Lease) func(id uint32) (i2np.Clove, bool) {
	return func(id uint32) (i2np.Clove, bool) {
		if len(leases) == 0 || v.sessions == nil {
			return i2np.Clove{}, false
		}
		way := slices.MaxFunc(leases, func(a, b leaseset.Lease) int { return int(int64(a.Expires) - int64(b.Expires)) })
		var key [32]byte
		var tag [8]byte
		v.random.Fill(key[:])
		v.random.Fill(tag[:])
		status := i2np.DeliveryStatus{MessageID: id, Timestamp: i2p.DateOf(now)}
		sealed, err := ratchet.SealTagged(v.random, key, tag, []i2np.Clove{{Message: v.message(now, i2np.DeliveryStatusType, status.AppendTo(nil))}})
		if err != nil {
			return i2np.Clove{}, false
		}
		v.sessions.Expect(now, key, tag, messageLife)
		return i2np.Clove{
			Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverTunnel, To: way.Gateway, Tunnel: way.TunnelID},
			Message:  v.message(now, i2np.GarlicType, i2np.AppendGarlic(nil, sealed)),
		}, true
	}
}

// maxReturned is the longest message that an elder has us send back to it: what others seal of a DeliveryStatus
// takes some hundred bytes.
const maxReturned = 512

// openOld opens what an elder sealed to us, or somebody else who has our key, and handles what is in it.
func (l *loop) openOld(now time.Time, body []byte) error {
	o, err := l.elders.open(now, body)
	if err != nil {
		return err
	}
	l.stats.Received++
	for _, clove := range o.Cloves {
		if clove.Message.Type == i2np.DatabaseStoreType { // we may be asked for an answer
			l.clove(now, clove, i2p.Hash{}, [32]byte{})
		}
	}
	returned := false
	for _, clove := range o.Cloves {
		switch {
		case clove.Message.Type == i2np.DatabaseStoreType:
		case clove.Delivery.Kind == i2np.DeliverTunnel && !returned:
			returned = true
			l.sendBack(now, clove)
		default:
			l.clove(now, clove, i2p.Hash{}, [32]byte{})
		}
	}
	return nil
}

// sendBack passes a confirmation on, to the tunnel of the peer's that it is for: of a message one, and nothing else.
func (l *loop) sendBack(now time.Time, clove i2np.Clove) {
	m := clove.Message
	if m.Type != i2np.DeliveryStatusType && m.Type != i2np.GarlicType || len(m.Body) > maxReturned ||
		m.CheckExpiration(now) != nil || len(l.state.Outbound) == 0 {
		l.stats.Rejected++
		return
	}
	l.stats.SentBack++
	via := l.state.Outbound[l.random.Below(len(l.state.Outbound))]
	l.tunnels.Send(via, clove.Delivery.To, clove.Delivery.Tunnel, []i2np.Message{m.Own()})
}

// confirmedBy is told that a confirmation came back.
func (l *loop) confirmedBy(now time.Time, body []byte) {
	status, err := i2np.ParseDeliveryStatus(body)
	if err != nil {
		l.stats.Rejected++
		return
	}
	for _, engine := range l.elders.engines() {
		if peer, ok := engine.Confirmed(now, status.MessageID); ok {
			if r := l.byStatic[sha256.Sum256(peer[:])]; r != nil {
				r.heard = now
				l.gotThrough(now, r, []proof{{status: status.MessageID}})
			}
		}
	}
}
