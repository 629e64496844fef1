package tunnel

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// InboundConfig describes an inbound tunnel to its creator. Without layers
// it has no hops: Gateway is the creator itself.
type InboundConfig struct {
	Layers    []LayerKeys // in the order of message flow
	Gateway   i2p.Hash
	GatewayID uint32
	Budget    *Budget        // of fragments, shared; may be nil
	Counts    *EndpointStats // to count in, shared; nil: its own
}

// Inbound is the creator's end of an inbound tunnel.
type Inbound struct {
	layers    layers
	gateway   i2p.Hash
	gatewayID uint32
	assembler
}

// NewInbound makes the engine of an inbound tunnel.
func NewInbound(cfg InboundConfig) *Inbound {
	return &Inbound{
		layers:    newLayers(cfg.Layers),
		gateway:   cfg.Gateway,
		gatewayID: cfg.GatewayID,
		assembler: newAssembler(newIVFilter(nil, cfg.Layers...), true, cfg.Budget, cfg.Counts),
	}
}

// Handle takes ownership of a TunnelData message, or with no hops of a
// TunnelGateway, and appends the messages that came out to dst. An error
// says that the message, or the rest of it, was dropped.
func (t *Inbound) Handle(dst []Delivery, now time.Time, m i2np.Message) ([]Delivery, error) {
	if len(t.layers) == 0 {
		return t.direct(dst, m)
	}
	if m.Type != i2np.TunnelDataType {
		m.Release()
		return dst, fmt.Errorf("tunnel: %v for an inbound tunnel, TunnelData expected", m.Type)
	}
	if err := t.open(m.Body); err != nil {
		m.Release()
		return dst, err
	}
	t.layers.decrypt(m.Body)
	return t.handle(dst, now, m.Body, m.Owner)
}

// direct unwraps what comes to a tunnel without hops.
func (t *Inbound) direct(dst []Delivery, m i2np.Message) ([]Delivery, error) {
	t.counts.Received++
	if m.Type != i2np.TunnelGatewayType {
		t.counts.Bad++
		m.Release()
		return dst, fmt.Errorf("tunnel: %v for a tunnel without hops, TunnelGateway expected", m.Type)
	}
	g, err := i2np.ParseTunnelGateway(m.Body)
	if err != nil {
		t.counts.Bad++
		m.Release()
		return dst, err
	}
	return t.deliver(dst, &address{kind: ToLocal}, g.Message, nil, m.Owner), nil
}

// Gateway names the router and tunnel ID that messages are sent to: what
// goes into a lease.
func (t *Inbound) Gateway() (i2p.Hash, uint32) { return t.gateway, t.gatewayID }

// Expire drops messages that wait for fragments in vain.
func (t *Inbound) Expire(now time.Time) { t.counts.Expired += uint64(t.parts.expire(now)) }

// Close lets go of all buffers. The tunnel is not used afterwards.
func (t *Inbound) Close() { t.parts.close() }
