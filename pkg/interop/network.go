//go:build linux

package interop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// NetID is the id of every network of this package.
const NetID = 99

// NetworkConfig describes a private network of i2pd routers.
type NetworkConfig struct {
	Releases   []Release // one router each, in this order
	Floodfills int       // how many of them, the first ones; 0: all
	SSU2       bool      // besides NTCP2
	SSU2Only   bool
	IPv6       bool   // and no IPv4, but for consoles and bridges; i2pd's say that they have it
	Hops       int    // length of exploratory tunnels; 0: 2
	WebPort    uint16 // router 0 has a server tunnel to 127.0.0.1:WebPort
	Tunnels    string // more of router 0's tunnels.conf
	Ends       int    // how many, the last ones, carry nothing for others
	LogLevel   string // of i2pd; default warn
	Far        *Far   // routers have hosts of their own; nil: all are on loopback
	// Each changes what becomes of router i; it may be nil.
	Each func(i int, c *I2PDConfig)
}

// Network is routers of several kinds on one ground, and what else runs there.
type Network struct {
	ground
	Dir      string // what the routers write; removed by Close unless I2P_INTEROP_KEEP is set
	I2PD     []*I2PD
	Java     []*Java
	Emissary []*Emissary
	Routers  []*Router // ours
	T0       time.Time // when the first router began its real start

	programs *programs // further ones
}

// newNetwork makes one without routers.
func newNetwork(g ground) (*Network, error) {
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("i2p-interop-%d-", os.Getpid()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("interop: %w", err), g.remove())
	}
	return &Network{ground: g, Dir: dir, programs: &programs{ns: g.Namespace, dir: dir}}, nil
}

// NewNetwork makes the namespace and starts the i2pd routers, each one as soon
// as the console of the one before answers. Each router knows those started
// before it; they learn of it when it dials them.
func NewNetwork(ctx context.Context, cfg NetworkConfig) (n *Network, err error) {
	g, err := newGround(cfg.Far)
	if err != nil {
		return nil, err
	}
	g.v6 = cfg.IPv6
	if n, err = newNetwork(g); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for i, release := range cfg.Releases {
		if _, err := n.addI2PD(cfg, i, release); err != nil {
			return n, err
		}
	}
	return n, n.startI2PD(ctx)
}

// addI2PD writes what router i of a network needs; it is not started.
func (n *Network) addI2PD(cfg NetworkConfig, i int, release Release) (*I2PD, error) {
	cfg.Hops = cmp.Or(cfg.Hops, 2)
	c := I2PDConfig{
		Release: release, NetID: NetID, SSU2: cfg.SSU2 || cfg.SSU2Only, NoNTCP2: cfg.SSU2Only, Hops: cfg.Hops, LogLevel: cfg.LogLevel,
		Floodfill: cfg.Floodfills == 0 || i < cfg.Floodfills, NoTransit: i >= len(cfg.Releases)-cfg.Ends,
	}
	place, err := n.place()
	if err != nil {
		return nil, err
	}
	c.Addr, c.Doors = place.addr, place.doors
	if c.Addr.Is6() && place.host > 0 {
		// i2pd ends its own tunnels with routers only that have IPv4 (NetDb::GetRandomRouter): without any
		// of these it has no tunnels at all, and explores nothing. Nobody is at this address.
		c.Also = fmt.Sprintf("10.%d.255.1", place.host)
	}
	if i == 0 {
		c.WebPort, c.WebHops, c.Tunnels = cfg.WebPort, cfg.Hops, cfg.Tunnels
	}
	if cfg.Each != nil {
		cfg.Each(i, &c)
	}
	name := fmt.Sprintf("i2pd%d-%s", i, release)
	r, err := newI2PD(place.ns, filepath.Join(n.Dir, name), name, c)
	if err != nil {
		return nil, err
	}
	r.Host = place.host
	n.I2PD = append(n.I2PD, r)
	return r, nil
}

// Join adds an i2pd router that is no floodfill to a network that runs; it knows one router.
func (n *Network) Join(ctx context.Context, release Release, known router) (*I2PD, error) {
	r, err := n.addI2PD(NetworkConfig{Floodfills: 1}, len(n.I2PD), release)
	if err != nil {
		return nil, err
	}
	if err := r.makeIdentity(ctx); err != nil {
		return nil, err
	}
	return r, r.startKnowing(ctx, known)
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
		var earlier []router
		for _, e := range n.I2PD[:i] {
			earlier = append(earlier, e)
		}
		if err := r.startKnowing(ctx, earlier...); err != nil {
			return err
		}
	}
	return nil
}

// startKnowing starts the router with the router.info of others, and waits until its doors are open.
func (r *I2PD) startKnowing(ctx context.Context, others ...router) error {
	for _, o := range others {
		info, err := wholeInfo(ctx, o)
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
	return Await(ctx, 20*time.Second, r.Name+" opens its SAM bridge", func(ctx context.Context) error {
		c, err := dialSAM(ctx, r.ns, r.SAM())
		if err == nil {
			c.Close()
		}
		return err
	})
}

// StartI2PD starts a further i2pd router, which knows those that run so far, or some of them.
func (n *Network) StartI2PD(ctx context.Context, name string, cfg I2PDConfig) (*I2PD, error) {
	place, err := n.place()
	if err != nil {
		return nil, err
	}
	cfg.NetID, cfg.Addr, cfg.Doors = NetID, place.addr, place.doors
	r, err := newI2PD(place.ns, filepath.Join(n.Dir, name), name, cfg)
	if err != nil {
		return nil, err
	}
	r.Host = place.host
	if err := r.makeIdentity(ctx); err != nil {
		return nil, err
	}
	known := cfg.Known
	if known == nil {
		known = n.all()
	}
	for _, o := range known {
		if !o.process().Running() {
			continue
		}
		info, err := wholeInfo(ctx, o)
		if err == nil {
			err = r.Learn(info)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.Start(); err != nil {
		return nil, err
	}
	n.I2PD = append(n.I2PD, r)
	return r, r.awaitConsole(ctx)
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

// router is what those of every kind have.
type router interface {
	RouterInfo() ([]byte, error)
	process() *Process // nil before its start
}

// wholeInfo reads a router's router.info. i2pd empties the file before it writes it anew.
func wholeInfo(ctx context.Context, r router) (info []byte, err error) {
	err = Await(ctx, 5*time.Second, "a whole router.info", func(context.Context) (err error) {
		if info, err = r.RouterInfo(); err == nil {
			_, err = routerinfo.Parse(info)
		}
		return err
	})
	return info, err
}

// all are the routers of every kind.
func (n *Network) all() (rs []router) {
	for _, r := range n.I2PD {
		rs = append(rs, r)
	}
	for _, r := range n.Java {
		rs = append(rs, r)
	}
	for _, r := range n.Emissary {
		rs = append(rs, r)
	}
	for _, r := range n.Routers {
		rs = append(rs, r)
	}
	return rs
}

// Bootstrap collects the router.info files of all running routers in a directory, for i2p-router --bootstrap.
func (n *Network) Bootstrap() (string, error) { return n.bootstrap(0) }

// bootstrap is Bootstrap of the first routers only; 0 is all.
func (n *Network) bootstrap(only int) (string, error) {
	dir, err := os.MkdirTemp(n.Dir, "bootstrap-")
	if err != nil {
		return "", fmt.Errorf("interop: %w", err)
	}
	for i, r := range n.all() {
		if !r.process().Running() || only > 0 && i >= only {
			continue
		}
		if _, err := r.RouterInfo(); errors.Is(err, os.ErrNotExist) { // it has just started
			continue
		}
		info, err := wholeInfo(context.Background(), r)
		if err != nil {
			return "", err
		}
		hash, err := identHash(info)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "routerInfo-"+hash+".dat"), info, 0o600)
		}
		if err != nil {
			return "", err
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
func (n *Network) Processes() (ps []*Process) {
	for _, r := range n.all() {
		if p := r.process(); p.Running() {
			ps = append(ps, p)
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

// started are all processes that there were.
func (n *Network) started() (ps []*Process) {
	for _, r := range n.all() {
		if p := r.process(); p != nil {
			ps = append(ps, p)
		}
	}
	return append(ps, n.programs.started...)
}

// Logs gives the ends of all routers' logs, for a failed test.
func (n *Network) Logs(lines int) (s string) {
	for _, p := range n.started() {
		s += fmt.Sprintf("--- %s (running: %v)\n%s\n", p.Name, p.Running(), p.LogTail(lines))
	}
	return s
}

// Close kills what still runs and removes everything.
func (n *Network) Close() error {
	for _, p := range n.started() {
		p.Kill()
	}
	err := n.remove()
	if n.Dir != "" && os.Getenv("I2P_INTEROP_KEEP") == "" {
		err = errors.Join(err, os.RemoveAll(n.Dir))
	}
	return err
}
