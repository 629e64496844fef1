//go:build linux

package wan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Config describes a network without hosts.
type Config struct {
	Seed uint64 // of all chance in its lines

	// Congestion is the control of TCP in the hosts; default cubic, as most of the Internet has it. It is
	// set by the hosts' routes, for a namespace may take none by itself that the machine restricts: a socket
	// gets it when it connects, and may have another one afterwards.
	Congestion string
}

// Network is the hosts, with their namespaces, around one hub.
type Network struct {
	cfg   Config
	hub   *hub
	end   context.CancelFunc
	ended chan error

	mu    sync.Mutex // one change at a time
	hosts map[int]*Host
}

const (
	maxHosts = 200
	tunFile  = "/dev/net/tun"
)

// Missing says what a network needs and this machine lacks; nil is nothing.
func Missing() error {
	if _, err := os.Stat(tunFile); err != nil {
		return fmt.Errorf("wan: %w", err)
	}
	if os.Geteuid() != 0 {
		return errors.New("wan: needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("wan: %w", err)
	}
	return nil
}

// New starts a network, which lasts until Close, or the end of the process.
func New(cfg Config) (*Network, error) {
	cfg.Congestion = cmp.Or(cfg.Congestion, "cubic")
	h, err := newHub()
	if err != nil {
		return nil, fmt.Errorf("wan: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	n := &Network{cfg: cfg, hub: h, end: end, ended: make(chan error, 1), hosts: map[int]*Host{}}
	go func() { n.ended <- h.run(ctx) }()
	return n, nil
}

// Close ends what runs in the hosts, and removes all.
func (n *Network) Close() (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.hosts {
		err = errors.Join(err, s.close())
	}
	n.end()
	err = errors.Join(err, <-n.ended)
	for _, d := range n.hub.devices {
		unix.Close(d.fd)
	}
	unix.Close(n.hub.wake)
	return err
}

// Add makes a host, whose id is from 1 to 200.
func (n *Network) Add(id int, kind NAT, up, down Settings) (*Host, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id < 1 || id > maxHosts || n.hosts[id] != nil {
		return nil, fmt.Errorf("wan: host %d is there already, or not from 1 to %d", id, maxHosts)
	}
	s := &Host{ID: id, NAT: kind}
	fd, err := s.create(n.cfg.Congestion)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wan: host %d: %w", id, err), s.close())
	}
	n.hosts[id] = s
	d := &device{id: id, fd: fd, up: newLine(up, n.cfg.Seed, uint64(2*id)), down: newLine(down, n.cfg.Seed, uint64(2*id+1))}
	n.hub.do(func() {
		n.hub.devices[id] = d
		n.hub.name(d, s.v4, s.v6)
	})
	return s, nil
}

// Addrs are the public addresses of a host; behind IPv4 NAT the second one is none.
func (n *Network) Addrs(id int) (v4, v6 netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.hosts[id]
	return s.v4, s.v6
}

// each does something to devices on the hub's thread; no ids are all.
func (n *Network) each(ids []int, f func(*device)) {
	n.hub.do(func() {
		if len(ids) == 0 {
			ids = slices.Sorted(maps.Keys(n.hub.devices))
		}
		for _, id := range ids {
			f(n.hub.devices[id])
		}
	})
}

// Set changes the lines of hosts, or of all.
func (n *Network) Set(up, down Settings, ids ...int) {
	n.each(ids, func(d *device) { d.up.Settings, d.down.Settings = up, down })
}

// Cut unplugs hosts; what is on the way to them is lost too.
func (n *Network) Cut(ids ...int) { n.each(ids, func(d *device) { d.cut = true }) }

// Heal plugs hosts in again. Without ids it undoes all cuts, and a partition.
func (n *Network) Heal(ids ...int) {
	n.each(ids, func(d *device) { d.cut = false })
	if len(ids) == 0 {
		n.Partition()
	}
}

// Partition separates groups; hosts that are not named are one more.
func (n *Network) Partition(groups ...[]int) {
	group := map[int]int{}
	for i, ids := range groups {
		for _, id := range ids {
			group[id] = i + 1
		}
	}
	n.hub.do(func() { n.hub.group = group })
}

// Rebind gives a host other public addresses (10.3.1.1, 10.3.2.1, …). The old
// ones are dead at once.
func (n *Network) Rebind(id int) error {
	return n.readdress(id, func(s *Host) error { s.renamed++; return nil })
}

// Lose takes the address of a family from a host, and its way out, for good.
func (n *Network) Lose(id int, v4 bool) error {
	return n.readdress(id, func(s *Host) error { return s.lose(v4) })
}

// Become puts another kind of gateway before a host that is not open, as if it had been carried into another network:
// its public addresses are others. What it had behind NAT is 192.168.7.2, as before.
func (n *Network) Become(id int, kind NAT) error {
	return n.readdress(id, func(s *Host) error { return s.become(kind, n.cfg.Congestion) })
}

// readdress gives a host the public addresses that follow from a change of it.
func (n *Network) readdress(id int, change func(*Host) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.hosts[id]
	if s == nil {
		return fmt.Errorf("wan: no host %d", id)
	}
	err := change(s)
	if err == nil {
		err = s.rename()
	}
	if err != nil {
		return fmt.Errorf("wan: host %d: %w", id, err)
	}
	n.hub.do(func() { n.hub.name(n.hub.devices[id], s.v4, s.v6) })
	return nil
}

// Traffic gives the counters of a host's lines.
func (n *Network) Traffic(id int) (up, down Counters) {
	n.each([]int{id}, func(d *device) { up, down = d.up.Counters, d.down.Counters })
	return up, down
}

// Late says how punctual the hub was since the last call.
func (n *Network) Late() (l Lateness) {
	n.hub.do(func() { l, n.hub.late = n.hub.late, Lateness{} })
	return l
}

// String has a line for each direction of each host.
func (n *Network) String() string {
	var b strings.Builder
	n.each(nil, func(d *device) {
		for i, l := range []*line{d.up, d.down} {
			fmt.Fprintf(&b, "host %d %-4s %s cut=%v group=%d %+v %+v\n",
				d.id, []string{"up", "down"}[i], d.addr[0], d.cut, n.hub.group[d.id], l.Settings, l.Counters)
		}
	})
	return b.String()
}
