package unixsocket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Reclaim is Listen for a socket that no lock guards: what a router that was killed left at the path is replaced, and
// what somebody answers at, or what is no socket, is an error. Closing the listener removes the socket.
func Reclaim(path string) (net.Listener, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	l, err := Listen(path)
	if err != nil {
		return nil, err
	}
	return &placed{UnixListener: l, path: path}, nil
}

// clearStale removes a socket at which nobody answers, and nothing else. No lock tells here that its owner
// is dead, as one does of the control socket: only one that refuses is.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is no socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("another program listens at %s", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("another program may listen at %s: %w", path, err)
	}
	return os.Remove(path)
}

// placed is a listener at the path that its socket was moved to.
type placed struct {
	*net.UnixListener
	path string
	once sync.Once
}

// Addr is where users connect.
func (l *placed) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket, once: another may be there later.
func (l *placed) Close() error {
	l.once.Do(func() { os.Remove(l.path) })
	return l.UnixListener.Close()
}
