//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// portReseed is where our reseed server listens.
const portReseed = 8443

// Reseed runs i2p-reseed inside to its end.
func (n *Network) Reseed(ctx context.Context, args ...string) error {
	p, err := n.reseed(args...)
	if err != nil {
		return err
	}
	code, err := p.ExitCode(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("interop: %s: status %d: %s", p.Name, code, p.LogTail(5))
	}
	return err
}

func (n *Network) reseed(args ...string) (*Process, error) {
	p, _, err := n.programs.start("i2p-reseed", "reseed-"+args[0], false, args...)
	return p, err
}

// ReseedURL is that of the reseed server at an address.
func ReseedURL(host netip.Addr) string {
	return "https://" + netip.AddrPortFrom(host, portReseed).String() + "/"
}

// ServeReseed runs i2p-reseed serve until the network is closed, and waits until it is
// reached.
func (n *Network) ServeReseed(ctx context.Context, host netip.Addr, args ...string) error {
	addr := netip.AddrPortFrom(host, portReseed)
	p, err := n.reseed(append([]string{"serve", "--listen", addr.String()}, args...)...)
	if err != nil {
		return err
	}
	return Await(ctx, 20*time.Second, p.Name+" listens", func(ctx context.Context) error {
		if !p.Running() {
			return fmt.Errorf("it has ended: %s", p.LogTail(5))
		}
		c, err := n.DialContext(ctx, "tcp", addr.String())
		if err == nil {
			c.Close()
		}
		return err
	})
}

// NewcomerI2PD starts an i2pd router that knows nobody but whom its reseed tells it.
func (n *Network) NewcomerI2PD(ctx context.Context, name string, release Release, from Reseed) (*I2PD, error) {
	r, err := newI2PD(n.Namespace, filepath.Join(n.Dir, name), name, I2PDConfig{
		Release: release, Addr: n.NextAddr(), NetID: NetID, NoTransit: true, Hops: 2, LogLevel: "info", Reseed: from,
	})
	if err != nil {
		return nil, err
	}
	if err := r.Start(); err != nil {
		return nil, err
	}
	n.I2PD = append(n.I2PD, r)
	return r, r.awaitConsole(ctx)
}

// AwaitJoined waits until an i2pd router knows so many others, and has tunnels through them.
func (r *I2PD) AwaitJoined(ctx context.Context, limit time.Duration, routers int) error {
	return Await(ctx, limit, r.Name+" joins the network", func(ctx context.Context) error {
		if !r.Running() {
			return errors.New("it has ended")
		}
		c, err := r.Counters(ctx)
		if err == nil && (c.Routers < routers || c.ClientTunnels < 2) {
			err = fmt.Errorf("it knows %d routers and has %d tunnels", c.Routers, c.ClientTunnels)
		}
		return err
	})
}

// BundleFile is the first of the bundles in a directory.
func BundleFile(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.su3"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("interop: no bundle in %s: %w", dir, os.ErrNotExist)
	}
	if err != nil {
		return "", err
	}
	return files[0], nil
}
