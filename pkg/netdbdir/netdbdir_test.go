package netdbdir

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// routers makes RouterInfos with one pair of keys: they differ in their padding.
func routers(tb testing.TB, n int) []*routerinfo.RouterInfo {
	tb.Helper()
	keys, err := i2p.GenerateRouter(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		tb.Fatal(err)
	}
	options := map[string]string{"caps": "XfR", "netId": "2", "router.version": "0.9.68"}
	var out []*routerinfo.RouterInfo
	for i := range n {
		b := bytes.Clone(keys.Identity.Bytes())
		for at := 32; at < 352; at += 32 {
			binary.BigEndian.PutUint32(b[at:], uint32(i))
		}
		id, _, err := i2p.ParseRouterIdentity(b)
		if err != nil {
			tb.Fatal(err)
		}
		address, err := i2p.NewMapping(map[string]string{
			"host": fmt.Sprintf("%d.%d.3.4", 20+i>>8&0x7f, i&0xff), "port": "12345", "v": "2",
			"s": i2p.EncodeBase64(make([]byte, 32)), "i": i2p.EncodeBase64(make([]byte, 16)),
		})
		if err != nil {
			tb.Fatal(err)
		}
		k := *keys
		k.Identity = id.Identity
		ri, err := routerinfo.Build(routerinfo.BuildConfig{
			Keys: &k, Published: i2p.DateOf(testTime), Options: options,
			Addresses: []routerinfo.Address{{Cost: 3, Style: "NTCP2", Options: address}, {Cost: 8, Style: "SSU2", Options: address}},
		})
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, ri)
	}
	return out
}

func fill(tb testing.TB, path string, all []*routerinfo.RouterInfo) *Dir {
	tb.Helper()
	d, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	for _, ri := range all {
		if err := d.Store(ri.Hash(), ri.Bytes()); err != nil {
			tb.Fatal(err)
		}
	}
	return d
}

func load(tb testing.TB, path string, cfg LoadConfig) ([]i2p.Hash, Loaded) {
	tb.Helper()
	var got []i2p.Hash
	n, err := Load(context.Background(), path, cfg, func(ri *routerinfo.RouterInfo) { got = append(got, ri.Hash()) })
	if err != nil {
		tb.Fatal(err)
	}
	return got, n
}

func TestStoreAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netDb")
	all := routers(t, 700)
	d := fill(t, path, all)
	name := all[0].Hash().String()
	if want := filepath.Join(path, "r"+name[:1], "routerInfo-"+name+".dat"); d.File(all[0].Hash()) != want {
		t.Fatal(d.File(all[0].Hash()))
	}
	if st, err := os.Stat(d.File(all[0].Hash())); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st.Mode(), err)
	}
	first, n := load(t, path, LoadConfig{Verify: true})
	if len(first) != 700 || n != (Loaded{Files: 700, Routers: 700}) {
		t.Fatalf("%d, %+v", len(first), n)
	}
	for workers := range 4 {
		got, _ := load(t, path, LoadConfig{Workers: workers})
		if fmt.Sprint(got) != fmt.Sprint(first) {
			t.Fatalf("another order with %d workers", workers)
		}
	}
	if got, n := load(t, path, LoadConfig{Max: 300}); len(got) != 300 || n.Routers != 300 || n.Skipped != 400 {
		t.Fatalf("%d, %+v", len(got), n)
	}
	if removed, err := d.Prune(func(h i2p.Hash) bool { return h == first[5] }); err != nil || removed != 699 {
		t.Fatal(removed, err)
	}
	if err := d.Remove(first[5]); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(first[5]); err != nil {
		t.Fatal(err)
	}
	if got, _ := load(t, path, LoadConfig{}); len(got) != 0 {
		t.Fatal("not empty")
	}
}

// TestSources: a router comes from the source that it was written with, and from
// the latest one alone.
func TestSources(t *testing.T) {
	all := routers(t, 3)
	d, err := Open(filepath.Join(t.TempDir(), "netDb"))
	if err != nil {
		t.Fatal(err)
	}
	save := func(i int, src netdb.Source) {
		t.Helper()
		if _, err := d.Save([]netdb.File{{Hash: all[i].Hash(), Bytes: all[i].Bytes(), Source: src}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	read := func() map[i2p.Hash][]netdb.Source {
		t.Helper()
		got := make(map[i2p.Hash][]netdb.Source)
		if _, err := d.Load(t.Context(), nil, func(ri *routerinfo.RouterInfo, src netdb.Source) {
			got[ri.Hash()] = append(got[ri.Hash()], src)
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	sources := []netdb.Source{netdb.FromDisk, netdb.FromDiskTold, netdb.FromDiskSought}
	for shift := range sources {
		want := make(map[i2p.Hash][]netdb.Source)
		for i, ri := range all {
			src := sources[(i+shift)%len(sources)]
			save(i, src)
			want[ri.Hash()] = []netdb.Source{src}
		}
		if got := read(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, expected %v", got, want)
		}
	}
	// Who reads it as any other directory has them all, and pruning leaves them.
	keep := func(i2p.Hash) bool { return true }
	if removed, err := d.Prune(keep); err != nil || removed != 0 {
		t.Fatal(removed, err)
	}
	if got, n := load(t, d.Path(), LoadConfig{}); len(got) != 3 || n.Routers != 3 {
		t.Fatalf("%v, %+v", got, n)
	}
	// A router killed in the middle leaves both files.
	if err := d.Store(all[0].Hash(), all[0].Bytes()); err != nil {
		t.Fatal(err)
	}
	if got := read()[all[0].Hash()]; !slices.Equal(got, []netdb.Source{netdb.FromDisk, netdb.FromDiskSought}) {
		t.Fatalf("%v", got)
	}
	for _, ri := range all {
		if err := d.Remove(ri.Hash()); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); len(got) != 0 {
		t.Fatalf("left: %v", got)
	}
}

// TestLoadFirst: some are read before all others, whatever they come from.
func TestLoadFirst(t *testing.T) {
	all := routers(t, 6)
	d := fill(t, t.TempDir(), nil)
	first := make(map[i2p.Hash]struct{})
	for i, ri := range all {
		src := netdb.FromDisk
		if i < 2 {
			src = netdb.FromDiskTold // the last of all, else
			first[ri.Hash()] = struct{}{}
		}
		if _, err := d.Save([]netdb.File{{Hash: ri.Hash(), Bytes: ri.Bytes(), Source: src}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var got []bool
	if _, err := d.Load(t.Context(), first, func(ri *routerinfo.RouterInfo, src netdb.Source) {
		_, soon := first[ri.Hash()]
		if got = append(got, soon); soon != (src == netdb.FromDiskTold) {
			t.Errorf("%s comes from %v", ri.Hash(), src)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if want := []bool{true, true, false, false, false, false}; !slices.Equal(got, want) {
		t.Errorf("in the order %v", got)
	}
}

// TestDamagedFiles: what a router killed at any moment leaves behind loads again.
func TestDamagedFiles(t *testing.T) {
	path := t.TempDir()
	all := routers(t, 6)
	d := fill(t, path, all)
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw := all[0].Bytes()
	if err := os.MkdirAll(filepath.Join(path, "r-"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(d.File(all[0].Hash()), raw[:len(raw)/2])                        // cut off
	write(d.File(all[1].Hash()), nil)                                     // empty after a power failure
	write(d.File(all[2].Hash()), all[3].Bytes())                          // another router's
	write(d.File(all[4].Hash()), append(bytes.Clone(raw), raw...))        // too much
	write(d.File(all[5].Hash())+atomicfile.CacheSuffix, raw[:40])         // half-written
	write(filepath.Join(path, "r-", "routerInfo-x.dat"), make([]byte, 9)) // no hash
	write(filepath.Join(path, "my.info"), []byte("a file of somebody else"))
	got, n := load(t, path, LoadConfig{})
	if len(got) != 2 || n.Junk != 4 || n.Misnamed != 1 {
		t.Fatalf("%d routers, %+v", len(got), n)
	}
	// They are replaced as soon as there is something to write …
	if _, err := d.Save([]netdb.File{{Hash: all[0].Hash(), Bytes: raw}}, []i2p.Hash{all[1].Hash()}); err != nil {
		t.Fatal(err)
	}
	if got, _ := load(t, path, LoadConfig{}); len(got) != 3 {
		t.Fatal("the damaged file was not replaced")
	}
	// … and the rest goes with the next pruning, except what is not ours.
	good := map[i2p.Hash]bool{all[0].Hash(): true, all[3].Hash(): true, all[5].Hash(): true}
	if removed, err := d.Prune(func(h i2p.Hash) bool { return good[h] }); err != nil || removed != 4 {
		t.Fatal(removed, err)
	}
	if _, err := os.Stat(filepath.Join(path, "my.info")); err != nil {
		t.Fatal("a foreign file is gone")
	}
}

func TestLoadOtherForms(t *testing.T) {
	all := routers(t, 5)
	dir := t.TempDir()
	single := filepath.Join(dir, "router.info")
	if err := os.WriteFile(single, all[0].Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := load(t, single, LoadConfig{}); len(got) != 1 || got[0] != all[0].Hash() {
		t.Fatal("router.info")
	}
	for _, ri := range all[1:] { // a flat directory
		if err := os.WriteFile(filepath.Join(dir, filePrefix+ri.Hash().String()+fileSuffix), ri.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := load(t, dir, LoadConfig{}); len(got) != 5 {
		t.Fatal("flat directory")
	}

	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	add := func(name string, b []byte) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, ri := range all {
		add([]string{"", "netDb/rx/", "./"}[i%3]+filePrefix+ri.Hash().String()+fileSuffix, ri.Bytes())
	}
	add("README", []byte("x"))
	add(filePrefix+strings.Repeat("A", 43)+"="+fileSuffix, make([]byte, 8<<20)) // a bomb
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "bundle.zip")
	if err := os.WriteFile(name, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, n := load(t, name, LoadConfig{Verify: true}); len(got) != 5 || n.Junk != 1 || n.Foreign != 1 {
		t.Fatalf("zip: %d, %+v", len(got), n)
	}

	for _, bad := range []string{filepath.Join(dir, "missing"), filepath.Join(dir, "junk")} {
		os.WriteFile(filepath.Join(dir, "junk"), []byte("PK\x03\x04 but no zip"), 0o600)
		if _, err := Load(context.Background(), bad, LoadConfig{}, func(*routerinfo.RouterInfo) { t.Fatal("a router") }); err == nil {
			t.Fatal(bad)
		}
	}
}

// TestOutside: a zip with a name that leads out of it is refused as a whole.
func TestOutside(t *testing.T) {
	ri := routers(t, 1)[0]
	for _, folder := range []string{"../", "/", `..\`, "a/../../"} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create(folder + filePrefix + ri.Hash().String() + fileSuffix)
		if err == nil {
			_, err = w.Write(ri.Bytes())
		}
		name := filepath.Join(t.TempDir(), "netDb.zip")
		if err := errors.Join(err, z.Close(), os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err = Load(t.Context(), name, LoadConfig{}, func(*routerinfo.RouterInfo) { t.Errorf("%s: a router", folder) })
		if err == nil || !strings.Contains(err.Error(), "leads out") {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

func TestLoadCancelled(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, routers(t, 600))
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err := Load(ctx, dir, LoadConfig{}, func(*routerinfo.RouterInfo) {
		if n++; n == 10 {
			cancel()
		}
	})
	if err == nil && n != 600 {
		t.Fatalf("%d routers and no error", n)
	}
}

// TestRealRouterInfos reads RouterInfos of the live network, where they are at
// hand. One of the files is damaged.
func TestRealRouterInfos(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/testdata/router?.dat")
	if len(files) == 0 {
		t.Skip("SKIPPED: no ../shared/testdata beside the repository: real RouterInfos are not tested")
	}
	good := 0
	for _, name := range files {
		n, err := Load(context.Background(), name, LoadConfig{Verify: true}, func(ri *routerinfo.RouterInfo) {
			db := netdb.New(netdb.Config{NetID: 2}, ri.Published().Time())
			if _, err := db.StoreRouterInfo(ri.Published().Time(), netdb.FromReseed, ri); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if err == nil {
			good++
		} else if n.Junk != 1 {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	if good < 4 {
		t.Fatalf("%d of %d were read", good, len(files))
	}
}

func BenchmarkLoad(b *testing.B) {
	const n = 55_000
	dir := b.TempDir()
	fill(b, dir, routers(b, n))
	for b.Loop() {
		db := netdb.New(netdb.Config{NetID: 2}, testTime)
		_, err := Load(context.Background(), dir, LoadConfig{}, func(ri *routerinfo.RouterInfo) {
			db.StoreRouterInfo(testTime, netdb.FromDisk, ri)
		})
		if err != nil {
			b.Fatal(err)
		}
		if db.Len() != n {
			b.Fatalf("%d routers, %+v", db.Len(), db.Stats())
		}
		b.ReportMetric(float64(db.Stats().Bytes)/n, "bytes/router")
	}
}

// A disk that takes nothing is told of once, not for each of hundreds of files.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []netdb.File
	for i := range 40 {
		h := i2p.Hash{byte(i)}
		if err := os.WriteFile(filepath.Join(dir, "r"+h.String()[:1]), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, netdb.File{Hash: h})
	}
	left, err := d.Save(files, nil)
	if err == nil || strings.Count(err.Error(), dir) != 1 || !strings.HasSuffix(err.Error(), ", and 39 files more failed") || len(left) != len(files) {
		t.Errorf("error %v, want one file named and 39 counted; %d are left", err, len(left))
	}
	if left, err = d.Save(files[:1], nil); err == nil || strings.Contains(err.Error(), "more") || !slices.Equal(left, []i2p.Hash{files[0].Hash}) {
		t.Errorf("error %v, want one file named; %v is left", err, left)
	}
}

// TestSaveGoesOn: a file that cannot be written or deleted is told of, and keeps no other from it; a
// folder that somebody has deleted is made anew.
func TestSaveGoesOn(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	all := routers(t, 4)
	var files []netdb.File
	for _, ri := range all {
		files = append(files, netdb.File{Hash: ri.Hash(), Bytes: ri.Bytes()})
	}
	if _, err := d.Save(files[:1], nil); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(d.Path()); err != nil {
		t.Fatal(err)
	}
	stuck := []i2p.Hash{files[1].Hash, files[3].Hash}
	for _, h := range stuck {
		if err := os.MkdirAll(filepath.Join(d.File(h), "full"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := d.Save(files[:3], stuck[1:]); err == nil || !slices.Equal(left, stuck) {
		t.Errorf("%v is left with %v, expected %v", left, err, stuck)
	}
	for _, h := range stuck {
		if err := os.RemoveAll(d.File(h)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := d.Files(); len(got) != 2 {
		t.Errorf("there are %v, expected two", got)
	}
	if left, err := d.Save(files[1:2], stuck[1:]); err != nil || len(left) != 0 {
		t.Errorf("%v is left with %v once there is nothing in the way", left, err)
	}
}
