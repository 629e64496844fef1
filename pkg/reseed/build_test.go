package reseed

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"math/rand/v2"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/routerinfo"
)

func routers(t testing.TB, cfg reseedtest.Config) []*routerinfo.RouterInfo {
	t.Helper()
	cfg.Now = now
	var all []*routerinfo.RouterInfo
	if err := reseedtest.Routers(cfg, func(ri *routerinfo.RouterInfo) error { all = append(all, ri); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func build(t testing.TB, cfg BuildConfig, infos []*routerinfo.RouterInfo) ([][]byte, Report) {
	t.Helper()
	b, err := NewBuilder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, ri := range infos {
		b.Add(ri)
	}
	bundles := make([][]byte, cfg.Bundles)
	report, err := b.Build(context.Background(), func(n int, bundle []byte) error { bundles[n] = bundle; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return bundles, report
}

func TestBuild(t *testing.T) {
	signer, certificate := newSigner(t, "you@mail.i2p", now.AddDate(-1, 0, 0))
	infos := routers(t, reseedtest.Config{Count: 600})
	cfg := BuildConfig{Bundles: 8, PerBundle: 75, Signer: signer, Now: now, Rand: rand.NewChaCha8([32]byte{1})}
	bundles, report := build(t, cfg, infos)
	if report.Seen != 600 || report.Eligible != 600 || report.Bundles != 8 || report.Smallest != 75 || len(report.Rejected) != 0 {
		t.Errorf("%+v", report)
	}
	var trust Trust
	if err := trust.Add(certificate); err != nil {
		t.Fatal(err)
	}
	used := make(map[i2p.Hash]int)
	for n, bundle := range bundles {
		b, err := OpenBundle(bundle, OpenConfig{Trust: &trust, Now: now, NetID: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Infos) != 75 || len(b.Rejected) != 0 || !b.Made.Equal(now) || b.Signer != "you@mail.i2p" {
			t.Errorf("bundle %d: %d RouterInfos of %v by %s, rejected %v", n, len(b.Infos), b.Made, b.Signer, b.Rejected)
		}
		ranges := make(map[uint32]bool)
		floodfills := 0
		for _, ri := range b.Infos {
			sum := profile.Summarize(ri)
			if ranges[sum.Prefixes[0]] {
				t.Errorf("bundle %d has two routers of %x", n, sum.Prefixes[0])
			}
			ranges[sum.Prefixes[0]] = true
			if ri.IsFloodfill() {
				floodfills++
			}
			used[ri.Hash()]++
		}
		if floodfills < 8 {
			t.Errorf("bundle %d has %d floodfills", n, floodfills)
		}
	}
	if len(used) < 300 {
		t.Errorf("8 bundles of 75 show %d routers of 600", len(used))
	}
	cfg.Rand = rand.NewChaCha8([32]byte{1})
	again, _ := build(t, cfg, infos)
	if !slices.EqualFunc(bundles, again, bytes.Equal) {
		t.Error("the same seed gave other bundles")
	}
}

// TestUnfit: what must not be a first peer, and why.
func TestUnfit(t *testing.T) {
	good := routers(t, reseedtest.Config{Seed: 1, Count: 5})
	make1 := func(published time.Time, host string, options map[string]string) *routerinfo.RouterInfo {
		random := rand.NewChaCha8([32]byte{9})
		keys, err := i2p.GenerateRouter(random)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{"caps": "LR", "netId": "2", "router.version": "0.9.68"}
		for k, v := range options {
			all[k] = v
		}
		var addresses []routerinfo.Address
		if host != "" {
			o, _ := i2p.NewMapping(map[string]string{"host": host, "port": "1234", "v": "2"})
			addresses = append(addresses, routerinfo.Address{Style: "NTCP2", Options: o})
		}
		ri, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys, Published: i2p.DateOf(published), Addresses: addresses, Options: all})
		if err != nil {
			t.Fatal(err)
		}
		return ri
	}
	const host = "5.6.7.8"
	forged := bytes.Clone(good[0].Bytes())
	forged[len(forged)-1] ^= 1
	bad, err := routerinfo.Parse(forged)
	if err != nil {
		t.Fatal(err)
	}
	for want, ri := range map[string]*routerinfo.RouterInfo{
		"other network":    make1(now, host, map[string]string{"netId": "3"}),
		"too old":          make1(now.Add(-DefaultBuildAge-time.Second), host, nil),
		"from the future":  make1(now.Add(time.Hour), host, nil),
		"version":          make1(now, host, map[string]string{"router.version": "0.9.50"}),
		"unreachable":      make1(now, "", nil),
		"takes no tunnels": make1(now, host, map[string]string{"caps": "LRG"}),
		"bad signature":    bad,
	} {
		_, report := build(t, BuildConfig{Bundles: 1, PerBundle: 3, Unsigned: true, Now: now}, append(slices.Clone(good[1:]), ri))
		if report.Rejected[want] != 1 || report.Drawn != 4 || report.Smallest != 3 {
			t.Errorf("%s: %+v", want, report)
		}
	}
	for _, hidden := range []*routerinfo.RouterInfo{make1(now, host, map[string]string{"caps": "LH"}), make1(now, host, map[string]string{"caps": "LU"}), make1(now, "10.0.0.1", nil)} {
		_, report := build(t, BuildConfig{Bundles: 1, PerBundle: 3, Unsigned: true, Now: now}, append(slices.Clone(good), hidden))
		if report.Rejected["unreachable"] != 1 {
			t.Errorf("%+v", report)
		}
	}
	b, err := NewBuilder(BuildConfig{Unsigned: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Build(context.Background(), nil); !errors.Is(err, ErrNoRouters) {
		t.Errorf("of nothing: %v", err)
	}
	for _, cfg := range []BuildConfig{{}, {Unsigned: true, Bundles: -1}, {Unsigned: true, PerBundle: MaxInfos + 1}, {Unsigned: true, MinVersion: "x"}} {
		if _, err := NewBuilder(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestBuildFrom(t *testing.T) {
	dir := t.TempDir()
	if err := reseedtest.WriteNetDB(dir, reseedtest.Config{Count: 40, Now: now}); err != nil {
		t.Fatal(err)
	}
	bundles := 0
	report, err := BuildFrom(context.Background(), dir, BuildConfig{Bundles: 3, PerBundle: 20, Unsigned: true, Now: now}, func(n int, bundle []byte) error {
		bundles++
		b, err := OpenBundle(bundle, OpenConfig{Now: now, NetID: 2, SkipSignature: true})
		if err == nil && (len(b.Infos) != 20 || b.Verified) {
			err = fmt.Errorf("%d RouterInfos", len(b.Infos))
		}
		return err
	})
	if err != nil || bundles != 3 || report.Seen != 40 {
		t.Errorf("%d bundles, %+v, %v", bundles, report, err)
	}
	stop := errors.New("disk full")
	if _, err := BuildFrom(context.Background(), dir, BuildConfig{Bundles: 3, PerBundle: 20, Unsigned: true, Now: now}, func(int, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, expected what the caller's function said", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := BuildFrom(ctx, dir, BuildConfig{Unsigned: true, Now: now}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// BenchmarkBuild makes 300 bundles of 75 from a netDb of 55,000, as a busy
// reseed server does. It prints the peak of the process's memory: run it alone.
func BenchmarkBuild(b *testing.B) {
	dir := b.TempDir()
	at := time.Now()
	if err := reseedtest.WriteNetDB(dir, reseedtest.Config{Count: 55_000, Now: at}); err != nil {
		b.Fatal(err)
	}
	key, certificate, err := NewSigner("you@mail.i2p", 4096, at, crand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signer, _, err := LoadSigner(key, certificate)
	if err != nil {
		b.Fatal(err)
	}
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600) // VmHWM begins anew
	before := cpu(b)
	for b.Loop() {
		report, err := BuildFrom(context.Background(), dir, BuildConfig{Signer: signer, Now: at}, func(int, []byte) error { return nil })
		if err != nil || report.Bundles != 300 || report.Smallest != 75 {
			b.Fatalf("%+v, %v", report, err)
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op") // what a busy machine does not change
	b.ReportMetric(peak(b), "peak-MB")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "processors")
}

// cpu is the time that the process has computed for.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the process's largest resident set since it was last cleared.
func peak(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1024
		}
	}
	return 0
}

// TestBuildOfProven: in a netDb that identities have filled which nobody has ever reached,
// only those are fit that a router's profiles tell to have been.
func TestBuildOfProven(t *testing.T) {
	infos := routers(t, reseedtest.Config{Count: 200})
	table, want := profile.New(profile.Config{}), make(map[i2p.Hash]bool)
	for i, ri := range infos {
		sum := profile.Summarize(ri)
		switch i % 4 {
		case 0: // reached, and served
			table.Reached(now, ri.Hash(), sum.Hosts[0])
			table.Queried(now, ri.Hash(), true)
			want[ri.Hash()] = true
		case 1: // somewhere else
			table.Reached(now, ri.Hash(), sum.Hosts[0]+1)
			table.Queried(now, ri.Hash(), true)
		case 2: // others answered for it
			table.Queried(now, ri.Hash(), true)
		}
	}
	path := ProfilesBeside(filepath.Join(t.TempDir(), "netDb"))
	if err := os.WriteFile(path, table.AppendTo(nil, now), 0o600); err != nil {
		t.Fatal(err)
	}
	proven, err := ReadProven(path, now)
	if err != nil {
		t.Fatal(err)
	}
	bundles, report := build(t, BuildConfig{Bundles: 3, PerBundle: 20, Unsigned: true, Now: now, Proven: proven}, infos)
	if report.Eligible != 50 || report.Rejected["never reached"] != 150 || !report.Proven {
		t.Errorf("%+v", report)
	}
	for _, b := range bundles {
		bundle, err := OpenBundle(b, OpenConfig{Now: now, NetID: 2, SkipSignature: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, ri := range bundle.Infos {
			if !want[ri.Hash()] {
				t.Errorf("%s is in a bundle", ri.Hash())
			}
		}
	}
}
