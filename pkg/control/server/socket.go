package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/filelock"
	"i2ptoolkit/pkg/unixsocket"
)

// socket is a bound Unix socket and the lock that says that its owner lives.
type socket struct {
	path     string
	listener net.Listener
	lock     *filelock.Lock
	made     string // the directory, where it was missing
}

// bind makes the socket with mode 0600 in a directory that it creates with 0700 where it
// is missing. The kernel gives the lock up when its owner dies, however it dies: so who
// holds the lock may replace what lies at path.
func bind(path string) (*socket, error) {
	if err := unixsocket.Check(path); err != nil {
		return nil, err
	}
	dir, made := filepath.Dir(path), ""
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		made = dir
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := filelock.Take(path + ".lock")
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("another router answers at %s", path)
	}
	if err != nil {
		return nil, err
	}
	s := &socket{path: path, lock: lock, made: made}
	if err = s.clearStale(); err == nil {
		s.listener, err = unixsocket.Listen(path)
	}
	if err != nil {
		lock.Release()
		return nil, err
	}
	return s, nil
}

// clearStale removes a dead router's socket, and nothing else.
func (s *socket) clearStale() error {
	info, err := os.Lstat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", s.path)
	}
	if conn, err := net.DialTimeout("unix", s.path, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("another program answers at %s", s.path)
	}
	return os.Remove(s.path)
}

// remove gives the socket up.
func (s *socket) remove() {
	s.listener.Close()
	os.Remove(s.path)
	s.lock.Release()
	if s.made != "" {
		os.Remove(s.made) // unless something else is in it by now
	}
}
