package node

import (
	"strconv"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/tunnel"
)

// shapes are what options make of a destination.
type shapes struct {
	in, out router.Shape
	silence silence
}

// silence is what happens to streams on which nothing is said.
type silence struct {
	keepAlive time.Duration // 0: the default
	idle      time.Duration // after which a stream ends; 0: never
}

// What i2p.streaming.inactivityAction says, and the default of
// i2p.streaming.inactivityTimeout (streaming library, "Options").
const (
	inactivityNothing    = 0
	inactivityDisconnect = 1
	inactivitySend       = 2
	inactivityTimeout    = 90 * time.Second
	noKeepAlive          = 24 * time.Hour
)

// shapes reads the options of a destination, by the names that I2CP and the
// streaming library give them (I2CP overview, "Options").
func (n *Node) shapes(options map[string]string) (shapes, error) {
	c := n.cfg.Settings.Client
	s := shapes{
		in:  router.Shape{Hops: c.InLength, Quantity: c.InQuantity},
		out: router.Shape{Hops: c.OutLength, Quantity: c.OutQuantity},
	}
	timeout, action := int(inactivityTimeout/time.Millisecond), inactivitySend
	for _, o := range []struct {
		name     string
		to       *int
		min, max int
	}{
		{"inbound.length", &s.in.Hops, 0, tunnel.MaxHops},
		{"outbound.length", &s.out.Hops, 0, tunnel.MaxHops},
		{"inbound.lengthVariance", &s.in.Variance, -tunnel.MaxHops, tunnel.MaxHops},
		{"outbound.lengthVariance", &s.out.Variance, -tunnel.MaxHops, tunnel.MaxHops},
		{"inbound.quantity", &s.in.Quantity, 1, 16},
		{"outbound.quantity", &s.out.Quantity, 1, 16},
		{"i2p.streaming.inactivityTimeout", &timeout, 1000, 1 << 30},
		{"i2p.streaming.inactivityAction", &action, inactivityNothing, inactivitySend},
	} {
		text, ok := options[o.name]
		if !ok {
			continue
		}
		v, err := strconv.Atoi(text)
		if err != nil || v < o.min || v > o.max {
			return s, control.Errorf(control.BadRequest, "%s: %q is not a number from %d to %d", o.name, text, o.min, o.max)
		}
		*o.to = v
	}
	after := time.Duration(timeout) * time.Millisecond
	switch action {
	case inactivityNothing:
		s.silence.keepAlive = noKeepAlive
	case inactivityDisconnect:
		s.silence.idle = after
	case inactivitySend:
		s.silence.keepAlive = after
	}
	return s, nil
}
