package node

import (
	"context"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

const (
	saveInterval     = 30 * time.Second
	saveBatch        = 512 // RouterInfos written in one go
	profilesInterval = 10  // times saveInterval
)

// keepNetDB loads what we knew, and what the bootstrap names, begins to
// publish ourselves, and then writes what changes until ctx ends. What is left
// then, keepLast writes.
func (n *Node) keepNetDB(ctx context.Context) error {
	select {
	case <-n.transport.Ready():
	case <-ctx.Done():
		return nil
	}
	n.renewInfo()
	n.load(ctx)
	close(n.loaded)
	n.save(n.router.Do)
	n.router.Start()
	ticker := time.NewTicker(saveInterval)
	defer ticker.Stop()
	for tick := 1; ; tick++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			n.save(n.router.Do)
			if tick%profilesInterval == 0 {
				n.saveProfiles(n.router.Do)
			}
		}
	}
}

// keepLast writes what changed since the last time. The core must have ended.
func (n *Node) keepLast() {
	now := func(f func()) bool { f(); return true }
	n.save(now)
	n.saveProfiles(now)
}

func (n *Node) load(ctx context.Context) {
	if n.dir != nil {
		if own, ok := n.loadFrom(ctx, n.dir.Path(), netdb.FromDisk); ok {
			n.prune(own)
		}
	}
	for _, path := range n.cfg.Settings.Bootstrap {
		n.loadFrom(ctx, path, netdb.FromReseed)
	}
}

// loadFrom names the routers that it read, and tells whether that were all.
func (n *Node) loadFrom(ctx context.Context, path string, src netdb.Source) (read []i2p.Hash, ok bool) {
	loaded, err := netdbdir.Load(ctx, path, netdbdir.LoadConfig{}, func(ri *routerinfo.RouterInfo) {
		if ri.Hash() != n.hash {
			read = append(read, ri.Hash())
			n.router.LearnRouter(ri, src)
		}
	})
	if err != nil {
		if ctx.Err() == nil {
			n.log.Error("netDb not loaded", "path", path, "error", err)
		}
		return read, false
	}
	n.log.Info("netDb loaded", "path", path, "files", loaded.Files, "routers", loaded.Routers,
		"damaged", loaded.Junk+loaded.Misnamed)
	return read, true
}

// prune deletes the files of our directory that were damaged or refused. Where
// all were refused, the network id or the clock is more likely wrong than they
// are: then they stay.
func (n *Node) prune(read []i2p.Hash) {
	taken := make(map[i2p.Hash]bool)
	if !n.router.Do(func() {
		for _, h := range read {
			if n.db.Has(h) {
				taken[h] = true
			}
		}
	}) || len(taken) == 0 {
		return
	}
	removed, err := n.dir.Prune(func(h i2p.Hash) bool { return taken[h] })
	if err != nil {
		n.log.Warn("netDb not tidied", "path", n.dir.Path(), "error", err)
	}
	if removed > 0 {
		n.log.Info("files of no use removed from the netDb", "path", n.dir.Path(), "files", removed)
	}
}

// save writes the RouterInfos that changed since the last time, in batches, so
// that the core is never held up for long; do runs a function where the core's
// state may be used.
func (n *Node) save(do func(func()) bool) {
	if n.dir == nil {
		return
	}
	for {
		var write []netdb.File
		var remove []i2p.Hash
		if !do(func() { write, remove = n.db.Drain(saveBatch) }) {
			return
		}
		if err := n.dir.Save(write, remove); err != nil {
			n.log.Error("netDb not written", "error", err)
			return
		}
		if len(write) < saveBatch {
			return
		}
	}
}
