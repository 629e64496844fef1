// Package devnet runs a private network of routers in one process, for machines
// that have no Internet.
package devnet

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/routerinfo"
)

// Config describes a network.
type Config struct {
	Routers int
	Dir     string // router i keeps its data in Dir/i and answers at Dir/i/router.sock
	Log     *slog.Logger
	Level   *slog.LevelVar
}

// Network is a private network of routers on loopback. They are real routers
// that speak to each other as all do; only their addresses and the network id
// keep them to themselves.
type Network struct {
	nodes      []*node.Node
	introduced chan struct{} // closed once all have been told of the others
}

const netID = 99

// New makes the routers. A third of them, two at least, are floodfills.
func New(cfg Config) (*Network, error) { return newNetwork(cfg, func(int, *node.Config) {}) }

// newNetwork is New of routers that are adjusted.
func newNetwork(cfg Config, adjust func(i int, c *node.Config)) (*Network, error) {
	d := &Network{introduced: make(chan struct{})}
	for i := range cfg.Routers {
		s := config.Default()
		s.DataDir = filepath.Join(cfg.Dir, strconv.Itoa(i))
		s.NetID, s.Testnet = netID, true
		s.Hosts = []string{"127.0.0.1"}
		s.Floodfill = i < max(2, cfg.Routers/3)
		s.LogLevel = "warn"
		for _, hops := range []*int{&s.Exploratory.InLength, &s.Exploratory.OutLength, &s.Client.InLength, &s.Client.OutLength} {
			*hops = min(*hops, cfg.Routers-1) // no tunnel has a router twice
		}
		c := node.Config{
			Settings: s, Log: cfg.Log.With("router", i), Level: cfg.Level, Introduced: d.introduced,
			Reread: func() (config.Config, error) { return s, nil }, // forwards have a file that their owner may edit
		}
		adjust(i, &c)
		n, err := node.New(c)
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("router %d: %w", i, err)
		}
		d.nodes = append(d.nodes, n)
	}
	return d, nil
}

// Close gives up the directories of a network that is not to run.
func (d *Network) Close() {
	for _, n := range d.nodes {
		n.Close()
	}
}

// Run runs the routers until ctx ends, one of them fails or all were stopped:
// one that is stopped leaves the others running. ready is called once all that
// run have tunnels. The end is at once: there is nobody outside to be polite to.
func (d *Network) Run(ctx context.Context, ready func() error) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(d.nodes)+1)
	var wg, running sync.WaitGroup
	lives := make([]context.Context, len(d.nodes)) // each ends with its router
	for i, n := range d.nodes {
		life, ended := context.WithCancel(work)
		lives[i] = life
		running.Add(1)
		wg.Go(func() {
			defer running.Done()
			defer ended()
			if err := n.Run(context.WithoutCancel(ctx)); err != nil {
				errs <- err
				cancel()
			}
		})
	}
	wg.Go(func() {
		running.Wait()
		cancel()
	})
	wg.Go(func() {
		d.introduce(lives)
		close(d.introduced)
		for i, n := range d.nodes {
			n.Wait(lives[i], control.WaitTunnels) // an error: it was stopped
		}
		if work.Err() != nil {
			return
		}
		if err := ready(); err != nil {
			errs <- err
			cancel()
		}
	})
	<-work.Done()
	for _, n := range d.nodes {
		n.StopNow()
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// introduce tells every router of every other, as a reseed would. One that was
// stopped before it began is not missed.
func (d *Network) introduce(lives []context.Context) {
	var infos []*routerinfo.RouterInfo
	for i, n := range d.nodes {
		if ri, err := n.Info(lives[i]); err == nil {
			infos = append(infos, ri)
		}
	}
	for _, n := range d.nodes {
		n.Learn(infos)
	}
}
