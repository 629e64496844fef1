package controltest

import (
	"context"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

// portOf is where datagrams of a protocol come.
type portOf struct {
	address
	protocol byte
}

// firstFree is what free ports are counted from.
const firstFree = 50_000

// ListenDatagrams takes those of the process, as they would come framed.
func (d *destination) ListenDatagrams(number uint16, free bool, protocols ...byte) (server.Datagrams, error) {
	if len(protocols) == 0 {
		protocols = datagram.Protocols[:]
	}
	if free {
		number = firstFree + uint16(d.hall.seed())
	}
	p := &port{}
	var err error
	p.PacketConn, err = sockets.NewPacketConn(sockets.PacketConfig{
		Keys: d.keys, Local: sockets.Addr{Destination: d.dest, Port: number}, Protocol: datagram.Repliable,
		Send:   d.send,
		Closed: func() { d.hall.removePort(p) },
	})
	if err != nil {
		return nil, err
	}
	if !d.hall.addPort(p, address{d.dest.Hash(), number}, protocols) {
		return nil, control.Errorf(control.InUse, "port %d is taken", number)
	}
	return p, nil
}

// port says what is too long, as the real one does.
type port struct{ *sockets.PacketConn }

func (p *port) WriteMessage(m datagram.Message) error {
	if err := p.PacketConn.WriteMessage(m); err != nil {
		return control.Errorf(control.BadData, "%v", err)
	}
	return nil
}

// send brings a datagram to whoever listens for it, or to nobody.
func (d *destination) send(to i2p.Hash, framed []byte) error {
	h, _, err := datagram.ParseHeader(framed)
	if err != nil {
		return err
	}
	if p := d.hall.port(to, h); p != nil {
		p.Deliver(h, framed, d.dest.Hash())
	}
	return nil
}

// Reach waits for a destination to listen.
func (d *destination) Reach(ctx context.Context, hash i2p.Hash) error {
	if err := d.blocked(ctx); err != nil {
		return err
	}
	_, err := d.Resolve(ctx, hash)
	return err
}

// Pass returns at once: what was sent is there.
func (d *destination) Pass() {}

// port is the one for a protocol and port, or for every port.
func (h *hall) port(hash i2p.Hash, of datagram.Header) *port {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.ports[portOf{address{hash, of.To}, of.Protocol}]; p != nil {
		return p
	}
	return h.ports[portOf{address{hash, 0}, of.Protocol}]
}

// addPort takes a port where there is none.
func (h *hall) addPort(p *port, at address, protocols []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, protocol := range protocols {
		if h.ports[portOf{at, protocol}] != nil {
			return false
		}
	}
	if h.ports == nil {
		h.ports = make(map[portOf]*port)
	}
	for _, protocol := range protocols {
		h.ports[portOf{at, protocol}] = p
	}
	h.came()
	return true
}

func (h *hall) removePort(p *port) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for at, other := range h.ports {
		if other == p {
			delete(h.ports, at)
		}
	}
}
