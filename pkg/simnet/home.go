package simnet

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/simnet/nat"
)

// homes are the hosts that stand behind NAT, or behind a firewall.
type homes struct{ byInner, byOuter map[netip.Addr]*nat.Box }

// Behind puts a host's address behind a box, for datagrams: streams go past it. Others see the
// box's outer address, which faults and links go by, or the host's own with a firewall. It is to
// be called before the host sends anything.
func (n *Net) Behind(host netip.Addr, box *nat.Box) {
	n.mu.Lock()
	defer n.mu.Unlock()
	outer := box.Outer()
	if box.Kind() == nat.Firewall {
		outer = host
	}
	n.byInner[host], n.byOuter[outer] = box, box
}

// leave takes a datagram out of its home. The caller holds mu.
func (h *homes) leave(now time.Time, e *event) bool {
	box := h.byInner[e.src.Addr()]
	if box == nil {
		return true
	}
	outer, ok := box.Out(now, e.src, e.dst)
	e.src = outer
	return ok
}

// enter takes a datagram into its home. The caller holds mu.
func (h *homes) enter(now time.Time, e *event) bool {
	box := h.byOuter[e.dst.Addr()]
	if box == nil {
		return true
	}
	inner, ok := box.In(now, e.src, e.dst)
	e.dst = inner
	return ok
}
