package node

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
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
	if _, err := dataDir(dir).identity(nil); !errors.Is(err, errElGamal) {
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
	want := append(keep, routerKeysFile, ntcp2KeysFile, routerInfoFile, portFile, profilesFile, "router.lock", "router.sock.lock")
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
