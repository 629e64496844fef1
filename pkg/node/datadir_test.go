package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/ssu2"
)

// TestElGamalKeys: a router that nobody would accept does not start, and keeps its file.
func TestElGamalKeys(t *testing.T) {
	dir := t.TempDir()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, routerKeysFile)
	if err := os.WriteFile(path, keys.AppendTo(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (dataDir{root: dir}).identity(nil); !errors.Is(err, errElGamal) {
		t.Errorf("%v, expected %v", err, errElGamal)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != string(keys.AppendTo(nil)) {
		t.Errorf("the file was changed: %v", err)
	}
}

// TestDamagedIdentity: a router's identity is never replaced silently.
func TestDamagedIdentity(t *testing.T) {
	dir := t.TempDir()
	n, err := New(Config{Settings: settings(dir)})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
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
	for _, name := range append([]string{".router.keys.123", ".router.info.4", ".ntcp2.keys.5", ".port.6", ".peer.profiles.7", ".router.keys.age.8", ".state.age.9"}, keep...) {
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
	want := append(keep, routerKeysFile, ntcp2KeysFile, ssu2KeysFile, ssu2TokensFile, ssu2FarewellsFile, routerInfoFile, portFile, profilesFile)
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the directory holds %v, expected %v", got, want)
	}
}

// A directory has one router at a time, wherever their sockets are. One that fails to start gives
// it back.
func TestOneRouterADirectory(t *testing.T) {
	dir := t.TempDir()
	s := settings(dir)
	n, err := New(Config{Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	other := s
	other.Socket = filepath.Join(t.TempDir(), "other.sock")
	if _, err := New(Config{Settings: other}); err == nil || err.Error() != dir+" is in use by another router" {
		t.Errorf("a second router: %v", err)
	}
	n.Close()
	whole, err := os.ReadFile(filepath.Join(dir, routerKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range [][]byte{whole[1:], whole} {
		if err := os.WriteFile(filepath.Join(dir, routerKeysFile), keys, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err = New(Config{Settings: other})
	}
	if err != nil {
		t.Fatalf("after one that failed: %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(stopped); err != nil {
		t.Fatal(err)
	}
	if n, err = New(Config{Settings: s}); err != nil {
		t.Fatalf("after one that ran: %v", err)
	}
	n.Close()
}

// TestWritesAtOnce: a file is replaced as a whole, so that who has the old one keeps it whole.
func TestWritesAtOnce(t *testing.T) {
	dir := dataDir{root: t.TempDir()}
	if err := dir.keep(routerInfoFile, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(dir.path(routerInfoFile), dir.path("held")); err != nil {
		t.Skip(err)
	}
	if err := dir.keep(routerInfoFile, []byte("new")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"held": "old", routerInfoFile: "new"} {
		if b, err := os.ReadFile(dir.path(name)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v, expected %q", name, b, err, want)
		}
	}
}

// TestZeroKeys: what a crash of the machine may leave of a key file is no key.
func TestZeroKeys(t *testing.T) {
	dir := t.TempDir()
	n, err := New(Config{Settings: settings(dir)})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	for name, part := range map[string]func([]byte) []byte{
		ntcp2KeysFile:  func(b []byte) []byte { return b },                  // both keys
		routerKeysFile: func(b []byte) []byte { return b[len(b)-64:][:32] }, // the private encryption key
	} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(whole)
		clear(part(bad))
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{Settings: settings(dir)}); err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedPort: a port is drawn anew where the old one is not to be read, with a warning.
func TestDamagedPort(t *testing.T) {
	for _, text := range []string{"", "x\n", "70000\n", "0\n", "\x00\x00\x00\x00\x00\x00"} {
		dir := t.TempDir()
		path := filepath.Join(dir, portFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log logBuffer
		s := settings(dir)
		s.NTCP2.Listen = nil
		n, stop := start(t, Config{Settings: s, Log: log.logger()})
		port := n.transport.Addrs()[0].Port()
		stop()
		if b, err := os.ReadFile(path); err != nil || string(b) != fmt.Sprintln(port) {
			t.Errorf("%q: the file is %q, %v, the port %d", text, b, err, port)
		}
		if !strings.Contains(log.String(), "level=WARN msg=\"port not read, another is drawn\"") {
			t.Errorf("%q: no warning in %s", text, log.String())
		}
	}
}

// TestLooseModes: secrets that others could read are theirs no longer, and the log says that they
// were.
func TestLooseModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := t.TempDir()
	n, err := New(Config{Settings: settings(dir)})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	keys := []string{routerKeysFile, ntcp2KeysFile, ssu2KeysFile, ssu2TokensFile, ssu2FarewellsFile, forwardsFile, filepath.Join(keysDir, "a.dat")}
	for _, name := range keys[3:] {
		if err := (dataDir{root: dir}).keep(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range keys {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, warns := range []bool{true, false} {
		var log logBuffer
		n, err := New(Config{Settings: settings(dir), Log: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
		for _, name := range keys {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
			if strings.Contains(log.String(), name) != warns {
				t.Errorf("%s: warned is not %v: %s", name, warns, log.String())
			}
		}
		if strings.Contains(log.String(), "others may write to the data directory") != warns {
			t.Errorf("the directory: warned is not %v: %s", warns, log.String())
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTokensOnce: tokens of the run before are read once, and are sealed where the rest is; what
// cannot be written anew is not used.
func TestTokensOnce(t *testing.T) {
	clear := dataDir{root: t.TempDir()}
	for _, d := range []dataDir{clear, unlocked(t, dataDir{root: t.TempDir()}), {}} {
		if b, err := d.takeOnce(ssu2TokensFile, ssu2.TokensFile()); b != nil || err != nil {
			t.Fatalf("at first: %q, %v", b, err)
		}
		file := []byte("tokens")
		if err := d.keep(ssu2TokensFile, file); err != nil {
			t.Fatal(err)
		}
		if b, err := d.takeOnce(ssu2TokensFile, ssu2.TokensFile()); err != nil || string(b) != "tokens" && d.root != "" {
			t.Errorf("%q, %v", b, err)
		}
		if b, err := d.takeOnce(ssu2TokensFile, ssu2.TokensFile()); err != nil || string(b) != string(ssu2.TokensFile()) && d.root != "" {
			t.Errorf("once more: %q, %v", b, err)
		}
		if _, err := os.Stat(d.path(ssu2TokensFile)); d.box != nil && err == nil {
			t.Error("in clear in a directory that is sealed")
		}
	}
}
