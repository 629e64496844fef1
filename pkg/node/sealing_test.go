package node

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"testing"

	"i2ptoolkit/pkg/sealed"
)

// secretDir is a directory in clear, and what it holds.
func secretDir(t *testing.T) (dataDir, map[string][]byte) {
	t.Helper()
	d := dataDir{root: t.TempDir()}
	held := make(map[string][]byte)
	for _, name := range (dataDir{}).stateFiles() {
		held[name] = []byte("what " + name + " has\n")
		if err := d.keep(name, held[name]); err != nil {
			t.Fatal(err)
		}
	}
	return d, held
}

func passphrase() []byte { return []byte("battery") }

// unlocked opens or seals a directory.
func unlocked(t *testing.T, d dataDir) dataDir {
	t.Helper()
	if err := d.unlock(passphrase(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return d
}

func sameState(t *testing.T, d dataDir, want map[string][]byte) {
	t.Helper()
	for name, b := range want {
		if got, err := d.read(name); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s is %q, %v, expected %q", name, got, err, b)
		}
	}
}

// TestSealKilled: files that a killed router has overwritten and not removed are no other keys than
// the sealed ones.
func TestSealKilled(t *testing.T) {
	d, held := secretDir(t)
	unlocked(t, d)
	for _, name := range (dataDir{}).stateFiles() {
		if err := os.WriteFile(d.path(name), make([]byte, len(held[name])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := unlocked(t, d)
	sameState(t, again, held)
	for _, name := range (dataDir{}).stateFiles() {
		if _, err := os.Stat(d.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if err := os.WriteFile(d.path(routerKeysFile), []byte("other keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.unlock(passphrase(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("other keys were taken for the router's")
	}
}

// TestDecryptBroken: a directory whose decryption ends in the middle has its key still, and another
// time does the rest; then it can be encrypted again.
func TestDecryptBroken(t *testing.T) {
	d, held := secretDir(t)
	unlocked(t, d)
	odd := d.path(netDBDir) + "/5.age" // no name that a journal gives: it is not there to be removed
	if err := errors.Join(os.MkdirAll(d.path(netDBDir), 0o700), os.WriteFile(odd, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Decrypt(d.root, passphrase()); err == nil {
		t.Error("no error")
	}
	if !sealed.Is(d.root) {
		t.Fatal("the key is gone, and sealed files are left")
	}
	if err := errors.Join(os.Remove(odd), Decrypt(d.root, passphrase())); err != nil {
		t.Fatal(err)
	}
	sameState(t, d, held)
	if sealed.Is(d.root) {
		t.Error("it is encrypted still")
	}
	sameState(t, unlocked(t, d), held)
}
