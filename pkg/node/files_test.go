package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// testNetID is the network of the routers in tests.
const testNetID = 99

// settings are those of a router of a private network on loopback.
func settings(dir string) config.Config {
	s := config.Default()
	s.DataDir, s.NetID, s.Testnet, s.LogLevel = dir, testNetID, true, "warn"
	s.Hosts, s.NTCP2.Listen = []string{"127.0.0.1"}, []string{"127.0.0.1:0"}
	return s
}

// logBuffer is a log that tests read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// start runs a node until the function that it returns is called, or the test
// ends. It returns once the node listens.
func start(t *testing.T, cfg Config) (*Node, func()) {
	t.Helper()
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(context.WithoutCancel(t.Context())) }()
	stop := sync.OnceFunc(func() {
		n.StopNow()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	if _, err := n.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n, stop
}

// stranger makes a RouterInfo of a network.
func stranger(t *testing.T, seed byte, netID int, published time.Time) *routerinfo.RouterInfo {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	keys, err := i2p.GenerateRouter(random)
	if err != nil {
		t.Fatal(err)
	}
	static := noise.NewKeyPair([32]byte{seed, 1})
	options, err := i2p.NewMapping(map[string]string{
		"host": fmt.Sprintf("127.0.9.%d", seed), "port": "1", "v": "2",
		"s": i2p.EncodeBase64(static.Public[:]), "i": i2p.EncodeBase64(make([]byte, 16)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(published),
		Addresses: []routerinfo.Address{{Cost: 3, Style: routerinfo.StyleNTCP2, Options: options}},
		Options:   map[string]string{"caps": "LR", "netId": fmt.Sprint(netID), "router.version": "0.9.68"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ri
}

func strangers(t *testing.T, n int) []*routerinfo.RouterInfo {
	var out []*routerinfo.RouterInfo
	for i := range n {
		out = append(out, stranger(t, byte(i+1), testNetID, time.Now()))
	}
	return out
}

// names lists what a directory holds, and its subdirectories.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			path, _ = filepath.Rel(dir, path)
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestRestart: a router is the same router after a restart, on the same port,
// and knows whom it knew.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	a, stop := start(t, Config{Settings: settings(dir)})
	port := int(a.transport.Addrs()[0].Port())
	a.Learn(strangers(t, 5))
	stop()
	if got := names(t, filepath.Join(dir, "netDb")); len(got) != 5 {
		t.Errorf("the netDb holds %v", got)
	}
	for _, name := range names(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}

	s := settings(dir)
	s.NTCP2.Listen = nil
	b, stop := start(t, Config{Settings: s})
	defer stop()
	if b.hash != a.hash || int(b.transport.Addrs()[0].Port()) != port {
		t.Errorf("another router: %v at port %d, was %v at %d", b.hash, int(b.transport.Addrs()[0].Port()), a.hash, port)
	}
	awaitKnown(t, b, 5)
}

// awaitKnown waits until a node knows so many others.
func awaitKnown(t *testing.T, n *Node, want int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); n.Status().Known.Routers != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d routers are known, expected %d", n.Status().Known.Routers, want)
		}
	}
}

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
	learn(0, map[*routerinfo.RouterInfo]netdb.Source{told: netdb.FromSession, sought: netdb.FromReply})
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
		s := settings(dir)
		s.Bootstrap = []string{t.TempDir()} // is read once the netDb has been tidied
		var log logBuffer
		_, stop := start(t, Config{Settings: s, Log: log.logger()})
		for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), "path="+s.Bootstrap[0]); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the bootstrap is never read: %s", log.String())
			}
		}
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
	a.router.Peers().Up(peer)
	stop()
	profiles := loadedProfiles(t, dir, slog.New(slog.DiscardHandler))
	if p, ok := profiles.Get(time.Now(), peer); !ok || !profiles.Proven(peer) {
		t.Errorf("the profile is lost: %+v, %v", p, ok)
	}
}

// loadedProfiles are those that a router starts with.
func loadedProfiles(t *testing.T, dir string, log *slog.Logger) *profile.Table {
	t.Helper()
	k, err := newKeeper(dataDir(dir), i2p.Hash{}, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return k.loadProfiles(profile.Config{})
}

// TestDamagedProfiles: they are never a reason not to start.
func TestDamagedProfiles(t *testing.T) {
	full := profile.New(profile.Config{})
	for i := range 20 {
		full.Connected(time.Now(), i2p.Hash{byte(i)})
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
		"a bad line":  {bytes.Replace(whole, []byte(" proven\n"), []byte(" NaN\n"), 1), 19, "lines=1"},
		"whole":       {whole, 20, ""},
		"too long":    {append(slices.Clone(whole), make([]byte, profilesMax)...), 0, "too long"},
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

// TestDamagedIdentity: a router's identity is never replaced silently.
func TestDamagedIdentity(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(Config{Settings: settings(dir)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{routerKeysFile, ntcp2KeysFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{nil, whole[:len(whole)-1], append(slices.Clone(whole), 0)} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := New(Config{Settings: settings(dir)}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s of %d bytes: %v", name, len(bad), err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
				t.Errorf("%s was replaced", name)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeftovers: what a killed router left half-written is removed, and
// nothing else.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	keep := []string{".hidden", "notes.txt", ".router", "router.keys.bak"}
	for _, name := range append([]string{".router.keys.123", ".router.info.4", ".ntcp2.keys.5", ".port.6", ".peer.profiles.7"}, keep...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, stop := start(t, Config{Settings: settings(dir)})
	await(t, "the router writes its router.info", func() bool {
		_, err := os.Stat(filepath.Join(dir, routerInfoFile))
		return err == nil
	})
	stop()
	want := append(keep, routerKeysFile, ntcp2KeysFile, routerInfoFile, portFile, profilesFile, "router.sock.lock")
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the directory holds %v, expected %v", got, want)
	}
}
