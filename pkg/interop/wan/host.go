//go:build linux

package wan

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/interop/netns"
)

// NAT says what stands between a host and its public address.
type NAT string

// The kinds.
const (
	Open       NAT = ""           // nothing
	Routed     NAT = "routed"     // a gateway that passes everything: what Become makes of the others
	Restricted NAT = "restricted" // one outer port for an inner one; only whom it sent to may answer
	Symmetric  NAT = "symmetric"  // another outer port for each destination
	Firewall   NAT = "firewall"   // public address, but only what was asked for comes in
)

// Host is a namespace with access to the network, with a gateway's namespace before it where there is NAT:
//
//	host                          gateway
//	wan0 10.7.0.1                                                       Open
//	eth0 192.168.7.2 -- veth -- lan0 192.168.7.1   wan0 10.7.0.1        Restricted, Symmetric
//	eth0 10.7.0.1    -- veth -- lan0 192.168.7.1   wan0 (no address)    Routed, Firewall
type Host struct {
	*netns.Namespace
	ID  int
	NAT NAT

	outer   *netns.Namespace // the one with the TUN device: the host's own, or its gateway's
	v4, v6  netip.Addr       // public
	lacks   [2]bool          // IPv4 and IPv6: it has no address of that family
	renamed int              // how often they have changed
}

// address is the nth one that a host has: 10.3.0.1 and 2a0b:3:0::1, then 10.3.1.1 and 2a0b:3:1::1.
func address(id, nth int) (v4, v6 netip.Addr) {
	return netip.AddrFrom4([4]byte{10, byte(id), byte(nth), 1}), netip.MustParseAddr(fmt.Sprintf("2a0b:%d:%d::1", id, nth))
}

// masks says whether the host has a private address; behind IPv4 NAT there is no IPv6.
func (s *Host) masks() bool { return s.NAT == Restricted || s.NAT == Symmetric }

func (s *Host) addrs() [2]netip.Addr { return [2]netip.Addr{s.v4, s.v6} }

// take has the host's next addresses be its public ones.
func (s *Host) take() {
	s.v4, s.v6 = address(s.ID, s.renamed)
	if s.lacks[0] {
		s.v4 = netip.Addr{}
	}
	if s.lacks[1] || s.masks() {
		s.v6 = netip.Addr{}
	}
}

// create makes the namespaces, and the TUN device.
func (s *Host) create(congestion string) (fd int, err error) {
	s.take()
	if s.Namespace, err = netns.New(); err != nil {
		return 0, err
	}
	s.outer = s.Namespace
	if s.NAT != Open {
		if s.outer, err = netns.New(); err != nil {
			return 0, err
		}
	}
	err = s.outer.Do(func() (err error) { fd, err = openTUN("wan0"); return err })
	if err != nil {
		return 0, err
	}
	err = ip(s.outer, `
		link set wan0 mtu %d txqueuelen 10000 up
		route add 0.0.0.0/0 dev wan0 congctl %[2]s
		route add ::/0 dev wan0 congctl %[2]s`, deviceMTU, congestion)
	switch {
	case err != nil:
	case s.NAT == Open:
		err = s.assign("add", s.Namespace, "wan0", s.addrs())
	default:
		err = s.connect(congestion)
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

// connect puts the gateway between the host and the TUN device.
func (s *Host) connect(congestion string) error {
	inner := fmt.Sprintf("192.168.%d", s.ID)
	err := ip(s.outer, `
		link add lan0 type veth peer name eth0 netns %[1]s
		addr add %[2]s.1/24 dev lan0
		addr add fe80::1/64 dev lan0 nodad
		link set lan0 up`, s.Path(), inner)
	if err == nil {
		err = errors.Join(ip(s.Namespace, "link set eth0 up"), s.ways("add", congestion))
	}
	if err == nil {
		err = s.attach("add")
	}
	if err != nil {
		return err
	}
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		if err := s.sysctl(s.outer, name, "1"); err != nil {
			return err
		}
	}
	return s.outer.Run(s.rules(), "nft", "-f", "-")
}

// attach gives the host behind its gateway the addresses that it has with it, or deletes them.
func (s *Host) attach(verb string) error {
	if s.masks() {
		return errors.Join(
			ip(s.Namespace, "addr %s 192.168.%d.2/24 dev eth0", verb, s.ID),
			s.assign(verb, s.outer, "wan0", s.addrs()))
	}
	return errors.Join(s.assign(verb, s.Namespace, "eth0", s.addrs()), s.route(verb, s.addrs()))
}

// become puts another kind of gateway before a host that has one, and gives it other public addresses.
func (s *Host) become(kind NAT, congestion string) error {
	if s.NAT == Open || kind == Open {
		return errors.New("there is no gateway")
	}
	err := s.attach("del")
	s.NAT = kind
	s.renamed++
	s.take()
	// With its last address a device loses its routes.
	return errors.Join(err, s.attach("add"), ip(s.outer, `
		route replace 0.0.0.0/0 dev wan0 congctl %[1]s
		route replace ::/0 dev wan0 congctl %[1]s`, congestion), s.ways("replace", congestion),
		s.outer.Run("flush ruleset\n"+s.rules(), "nft", "-f", "-"))
}

// ways are the routes of a host to its gateway, and through it.
func (s *Host) ways(verb, congestion string) error {
	return ip(s.Namespace, `
		route %[1]s 192.168.%[2]d.1/32 dev eth0
		route %[1]s 0.0.0.0/0 via 192.168.%[2]d.1 dev eth0 congctl %[3]s
		route %[1]s ::/0 via fe80::1 dev eth0 congctl %[3]s`, verb, s.ID, congestion)
}

// rules are the gateway's. Linux keeps the port while it can, and matches
// answers by both addresses and ports: that makes a port restricted NAT.
func (s *Host) rules() string {
	if s.NAT == Routed {
		return ""
	}
	masquerade := map[NAT]string{
		Restricted: "oifname wan0 masquerade",
		Symmetric:  "oifname wan0 masquerade fully-random",
	}[s.NAT]
	return fmt.Sprintf(`table inet wan {
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state established,related accept
			iifname lan0 accept
		}
		chain input {
			type filter hook input priority filter; policy drop
			ct state established,related accept
			iifname { lan0, lo } accept
			meta l4proto ipv6-icmp accept
		}
		chain postrouting {
			type nat hook postrouting priority srcnat
			%s
		}
	}`, masquerade)
}

// assign adds or deletes public addresses.
func (s *Host) assign(verb string, ns *netns.Namespace, device string, addrs [2]netip.Addr) error {
	return each(ns, addrs, func(a netip.Addr) string {
		if a.Is6() {
			return fmt.Sprintf("addr %s %s/128 dev %s nodad", verb, a, device)
		}
		return fmt.Sprintf("addr %s %s/32 dev %s", verb, a, device)
	})
}

// route tells a firewall's gateway where public addresses are.
func (s *Host) route(verb string, addrs [2]netip.Addr) error {
	return each(s.outer, addrs, func(a netip.Addr) string { return fmt.Sprintf("route %s %s/%d dev lan0", verb, a, a.BitLen()) })
}

// each has iproute2 execute a command for each address that there is.
func each(ns *netns.Namespace, addrs [2]netip.Addr, command func(netip.Addr) string) error {
	var lines strings.Builder
	for _, a := range addrs {
		if a.IsValid() {
			fmt.Fprintln(&lines, command(a))
		}
	}
	return ip(ns, "%s", lines.String())
}

// lose takes the way out over a family from the host; its address goes with rename.
func (s *Host) lose(v4 bool) error {
	device, to, family := "wan0", "0.0.0.0/0", 0
	if !v4 {
		to, family = "::/0", 1
	}
	if s.NAT != Open {
		device = "eth0"
	}
	s.lacks[family] = true
	return ip(s.Namespace, "route del %s dev %s", to, device)
}

// rename gives the host the public addresses that it is to have now. NAT forgets its mappings with the address.
func (s *Host) rename() error {
	old := s.addrs()
	s.take()
	var gone, come [2]netip.Addr
	for i, a := range s.addrs() {
		if a != old[i] {
			gone[i], come[i] = old[i], a
		}
	}
	if s.NAT != Open && !s.masks() {
		return errors.Join(
			s.route("del", gone), s.assign("add", s.Namespace, "eth0", come), s.assign("del", s.Namespace, "eth0", gone), s.route("add", come))
	}
	return errors.Join(s.assign("add", s.outer, "wan0", come), s.assign("del", s.outer, "wan0", gone))
}

// close ends what runs in the namespaces, and these.
func (s *Host) close() (err error) {
	if s.outer != nil && s.outer != s.Namespace {
		err = s.outer.Close()
	}
	if s.Namespace != nil {
		err = errors.Join(err, s.Namespace.Close())
	}
	return err
}

// sysctl sets one of a namespace's settings below net.
func (s *Host) sysctl(ns *netns.Namespace, name, value string) error {
	return ns.Do(func() error { return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0) })
}

// openTUN makes a device in the namespace of this thread; it vanishes when it is closed.
func openTUN(name string) (fd int, err error) {
	fd, err = unix.Open(tunFile, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("wan: %s: %w", tunFile, err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("wan: TUN device %s: %w", name, err)
	}
	return fd, nil
}

// ip has iproute2 execute commands in a namespace, one a line.
func ip(ns *netns.Namespace, format string, args ...any) error {
	return ns.Run(fmt.Sprintf(format, args...), "ip", "-batch", "-")
}
