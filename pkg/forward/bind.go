package forward

import (
	"net"
	"net/netip"

	"i2ptoolkit/pkg/door"
)

// bind listens where the plan says.
func (f *forward) bind() (net.Listener, error) {
	l, at, err := door.Bind(f.plan().Listen, f.m.cfg.Listen)
	if err == nil {
		f.listens(at)
	}
	return l, err
}

// listens notes where, and warns where that is for more than this machine.
func (f *forward) listens(at string) {
	if a, err := netip.ParseAddrPort(at); err == nil && !a.Addr().Unmap().IsLoopback() {
		f.m.cfg.Log.Warn("a forward is open to other machines, which use it as this one does", "name", f.name, "listen", at)
	}
	f.note(at, "")
}
