package udpforward

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	Log *slog.Logger // nil: no log
	// Listen takes the port of ours, or every port: i2pd's tunnels by Datagram3 ask at port 0 whether
	// anything arrives.
	Listen func() (Datagrams, error)
	// Dial makes a socket whose datagrams go to the target, for a flow with a peer.
	Dial func(peer i2p.Hash) (net.Conn, error)
	// Allows tells whose flows are taken; nil takes all. One whose Datagram3 came in no
	// session of the peer's is only claimed to be the peer's, and proven is false.
	Allows func(peer i2p.Hash, proven bool) bool
	// Signed has every datagram signed, and takes no others. The other side must do the same.
	Signed bool
	Limits Limits
}

// Server forwards the datagrams for a port of ours to a local target. A port of a peer is a flow
// with a socket of its own.
type Server struct {
	counts
	cfg   ServerConfig
	guard serverGuard
}

// serverGuard is what several goroutines have of a Server.
type serverGuard struct {
	sync.Mutex // a leaf
	flows      flows[serverKey, *serverFlow]
	ports      map[portPair][]*serverFlow
	peers      map[i2p.Hash]int // how many flows each has
}

// portPair is all that a raw datagram tells of the flow that it belongs to.
type portPair struct{ peer, own uint16 }

// serverKey is what a datagram tells that is repliable.
type serverKey struct {
	peer  i2p.Hash
	ports portPair
}

// NewServer makes a Server.
func NewServer(cfg ServerConfig) *Server {
	cfg.Log, cfg.Limits = logOf(cfg.Log), cfg.Limits.withDefaults()
	return &Server{cfg: cfg, guard: serverGuard{
		flows: newFlows[serverKey, *serverFlow](cfg.Limits), ports: make(map[portPair][]*serverFlow), peers: make(map[i2p.Hash]int),
	}}
}

// Serve forwards until ctx ends or the port does.
func (s *Server) Serve(ctx context.Context) error {
	far, err := s.cfg.Listen()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer s.endAll()
	defer cancel()
	context.AfterFunc(ctx, func() { far.Close() })
	running.Go(func() { every(ctx, s.cfg.Limits.Idle/4, s.expire) })
	for {
		m, err := far.ReadMessage()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		f, err := s.flow(m, far, &running)
		if err != nil {
			s.cfg.Log.Debug("a datagram was not taken", "error", err)
			continue
		}
		f.deliver(m)
	}
}

// Why a datagram is not taken.
var (
	errUnsigned  = errors.New("udpforward: it is not signed")
	errForbidden = errors.New("udpforward: its sender is not allowed")
	errUnknown   = errors.New("udpforward: a raw one, which belongs to no flow or to several")
)

// flow is the one that a datagram belongs to. A new one is made by Serve's goroutine alone.
func (s *Server) flow(m datagram.Message, far Datagrams, running *sync.WaitGroup) (*serverFlow, error) {
	ports := portPair{m.PeerPort, m.Port}
	switch {
	case s.cfg.Signed && !m.Signed():
		s.refused.Add(1)
		return nil, errUnsigned
	case m.Protocol == datagram.Raw:
		return s.rawFlow(ports)
	case s.cfg.Allows != nil && !s.cfg.Allows(m.Peer, m.Signed() || m.Proven):
		s.refused.Add(1)
		return nil, errForbidden
	}
	key, now := serverKey{m.Peer, ports}, time.Now()
	g := &s.guard
	g.Lock()
	f := g.flows.all[key]
	var over []*serverFlow
	var full bool
	if f == nil {
		if full = g.peers[m.Peer] >= s.cfg.Limits.PeerFlows; !full {
			over, full = g.flows.full(now)
			g.forget(over)
		}
	}
	g.Unlock()
	if f != nil {
		return f, nil
	}
	s.ended(over, true)
	if full {
		s.crowded.Add(1)
		return nil, errFull
	}
	return s.open(&serverFlow{server: s, key: key, far: far, speaks: m.Protocol}, now, running)
}

// rawFlow is the only flow with the ports: where there are several, nobody can tell which is meant.
func (s *Server) rawFlow(ports portPair) (*serverFlow, error) {
	s.guard.Lock()
	defer s.guard.Unlock()
	if all := s.guard.ports[ports]; len(all) == 1 {
		return all[0], nil
	}
	s.refused.Add(1)
	return nil, errUnknown
}

// open begins a flow.
func (s *Server) open(f *serverFlow, now time.Time, running *sync.WaitGroup) (*serverFlow, error) {
	key, err := f.key, error(nil)
	if f.near, err = s.cfg.Dial(key.peer); err != nil {
		s.lost.Add(1)
		return nil, err
	}
	s.overrun.Add(f.near)
	f.touch(now)
	g := &s.guard
	g.Lock()
	g.flows.all[key] = f
	g.ports[key.ports] = append(g.ports[key.ports], f)
	g.peers[key.peer]++
	g.Unlock()
	s.opened.Add(1)
	s.flows.Add(1)
	running.Go(f.answer)
	return f, nil
}

// forget takes flows that are no more in flows out of the rest.
func (g *serverGuard) forget(over []*serverFlow) {
	for _, f := range over {
		var others []*serverFlow
		for _, o := range g.ports[f.key.ports] {
			if o != f {
				others = append(others, o)
			}
		}
		if g.ports[f.key.ports] = others; len(others) == 0 {
			delete(g.ports, f.key.ports)
		}
		if g.peers[f.key.peer]--; g.peers[f.key.peer] == 0 {
			delete(g.peers, f.key.peer)
		}
	}
}

// expire ends the flows that have been silent for too long.
func (s *Server) expire(now time.Time) {
	s.guard.Lock()
	over := s.guard.flows.expire(now)
	s.guard.forget(over)
	s.guard.Unlock()
	s.ended(over, false)
}

func (s *Server) endAll() {
	s.guard.Lock()
	over := s.guard.flows.takeAll()
	s.guard.forget(over)
	s.guard.Unlock()
	s.ended(over, false)
}

// remove is the end of a flow by itself.
func (s *Server) remove(f *serverFlow) {
	s.guard.Lock()
	in := s.guard.flows.remove(f.key, f)
	if in {
		s.guard.forget([]*serverFlow{f})
	}
	s.guard.Unlock()
	if in {
		s.ended([]*serverFlow{f}, false)
	}
}

// ended ends flows that have been taken out.
func (s *Server) ended(over []*serverFlow, evicted bool) {
	for _, f := range over {
		f.end()
		s.flows.Add(-1)
		if evicted {
			s.evicted.Add(1)
		}
	}
}

// serverFlow is what a peer's port has with the target.
type serverFlow struct {
	activity
	server *Server
	key    serverKey
	near   net.Conn
	far    Datagrams
	speaks byte         // the protocol that its first datagram came by
	acks   acknowledger // of Serve's goroutine
}

func (f *serverFlow) end() { f.server.overrun.Close(f.near) }

// deliver passes a datagram on to the target.
func (f *serverFlow) deliver(m datagram.Message) {
	s := f.server
	f.touch(time.Now())
	if answer, wanted := f.acks.handle(m); wanted && f.far.WriteMessage(answer) != nil {
		s.lost.Add(1)
	}
	if !empty(m) {
		n, err := f.near.Write(m.Payload)
		s.passedIn(n, err)
	}
}

// answer passes on what the target says, until the flow ends.
func (f *serverFlow) answer() {
	s := f.server
	defer s.remove(f)
	m := datagram.Message{Protocol: datagram.Raw, Peer: f.key.peer, PeerPort: f.key.ports.peer, Port: f.key.ports.own}
	if s.cfg.Signed {
		m.Protocol = f.speaks
	}
	b := make([]byte, maxPayload+1)
	for failures := 0; failures < maxFailures; {
		n, err := f.near.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // most likely nobody listens at the target
			failures++
			continue
		}
		if failures = 0; n > maxPayload {
			s.lost.Add(1)
			continue
		}
		f.touch(time.Now())
		m.Payload = b[:n]
		s.passedOut(n, f.far.WriteMessage(m))
	}
}
