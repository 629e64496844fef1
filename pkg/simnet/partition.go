package simnet

import (
	"cmp"
	"container/heap"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Cut parts two hosts: datagrams between them are lost, what streams carry is
// kept back until Mend, or until the writing end gives up after Config.Patience.
func (n *Net) Cut(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[undirected(a, b)] = true
}

// Mend ends a Cut.
func (n *Net) Mend(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, undirected(a, b))
	n.releaseHeld()
}

// Isolate cuts a host off from all others.
func (n *Net) Isolate(host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isolated[host] = true
}

// Rejoin ends an Isolate.
func (n *Net) Rejoin(host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.isolated, host)
	n.releaseHeld()
}

// Crash breaks every socket of a host and tells no peer, as when a machine
// loses its power and comes back: peers learn of it when they next write.
func (n *Net) Crash(host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.breakAll(host, func(c *Conn) { c.fail(net.ErrClosed) })
}

// Kill breaks every socket of a host and resets its peers, as the system does
// for a process that was killed; what still runs there opens no other.
func (n *Net) Kill(host netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.killed[host] = true
	n.breakAll(host, (*Conn).abort)
}

// breakAll ends the sockets of a host, its streams by end. The caller holds mu.
func (s *sockets) breakAll(host netip.Addr, end func(*Conn)) {
	for c := range s.conns {
		if c.local.Addr() == host {
			end(c)
		}
	}
	for a, l := range s.listeners {
		if a.Addr() == host {
			l.shut()
		}
	}
	for a, p := range s.packets {
		if a.Addr() == host {
			p.shut()
		}
	}
}

// parted says whether nothing gets from a to b. The caller holds mu.
func (f *faults) parted(a, b netip.Addr) bool {
	return a != b && (f.isolated[a] || f.isolated[b] || f.cut[undirected(a, b)])
}

// hold keeps an event of a stream back behind a partition. The caller holds mu.
func (n *Net) hold(now time.Time, e *event) {
	if e.kind == Datagram {
		n.stats.Lost++
		return
	}
	p := undirected(e.src.Addr(), e.dst.Addr())
	n.held[p] = append(n.held[p], e)
	if c := e.from; c != nil {
		if c.heldSince.IsZero() {
			c.heldSince = now
		}
		if !c.expiring {
			c.expiring = true
			heap.Push(&n.heap, &event{at: c.heldSince.Add(n.cfg.Patience), kind: Expired, src: e.src, dst: e.dst, to: c})
		}
	}
}

// expire breaks a stream that has waited behind one partition for too long. The caller holds mu.
func (n *Net) expire(now time.Time, e *event) {
	c := e.to
	c.expiring = false
	switch {
	case c.heldSince.IsZero(): // the partition is gone
	case now.Sub(c.heldSince) >= n.cfg.Patience:
		c.fail(syscall.ETIMEDOUT)
	default: // this is a later partition
		c.expiring = true
		e.at = c.heldSince.Add(n.cfg.Patience)
		heap.Push(&n.heap, e)
	}
}

// releaseHeld sends what partitions that are no more kept back. The caller holds mu.
func (n *Net) releaseHeld() {
	var pairs []pair
	for p := range n.held {
		if !n.parted(p[0], p[1]) {
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) })
	for _, p := range pairs {
		for _, e := range n.held[p] {
			if e.from != nil {
				e.from.heldSince = time.Time{}
			}
			n.stage(e)
		}
		delete(n.held, p)
	}
}
