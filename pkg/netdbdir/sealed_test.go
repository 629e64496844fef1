package netdbdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// mask is a box that hides nothing from who knows it.
type mask struct{}

func (mask) Seal(b []byte) ([]byte, error) {
	out := []byte("sealed")
	for _, c := range b {
		out = append(out, c^0x55)
	}
	return out, nil
}

func (m mask) Unseal(b []byte) ([]byte, error) {
	if len(b) < 6 || string(b[:6]) != "sealed" {
		return nil, errors.New("damaged")
	}
	out, _ := m.Seal(b[6:])
	return out[6:], nil
}

func openSealed(t *testing.T, path string) *Sealed {
	t.Helper()
	s, err := OpenSealed(path, mask{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func loadSealed(t *testing.T, path string) (map[i2p.Hash]netdb.Source, Loaded) {
	t.Helper()
	got := map[i2p.Hash]netdb.Source{}
	counts, err := openSealed(t, path).Load(t.Context(), nil, func(ri *routerinfo.RouterInfo, src netdb.Source) { got[ri.Hash()] = src })
	if err != nil {
		t.Fatal(err)
	}
	return got, counts
}

// TestSealed: the last word on each router holds, over restarts, summing up and damage.
func TestSealed(t *testing.T) {
	dir := t.TempDir()
	all := routers(t, 20)
	file := func(i int, src netdb.Source) netdb.File {
		return netdb.File{Hash: all[i].Hash(), Bytes: all[i].Bytes(), Source: src}
	}
	s := openSealed(t, dir)
	save := func(remove []i2p.Hash, files ...netdb.File) {
		if _, err := s.Save(files, remove); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		save(nil, file(i, netdb.FromDiskTold))
	}
	save([]i2p.Hash{all[1].Hash()}, file(0, netdb.FromDisk), file(2, netdb.FromDiskSought))
	want := func(n int) {
		t.Helper()
		got, counts := loadSealed(t, dir)
		if len(got) != n || counts.Routers != n || got[all[0].Hash()] != netdb.FromDisk || got[all[2].Hash()] != netdb.FromDiskSought || got[all[3].Hash()] != netdb.FromDiskTold {
			t.Errorf("%d routers, %+v, expected %d", len(got), counts, n)
		}
	}
	want(19)
	for range 2 * maxJournals { // it is summed up on the way
		save(nil, file(3, netdb.FromDiskTold))
	}
	if got := len(openSealed(t, dir).files); got > maxJournals {
		t.Errorf("%d files", got)
	}
	want(19)
	if removed, err := openSealed(t, dir).Prune(func(h i2p.Hash) bool { return h != all[4].Hash() }); err != nil || removed != 1 {
		t.Errorf("pruned %d, %v", removed, err)
	}
	want(18)
	for name, text := range map[string]string{"99999998.age": "", "99999999.age.new": "half", ".99999999.age.123": "half"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, counts := loadSealed(t, dir); len(got) != 18 || counts.Junk != 1 {
		t.Errorf("beside a damaged file: %d routers, %+v", len(got), counts)
	}
	if entries, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return half(e.Name()) }) {
		t.Errorf("half-written files are left: %v, %v", entries, err)
	}
	if _, err := Load(context.Background(), dir, LoadConfig{}, nil); !errors.Is(err, ErrSealed) {
		t.Errorf("a tool reads it: %v", err)
	}
}

// TestSealedState: a router's directory says that it is encrypted, whatever was left in it when the
// router was killed; one that has RouterInfos in clear gives them.
func TestSealedState(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	load := func(path string) error {
		_, err := Load(t.Context(), filepath.Join(dir, path), LoadConfig{}, func(*routerinfo.RouterInfo) {})
		return err
	}
	for _, name := range []string{"notes.txt", "secrets.age"} {
		put(name, nil)
	}
	if err := load(""); err != nil {
		t.Errorf("files of others: %v", err)
	}
	for _, name := range []string{"state.age", ".peer.profiles.age.123", "router.lock", "port.age", "netDb/00000001.age", "netDb/00000002.age.new"} {
		put(name, nil)
	}
	for _, path := range []string{"", "netDb"} {
		if err := load(path); !errors.Is(err, ErrSealed) {
			t.Errorf("%q: %v, expected %v", path, err, ErrSealed)
		}
	}
	put("router.info", routers(t, 1)[0].Bytes())
	if err := load(""); err != nil {
		t.Errorf("beside a RouterInfo in clear: %v", err)
	}
}

// full is a box that can seal a number of times, as on a disk that is full then.
type full struct {
	mask
	left int
}

func (f *full) Seal(b []byte) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, errors.New("no space left")
	}
	return f.mask.Seal(b)
}

// TestSealedSaveFails: what is not on disk is told of, and what was there before holds.
func TestSealedSaveFails(t *testing.T) {
	dir := t.TempDir()
	all := routers(t, 2)
	box := &full{left: 1}
	s, err := OpenSealed(dir, box)
	if err != nil {
		t.Fatal(err)
	}
	first, second := netdb.File{Hash: all[0].Hash(), Bytes: all[0].Bytes()}, netdb.File{Hash: all[1].Hash(), Bytes: all[1].Bytes()}
	if left, err := s.Save([]netdb.File{first}, nil); err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	want := []i2p.Hash{second.Hash, first.Hash}
	if left, err := s.Save([]netdb.File{second}, []i2p.Hash{first.Hash}); err == nil || !slices.Equal(left, want) {
		t.Errorf("%v is left with %v, expected %v", left, err, want)
	}
	if got, _ := loadSealed(t, dir); len(got) != 1 {
		t.Errorf("%d routers are on disk, expected the first", len(got))
	}
}

// TestSumUpFails: what was summed up when the disk was full is not the last word on routers that
// are saved later.
func TestSumUpFails(t *testing.T) {
	dir := t.TempDir()
	all := routers(t, 3)
	box := &full{left: 100}
	s, err := OpenSealed(dir, box)
	if err != nil {
		t.Fatal(err)
	}
	file := netdb.File{Hash: all[0].Hash(), Bytes: all[0].Bytes()}
	big := make([]byte, 1<<16-1)
	for i := range byte(3 * journalPart / len(big)) {
		save := []netdb.File{{Hash: i2p.Hash{i}, Bytes: big}}
		if i == 20 {
			save = append(save, file) // it comes into the second of three parts
		}
		if _, err := s.Save(save, nil); err != nil {
			t.Fatal(err)
		}
	}
	box.left = 2
	if _, err := s.sumUp(func(i2p.Hash) bool { return true }); err == nil {
		t.Fatal("no error")
	}
	box.left = 1
	if _, err := s.Save([]netdb.File{{Hash: all[1].Hash(), Bytes: all[1].Bytes()}}, []i2p.Hash{all[0].Hash()}); err != nil {
		t.Fatal(err)
	}
	got, _ := loadSealed(t, dir)
	if _, there := got[all[0].Hash()]; there || len(got) != 1 {
		t.Errorf("%d routers; one was saved, and one removed: %v", len(got), there)
	}
	if n := len(openSealed(t, dir).files); n != len(s.files) {
		t.Errorf("%d files, %d of them known", n, len(s.files))
	}
}
