package streaming

import (
	"errors"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tally"
)

// Mux runs all streams of one local destination. It belongs to one goroutine.
type Mux struct {
	shared
	epoch time.Time
	dest  i2p.Destination
	hash  i2p.Hash
	phase phase

	random  *draw.Source
	streams streams
	peers   peers
	admit   admission
	orphans orphans
	agenda  agenda
	out     outbox
}

// shared is what the parts of all streams of a Mux share.
type shared struct {
	cfg      Config
	memory   memory
	counters Counters

	nacks   []byte   // scratch
	missing []uint32 // scratch
}

// unackedRoom is how many packets of a stream may wait for acknowledgement by
// what there is memory for. All streams share that; each may have as much as is
// left, so that there is always some.
func (sh *shared) unackedRoom() int {
	return max((sh.cfg.Limits.Unacked-sh.memory.unacked)/sh.cfg.MTU, leastUnacked)
}

const leastUnacked = 16

// phase is how far a Mux's life has gone.
type phase uint8

const (
	serving phase = iota
	retired       // no new streams
	closed
)

// New makes a Mux whose time starts at now.
func New(now time.Time, cfg Config) (*Mux, error) {
	if cfg.Keys == nil || cfg.Events == nil {
		return nil, errors.New("streaming: keys and events are needed")
	}
	cfg.defaults()
	m := &Mux{
		shared:  shared{cfg: cfg, memory: memory{size: cfg.MTU, received: newPool(cfg.Limits)}, missing: make([]uint32, 0, maxNACKs)},
		random:  draw.From(cfg.Rand),
		epoch:   now.Add(-time.Hour), // so that 0 is long ago
		dest:    cfg.Keys.Destination(),
		hash:    cfg.Keys.Destination().Hash(),
		streams: streams{byID: make(map[uint32]*Conn), remote: make(map[uint32][]*Conn)},
		peers:   peers{byHash: make(map[i2p.Hash]*peer)},
	}
	m.admit.init(cfg.Limits)
	return m, nil
}

func (m *Mux) instant(now time.Time) instant {
	at := now.Sub(m.epoch)
	m.memory.received.now = at
	return at
}

// Counters returns the Mux's counters.
func (m *Mux) Counters() Counters {
	c := m.counters
	for _, s := range m.streams.byID {
		tally.Add(&c.Traffic, s.stats)
	}
	return c
}

// Len is the number of streams, lingering ones included.
func (m *Mux) Len() int { return len(m.streams.byID) }

// OpenOptions say how a stream is opened.
type OpenOptions struct {
	LocalPort, Port uint16
	// Hold lets the SYN wait so long for data that can travel with it.
	Hold time.Duration
}

// Open opens a stream. Its SYN goes out with the next Flush, or when there is
// data to go with it.
func (m *Mux) Open(now time.Time, to i2p.Destination, o OpenOptions) (*Conn, error) {
	if m.phase != serving {
		return nil, ErrMuxClosed
	}
	if to.IsZero() {
		return nil, errors.New("streaming: no destination to open a stream to")
	}
	at := m.instant(now)
	p := m.peers.of(at, to)
	if m.streams.alive >= m.cfg.Limits.Streams && !m.makePlace(at, p.streams) {
		return nil, ErrLimit
	}
	c := m.newConn(at, p)
	m.counters.Opened++
	c.localPort, c.farPort = o.LocalPort, o.Port
	c.snd.gate.synAt = at + o.Hold
	c.endAt = at + o.Hold + openingTime
	m.agenda.touch(c)
	return c, nil
}

// newConn makes a stream with a fresh id.
func (m *Mux) newConn(now instant, p *peer) *Conn {
	id := m.random.Nonzero32()
	for m.streams.byID[id] != nil {
		id = m.random.Nonzero32()
	}
	c := &Conn{
		m: m, peer: p, signer: m.cfg.Keys, name: name{localID: id}, terms: terms{key: p.dest.SigningKey(), mtu: m.cfg.MTU}, life: life{endAt: never},
		vigil: vigil{heard: now, spoke: now, doubtAt: never}, turn: turn{index: -1},
	}
	c.rcv = newReceiver(now, &m.cfg, &m.memory, &holding{pool: &m.memory.received, peer: p, conn: c})
	c.snd = newSender(&m.shared, &c.stats, &c.rcv.end)
	guess := p.guess(now)
	if guess == 0 {
		guess = 2 * m.cfg.PathRTT()
	}
	if guess > 0 {
		c.snd.rtt.initial = min(guess+firstMargin, m.cfg.InitialRTO)
	}
	m.streams.add(c)
	return c
}

// firstMargin is what a first answer may take beyond two round trips: the peer
// checks signatures, and may have to look for a way back.
const firstMargin = 500 * time.Millisecond

// Deadline is when Tick must be called; the zero time where nothing waits.
func (m *Mux) Deadline() time.Time {
	if len(m.agenda.touched) > 0 || m.out.some() {
		return m.epoch
	}
	if at := m.agenda.next(); at != never {
		return m.epoch.Add(at)
	}
	return time.Time{}
}

// Tick runs the timers that are due. Flush must follow.
func (m *Mux) Tick(now time.Time) {
	at := m.instant(now)
	for c := m.agenda.due(at); c != nil; c = m.agenda.due(at) {
		c.expire(at)
	}
}

// Flush returns what is to be sent because of all that happened since the
// last Flush. The batches are valid until the next call of the Mux; their packets
// belong to the caller.
func (m *Mux) Flush(now time.Time) []Batch {
	at := m.instant(now)
	for i := 0; i < len(m.agenda.touched); i++ { // transmit may touch further streams
		c := m.agenda.touched[i]
		c.turn.touched = false
		c.transmit(at)
		m.agenda.set(c, c.next(at))
	}
	m.agenda.touched = m.agenda.touched[:0]
	return m.out.take()
}

// Rekey has what begins from now on signed by other keys of the same destination. Streams that there are go on
// with those that they began with: what their peers have seen of them is who signs.
func (m *Mux) Rekey(keys *i2p.PrivateKeys) { m.cfg.Keys = keys }

// introduce has a packet say whose it is, and by whom it is signed.
func (m *Mux) introduce(p *Packet, keys *i2p.PrivateKeys) {
	p.Flags |= FromIncluded
	p.From = m.dest
	if o := keys.Offline; o != nil {
		p.Flags |= OfflineSignature
		p.Offline = o.OfflineSignature
	}
}

// emit frames a stream's packet and queues it for Flush.
func (m *Mux) emit(c *Conn, p *Packet, signed bool) {
	c.stats.PacketsOut++
	var signer *i2p.PrivateKeys
	if signed {
		signer = c.signer
	}
	m.emitTo(c.peer, datagram.Header{Protocol: datagram.Streaming, From: c.localPort, To: c.farPort}, p, signer)
}

// emitTo queues a packet, signed unless signer is nil.
func (m *Mux) emitTo(to *peer, h datagram.Header, p *Packet, signer *i2p.PrivateKeys) {
	if err := m.out.add(to, h, p, signer); err != nil { // a key that cannot sign; New's caller could have known
		m.counters.BadSignature++
		return
	}
	m.counters.Out++
}

// Retire ends the opening of streams, from either side. Those that there are
// go on, and linger after their end, so that a peer that has missed our last
// acknowledgement gets another one: Len tells when the last has gone.
func (m *Mux) Retire() { m.phase = max(m.phase, retired) }

// Resume ends what Retire began.
func (m *Mux) Resume() {
	if m.phase == retired {
		m.phase = serving
	}
}

// Shutdown resets all streams. What Flush returns then is the last output.
func (m *Mux) Shutdown() {
	m.phase = closed
	for _, c := range m.streams.all() {
		if c.state != lingering {
			c.sendReset()
		}
		c.finish(ErrMuxClosed)
	}
}
