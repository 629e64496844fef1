package reseed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
)

// BuildConfig says what bundles are made of. Zero fields take what their
// comments say.
type BuildConfig struct {
	Bundles    int // 300
	PerBundle  int // RouterInfos in each; 75
	Signer     su3.Signer
	Unsigned   bool // make plain zips; Signer is not used
	Now        time.Time
	NetID      int           // 2
	MinVersion string        // of the routers; 0.9.58
	MaxAge     time.Duration // of a RouterInfo; 36 h
	// Private takes routers of private networks, and any number of one /16 into
	// a bundle: for test networks.
	Private bool
	// Proven tells who has been reached and has served: nobody else is fit. Identities that
	// only came to a router cost nothing, and a netDb may be full of them. Nil: that is not known.
	Proven  func(*routerinfo.RouterInfo) bool
	Rand    io.Reader // nil: crypto/rand
	Workers int       // 0: as many as there are processors
}

// What BuildConfig's zero fields stand for, and its limits.
const (
	DefaultBundles    = 300
	DefaultPerBundle  = 75
	DefaultMinVersion = "0.9.58"
	DefaultBuildAge   = 36 * time.Hour
	maxBundles        = 10_000
	maxPool           = 6_000 // routers that are drawn from all, for all bundles
	floodfillShare    = 10    // of a bundle, at least one of so many is a floodfill
)

func (cfg *BuildConfig) complete() error {
	for v, d := range map[*int]int{&cfg.Bundles: DefaultBundles, &cfg.PerBundle: DefaultPerBundle, &cfg.NetID: 2, &cfg.Workers: runtime.GOMAXPROCS(0)} {
		if *v == 0 {
			*v = d
		}
	}
	if cfg.MinVersion == "" {
		cfg.MinVersion = DefaultMinVersion
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = DefaultBuildAge
	}
	switch {
	case cfg.Bundles < 1 || cfg.Bundles > maxBundles:
		return fmt.Errorf("reseed: %d bundles, expected 1 to %d", cfg.Bundles, maxBundles)
	case cfg.PerBundle < 1 || cfg.PerBundle > MaxInfos:
		return fmt.Errorf("reseed: %d RouterInfos in a bundle, expected 1 to %d", cfg.PerBundle, MaxInfos)
	case cfg.Signer.Key == nil && !cfg.Unsigned:
		return errors.New("reseed: no signer's key")
	}
	return nil
}

// Report says what became of the RouterInfos.
type Report struct {
	Seen     int            `json:"seen"`     // RouterInfos looked at
	Eligible int            `json:"eligible"` // fit for a bundle
	Drawn    int            `json:"drawn"`    // of those, what the bundles are drawn from
	Bundles  int            `json:"bundles"`
	Smallest int            `json:"smallest"` // RouterInfos in the smallest bundle
	Rejected map[string]int `json:"rejected"` // by reason
	Proven   bool           `json:"proven"`   // whether all that are fit are known to have been reached
}

// Builder makes bundles of the RouterInfos that it is given. It keeps no more
// than a sample of them, so that a netDb of any size can be offered.
type Builder struct {
	cfg    BuildConfig
	random *draw.Source
	least  profile.Version
	pool   []candidate
	report Report
}

// candidate is a router that may be put into bundles.
type candidate struct {
	ri        *routerinfo.RouterInfo
	prefixes  [3]uint32
	floodfill bool
	packed    []byte // deflated
	crc       uint32
}

// NewBuilder makes a Builder.
func NewBuilder(cfg BuildConfig) (*Builder, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := CheckVersion(cfg.MinVersion); err != nil {
		return nil, fmt.Errorf("reseed: %w", err)
	}
	b := &Builder{cfg: cfg, random: draw.From(cfg.Rand), least: profile.ParseVersion(cfg.MinVersion)}
	b.report.Rejected, b.report.Proven = make(map[string]int), cfg.Proven != nil
	return b, nil
}

// CheckVersion tells whether a text can be BuildConfig.MinVersion.
func CheckVersion(text string) error {
	if profile.ParseVersion(text) == 0 {
		return fmt.Errorf("%q is no version such as %s", text, DefaultMinVersion)
	}
	return nil
}

// Add offers a RouterInfo. Its signature is checked later, if it is drawn.
func (b *Builder) Add(ri *routerinfo.RouterInfo) {
	b.report.Seen++
	sum := profile.Summarize(ri)
	if why := b.unfit(ri, &sum); why != "" {
		b.report.Rejected[why]++
		return
	}
	b.report.Eligible++
	c := candidate{ri: ri, prefixes: sum.Prefixes, floodfill: sum.Flags&profile.Floodfill != 0}
	if len(b.pool) < b.limit() {
		b.pool = append(b.pool, c)
	} else if at := b.random.Below(b.report.Eligible); at < len(b.pool) { // reservoir sampling: each is as likely
		b.pool[at] = c
	}
}

// limit is how many routers the bundles are drawn from.
func (b *Builder) limit() int {
	return min(maxPool, max(b.cfg.Bundles*b.cfg.PerBundle, 4*b.cfg.PerBundle))
}

// unfit says why a router is no good first peer.
func (b *Builder) unfit(ri *routerinfo.RouterInfo, sum *profile.Summary) string {
	age := b.cfg.Now.Sub(ri.Published().Time())
	switch {
	case ri.NetID() != b.cfg.NetID:
		return "other network"
	case age > b.cfg.MaxAge:
		return "too old"
	case age < -maxFuture:
		return "from the future"
	case sum.Version < b.least:
		return "version"
	case sum.Flags&profile.X25519 == 0:
		return "old key type"
	case sum.Flags&(profile.Hidden|profile.Unreachable) != 0 || !b.reachable(ri):
		return "unreachable"
	case sum.Flags&profile.CongestionG != 0:
		return "takes no tunnels"
	case len(ri.Bytes()) > MaxInfo:
		return "too long"
	case b.cfg.Proven != nil && !b.cfg.Proven(ri):
		return "never reached"
	}
	return ""
}

// reachable looks for an address that a new router can dial.
func (b *Builder) reachable(ri *routerinfo.RouterInfo) bool {
	for _, a := range ri.Addresses() {
		host := a.Host()
		if host.IsValid() && a.Port() != 0 && (b.cfg.Private || host.IsGlobalUnicast() && !host.IsPrivate()) {
			return true
		}
	}
	return false
}

// ErrNoRouters means that no RouterInfo is fit for a bundle.
var ErrNoRouters = errors.New("reseed: no RouterInfos fit for a bundle")

// Build makes the bundles and hands each to take, from one goroutine at a
// time and in any order; n counts from 0. The Builder is not used afterwards.
func (b *Builder) Build(ctx context.Context, take func(n int, bundle []byte) error) (Report, error) {
	if err := b.prepare(ctx); err != nil {
		return b.report, err
	}
	b.report.Drawn = len(b.pool)
	if len(b.pool) == 0 {
		return b.report, ErrNoRouters
	}
	drawn := make([][]int, b.cfg.Bundles)
	b.report.Smallest = len(b.pool)
	for n := range drawn { // by one goroutine: the same seed gives the same bundles
		drawn[n] = b.draw()
		b.report.Smallest = min(b.report.Smallest, len(drawn[n]))
	}
	var mu sync.Mutex
	err := b.parallel(ctx, len(drawn), func(n int) error {
		bundle, err := b.assemble(drawn[n])
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		b.report.Bundles++
		return take(n, bundle)
	})
	return b.report, err
}

// parallel calls work for 0 to n-1.
func (b *Builder) parallel(ctx context.Context, n int, work func(int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var running sync.WaitGroup
	for range b.cfg.Workers {
		running.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	running.Wait()
	return context.Cause(ctx)
}

// prepare verifies and deflates the pool, each router once for all bundles.
func (b *Builder) prepare(ctx context.Context) error {
	const step = 64
	bad := make([]bool, len(b.pool))
	err := b.parallel(ctx, (len(b.pool)+step-1)/step, func(at int) error {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.DefaultCompression)
		if err != nil {
			return err
		}
		for i := at * step; i < min(len(b.pool), (at+1)*step); i++ {
			c := &b.pool[i]
			if bad[i] = c.ri.Verify() != nil; bad[i] {
				continue
			}
			packed.Reset()
			w.Reset(&packed)
			w.Write(c.ri.Bytes()) // into memory: it cannot fail
			w.Close()
			c.packed, c.crc = bytes.Clone(packed.Bytes()), crc32.ChecksumIEEE(c.ri.Bytes())
		}
		return nil
	})
	kept := b.pool[:0]
	for i, c := range b.pool {
		if bad[i] {
			b.report.Rejected["bad signature"]++
			continue
		}
		kept = append(kept, c)
	}
	b.pool = kept
	return err
}

// draw picks the routers of one bundle: floodfills first, which a new router
// needs to find anybody else, and no two of one address range.
func (b *Builder) draw() []int {
	want := min(b.cfg.PerBundle, len(b.pool))
	floodfills := (want + floodfillShare - 1) / floodfillShare
	order := b.random.Perm(len(b.pool))
	taken := make(map[uint32]bool, want)
	picked := make([]int, 0, want)
	in := make(map[int]bool, want)
	pick := func(limit int, fits func(*candidate) bool) {
		for _, i := range order {
			if len(picked) >= limit {
				return
			}
			if c := &b.pool[i]; !in[i] && fits(c) && b.claim(taken, c) {
				in[i] = true
				picked = append(picked, i)
			}
		}
	}
	pick(floodfills, func(c *candidate) bool { return c.floodfill })
	pick(want, func(*candidate) bool { return true })
	// The order tells nothing.
	b.random.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	return picked
}

// claim takes a router's address ranges, if all of them are free.
func (b *Builder) claim(taken map[uint32]bool, c *candidate) bool {
	if b.cfg.Private {
		return true
	}
	for _, p := range c.prefixes {
		if p != 0 && taken[p] {
			return false
		}
	}
	for _, p := range c.prefixes {
		taken[p] = true
	}
	return true
}

// assemble makes a bundle of routers, and signs it.
func (b *Builder) assemble(routers []int) ([]byte, error) {
	var content bytes.Buffer
	z := zip.NewWriter(&content)
	for _, i := range routers {
		c := &b.pool[i]
		h := &zip.FileHeader{
			Name:               netdbdir.FileName(c.ri.Hash()),
			Method:             zip.Deflate,
			CRC32:              c.crc,
			CompressedSize64:   uint64(len(c.packed)),
			UncompressedSize64: uint64(len(c.ri.Bytes())),
		}
		//lint:ignore SA1019 CreateRaw writes these fields as they are
		h.ModifiedDate, h.ModifiedTime = dosTime(b.cfg.Now)
		w, err := z.CreateRaw(h)
		if err == nil {
			_, err = w.Write(c.packed)
		}
		if err != nil {
			return nil, fmt.Errorf("reseed: zip: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("reseed: zip: %w", err)
	}
	if b.cfg.Unsigned {
		return content.Bytes(), nil
	}
	return su3.Sign(b.cfg.Signer, su3.Header{
		Version: strconv.FormatInt(b.cfg.Now.Unix(), 10), FileType: su3.ZIP, ContentType: su3.Reseed,
	}, content.Bytes())
}

// dosTime is a time as zip files have it. All files have that of the build:
// their own would say when this server heard of whom.
func dosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	return uint16(t.Day() + int(t.Month())<<5 + max(t.Year()-1980, 0)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}

// BuildFrom makes bundles of the RouterInfos of a netDb directory, or of a zip.
// Of a large one it reads files in random order, until it has enough.
func BuildFrom(ctx context.Context, path string, cfg BuildConfig, take func(n int, bundle []byte) error) (Report, error) {
	b, err := NewBuilder(cfg)
	if err != nil {
		return Report{}, err
	}
	loading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	loaded, err := netdbdir.Load(loading, path, netdbdir.LoadConfig{Workers: b.cfg.Workers, Shuffle: b.random.Shuffle}, func(ri *routerinfo.RouterInfo) {
		if b.Add(ri); len(b.pool) == b.limit() {
			stop(errEnough)
		}
	})
	if n := loaded.Junk + loaded.Misnamed; n > 0 {
		b.report.Rejected["damaged"] = n
	}
	if err != nil && context.Cause(loading) != errEnough {
		return b.report, err
	}
	return b.Build(ctx, take)
}

// errEnough ends the reading of a netDb from which enough routers were drawn.
var errEnough = errors.New("reseed: enough routers")
