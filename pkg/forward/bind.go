package forward

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/unixsocket"
)

// bind listens where the plan says.
func (f *forward) bind() (net.Listener, error) {
	network, address, err := plan.Local(f.plan().Listen)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		l, err := listenUnix(address)
		if err != nil {
			return nil, err
		}
		f.note("unix:"+address, "")
		return l, nil
	}
	l, err := f.m.cfg.Listen(version(network, address), address)
	if err != nil {
		return nil, err
	}
	f.listens(l.Addr().String())
	return l, nil
}

// listens notes where, and warns where that is for more than this machine.
func (f *forward) listens(at string) {
	if a, err := netip.ParseAddrPort(at); err == nil && !a.Addr().Unmap().IsLoopback() {
		f.m.cfg.Log.Warn("a forward is open to other machines, which use it as this one does", "name", f.name, "listen", at)
	}
	f.note(at, "")
}

// version narrows a network to IPv4 where the address is one of that: all of its addresses are not those of
// IPv6 as well.
func version(network, address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		return network + "4"
	}
	return network
}

// listenUnix binds a Unix socket that is its owner's alone, in place of what a router that was killed left
// there.
func listenUnix(path string) (net.Listener, error) {
	if err := unixsocket.Check(path); err != nil {
		return nil, err
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	l, err := unixsocket.Listen(path)
	if err != nil {
		return nil, err
	}
	return &unixListener{UnixListener: l, path: path}, nil
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

// unixListener is at the path that its socket was moved to.
type unixListener struct {
	*net.UnixListener
	path string
	once sync.Once
}

// Addr is where users connect.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket, once: another may be there later.
func (l *unixListener) Close() error {
	l.once.Do(func() { os.Remove(l.path) })
	return l.UnixListener.Close()
}
