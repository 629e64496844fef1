// Package unixsocket binds Unix sockets that are their owner's alone from the first moment on.
package unixsocket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"i2ptoolkit/pkg/control"
)

// Check tells whether a path can be a socket's.
func Check(path string) error {
	if len(path) > control.MaxSocketPath {
		return fmt.Errorf("%s has %d bytes, the path of a socket at most %d", path, len(path), control.MaxSocketPath)
	}
	return nil
}

// Listen binds a socket with mode 0600, in place of whatever socket is at its path: whether somebody
// answers there is for its caller to find out before. Closing the listener leaves it there, as its Addr is
// not the path.
//
// It is bound in a directory of its own and moved to its place once nobody else may open it: at no moment
// does a socket with the umask's mode stand at path. The directory's name is fixed, so that a router that
// is killed leaves one of them at most.
func Listen(path string) (*net.UnixListener, error) { return listen(path, os.Rename) }

func listen(path string, move func(from, to string) error) (*net.UnixListener, error) {
	private := path + ".new"
	first := filepath.Join(private, "s")
	remove := func() {
		os.Remove(first)
		os.Remove(private)
	}
	remove() // what a router that was killed has left
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer remove()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: first, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(first, 0o600), move(first, path)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
