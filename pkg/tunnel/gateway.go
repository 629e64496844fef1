package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// GatewayConfig describes an inbound tunnel to its gateway.
type GatewayConfig struct {
	Keys       LayerKeys
	NextRouter i2p.Hash
	NextTunnel uint32
	Rand       io.Reader
}

// Gateway is the first hop of an inbound tunnel: it splits messages into
// tunnel messages and encrypts them once.
type Gateway struct {
	layer  layer
	framer framer
}

// NewGateway makes a gateway.
func NewGateway(cfg GatewayConfig) *Gateway {
	return &Gateway{
		layer:  layer{keys: cfg.Keys},
		framer: framer{to: cfg.NextRouter, id: cfg.NextTunnel, random: draw.From(cfg.Rand).Stream()},
	}
}

// Add turns messages, each with its standard header as it came in a
// TunnelGateway, into tunnel messages for the next hop, and appends those to
// dst. It borrows the messages. Several share a tunnel message where they
// fit. One that cannot be sent is left out and makes an error.
func (g *Gateway) Add(dst []Out, now time.Time, messages ...[]byte) ([]Out, error) {
	var s sealing
	dst, err := g.add(&s, dst, now, messages)
	s.run()
	return dst, err
}

func (g *Gateway) add(s *sealing, dst []Out, now time.Time, messages [][]byte) ([]Out, error) {
	var failed error
	first := len(dst)
	local := address{kind: ToLocal}
	for _, raw := range messages {
		_, rest, err := i2np.ParseStandard(raw)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("tunnel: message for a gateway: %w", i2np.ErrLong)
		}
		if err == nil {
			dst, err = g.framer.add(dst, now, &local, binary.BigEndian.Uint32(raw[1:]), nil, raw)
		}
		if err != nil && failed == nil {
			failed = err
		}
	}
	dst = g.framer.flush(dst)
	for i := range dst[first:] {
		s.add(&g.layer, dst[first+i].Message.Body)
	}
	return dst, failed
}

// NextRouter is where the tunnel messages go.
func (g *Gateway) NextRouter() i2p.Hash { return g.framer.to }
