package streaming

import (
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tally"
)

// Mux runs all streams of one local destination. It belongs to one goroutine.
type Mux struct {
	cfg   Config
	epoch time.Time
	dest  i2p.Destination
	hash  i2p.Hash

	random  *draw.Source
	conns   map[uint32]*Conn   // by our stream id
	remote  map[uint32][]*Conn // incoming ones, by the peer's
	peers   map[i2p.Hash]*peer
	alive   int  // streams that count against the limit
	retired bool // no new streams
	closed  bool

	admit    admission
	orphans  []orphan // packets that came before their SYN
	timers   timers
	dirty    []*Conn
	memory   int
	unacked  int // bytes of buffers that wait for acknowledgement
	counters Counters

	free    [][]byte // packet buffers
	nacks   []byte   // scratch
	missing []uint32 // scratch
	plain   []byte   // scratch
	framed  []byte   // scratch
	out     []Batch
	flushed bool // out was handed to the owner
}

// Batch is payloads for one destination, framed for I2CP.
type Batch struct {
	To      i2p.Destination
	Hash    i2p.Hash
	Packets []*buf.Buf // with room for what is put around them; who takes the batch owns them
}

// peer is a remote destination, and what its last streams learned of the path
// (Streaming, "Control Block Sharing").
type peer struct {
	dest  i2p.Destination
	hash  i2p.Hash
	conns int
	batch int // one more than its index in out

	smoothed, vary time.Duration
	learnt         instant
}

type orphan struct {
	id    uint32 // receive stream id
	at    instant
	from  uint16
	bytes []byte
}

const (
	maxOrphans  = 64
	orphanLife  = 10 * time.Second
	learntLife  = 5 * time.Minute
	maxPeers    = 1024 // remembered without streams
	maxFree     = 4096
	pongPayload = 32
)

// New makes a Mux whose time starts at now.
func New(now time.Time, cfg Config) (*Mux, error) {
	if cfg.Keys == nil || cfg.Events == nil {
		return nil, errors.New("streaming: keys and events are needed")
	}
	cfg.defaults()
	m := &Mux{
		cfg:     cfg,
		random:  draw.From(cfg.Rand),
		epoch:   now.Add(-time.Hour), // so that 0 is long ago
		dest:    cfg.Keys.Destination(),
		hash:    cfg.Keys.Destination().Hash(),
		conns:   make(map[uint32]*Conn),
		remote:  make(map[uint32][]*Conn),
		peers:   make(map[i2p.Hash]*peer),
		missing: make([]uint32, 0, maxNACKs),
	}
	m.admit.init(cfg.Limits)
	return m, nil
}

func (m *Mux) instant(now time.Time) instant { return now.Sub(m.epoch) }

// Counters returns the Mux's counters.
func (m *Mux) Counters() Counters {
	c := m.counters
	for _, s := range m.conns {
		tally.Add(&c.Traffic, s.stats.Totals)
	}
	return c
}

// Len is the number of streams, lingering ones included.
func (m *Mux) Len() int { return len(m.conns) }

// OpenOptions say how a stream is opened.
type OpenOptions struct {
	LocalPort, Port uint16
	// Hold lets the SYN wait so long for data that can travel with it.
	Hold time.Duration
}

// Open opens a stream. Its SYN goes out with the next Flush, or when there is
// data to go with it.
func (m *Mux) Open(now time.Time, to i2p.Destination, o OpenOptions) (*Conn, error) {
	if m.closed || m.retired {
		return nil, ErrMuxClosed
	}
	if m.alive >= m.cfg.Limits.Streams {
		return nil, ErrLimit
	}
	if to.IsZero() {
		return nil, errors.New("streaming: no destination to open a stream to")
	}
	at := m.instant(now)
	c := m.newConn(at, m.peerOf(at, to))
	m.counters.Opened++
	c.localPort, c.farPort = o.LocalPort, o.Port
	c.snd.synAt = at + o.Hold
	c.endAt = c.snd.synAt + openingTime
	m.touch(c)
	return c, nil
}

// newConn makes a stream with a fresh id.
func (m *Mux) newConn(now instant, p *peer) *Conn {
	id := m.random.Nonzero32()
	for m.conns[id] != nil {
		id = m.random.Nonzero32()
	}
	c := &Conn{m: m, peer: p, localID: id, mtu: m.cfg.MTU, heapIndex: -1, endAt: never, heard: now, spoke: now}
	c.cc = newControl(float64(m.cfg.MaxWindow))
	c.snd.farWindow = float64(min(farDefault, m.cfg.MaxWindow))
	c.snd.lossAt, c.snd.reorder = never, firstReorder
	c.rcv.ackAt, c.rcv.placeless.at, c.rcv.quietAt, c.rcv.rateAt = never, never, never, now
	c.rtt.initial = m.cfg.InitialRTO
	if guess := m.guessRTT(now, p); guess > 0 {
		c.rtt.initial = min(guess+firstMargin, m.cfg.InitialRTO)
	}
	m.conns[id] = c
	p.conns++
	m.alive++
	return c
}

// firstMargin is what a first answer may take beyond two round trips: the peer
// checks signatures, and may have to look for a way back.
const firstMargin = 500 * time.Millisecond

// guessRTT is what the round trip of a first packet is hardly expected to
// exceed; 0 where nothing is known.
func (m *Mux) guessRTT(now instant, p *peer) time.Duration {
	if p.smoothed > 0 && now-p.learnt < learntLife {
		return p.smoothed + 4*p.vary
	}
	return 2 * m.cfg.PathRTT()
}

// peerOf finds or makes the record of a destination.
func (m *Mux) peerOf(now instant, d i2p.Destination) *peer {
	h := d.Hash()
	p := m.peers[h]
	if p == nil {
		if len(m.peers) >= maxPeers {
			m.forgetPeers(now)
		}
		p = &peer{dest: d, hash: h}
		m.peers[h] = p
	}
	return p
}

// forgetPeers drops the records of peers without streams: those that are old,
// and all where that does not help.
func (m *Mux) forgetPeers(now instant) {
	for _, life := range [...]time.Duration{learntLife, 0} {
		for h, p := range m.peers {
			if p.conns == 0 && now-p.learnt >= life {
				delete(m.peers, h)
			}
		}
		if len(m.peers) < maxPeers*3/4 {
			return
		}
	}
}

// remember keeps what a stream learned of its path, for the next one.
func (m *Mux) remember(c *Conn, now instant) {
	if c.rtt.smoothed > 0 {
		c.peer.smoothed, c.peer.vary, c.peer.learnt = c.rtt.smoothed, c.rtt.vary, now
	}
}

// touch notes that a stream may have something to send.
func (m *Mux) touch(c *Conn) {
	if !c.dirty {
		c.dirty = true
		m.dirty = append(m.dirty, c)
	}
}

// release gives back what a stream holds, at its end.
func (m *Mux) release(c *Conn) {
	s, r := &c.snd, &c.rcv
	for _, g := range s.outstanding() {
		m.drop(g.data)
	}
	s.segs, s.head, s.queue, s.read, s.lost, s.inflight = nil, 0, nil, 0, 0, 0
	s.una = s.nxt
	for i := range r.ring {
		if r.ring[i].have {
			m.put(r.ring[i].data)
		}
	}
	r.ring, r.highest = nil, r.next
	m.memory -= r.held
	r.held = 0
	if c.state == gone {
		m.memory -= r.unread
		r.unread = 0
	}
	if c.peer.conns > 0 && !r.released {
		r.released = true
		c.peer.conns--
		m.alive--
	}
}

// forget removes a stream that is gone.
func (m *Mux) forget(c *Conn) {
	tally.Add(&m.counters.Traffic, c.stats.Totals)
	delete(m.conns, c.localID)
	if c.incoming {
		left := slices.DeleteFunc(m.remote[c.remoteID], func(o *Conn) bool { return o == c })
		if len(left) == 0 {
			delete(m.remote, c.remoteID)
		} else {
			m.remote[c.remoteID] = left
		}
	}
	m.timers.remove(c)
}

// get lends a packet buffer of length 0, put takes it back.
func (m *Mux) get() []byte {
	if n := len(m.free); n > 0 {
		b := m.free[n-1]
		m.free = m.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, m.cfg.MTU)
}

func (m *Mux) put(b []byte) {
	if cap(b) >= m.cfg.MTU && cap(b) <= 2*eciesMTU && len(m.free) < maxFree {
		m.free = append(m.free, b)
	}
}

// drop gives back the buffer of a packet that was sent.
func (m *Mux) drop(b []byte) {
	if b != nil {
		m.unacked -= m.cfg.MTU
		m.put(b)
	}
}

// Deadline is when Tick must be called; the zero time where nothing waits.
func (m *Mux) Deadline() time.Time {
	if len(m.dirty) > 0 {
		return m.epoch
	}
	if c := m.timers.first(); c != nil {
		return m.epoch.Add(c.deadline)
	}
	return time.Time{}
}

// Tick runs the timers that are due. Flush must follow.
func (m *Mux) Tick(now time.Time) {
	at := m.instant(now)
	for c := m.timers.first(); c != nil && c.deadline <= at; c = m.timers.first() {
		m.timers.remove(c)
		m.touch(c)
		c.expire(at)
	}
}

// Flush returns what is to be sent because of all that happened since the
// last Flush. The batches are valid until the next call of the Mux; their packets
// belong to the caller.
func (m *Mux) Flush(now time.Time) []Batch {
	at := m.instant(now)
	m.begin()
	for i := 0; i < len(m.dirty); i++ { // transmit may touch further streams
		c := m.dirty[i]
		c.dirty = false
		c.transmit(at)
		m.timers.set(c, c.next(at))
	}
	m.dirty = m.dirty[:0]
	m.flushed = true
	return m.out
}

// begin makes room for output where the last was handed over.
func (m *Mux) begin() {
	if !m.flushed {
		return
	}
	m.flushed = false
	for i := range m.out {
		if p := m.peers[m.out[i].Hash]; p != nil {
			p.batch = 0
		}
		clear(m.out[i].Packets)
		m.out[i].Packets = m.out[i].Packets[:0]
	}
	m.out = m.out[:0]
}

// emit frames a stream's packet and queues it for Flush.
func (m *Mux) emit(c *Conn, p *Packet, signed bool) {
	c.stats.PacketsOut++
	m.emitTo(c.peer, datagram.Header{Protocol: datagram.Streaming, From: c.localPort, To: c.farPort}, p, signed)
}

func (m *Mux) emitTo(to *peer, h datagram.Header, p *Packet, signed bool) {
	m.begin()
	out, err := m.frame(h, p, signed)
	if err != nil { // a key that cannot sign; New's caller could have known
		m.counters.BadSignature++
		return
	}
	m.counters.Out++
	if to.batch == 0 || to.batch > len(m.out) || m.out[to.batch-1].Hash != to.hash {
		m.out = slices.Grow(m.out, 1)[:len(m.out)+1]
		b := &m.out[len(m.out)-1]
		b.To, b.Hash = to.dest, to.hash
		to.batch = len(m.out)
	}
	b := &m.out[to.batch-1]
	b.Packets = append(b.Packets, out)
}

// frame writes a packet as an I2CP payload.
func (m *Mux) frame(h datagram.Header, p *Packet, signed bool) (*buf.Buf, error) {
	if !signed {
		out := buf.Get(datagram.StoredOverhead + p.size())
		h.EndStored(p.AppendTo(datagram.BeginStored(out.Bytes()[:0])), 0)
		return out, nil
	}
	var err error
	if m.plain, err = appendSigned(m.plain[:0], p, m.cfg.Keys); err != nil {
		return nil, err
	}
	if p.Flags.Has(FromIncluded) { // a destination's padding compresses well
		m.framed = h.AppendDeflated(m.framed[:0], m.plain)
	} else {
		m.framed = h.AppendStored(m.framed[:0], m.plain)
	}
	return buf.Copy(m.framed), nil
}

// Retire ends the opening of streams, from either side. Those that there are
// go on, and linger after their end, so that a peer that has missed our last
// acknowledgement gets another one: Len tells when the last has gone.
func (m *Mux) Retire() { m.retired = true }

// Resume ends what Retire began.
func (m *Mux) Resume() { m.retired = false }

// Shutdown resets all streams. What Flush returns then is the last output.
func (m *Mux) Shutdown() {
	m.closed = true
	ids := make([]uint32, 0, len(m.conns))
	for id := range m.conns {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		c := m.conns[id]
		if c.state != lingering {
			c.sendReset()
		}
		c.finish(ErrMuxClosed)
	}
}
