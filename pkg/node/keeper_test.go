package node

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// TestBootstrapIsKept: what the bootstrap names is in the netDb at once, not
// only when the router stops.
func TestBootstrapIsKept(t *testing.T) {
	from := t.TempDir()
	out, err := netdbdir.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, ri := range strangers(t, 3) {
		if err := out.Store(ri.Hash(), ri.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	s := settings(t.TempDir())
	s.Bootstrap = []string{from}
	start(t, Config{Settings: s})
	db := filepath.Join(s.DataDir, "netDb")
	for deadline := time.Now().Add(time.Minute); len(names(t, db)) != 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the netDb holds %v", names(t, db))
		}
	}
}

// TestFullDisk: what a full disk did not take is written once there is room.
func TestFullDisk(t *testing.T) {
	n, stop := start(t, Config{Settings: settings(t.TempDir())})
	<-n.loaded
	known := strangers(t, 3)
	for _, ri := range known {
		n.router.Knowledge().Learn(ri, netdb.FromReply)
	}
	awaitKnown(t, n, len(known))
	stop() // the core has ended, and what it knows is left
	d, err := netdbdir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	what := n.router.Knowledge()
	var all []i2p.Hash
	for _, ri := range known {
		all = append(all, ri.Hash())
	}
	what.Undrain(all) // they were written as it ended
	var log logBuffer
	k := &keeper{dir: &fullDisk{Dir: d}, log: log.logger()}
	for _, want := range []int{0, len(known)} {
		k.save(what)
		if got := names(t, d.Path()); len(got) != want {
			t.Fatalf("there are %v, expected %d; the log has %q", got, want, log.String())
		}
	}
	if got := k.counts(); got.Failed != 1 || got.Written != uint64(len(known)) {
		t.Errorf("counted %+v, expected one failure and %d written", got, len(known))
	}
}

// fullDisk takes nothing the first time.
type fullDisk struct {
	*netdbdir.Dir
	room bool
}

func (f *fullDisk) Save(write []netdb.File, remove []i2p.Hash) (left []i2p.Hash, err error) {
	if f.room {
		return f.Dir.Save(write, remove)
	}
	f.room = true
	for _, file := range write {
		left = append(left, file.Hash)
	}
	return append(left, remove...), syscall.ENOSPC
}

// TestSourcesAreKept: a router that we were only told of, and one that we know of
// only because we asked, are that after a restart as well, until it is otherwise.
func TestSourcesAreKept(t *testing.T) {
	s := settings(t.TempDir())
	known := strangers(t, 2)
	told, sought := known[0], known[1]
	learn := func(loaded int, what map[*routerinfo.RouterInfo]netdb.Source) {
		t.Helper()
		n, stop := start(t, Config{Settings: s})
		defer stop()
		awaitKnown(t, n, loaded)
		for ri, src := range what {
			n.router.Knowledge().Learn(ri, src)
		}
		awaitKnown(t, n, 2)
	}
	expect := func(want map[*routerinfo.RouterInfo]string) {
		t.Helper()
		for ri, folder := range want {
			name := ri.Hash().String()
			files, err := filepath.Glob(filepath.Join(s.DataDir, "netDb", "*", "routerInfo-"+name+".dat"))
			if err != nil || len(files) != 1 || filepath.Base(filepath.Dir(files[0])) != folder+name[:1] {
				t.Fatalf("expected in %s%c: %v, %v", folder, name[0], files, err)
			}
		}
	}
	learn(0, map[*routerinfo.RouterInfo]netdb.Source{told: netdb.FromVisitor, sought: netdb.FromReply})
	expect(map[*routerinfo.RouterInfo]string{told: "t", sought: "s"})
	learn(2, map[*routerinfo.RouterInfo]netdb.Source{told: netdb.FromStore, sought: netdb.FromReply})
	expect(map[*routerinfo.RouterInfo]string{told: "t", sought: "s"})
	learn(2, map[*routerinfo.RouterInfo]netdb.Source{told: netdb.FromReply, sought: netdb.FromStore})
	expect(map[*routerinfo.RouterInfo]string{told: "r", sought: "r"})
}

// TestPrune: files that are damaged or of no use go; those of other kinds
// stay, and so does everything where not one RouterInfo can be used.
func TestPrune(t *testing.T) {
	fill := func(t *testing.T, infos ...*routerinfo.RouterInfo) (dir string, good []string) {
		dir = t.TempDir()
		d, err := netdbdir.Open(filepath.Join(dir, "netDb"))
		if err != nil {
			t.Fatal(err)
		}
		for _, ri := range infos {
			if err := d.Store(ri.Hash(), ri.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		return dir, names(t, d.Path())
	}
	t.Run("damaged", func(t *testing.T) {
		known := strangers(t, 3)
		dir, good := fill(t, known...)
		other := stranger(t, 9, testNetID+1, time.Now())
		d, err := netdbdir.Open(filepath.Join(dir, "netDb"))
		if err != nil {
			t.Fatal(err)
		}
		for path, b := range map[string][]byte{
			d.File(other.Hash()):                   other.Bytes(), // of another network
			d.File(i2p.Hash{1}):                    known[0].Bytes()[:100],
			d.File(i2p.Hash{2}):                    nil,
			d.File(i2p.Hash{3}):                    known[1].Bytes(), // another router's
			d.File(known[0].Hash()) + ".new":       known[0].Bytes()[:50],
			filepath.Join(d.Path(), "nothing.txt"): []byte("a file of its owner's"),
		} {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n, stop := start(t, Config{Settings: settings(dir)})
		awaitKnown(t, n, 3)
		want := append(good, "nothing.txt")
		slices.Sort(want)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && len(names(t, d.Path())) > len(want); {
			time.Sleep(time.Millisecond)
		}
		stop()
		if got := names(t, d.Path()); !slices.Equal(got, want) {
			t.Errorf("there are left %v, expected %v", got, want)
		}
	})
	t.Run("wrong network", func(t *testing.T) {
		dir, good := fill(t, stranger(t, 1, 2, time.Now()), stranger(t, 2, 2, time.Now()))
		n, stop := start(t, Config{Settings: settings(dir)})
		<-n.loaded // and tidied
		stop()
		if got := names(t, filepath.Join(dir, "netDb")); !slices.Equal(got, good) {
			t.Errorf("with the wrong --netid there are left %v of %v", got, good)
		}
	})
}

// TestProfiles: what was learnt about peers outlives a restart.
func TestProfiles(t *testing.T) {
	dir := t.TempDir()
	a, stop := start(t, Config{Settings: settings(dir)})
	peer := i2p.Hash{7}
	a.router.Peers().Reached(netdb.Sender{Peer: peer, Host: 7, Dialled: true})
	stop()
	profiles := loadedProfiles(t, dir, slog.New(slog.DiscardHandler))
	if p, ok := profiles.Get(time.Now(), peer); !ok || !p.Reached {
		t.Errorf("the profile is lost: %+v, %v", p, ok)
	}
}

// loadedProfiles are those that a router starts with.
func loadedProfiles(t *testing.T, dir string, log *slog.Logger) *profile.Table {
	t.Helper()
	k, err := newKeeper(dataDir{root: dir}, i2p.Hash{}, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return k.loadProfiles(profile.Config{})
}

// TestDamagedProfiles: they are never a reason not to start.
func TestDamagedProfiles(t *testing.T) {
	full := profile.New(profile.Config{})
	for i := range 20 {
		full.Reached(time.Now(), i2p.Hash{byte(i)}, 7)
	}
	whole := full.AppendTo(nil, time.Now())
	for name, c := range map[string]struct {
		b    []byte
		left int
		says string
	}{
		"empty":       {nil, 0, "not read"},
		"junk":        {bytes.Repeat([]byte{0xff, '\n'}, 500), 0, "not read"},
		"cut":         {whole[:len(whole)-20], 19, "lines=1"},
		"a bad line":  {bytes.Replace(whole, []byte(" -\n"), []byte(" NaN\n"), 1), 19, "lines=1"},
		"whole":       {whole, 20, ""},
		"too long":    {append(slices.Clone(whole), make([]byte, maxStateFile)...), 0, "too long"},
		"a directory": {nil, 0, "not read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, profilesFile)
			var err error
			if name == "a directory" {
				err = os.Mkdir(path, 0o700)
			} else {
				err = os.WriteFile(path, c.b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			var log logBuffer
			if got := loadedProfiles(t, dir, log.logger()).Len(); got != c.left {
				t.Errorf("%d profiles are read, expected %d", got, c.left)
			}
			if got := log.String(); c.says == "" && got != "" || !strings.Contains(got, c.says) || c.says != "" && !strings.Contains(got, "level=WARN") {
				t.Errorf("the log has %q, expected %q", got, c.says)
			}
		})
	}
}

// TestToldLast: a router begins with those that it came to know by itself, and need not read before
// what it was only told of.
func TestToldLast(t *testing.T) {
	dir := t.TempDir()
	known := strangers(t, 3)
	d, err := netdbdir.Open(filepath.Join(dir, netDBDir))
	if err != nil {
		t.Fatal(err)
	}
	var files []netdb.File
	for i, src := range []netdb.Source{netdb.FromDiskTold, netdb.FromDisk, netdb.FromDiskSought} {
		files = append(files, netdb.File{Hash: known[i].Hash(), Bytes: known[i].Bytes(), Source: src})
	}
	if _, err := d.Save(files, nil); err != nil {
		t.Fatal(err)
	}
	n, _ := start(t, Config{Settings: settings(t.TempDir())})
	<-n.loaded
	k := &keeper{dir: d, proven: map[i2p.Hash]struct{}{known[2].Hash(): {}}, log: slog.New(slog.DiscardHandler)}
	begun := 0
	k.load(t.Context(), n.router.Knowledge(), nil, func() {
		begun++
		if got := n.router.Numbers().DB.Routers; got != 2 {
			t.Errorf("it begins with %d routers, expected the one that was of use and the one that it found itself", got)
		}
	})
	if got := n.router.Numbers().DB.Routers; got != 3 || begun != 1 {
		t.Errorf("%d routers are known, and it has begun %d times; expected 3, once", got, begun)
	}
}
