package unixsocket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocketMode: before a socket gets to where others look for it, nobody but its owner may open
// it, and it keeps that mode.
func TestSocketMode(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	moves := 0
	l, err := listen(path, func(from, to string) error {
		moves++
		if info, err := os.Lstat(from); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("before the move: %v, %v", info.Mode(), err)
		}
		if info, err := os.Lstat(filepath.Dir(from)); err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("before the move, its directory: %v, %v", info.Mode(), err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("something is there before: %v", err)
		}
		return os.Rename(from, to)
	})
	if err != nil || moves != 1 {
		t.Fatalf("%v after %d moves", err, moves)
	}
	defer l.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("after the move: %v, %v", info.Mode(), err)
	}
}
