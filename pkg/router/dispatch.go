package router

import (
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/tunnel"
)

// dispatcher takes what comes, has it handled by those whom it concerns, and
// sends what they want sent.
type dispatcher struct {
	*core
	parties *parties
	paths   *paths
	ends    *ends
	transit *transit
	pools   *pools
	garlic  *opener
	mail    *mail
	paced   paced
	looped  []i2np.Message // sent to ourselves
	spare   []outgoing     // an empty tray

	started bool // tunnels may be built
	expired time.Time
	ticked  time.Time
}

func newDispatcher(cfg Config) *dispatcher {
	c := &core{
		cfg: cfg, rand: cfg.Rand, now: cfg.Now(), db: cfg.DB, peers: cfg.Profiles,
		senders: make(map[i2p.Hash]netdb.Sender),
	}
	d := &dispatcher{core: c, parties: newParties(c), paced: paced{waiting: func(peer i2p.Hash) int { return cfg.Transport.Waiting(peer) }}}
	budget := tunnel.NewBudget(0)
	d.transit = newTransit(c, budget, func(id uint32) bool { return d.ends.owns(id) })
	d.ends = newEnds(c, budget, d.transit.carries)
	d.paths = newPaths(c, d.parties)
	d.pools = newPools(c, d.parties, d.paths, d.ends)
	d.garlic = newOpener(c, d.parties)
	d.mail = newMail(c, d.parties, d.paths, d.ends)
	return d
}

// take handles a message from a peer. It takes ownership.
func (d *dispatcher) take(from i2p.Hash, m i2np.Message) {
	d.direct(from, m)
	if len(d.tray) > 0 || d.transit.full() {
		d.sendAll()
	}
}

// tickEvery is how often the time is looked at under load, when the loop turns
// far more often: all tunnels and what is asked for are gone through.
const tickEvery = 5 * time.Millisecond

// pacedEvery is how often it is looked at whether there is room for those who have more to send.
const pacedEvery = 2 * time.Millisecond

// rest does what remains of a turn: it sends what has gathered, and does what
// time asks for. It returns how long the loop may sleep.
func (d *dispatcher) rest() (sleep time.Duration) {
	d.sendAll() // before tick closes tunnels
	if d.paced.look() {
		defer func() { sleep = min(sleep, pacedEvery) }()
	}
	if wait := tickEvery - d.now.Sub(d.ticked); wait > 0 {
		return min(wait, tickEvery)
	}
	d.ticked = d.now
	next := d.tick()
	d.sendAll()
	return max(next.Sub(d.now), tickEvery)
}

// tick does what time asks for and returns when it will ask again.
func (d *dispatcher) tick() time.Time {
	next := deadline.Earliest(d.now.Add(time.Minute), d.transit.tick())
	for i := 0; i < len(d.parties.list); i++ {
		next = deadline.Earliest(next, d.tickParty(d.parties.list[i]))
	}
	if d.now.Sub(d.expired) >= time.Minute {
		d.expired = d.now
		d.db.Expire(d.now)
		d.pools.expire()
	}
	return next
}

func (d *dispatcher) tickParty(p *party) time.Time {
	if p.closed || !d.started {
		return time.Time{}
	}
	next := d.pools.tick(p)
	return deadline.Earliest(next, d.mail.tick(p))
}

func (d *dispatcher) closeParty(p *party) {
	if !p.closed {
		p.closed = true
		d.pools.close(p)
		d.mail.close(p)
	}
}

// end closes all parties, and lets go of what waits.
func (d *dispatcher) end() {
	for n := len(d.parties.list); n > 0; n-- {
		d.closeParty(d.parties.list[n-1])
	}
	d.transit.close()
	d.sendAll()
	d.paced.end()
	d.mail.end()
}

// sendAll sends what there is to send: first what was carried for others, then
// what was put on the tray meanwhile, so that messages leave in the order in
// which they came.
func (d *dispatcher) sendAll() {
	for {
		carried := d.transit.forward()
		tray, looped, later := d.tray, d.looped, d.mail.later
		if len(carried)+len(tray)+len(looped)+len(later) == 0 {
			return
		}
		d.tray, d.looped, d.mail.later = d.spare[:0], nil, nil
		for i := range carried {
			d.transmit(carried[i].To, carried[i].Message, nil)
		}
		for i := range tray {
			d.transmit(tray[i].to, tray[i].msg, tray[i].failed)
		}
		clear(tray)
		d.spare = tray
		for _, m := range looped {
			d.direct(d.cfg.Hash, m)
		}
		for _, f := range later {
			f()
		}
	}
}

// transmit passes a message to a router, over its session or a new one. It takes
// ownership; failed is called where there is no way, unless it is nil.
func (d *dispatcher) transmit(to i2p.Hash, m i2np.Message, failed func()) {
	if to == d.cfg.Hash {
		d.looped = append(d.looped, m)
		return
	}
	sent := true
	if d.cfg.Transport.Connected(to) {
		sent = d.cfg.Transport.SendTo(to, m)
	} else if ri := d.db.Router(to); ri == nil {
		d.mail.wantRouter(to, m)
	} else if err := d.cfg.Transport.Send(ri, m); err != nil {
		d.cfg.Log.Debug("message not sent", "type", m.Type, "error", err)
		sent = false
	}
	if !sent && failed != nil {
		failed()
	}
}
