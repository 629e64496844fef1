package sam

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Limits of the names that the system is asked for. Its resolver may ask strangers, and may take long.
const (
	maxResolving = 4 // at once, for all clients
	resolveTime  = 5 * time.Second
	maxHosts     = 4 // addresses of one name that are tried
)

// never are the ends of names that no resolver of the system is to hear of: whoever asks it for them has mistaken what
// HOST is, and would tell strangers whom it visits.
var never = []string{".i2p", ".i2p.alt", ".onion"}

// hosts are where the client is to be reached: it says so, or it is where it is. HOST is "the hostname or IP address" of
// a server (Forwarding Virtual Streams, Forwarding Raw or Repliable Datagrams): addresses and localhost are known here,
// and the system is asked once for another name, not for each stream.
func (c *conn) hosts(ctx context.Context, args Args) ([]netip.Addr, error) {
	name := args.Get("HOST")
	if name == "" {
		return []netip.Addr{c.own()}, nil
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if strings.EqualFold(name, "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	found, err := c.resolve(ctx, strings.ToLower(strings.TrimSuffix(name, ".")))
	if err != nil {
		c.server.counts.refusedHosts.Add(1)
		return nil, refuse("I2P_ERROR", "HOST: %v", err)
	}
	return found, nil
}

// own is where the client is.
func (c *conn) own() netip.Addr {
	if a, err := netip.ParseAddrPort(c.client.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}) // over a Unix socket
}

// resolve asks the system for a name.
func (c *conn) resolve(ctx context.Context, name string) (found []netip.Addr, err error) {
	for _, end := range never {
		if strings.HasSuffix(name, end) {
			return nil, fmt.Errorf("%.64s is no name of a machine on this network", name)
		}
	}
	select {
	case c.server.resolving <- struct{}{}:
		defer func() { <-c.server.resolving }()
	default:
		return nil, fmt.Errorf("more than %d names of machines are looked for", maxResolving)
	}
	err = c.during(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		defer cancel()
		found, err = c.server.cfg.LookupHost(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%.64s has no address", name)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found[:min(len(found), maxHosts)], nil
}

// systemHosts asks the system's resolver.
func systemHosts(ctx context.Context, name string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}
