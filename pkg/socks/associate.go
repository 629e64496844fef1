package socks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// associate is an ASSOCIATE: datagrams for as long as the connection lasts. They go out of a port
// of I2P of the association's own, repliable, and in come those of peers that were written to.
func (p *Proxy) associate(ctx context.Context, c net.Conn, r request) error {
	at, isTCP := c.LocalAddr().(*net.TCPAddr)
	client, _ := c.RemoteAddr().(*net.TCPAddr)
	if p.cfg.Listen == nil || p.cfg.Resolve == nil || r.version != 5 || !isTCP || client == nil {
		return errCommand
	}
	defer p.counts.associations.Add(-1)
	if p.counts.associations.Add(1) > int64(p.cfg.Limits.Associations) {
		return errCrowded
	}
	near, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Zone: at.Zone})
	if err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	p.counts.packetsOverrun.Add(near)
	defer p.counts.packetsOverrun.Close(near)
	far, err := p.cfg.Listen()
	if err != nil {
		return err
	}
	defer far.Close()
	bound := near.LocalAddr().(*net.UDPAddr).AddrPort()
	if _, err := c.Write(r.reply(succeeded, &bound)); err != nil {
		return nil
	}
	a := &association{
		proxy: p, near: near, far: far,
		client: netip.AddrPortFrom(client.AddrPort().Addr().Unmap(), r.port),
		peers:  make(map[string]*peer),
	}
	a.run(ctx, c)
	return nil
}

// association is a client's UDP.
type association struct {
	proxy *Proxy
	near  *net.UDPConn
	far   Datagrams

	mu     sync.Mutex     // a leaf
	client netip.AddrPort // port 0 until it has sent something
	peers  map[string]*peer
	turn   uint64 // counts what is sent
}

// peer is a destination that the client writes to.
type peer struct {
	name    string // as the client writes it
	hash    i2p.Hash
	waiting []datagram.Message // until hash is known
	last    uint64             // turn
}

// maxFailures is how often the client's socket may fail, without a datagram in between.
const maxFailures = 100

// maxWaiting is how many datagrams of a peer wait for its destination to be found.
const maxWaiting = 16

// run relays until the client's connection ends, or ctx does.
func (a *association) run(ctx context.Context, c net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() {
		c.Close()
		a.proxy.counts.packetsOverrun.Close(a.near)
		a.far.Close()
	})
	running.Go(func() {
		defer cancel()
		a.relayOut(ctx, &running)
	})
	running.Go(func() {
		defer cancel()
		a.relayIn()
	})
	io.Copy(io.Discard, c)
}

// relayOut takes datagrams from the client.
func (a *association) relayOut(ctx context.Context, running *sync.WaitGroup) {
	b := make([]byte, 64<<10)
	for failures := 0; failures < maxFailures; {
		n, from, err := a.near.ReadFromUDPAddrPort(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // some systems tell here that a datagram which was sent found nobody
			failures++
			continue
		}
		failures = 0
		to, payload, err := parsePacket(b[:n])
		if err != nil || !a.isClient(from) {
			a.proxy.counts.packetsRefused.Add(1)
			continue
		}
		where, host, err := to.locate()
		if err != nil || where != inI2P {
			a.proxy.counts.packetsRefused.Add(1)
			continue
		}
		m := datagram.Message{Protocol: datagram.Repliable, PeerPort: to.port, Payload: payload}
		if p, resolve := a.address(to.host, &m); resolve {
			running.Go(func() { a.resolve(ctx, p, host) })
		} else if p != nil {
			a.send(m)
		}
	}
}

// isClient tells whether a datagram is the client's, whose port the first one tells.
func (a *association) isClient(from netip.AddrPort) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if a.client.Port() == 0 && from.Addr() == a.client.Addr() {
		a.client = from
	}
	return from == a.client
}

// address fills in whom a datagram is for. Where that is not known yet, it waits; resolve says
// that the caller is to find it out.
func (a *association) address(name string, m *datagram.Message) (p *peer, resolve bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	p = a.peers[name]
	if p == nil {
		a.makeRoom()
		p, resolve = &peer{name: name}, true
		a.peers[name] = p
	}
	p.last = a.turn
	if !p.hash.IsZero() {
		m.Peer = p.hash
		return p, false
	}
	if len(p.waiting) == maxWaiting {
		a.proxy.counts.packetsLost.Add(1)
		return nil, false
	}
	waits := *m
	waits.Payload = slices.Clone(m.Payload)
	p.waiting = append(p.waiting, waits)
	if resolve {
		return p, true
	}
	return nil, false
}

// makeRoom forgets the peer that was not written to for longest, where there are too many.
func (a *association) makeRoom() {
	if len(a.peers) < a.proxy.cfg.Limits.Peers {
		return
	}
	var oldest *peer
	for _, p := range a.peers {
		if oldest == nil || p.last < oldest.last {
			oldest = p
		}
	}
	delete(a.peers, oldest.name)
	a.proxy.counts.packetsLost.Add(uint64(len(oldest.waiting)))
	oldest.waiting = nil
}

// resolve finds a peer's destination, and sends what waits for it.
func (a *association) resolve(ctx context.Context, p *peer, host string) {
	patience, cancel := context.WithTimeout(ctx, a.proxy.cfg.Limits.DialTime)
	defer cancel()
	dest, err := a.proxy.cfg.Resolve(patience, host)
	a.mu.Lock()
	waiting := p.waiting
	p.waiting = nil
	if err != nil {
		if a.peers[p.name] == p {
			delete(a.peers, p.name) // the next datagram tries again
		}
	} else {
		p.hash = dest.Hash()
	}
	hash := p.hash
	a.mu.Unlock()
	if err != nil {
		a.proxy.counts.packetsLost.Add(uint64(len(waiting)))
		a.proxy.cfg.Log.Debug("no destination for datagrams", "error", err)
		return
	}
	for _, m := range waiting {
		m.Peer = hash
		a.send(m)
	}
}

func (a *association) send(m datagram.Message) {
	if err := a.far.WriteMessage(m); err != nil {
		a.proxy.counts.packetsLost.Add(1)
		return
	}
	a.proxy.counts.packetsOut.Add(1)
}

// relayIn takes datagrams from I2P.
func (a *association) relayIn() {
	for {
		m, err := a.far.ReadMessage()
		if err != nil {
			return
		}
		name, client := a.sender(m)
		if name == "" {
			a.proxy.counts.packetsRefused.Add(1)
			continue
		}
		b := appendPacket(nil, address{host: name, port: m.PeerPort}, m.Payload)
		if _, err := a.near.WriteToUDPAddrPort(b, client); err != nil {
			a.proxy.counts.packetsLost.Add(1)
			continue
		}
		a.proxy.counts.packetsIn.Add(1)
	}
}

// sender is what the client calls the peer that a datagram is from; "" where it has not written to
// it. A raw datagram is from the only peer that there is.
func (a *association) sender(m datagram.Message) (name string, client netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.peers {
		if !p.hash.IsZero() && (p.hash == m.Peer || m.Protocol == datagram.Raw && len(a.peers) == 1) {
			return p.name, a.client
		}
	}
	return "", a.client
}
