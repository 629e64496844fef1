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
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
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

// TestRestart: a router is the same router after a restart, on the same port, which is none that
// the system gives to others meanwhile, and knows whom it knew.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := settings(dir)
	s.NTCP2.Listen = nil
	a, stop := start(t, Config{Settings: s})
	port := int(a.transport.Addrs()[0].Port())
	if port < leastPort || port >= leastPort+ports {
		t.Errorf("port %d was drawn", port)
	}
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
