//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"i2ptoolkit/pkg/interop/netns"
	"i2ptoolkit/pkg/interop/wan"
)

// NetID is the id of every network of this package.
const NetID = 99

// NetworkConfig describes a private network of i2pd routers.
type NetworkConfig struct {
	Releases   []Release // one router each, in this order
	Floodfills int       // how many of them, the first ones; 0: all
	SSU2       bool      // besides NTCP2
	SSU2Only   bool
	Hops       int    // length of exploratory tunnels; 0: 2
	WebPort    uint16 // router 0 has a server tunnel to 127.0.0.1:WebPort
	Ends       int    // how many, the last ones, carry nothing for others
	LogLevel   string // of i2pd; default warn
	Far        *Far   // routers have hosts of their own; nil: all are on loopback
}

// Far puts the routers of a network on a wide-area network, each on a host of
// its own, from host First on. Several networks may share one.
type Far struct {
	WAN      *wan.Network
	First    int
	Up, Down wan.Settings
}

// Network is a namespace with i2pd routers, or one for each Java router and a
// bridge between them, to which our own routers are added.
type Network struct {
	*Namespace
	Dir     string // what the routers write; removed by Close unless I2P_INTEROP_KEEP is set
	I2PD    []*I2PD
	Java    []*Java
	Routers []*Router // ours
	T0      time.Time // when the first router began its real start

	bridge *netns.Bridge // nil: all are in one namespace
	others []*Process    // further programs
	nextIP byte
	far    *Far
	hosts  int // that it has on the wide-area network
}

// NewNetwork makes the namespace and starts the i2pd routers, each one as soon
// as the console of the one before answers. Each router knows those started
// before it; they learn of it when it dials them.
func NewNetwork(ctx context.Context, cfg NetworkConfig) (n *Network, err error) {
	n = &Network{nextIP: 10, far: cfg.Far}
	if n.Namespace, err = NewNamespace(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if err := n.makeDir(); err != nil {
		return n, err
	}
	if cfg.Hops == 0 {
		cfg.Hops = 2
	}
	for i, release := range cfg.Releases {
		c := I2PDConfig{
			Release: release, NetID: NetID, SSU2: cfg.SSU2 || cfg.SSU2Only, NoNTCP2: cfg.SSU2Only, Hops: cfg.Hops, LogLevel: cfg.LogLevel,
			Floodfill: cfg.Floodfills == 0 || i < cfg.Floodfills, NoTransit: i >= len(cfg.Releases)-cfg.Ends,
		}
		place, err := n.place()
		if err != nil {
			return n, err
		}
		c.Addr, c.Doors = place.addr, place.doors
		if i == 0 {
			c.WebPort, c.WebHops = cfg.WebPort, cfg.Hops
		}
		name := fmt.Sprintf("i2pd%d-%s", i, release)
		r, err := newI2PD(place.ns, filepath.Join(n.Dir, name), name, c)
		if err != nil {
			return n, err
		}
		r.Host = place.host
		n.I2PD = append(n.I2PD, r)
	}
	return n, n.startI2PD(ctx)
}

func (n *Network) makeDir() (err error) {
	sweep()
	if n.Dir, err = os.MkdirTemp("", fmt.Sprintf("i2p-interop-%d-", os.Getpid())); err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	return nil
}

// sweep removes the directories of runs that were killed before they could.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), "i2p-interop-*-*"))
	for _, d := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(d), "i2p-interop-"), "-")
		if _, err := os.Stat(filepath.Join("/proc", pid)); errors.Is(err, os.ErrNotExist) && os.Getenv("I2P_INTEROP_KEEP") == "" {
			os.RemoveAll(d)
		}
	}
}

// makeIdentities gives routers their identities, side by side: each takes a
// first start.
func makeIdentities[R interface{ makeIdentity(context.Context) error }](ctx context.Context, routers []R) error {
	made := make(chan error)
	for _, r := range routers {
		go func() { made <- r.makeIdentity(ctx) }()
	}
	var errs []error
	for range routers {
		errs = append(errs, <-made)
	}
	return errors.Join(errs...)
}

func (n *Network) startI2PD(ctx context.Context) error {
	if err := makeIdentities(ctx, n.I2PD); err != nil {
		return err
	}
	n.T0 = time.Now()
	for i, r := range n.I2PD {
		for _, earlier := range n.I2PD[:i] {
			info, err := earlier.RouterInfo()
			if err == nil {
				err = r.Learn(info)
			}
			if err != nil {
				return err
			}
		}
		if err := r.Start(); err != nil {
			return err
		}
		if err := r.awaitConsole(ctx); err != nil {
			return err
		}
		err := Await(ctx, 20*time.Second, r.Name+" opens its SAM bridge", func(ctx context.Context) error {
			c, err := dialSAM(ctx, r.ns, r.SAM())
			if err == nil {
				c.Close()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// NextAddr gives an address that no router of this network has.
func (n *Network) NextAddr() netip.Addr {
	n.nextIP++
	return netip.AddrFrom4([4]byte{127, 0, 0, n.nextIP})
}

// place is where a router runs.
type place struct {
	ns    *Namespace
	addr  netip.Addr // of its transports
	doors netip.Addr // of its console and bridges
	host  int        // on a wide-area network; 0 is none
}

// place finds one for a further router.
func (n *Network) place() (place, error) {
	if n.bridge != nil {
		n.nextIP++
		addr := netip.AddrFrom4([4]byte{23, 40 + n.nextIP, 0, 1}) // as public ones look
		ns, err := n.bridge.Host(netip.PrefixFrom(addr, 8))
		if err != nil {
			return place{}, fmt.Errorf("interop: %w", err)
		}
		return place{ns: &Namespace{ns}, addr: addr, doors: netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	if n.far == nil {
		addr := n.NextAddr()
		return place{ns: n.Namespace, addr: addr, doors: addr}, nil
	}
	id := n.far.First + n.hosts
	n.hosts++
	host, err := n.far.WAN.Add(id, wan.Open, n.far.Up, n.far.Down)
	if err != nil {
		return place{}, fmt.Errorf("interop: %w", err)
	}
	addr, _ := n.far.WAN.Addrs(id)
	return place{ns: &Namespace{host.Namespace}, addr: addr, doors: netip.AddrFrom4([4]byte{127, 0, 0, 1}), host: id}, nil
}

// AwaitMesh waits until every i2pd router knows at least this many routers besides itself.
func (n *Network) AwaitMesh(ctx context.Context, limit time.Duration, routers int) error {
	for _, r := range n.I2PD {
		if !r.Running() {
			continue
		}
		err := Await(ctx, limit, fmt.Sprintf("%s knows %d others", r.Name, routers), func(ctx context.Context) error {
			c, err := r.Counters(ctx)
			if err == nil && c.Routers < routers {
				err = fmt.Errorf("it knows %d", c.Routers)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Bootstrap collects the router.info files of all running routers in a directory, for i2p-router --bootstrap.
func (n *Network) Bootstrap() (string, error) {
	dir, err := os.MkdirTemp(n.Dir, "bootstrap-")
	if err != nil {
		return "", fmt.Errorf("interop: %w", err)
	}
	put := func(info []byte) error {
		hash, err := identHash(info)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "routerInfo-"+hash+".dat"), info, 0o600)
	}
	for _, r := range n.I2PD {
		if !r.Running() {
			continue
		}
		info, err := r.RouterInfo()
		if err == nil {
			err = put(info)
		}
		if err != nil {
			return "", err
		}
	}
	for _, r := range n.Java {
		info, err := r.RouterInfo()
		if err == nil {
			err = put(info)
		}
		if err != nil {
			return "", err
		}
	}
	for _, r := range n.Routers {
		if info, err := r.RouterInfo(); err == nil && r.Running() {
			if err := put(info); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// ByHash finds a running i2pd router by its hash.
func (n *Network) ByHash(hash string) *I2PD {
	for _, r := range n.I2PD {
		if h, err := r.Hash(); err == nil && h == hash && r.Running() {
			return r
		}
	}
	return nil
}

// Processes are all routers that still run.
func (n *Network) Processes() []*Process {
	var ps []*Process
	for _, r := range n.I2PD {
		if r.Process != nil && r.Running() {
			ps = append(ps, r.Process)
		}
	}
	for _, r := range n.Java {
		if r.Process != nil && r.Running() {
			ps = append(ps, r.Process)
		}
	}
	for _, r := range n.Routers {
		if r.Running() {
			ps = append(ps, r.Process)
		}
	}
	return ps
}

// CPU is the processor time that all running routers have used together.
func (n *Network) CPU() (sum time.Duration) {
	for _, p := range n.Processes() {
		sum += p.CPU()
	}
	return sum
}

// Logs gives the ends of all routers' logs, for a failed test.
func (n *Network) Logs(lines int) string {
	var s string
	add := func(p *Process) {
		if p != nil {
			s += fmt.Sprintf("--- %s (running: %v)\n%s\n", p.Name, p.Running(), p.LogTail(lines))
		}
	}
	for _, r := range n.I2PD {
		add(r.Process)
	}
	for _, r := range n.Java {
		add(r.Process)
	}
	for _, r := range n.Routers {
		add(r.Process)
	}
	for _, p := range n.others {
		add(p)
	}
	return s
}

// Close kills what still runs and removes everything.
func (n *Network) Close() error {
	for _, r := range n.I2PD {
		if r.Process != nil {
			r.Kill()
		}
	}
	for _, r := range n.Java {
		if r.Process != nil {
			r.Kill()
		}
	}
	for _, r := range n.Routers {
		r.Kill()
	}
	for _, p := range n.others {
		p.Kill()
	}
	var err error
	if n.bridge != nil {
		err = n.bridge.Close()
	} else {
		err = n.Namespace.Close()
	}
	if n.Dir != "" && os.Getenv("I2P_INTEROP_KEEP") == "" {
		err = errors.Join(err, os.RemoveAll(n.Dir))
	}
	return err
}
