package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// victim is a router's directory, and the process that works on it.
type victim struct {
	t         *testing.T
	dir       string
	config    string
	bootstrap *netdbdir.Dir
	strangers []*i2p.PrivateKeys
	keys      []byte // router.keys, once there are any
	router    string // its hash, by what it said itself

	cmd    *exec.Cmd
	log    *bytes.Buffer
	exited chan error
	begun  time.Time // about when it was started: no file of its is older
}

const killNetID = 97

// newVictim makes a directory with a configuration that names peers and a
// bootstrap directory.
func newVictim(t *testing.T) *victim {
	t.Helper()
	root := t.TempDir()
	v := &victim{t: t, dir: filepath.Join(root, "data"), config: filepath.Join(root, "router.toml")}
	var err error
	if v.bootstrap, err = netdbdir.Open(filepath.Join(root, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	s := config.Default()
	s.DataDir, s.NetID, s.Testnet, s.Hosts = v.dir, killNetID, true, []string{"127.0.0.1"}
	s.Socket = filepath.Join(v.dir, "router.sock")
	s.Bootstrap = []string{v.bootstrap.Path()}
	s.NTCP2.Listen = []string{"127.0.0.1:0"}
	if err := os.WriteFile(v.config, s.AppendTo(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	for range 40 {
		k, err := i2p.GenerateRouter(random)
		if err != nil {
			t.Fatal(err)
		}
		v.strangers = append(v.strangers, k)
	}
	return v
}

// befriend runs a floodfill in this process that the victim will know.
func (v *victim) befriend() {
	v.t.Helper()
	s := config.Default()
	s.NetID, s.Testnet, s.Hosts, s.Floodfill = killNetID, true, []string{"127.0.0.1"}, true
	s.NTCP2.Listen = []string{"127.0.0.1:0"}
	n, err := node.New(node.Config{Settings: s})
	if err != nil {
		v.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(context.WithoutCancel(v.t.Context())) }()
	v.t.Cleanup(func() {
		n.StopNow()
		if err := <-ended; err != nil {
			v.t.Error(err)
		}
	})
	ri, err := n.Info(v.t.Context())
	if err == nil {
		err = v.bootstrap.Store(ri.Hash(), ri.Bytes())
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

// news gives the bootstrap directory RouterInfos of this moment, so that the
// victim has something to write at every start.
func (v *victim) news() {
	v.t.Helper()
	for i, k := range v.strangers {
		static := noise.NewKeyPair([32]byte{byte(i), 1})
		options, err := i2p.NewMapping(map[string]string{
			"host": fmt.Sprintf("127.0.9.%d", i+1), "port": "1", "v": "2",
			"s": i2p.EncodeBase64(static.Public[:]), "i": i2p.EncodeBase64(make([]byte, 16)),
		})
		if err != nil {
			v.t.Fatal(err)
		}
		ri, err := routerinfo.Build(routerinfo.BuildConfig{
			Keys: k, Published: i2p.DateOf(time.Now()),
			Addresses: []routerinfo.Address{{Cost: 3, Style: routerinfo.StyleNTCP2, Options: options}},
			Options:   map[string]string{"caps": "LR", "netId": fmt.Sprint(killNetID), "router.version": "0.9.68"},
		})
		if err == nil {
			err = v.bootstrap.Store(ri.Hash(), ri.Bytes())
		}
		if err != nil {
			v.t.Fatal(err)
		}
	}
}

func (v *victim) start() {
	v.t.Helper()
	path, err := exec.LookPath("i2p-router") // the test binary, by testscript.Main
	if err != nil {
		v.t.Fatal(err)
	}
	v.log = new(bytes.Buffer)
	v.cmd = exec.Command(path, "run", "--config", v.config)
	v.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "I2P_") || strings.HasPrefix(e, "XDG_")
	}), "HOME="+v.dir)
	v.cmd.Stderr = v.log
	v.begun = time.Now().Add(-10 * time.Millisecond) // what a file system's clock is behind
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	cmd, exited := v.cmd, make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	v.exited = exited
}

// awaitAnswer waits until the control socket answers, and tells who does.
func (v *victim) awaitAnswer() string {
	v.t.Helper()
	c := client.New(filepath.Join(v.dir, "router.sock"))
	defer c.Close()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		st, err := c.Status(v.t.Context())
		if err == nil {
			return st.Router
		}
		select {
		case err := <-v.exited:
			v.t.Fatalf("it does not start: %v\n%s", err, v.log)
		default:
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("its control socket does not answer: %v\n%s", err, v.log)
		}
	}
}

// kill is kill -9.
func (v *victim) kill() {
	v.t.Helper()
	v.cmd.Process.Kill() // an error: it had ended by itself
	<-v.exited
}

// check looks at what the dead left behind: every file that has its final name
// is whole, and the identity is what it was.
func (v *victim) check() {
	v.t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(v.dir, name))
		if err != nil && !os.IsNotExist(err) {
			v.t.Fatal(err)
		}
		return b
	}
	keys := read("router.keys")
	if v.keys != nil && !bytes.Equal(keys, v.keys) {
		v.t.Fatal("router.keys is another")
	}
	v.keys = keys
	if keys != nil {
		if _, rest, err := i2p.ParsePrivateKeys(keys); err != nil || len(rest) > 0 {
			v.t.Fatalf("router.keys: %d bytes left, %v", len(rest), err)
		}
	}
	if b := read("router.info"); b != nil {
		ri, err := routerinfo.Parse(b)
		if err == nil {
			err = ri.Verify()
		}
		if err != nil {
			v.t.Fatalf("router.info: %v", err)
		}
	}
	if b := read("peer.profiles"); b != nil {
		if _, skipped, err := profile.Parse(profile.Config{}, b, time.Now()); err != nil || skipped > 0 {
			v.t.Fatalf("peer.profiles: %d lines are damaged, %v", skipped, err)
		}
	}
	netDB := filepath.Join(v.dir, "netDb")
	if _, err := os.Stat(netDB); err != nil {
		return // killed before it was made
	}
	loaded, err := netdbdir.Load(v.t.Context(), netDB, netdbdir.LoadConfig{Verify: true}, func(*routerinfo.RouterInfo) {})
	if err != nil || loaded.Junk+loaded.Misnamed > 0 {
		v.t.Fatalf("netDb: %+v, %v", loaded, err)
	}
}

// halfWritten counts the files that a kill left under a temporary name.
func (v *victim) halfWritten() (n int) {
	v.t.Helper()
	err := filepath.WalkDir(v.dir, func(path string, e os.DirEntry, err error) error {
		if base := filepath.Base(path); strings.HasSuffix(base, ".new") || strings.HasPrefix(base, ".") {
			n++
		}
		if os.IsNotExist(err) {
			return nil // it has just been renamed or removed
		}
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return n
}

// written counts the files that were written since it was started, under whatever name.
func (v *victim) written() (n int) {
	v.t.Helper()
	err := filepath.WalkDir(v.dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info os.FileInfo
			if info, err = e.Info(); err == nil && info.ModTime().After(v.begun) {
				n++
			}
		}
		if os.IsNotExist(err) {
			return nil // it has just been renamed or removed
		}
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return n
}

// await waits until something is so, or until it has ended by itself.
func (v *victim) await(so func() bool) {
	for !so() {
		select {
		case err := <-v.exited:
			v.exited <- err // for who waits for its end
			return
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// TestKill: killed at any moment, a hundred times and more (while it makes its
// keys, loads, writes the netDb, or stops), a router comes up again as the
// same router, and every file is whole. The moments are those at which it has
// written some number of files: so each of them is met, on any machine.
func TestKill(t *testing.T) {
	v := newVictim(t)
	v.befriend()
	v.befriend()
	random := rand.New(rand.NewPCG(5, 22))
	begun, kills, most := time.Now(), 0, 0
	kill := func() {
		v.kill()
		kills++
		v.check()
		most = max(most, v.halfWritten())
	}
	wrote := func(n int) func() bool { return func() bool { return v.written() >= n } }
	for round := range 100 {
		v.news()
		if round%3 == 0 { // at its start: the socket's lock is written, then keys, then the netDb
			v.start()
			v.await(wrote(random.IntN(6)))
			kill()
			v.news() // it may have written all of it
		}
		v.start()
		router := v.awaitAnswer()
		if v.router == "" {
			v.router = router
		}
		if router != v.router {
			t.Fatalf("after %d kills it is router %s, was %s", kills, router, v.router)
		}
		v.await(wrote(random.IntN(len(v.strangers))))
		if round%4 == 0 { // while it stops
			at := v.written()
			v.cmd.Process.Signal(syscall.SIGTERM)
			v.await(wrote(at + random.IntN(3)))
		}
		kill()
	}
	t.Logf("%d kills in %v; at most %d half-written files were left", kills, time.Since(begun), most)

	// Once more in peace: nothing of all that is left.
	v.start()
	v.awaitAnswer()
	known := 0
	v.await(func() bool {
		all, err := filepath.Glob(filepath.Join(v.dir, "netDb", "*", "routerInfo-*.dat"))
		known = len(all)
		return err == nil && known == len(v.strangers)+2 && v.halfWritten() == 0
	})
	v.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-v.exited; err != nil {
		t.Errorf("after TERM: %v\n%s", err, v.log)
	}
	v.check()
	if n := v.halfWritten(); n > 0 {
		t.Errorf("%d half-written files are left", n)
	}
	if known != len(v.strangers)+2 {
		t.Errorf("the netDb has %d routers, expected %d", known, len(v.strangers)+2)
	}
}
