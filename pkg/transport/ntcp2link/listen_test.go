package ntcp2link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"i2ptoolkit/pkg/transport"
)

// oneTaken is a host where another program listens on one port.
type oneTaken struct {
	host
	port uint16
}

func (h oneTaken) Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error) {
	if addr.Port() == h.port {
		return nil, syscall.EADDRINUSE
	}
	return h.host.Listen(ctx, addr)
}

// Where one of the addresses is taken Run fails, and lets go of the others, also
// of those of other drivers.
func TestListenFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		other := New(Config{Keys: Keys{Static: newNode(t, pipes, 9, nil).cfg.Link.Keys.Static}, Listen: []netip.AddrPort{netip.MustParseAddrPort("23.0.0.1:9")}})
		a := newNode(t, pipes, 1, func(c *settings) {
			c.Network = oneTaken{c.Network.(host), 8}
			c.Link.Listen = append(c.Link.Listen, netip.MustParseAddrPort("23.0.0.1:8"))
		})
		a.cfg.Drivers = []transport.Driver{other, a.driver}
		tr, err := transport.New(a.cfg.Config)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("Run: %v", err)
		}
		pipes.mu.Lock()
		defer pipes.mu.Unlock()
		if len(pipes.listeners) != 0 {
			t.Errorf("%d listeners are left", len(pipes.listeners))
		}
	})
}
