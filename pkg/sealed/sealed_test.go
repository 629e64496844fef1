package sealed

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestBox: what is sealed opens with the passphrase of the moment and no other, and nothing of it
// shows.
func TestBox(t *testing.T) {
	dir, text := t.TempDir(), []byte("a secret of some length")
	if Is(dir) {
		t.Error("an empty directory is sealed")
	}
	box, err := Create(dir, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, []byte("one")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	sealed, err := box.Seal(text)
	if err != nil || bytes.Contains(sealed, text[:8]) {
		t.Fatalf("%q, %v", sealed, err)
	}
	before, err := os.ReadFile(KeyFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, []byte("two")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if err := Change(dir, []byte("two"), []byte("three")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("changed by another passphrase: %v", err)
	}
	if after, err := os.ReadFile(KeyFile(dir)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a wrong passphrase changed the file: %v", err)
	}
	if err := Change(dir, []byte("one"), []byte("two")); err != nil {
		t.Fatal(err)
	}
	if box, err = Open(dir, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if got, err := box.Unseal(sealed); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]byte{nil, sealed[:len(sealed)-1], append(bytes.Clone(sealed), 0), bytes.Replace(sealed, []byte("X25519"), []byte("X25510"), 1)} {
		if got, err := box.Unseal(bad); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("%d bytes: %q, %v", len(bad), got, err)
		}
	}
	if err := os.WriteFile(KeyFile(dir), before[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, []byte("two")); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged key file: %v", err)
	}
}

// TestWipe: the bytes are gone from the file itself, not only its name.
func TestWipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := Wipe(path, path+"none"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 6)
	if _, err := held.Read(b); err != nil || !bytes.Equal(b, make([]byte, 6)) {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}
