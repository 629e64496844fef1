package netdbdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
)

// Limits of what is read.
const (
	maxFile    = 4096    // bytes of a RouterInfo; the largest seen are half of it
	maxEntries = 250_000 // files of a directory that are looked at, or that a zip may have
	batch      = 256     // files that a worker takes at once
)

// LoadConfig of Load.
type LoadConfig struct {
	Workers int  // that read and parse; 0: 2
	Verify  bool // check signatures; a netdb.DB does so itself when a router is used
	Max     int  // RouterInfos at most; 0: no limit but that of files
	// Shuffle brings the files into another order, for who needs only some of
	// them; nil: that of their names.
	Shuffle func(n int, swap func(i, j int))
	// Passed is told of each file that is passed over, and why; nil: nobody is.
	// It is called as each is.
	Passed func(name string, why error)
}

// Why files are passed over, beside the errors of reading them.
var (
	ErrNothing  = errors.New("neither a RouterInfo nor a zip of them") // of one file alone
	ErrName     = errors.New("no name of a RouterInfo")
	ErrSealed   = errors.New("a router's encrypted state: ask the running router, or see i2p-router state decrypt")
	ErrMisnamed = errors.New("RouterInfo of another router than its name says")
	// ErrSpecial is why a pipe or a device is not read: it could keep us waiting for ever.
	ErrSpecial = errors.New("neither a directory nor a regular file")
	errTooLong = errors.New("too long for a RouterInfo")
)

// Loaded counts what was read.
type Loaded struct {
	Files    int // looked at
	Routers  int // given to the caller
	Junk     int // damaged, or with a bad signature
	Misnamed int // of another router than the file's name says
	Foreign  int // not RouterInfos by their names
	Skipped  int // over a limit
}

func (l *Loaded) add(o Loaded) {
	l.Files, l.Routers, l.Junk = l.Files+o.Files, l.Routers+o.Routers, l.Junk+o.Junk
	l.Misnamed, l.Foreign, l.Skipped = l.Misnamed+o.Misnamed, l.Foreign+o.Foreign, l.Skipped+o.Skipped
}

// Load reads RouterInfos from a directory (flat, or with subdirectories of one
// level as the netDb has them), from a zip, or from one file such as
// router.info. each is called for one after the other, in the order of the
// files' names, by one goroutine. A damaged file is counted and left out.
func Load(ctx context.Context, path string, cfg LoadConfig, each func(*routerinfo.RouterInfo)) (Loaded, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Loaded{}, fmt.Errorf("netdbdir: %w", err)
	}
	switch {
	case info.IsDir():
		return loadDir(ctx, path, cfg, each)
	case !info.Mode().IsRegular():
		return Loaded{}, fmt.Errorf("netdbdir: %s: %w", path, ErrSpecial)
	}
	return loadFile(ctx, path, info.Size(), cfg, each)
}

// OpenFile opens a regular file, and no other: the error is a *fs.PathError, which wraps ErrSpecial
// where there is neither a file nor a directory.
func OpenFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrSpecial}
	}
	return os.Open(path)
}

func loadFile(ctx context.Context, name string, size int64, cfg LoadConfig, each func(*routerinfo.RouterInfo)) (Loaded, error) {
	f, err := os.Open(name)
	if err != nil {
		return Loaded{}, fmt.Errorf("netdbdir: %w", err)
	}
	defer f.Close()
	var magic [len(sealedMagic)]byte
	n, _ := io.ReadFull(f, magic[:])
	if string(magic[:n]) == sealedMagic {
		return Loaded{}, fmt.Errorf("netdbdir: %s: %w", name, ErrSealed)
	}
	if su3.IsZip(magic[:n]) {
		counts, err := loadZip(ctx, f, size, cfg, each)
		if err != nil {
			err = fmt.Errorf("netdbdir: %s: %w", name, err)
		}
		return counts, err
	}
	b, err := readFile(name)
	if err != nil {
		return Loaded{Files: 1, Junk: 1}, fmt.Errorf("netdbdir: %s: %w", name, err)
	}
	ri, counts, err := parse(filepath.Base(name), b, cfg.Verify)
	if errors.Is(err, ErrMisnamed) || errors.Is(err, routerinfo.ErrSignature) {
		return counts, fmt.Errorf("netdbdir: %s: %w", name, err)
	}
	if err != nil {
		return counts, fmt.Errorf("netdbdir: %s: %w", name, ErrNothing)
	}
	each(ri)
	return counts, nil
}

func order[F any](cfg LoadConfig, files []F) {
	if cfg.Shuffle != nil {
		cfg.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	}
}

// wanted tells whether a name is one that RouterInfos have.
func wanted(base string) bool {
	return base == "router.info" || (strings.HasPrefix(base, filePrefix) && strings.HasSuffix(base, fileSuffix))
}

func loadDir(ctx context.Context, path string, cfg LoadConfig, each func(*routerinfo.RouterInfo)) (Loaded, error) {
	files, err := list(path)
	if err != nil {
		return Loaded{}, err
	}
	if slices.ContainsFunc(files, isState) && !slices.ContainsFunc(files, func(name string) bool { return wanted(filepath.Base(name)) }) {
		return Loaded{}, fmt.Errorf("netdbdir: %s: %w", path, ErrSealed)
	}
	return loadFiles(ctx, files, cfg, each)
}

func loadFiles(ctx context.Context, files []string, cfg LoadConfig, each func(*routerinfo.RouterInfo)) (Loaded, error) {
	var total Loaded
	files = slices.DeleteFunc(files, func(name string) bool { return cfg.foreign(&total, name, filepath.Base(name)) })
	order(cfg, files)
	if len(files) > maxEntries {
		total.Skipped = len(files) - maxEntries
		files = files[:maxEntries]
	}
	counts, err := parallel(ctx, len(files), cfg, func(i int) (string, []byte, error) {
		b, err := readFile(files[i])
		return files[i], b, err
	}, each)
	total.add(counts)
	return total, err
}

func readFile(name string) ([]byte, error) {
	var buf [maxFile + 1]byte
	n, err := readOnce(name, buf[:]) // gets all of a file that is not too long
	switch {
	case err != nil:
		return nil, err
	case n == len(buf):
		return nil, errTooLong
	}
	return slices.Clone(buf[:n]), nil
}

// foreign tells whether a file's name is none that RouterInfos have, and counts it.
func (cfg LoadConfig) foreign(counts *Loaded, name, base string) bool {
	if wanted(base) {
		return false
	}
	counts.Foreign++
	if cfg.Passed != nil {
		cfg.Passed(name, ErrName)
	}
	return true
}

// parse reads one file's RouterInfo; an error says that it is damaged or not
// what its name says.
func parse(base string, b []byte, verify bool) (*routerinfo.RouterInfo, Loaded, error) {
	ri, err := routerinfo.Parse(b)
	if err == nil && verify {
		err = ri.Verify()
	}
	if err != nil {
		return nil, Loaded{Files: 1, Junk: 1}, err
	}
	if strings.HasPrefix(base, filePrefix) {
		if h, ok := hashOf(base); !ok || h != ri.Hash() {
			return nil, Loaded{Files: 1, Misnamed: 1}, ErrMisnamed
		}
	}
	return ri, Loaded{Files: 1, Routers: 1}, nil
}

// result is one batch as a worker leaves it.
type result struct {
	routers []*routerinfo.RouterInfo
	passed  []passed
	counts  Loaded
}

// passed is a file that was passed over.
type passed struct {
	at   int // its place in the batch
	name string
	why  error
}

// parallel has n files read and parsed by workers in batches, and gives them to
// each in order. A worker is never more than a few batches ahead.
func parallel(ctx context.Context, n int, cfg LoadConfig, read func(int) (string, []byte, error), each func(*routerinfo.RouterInfo)) (Loaded, error) {
	workers := cfg.Workers
	if workers <= 0 {
		workers = 2
	}
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()

	batches := (n + batch - 1) / batch
	done := make([]chan result, workers) // worker w has the batches w, w+workers, …
	for w := range done {
		done[w] = make(chan result, 2)
		wait.Go(func() {
			for at := w; at < batches; at += workers {
				select {
				case done[w] <- readBatch(ctx, at*batch, min(n, (at+1)*batch), cfg.Verify, read):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	var total Loaded
	for at := range batches {
		select {
		case r := <-done[at%workers]:
			for i, ri := range r.routers {
				if cfg.Max > 0 && total.Routers+i >= cfg.Max {
					r.counts.Skipped += len(r.routers) - i + n - min(n, (at+1)*batch)
					r.counts.Routers = i
					total.add(r.counts)
					return total, nil
				}
				each(ri)
			}
			for _, p := range r.passed {
				if cfg.Passed != nil {
					cfg.Passed(p.name, p.why)
				}
			}
			total.add(r.counts)
		case <-ctx.Done():
			return total, ctx.Err()
		}
	}
	return total, ctx.Err() // the last batches may have been cut short
}

func readBatch(ctx context.Context, from, to int, verify bool, read func(int) (string, []byte, error)) result {
	var r result
	files := make([]passed, 0, to-from) // those of r.routers
	for i := from; i < to && ctx.Err() == nil; i++ {
		name, b, err := read(i)
		counts := Loaded{Files: 1, Junk: 1}
		var ri *routerinfo.RouterInfo
		if err == nil {
			base := path.Base(filepath.ToSlash(name))
			if ri, counts, err = parse(base, b, false); verify && errors.Is(err, ErrMisnamed) {
				ri, counts, err = parse(base, b, true) // a bad signature is worse than a wrong name
			}
		}
		if r.counts.add(counts); err != nil {
			r.passed = append(r.passed, passed{i, name, err})
			continue
		}
		r.routers, files = append(r.routers, ri), append(files, passed{at: i, name: name})
	}
	if verify {
		r.verify(files)
	}
	return r
}

// verify takes out what is badly signed.
func (r *result) verify(files []passed) {
	good := r.routers[:0]
	for i, err := range routerinfo.VerifyAll(r.routers) {
		if err == nil {
			good = append(good, r.routers[i])
			continue
		}
		r.counts.Routers--
		r.counts.Junk++
		files[i].why = err
		r.passed = append(r.passed, files[i])
	}
	r.routers = good
	slices.SortFunc(r.passed, func(a, b passed) int { return a.at - b.at })
}
