//go:build linux

package attack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"i2ptoolkit/pkg/interop/netns"
	"i2ptoolkit/pkg/transport"
)

// What the hosts have. Whoever comes to attack has whole prefixes.
var (
	hostileAt   = netip.MustParseAddr("23.40.0.1")
	newcomersAt = netip.MustParseAddr("23.41.0.1")
	hostileV4   = netip.MustParsePrefix("45.0.0.0/8")
	newcomersV4 = netip.MustParsePrefix("60.0.0.0/8")
	hostileV6   = netip.MustParsePrefix("2a0b:4500::/32")
)

// dialThreads is how many threads of a host connect at the same time: a socket belongs to
// the namespace of the thread that makes it.
const dialThreads = 32

// Host is a namespace on the bridge, with addresses.
type Host struct {
	*netns.Namespace
	V4, V6 netip.Addr
	jobs   chan func() // for the threads that are in the namespace
}

// Missing says what a network needs and this machine lacks; nil is nothing.
func Missing() error {
	if os.Geteuid() != 0 {
		return errors.New("attack: network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	return nil
}

// ground is the bridge with its hosts.
type ground struct {
	bridge    *netns.Bridge
	hosts     []*Host
	hostile   *Host
	newcomers *Host
}

func newGround() (*ground, error) {
	b, err := netns.NewBridge()
	if err != nil {
		return nil, err
	}
	g := &ground{bridge: b}
	if g.hostile, err = g.host(hostileAt, hostileV4, hostileV6); err == nil {
		g.newcomers, err = g.host(newcomersAt, newcomersV4)
	}
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// close ends what runs in the hosts, and removes all.
func (g *ground) close() error {
	for _, h := range g.hosts {
		close(h.jobs)
	}
	return g.bridge.Close()
}

// sixOf is the IPv6 address of the host with an IPv4 address: 23.40.0.1 has 2a01:40::1.
func sixOf(v4 netip.Addr) netip.Addr {
	b := v4.As4()
	return netip.MustParseAddr(fmt.Sprintf("2a01:%d::1", b[1]))
}

// host makes a host, to which whole prefixes belong besides its addresses.
func (g *ground) host(v4 netip.Addr, owns ...netip.Prefix) (*Host, error) {
	ns, err := g.bridge.Host(netip.PrefixFrom(v4, 8))
	if err != nil {
		return nil, err
	}
	h := &Host{Namespace: ns, V4: v4, V6: sixOf(v4), jobs: make(chan func())}
	g.hosts = append(g.hosts, h)
	for range dialThreads {
		go ns.Do(func() error {
			for job := range h.jobs {
				job()
			}
			return nil
		})
	}
	lines := []string{fmt.Sprintf("addr add %s/16 dev eth0 nodad", h.V6)}
	for _, p := range owns {
		lines = append(lines, fmt.Sprintf("route add local %s dev lo", p))
	}
	for _, far := range []struct {
		owner netip.Addr
		of    netip.Prefix
	}{{hostileAt, hostileV4}, {hostileAt, hostileV6}, {newcomersAt, newcomersV4}} {
		via := far.owner
		if far.of.Addr().Is6() {
			via = sixOf(via)
		}
		if far.owner != v4 {
			lines = append(lines, fmt.Sprintf("route add %s via %s", far.of, via))
		}
	}
	if err := ns.Run(strings.Join(lines, "\n"), "ip", "-batch", "-"); err != nil {
		return nil, err
	}
	return h, ns.Do(func() error {
		return errors.Join(
			os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0),
			os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("1024 65535"), 0),
		)
	})
}

// within runs f on a thread in the namespace.
func (h *Host) within(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case h.jobs <- func() { result <- f() }:
		return <-result
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// from connects from one of the host's addresses.
func (h *Host) from(addr netip.Addr) dialFunc {
	return func(ctx context.Context, to netip.AddrPort) (c net.Conn, err error) {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)), Timeout: handshakeTimeout}
		err = h.within(ctx, func() (err error) {
			c, err = d.DialContext(ctx, "tcp", to.String())
			return err
		})
		return c, err
	}
}

// network is a host for a transport.
type network struct{ *Host }

// Listen is transport.Network's.
func (n network) Listen(_ context.Context, addr netip.AddrPort) (net.Listener, error) {
	return n.Namespace.Listen("tcp", addr.String())
}

// ListenPacket is transport.Network's; nothing here speaks over UDP.
func (n network) ListenPacket(context.Context, netip.AddrPort) (transport.PacketConn, error) {
	return nil, errors.ErrUnsupported
}

// DialContext is transport.Network's.
func (n network) DialContext(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return n.from(n.V4)(ctx, to)
}

// Addrs is transport.Network's.
func (n network) Addrs() ([]netip.Addr, error) { return []netip.Addr{n.V4}, nil }
