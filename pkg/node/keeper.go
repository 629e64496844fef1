package node

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/metrics"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tally"
)

const (
	saveInterval     = 30 * time.Second
	saveBatch        = 512 // RouterInfos written in one go
	profilesInterval = 10  // times saveInterval

	ahead = 512 // RouterInfos that may wait for the core while more are read: it has other work by then

	netDBDir     = "netDb"
	profilesFile = "peer.profiles"
)

// keeper keeps in the data directory what a router knows of others.
type keeper struct {
	self   i2p.Hash
	dir    routerFiles // nil where nothing is kept
	files  dataDir
	proven map[i2p.Hash]struct{} // in the last run: they are read first
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex // a leaf
	counted metrics.Files
}

// routerFiles are RouterInfos on disk.
type routerFiles interface {
	Path() string
	Load(ctx context.Context, first map[i2p.Hash]struct{}, each func(*routerinfo.RouterInfo, netdb.Source)) (netdbdir.Loaded, error)
	Save(write []netdb.File, remove []i2p.Hash) (left []i2p.Hash, err error)
	Prune(keep func(i2p.Hash) bool) (removed int, err error)
}

func (k *keeper) counts() metrics.Files {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.counted
}

func (k *keeper) count(f metrics.Files) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tally.Add(&k.counted, f)
}

func newKeeper(dir dataDir, self i2p.Hash, log *slog.Logger, now func() time.Time) (*keeper, error) {
	k := &keeper{self: self, files: dir, log: log, now: now}
	if dir.root == "" {
		return k, nil
	}
	var err error
	if dir.box != nil {
		k.dir, err = netdbdir.OpenSealed(dir.path(netDBDir), dir.box)
	} else {
		k.dir, err = netdbdir.Open(dir.path(netDBDir))
	}
	return k, err
}

// run writes what changes until ctx ends.
func (k *keeper) run(ctx context.Context, what router.Knowledge) {
	if k.dir == nil {
		return
	}
	k.save(what)
	ticker := time.NewTicker(saveInterval)
	defer ticker.Stop()
	for tick := 1; ; tick++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.save(what)
			if tick%profilesInterval == 0 {
				k.saveProfiles(what)
			}
		}
	}
}

// last writes what changed since the last time. The core must have ended.
func (k *keeper) last(what router.Knowledge) {
	k.save(what)
	k.saveProfiles(what)
}

// load reads what the bootstrap names, and the netDb of the last run, into what is known. First
// come the routers that were of use, then those that we came to know by ourselves; begin is called once
// before those are read that we were only told of, if there are any: anybody may have left a hundred
// thousand of them.
func (k *keeper) load(ctx context.Context, what router.Knowledge, bootstrap []string, begin func()) {
	begin = sync.OnceFunc(begin)
	for _, path := range bootstrap {
		k.loadFrom(ctx, what, path, netdb.FromReseed)
	}
	if k.dir == nil {
		return
	}
	own, ok := k.read(ctx, what, k.dir.Path(), func(each taker) (netdbdir.Loaded, error) {
		return k.dir.Load(ctx, k.proven, func(ri *routerinfo.RouterInfo, src netdb.Source) {
			if _, proven := k.proven[ri.Hash()]; !proven && src != netdb.FromDisk {
				begin()
			}
			each(ri, src)
		})
	})
	if ok {
		k.prune(what, own)
	}
}

// loadFrom reads what the user or a bundle names into what is known.
func (k *keeper) loadFrom(ctx context.Context, what router.Knowledge, path string, src netdb.Source) {
	k.read(ctx, what, path, func(each taker) (netdbdir.Loaded, error) {
		return netdbdir.Load(ctx, path, netdbdir.LoadConfig{}, func(ri *routerinfo.RouterInfo) { each(ri, src) })
	})
}

// taker is given the RouterInfos that are read.
type taker = func(*routerinfo.RouterInfo, netdb.Source)

// read names the routers that it read, and tells whether that were all.
func (k *keeper) read(ctx context.Context, what router.Knowledge, path string, load func(taker) (netdbdir.Loaded, error)) (read []i2p.Hash, ok bool) {
	loaded, err := load(func(ri *routerinfo.RouterInfo, src netdb.Source) {
		if ri.Hash() != k.self {
			read = append(read, ri.Hash())
			what.Learn(ri, src)
			if len(read)%ahead == 0 {
				what.Known(nil) // once the core has taken all of them
			}
		}
	})
	damaged := loaded.Junk + loaded.Misnamed
	k.count(metrics.Files{Read: uint64(loaded.Files), Damaged: uint64(damaged)})
	if err != nil {
		if ctx.Err() == nil {
			k.count(metrics.Files{Failed: 1})
			k.log.Error("netDb not loaded", "path", path, "error", err)
		}
		return read, false
	}
	k.log.Info("netDb loaded", "path", path, "files", loaded.Files, "routers", loaded.Routers,
		"damaged", damaged)
	return read, true
}

// prune deletes the files of our directory that were damaged or refused. Where
// all were refused, the network id or the clock is more likely wrong than they
// are: then they stay.
func (k *keeper) prune(what router.Knowledge, read []i2p.Hash) {
	taken := what.Known(read)
	if len(taken) == 0 {
		return
	}
	removed, err := k.dir.Prune(func(h i2p.Hash) bool { return taken[h] })
	k.count(metrics.Files{Removed: uint64(removed)})
	if err != nil {
		k.count(metrics.Files{Failed: 1})
		k.log.Warn("netDb not tidied", "path", k.dir.Path(), "error", err)
	}
	if removed > 0 {
		k.log.Info("files of no use removed from the netDb", "path", k.dir.Path(), "files", removed)
	}
}

// save writes the RouterInfos that changed since the last time, in batches, so
// that the core is never held up for long. What fails is written the next time: a disk that is full
// may have room again by then.
func (k *keeper) save(what router.Knowledge) {
	if k.dir == nil {
		return
	}
	for {
		write, remove := what.Drain(saveBatch)
		left, err := k.dir.Save(write, remove)
		what.Undrain(left)
		if err != nil {
			k.count(metrics.Files{Failed: 1})
			k.log.Error("netDb not written", "error", err)
			return
		}
		k.count(metrics.Files{Written: uint64(len(write)), Removed: uint64(len(remove))})
		if len(write) < saveBatch {
			return
		}
	}
}

// loadProfiles reads what the last run learnt about peers. They are a help and
// no more: what is damaged is left out with a warning, and learnt anew.
func (k *keeper) loadProfiles(cfg profile.Config) *profile.Table {
	b, err := k.files.read(profilesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return profile.New(cfg)
	}
	if err != nil {
		k.log.Warn("peer profiles not read", "error", err)
		return profile.New(cfg)
	}
	t, skipped, err := profile.Parse(cfg, b, k.now())
	if err != nil {
		k.log.Warn("peer profiles not read", "path", k.files.path(profilesFile), "error", err)
		return profile.New(cfg)
	}
	if skipped > 0 {
		k.log.Warn("damaged lines among the peer profiles", "path", k.files.path(profilesFile), "lines", skipped)
	}
	k.proven = t.ProvenPeers()
	return t
}

func (k *keeper) saveProfiles(what router.Knowledge) {
	if k.dir == nil {
		return
	}
	if err := k.files.keep(profilesFile, what.Profiles()); err != nil {
		k.log.Error("peer profiles not written", "error", err)
	}
}

// readLimited reads a regular file. A pipe would keep a router waiting that is to start, reload or
// stop.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := netdbdir.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("too long")}
	}
	return b, err
}
