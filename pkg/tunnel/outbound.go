package tunnel

import (
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// Delivery is a message at the end of a tunnel, or on its way there.
type Delivery struct {
	Kind    Target
	Router  i2p.Hash // of ToRouter and ToTunnel
	Tunnel  uint32   // of ToTunnel
	Message i2np.Message

	// raw is the message with its standard header and, before that, room
	// for the header of a TunnelGateway; nil where there is no such room.
	raw []byte
}

// Forward makes the message that a router delivery or tunnel delivery sends
// to Router: the message itself, or a TunnelGateway that wraps it, of which the
// ID and the expiration are drawn. The Delivery is used up.
func (d *Delivery) Forward(now time.Time, random uint64) Out {
	if d.Kind != ToTunnel {
		return Out{To: d.Router, Message: d.Message}
	}
	m := i2np.Message{
		Type:       i2np.TunnelGatewayType,
		ID:         uint32(random),
		Expiration: i2np.Expiration(now, dataExpiration, random),
	}
	g := i2np.TunnelGateway{Tunnel: d.Tunnel}
	if d.raw != nil {
		m.Body, m.Owner = d.raw, d.Message.Owner
		g.Message = d.raw[i2np.TunnelGatewayHeaderLen:]
		g.AppendTo(d.raw[:0])
		return Out{To: d.Router, Message: m}
	}
	m.Owner = buf.Get(i2np.TunnelGatewayHeaderLen + d.Message.StandardLen())
	m.Body = m.Owner.Bytes()
	i2np.AppendTunnelGateway(m.Body[:0], d.Tunnel, d.Message)
	d.Message.Release()
	return Out{To: d.Router, Message: m}
}

// OutboundConfig describes an outbound tunnel to its creator. Without layers
// it has no hops, and the rest but Rand is ignored.
type OutboundConfig struct {
	Layers    []LayerKeys // in the order of message flow
	FirstHop  i2p.Hash
	FirstID   uint32
	EndRouter i2p.Hash
	Rand      io.Reader
}

// Outbound is the creator's end of an outbound tunnel.
type Outbound struct {
	layers layers
	framer framer
	end    i2p.Hash
}

// NewOutbound makes the engine of an outbound tunnel.
func NewOutbound(cfg OutboundConfig) *Outbound {
	o := &Outbound{layers: newLayers(cfg.Layers), end: cfg.EndRouter}
	o.framer = framer{to: cfg.FirstHop, id: cfg.FirstID, random: draw.From(cfg.Rand).Stream()}
	return o
}

// Send puts messages into the tunnel, takes ownership of them, and appends
// what is to be sent to dst: tunnel messages for the first hop, or with no
// hops the messages to where they go. Several share a tunnel message where
// they fit. One that cannot be sent is left out and makes an error.
func (o *Outbound) Send(dst []Out, now time.Time, ds ...Delivery) ([]Out, error) {
	first := len(dst)
	var failed error
	var head [i2np.StandardHeaderLen]byte
	for i := range ds {
		d := &ds[i]
		if len(o.layers) == 0 {
			dst = append(dst, d.Forward(now, o.framer.random.Uint64()))
			continue
		}
		err := error(nil)
		if d.Message.StandardLen() > i2np.MaxTunnelMessage {
			err = fmt.Errorf("tunnel: message of %d bytes: %w", d.Message.StandardLen(), ErrTooLong)
		} else {
			d.Message.PutStandardHeader(head[:])
			a := address{kind: d.Kind, router: d.Router, tunnel: d.Tunnel}
			dst, err = o.framer.add(dst, now, &a, d.Message.ID, head[:], d.Message.Body)
		}
		d.Message.Release()
		if err != nil && failed == nil {
			failed = err
		}
	}
	dst = o.framer.flush(dst)
	if len(o.layers) > 0 {
		for i := range dst[first:] {
			o.layers.decrypt(dst[first+i].Message.Body)
		}
	}
	return dst, failed
}

// EndRouter is the last hop.
func (o *Outbound) EndRouter() i2p.Hash { return o.end }
