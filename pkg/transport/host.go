package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

// Host is the table's side of a driver: what it is given, and whom it tells.
type Host struct {
	Network Network
	Self    i2p.Hash
	NetID   byte
	Log     *slog.Logger
	Now     func() time.Time // for dates on the wire
	In, Out *Bandwidth       // of all drivers together
	// Gather is called by whoever Takes, once it has woken and before it looks at
	// what there is to do: see Config.
	Gather func()

	t     *table
	watch *watch
	way   *way
}

// Alike has an address bound that may have any port: first with the port that this driver, or one
// before it, has bound already. So one rule of a firewall does for all transports and families.
func (h *Host) Alike(at netip.AddrPort, bound []netip.AddrPort, bind func(netip.AddrPort) error) error {
	if at.Port() != 0 {
		return bind(at)
	}
	if all := append(h.t.addrs(), bound...); len(all) > 0 && bind(netip.AddrPortFrom(at.Addr(), all[0].Port())) == nil {
		return nil
	}
	if draw := h.t.cfg.DrawPort; draw != nil {
		for range portsToTry {
			if bind(netip.AddrPortFrom(at.Addr(), draw())) == nil {
				return nil
			}
		}
	}
	return bind(at)
}

// portsToTry is how many ports are drawn, of which each may be another program's, before the system is to find one.
const portsToTry = 20

// OurInfo is our RouterInfo for handshakes; nil where there is none yet.
func (h *Host) OurInfo() *routerinfo.RouterInfo { return h.t.cfg.OurInfo() }

// Go starts a goroutine that Run waits for. It reports false when the transport
// does not run.
func (h *Host) Go(f func()) bool { return h.t.spawn(f) }

// LookAround has the machine's addresses looked at: one seems to be gone.
func (h *Host) LookAround() { h.watch.now() }

// Readdressed tells that Publish gives other addresses than before: the driver
// has found out how it can be reached, or that it cannot.
func (h *Host) Readdressed() {
	if f := h.t.cfg.Events.Readdressed; f != nil {
		h.t.events.add(f)
		h.t.events.run()
	}
}

// Hidden reports whether nobody is to be told where we are.
func (h *Host) Hidden() bool { return h.t.cfg.Hidden != nil && h.t.cfg.Hidden() }

// Find returns a router's RouterInfo, and looks it up where it is not known; it may wait. Nil
// is none.
func (h *Host) Find(ctx context.Context, router i2p.Hash) *routerinfo.RouterInfo {
	if f := h.t.cfg.Others.Find; f != nil {
		return f(ctx, router)
	}
	return nil
}

// Known returns a router's RouterInfo where it is known; it may wait a moment. Nil is none.
func (h *Host) Known(router i2p.Hash) *routerinfo.RouterInfo {
	if f := h.t.cfg.Others.Known; f != nil {
		return f(router)
	}
	return nil
}

// Others are the RouterInfos that are known; it may wait a moment.
func (h *Host) Others() []*routerinfo.RouterInfo {
	if f := h.t.cfg.Others.All; f != nil {
		return f()
	}
	return nil
}

// Adopt puts a link that the driver has opened for its own ends into the table, and runs it.
// Where the table takes no more links it is aborted.
func (h *Host) Adopt(l Link, ri *routerinfo.RouterInfo) error {
	t := h.t
	_, own := t.connRand()
	s := t.newSession(h.way, l, false, own)
	s.networks = t.counted(l.State().Remote.Addr())
	err := t.establish(s, ri)
	if err == nil && !t.spawn(s.run) {
		s.close(ReasonShutdown)
		s.run()
		return ErrClosed
	}
	if err != nil {
		l.Abort()
		return err
	}
	h.way.counters.dialed.Add(1)
	return nil
}

// Handshake counts the bytes of handshakes.
func (h *Host) Handshake(in, out int) {
	h.way.counters.bytesIn.Add(uint64(in))
	h.way.counters.bytesOut.Add(uint64(out))
}

// leaver is a Network that knows from which of its addresses it sends to the Internet.
type leaver interface {
	Leaves(v4 bool) netip.Addr
}

// Leaves is the address from which the machine sends to the Internet over a family; the zero value
// where there is no way, or it is not known.
func (h *Host) Leaves(v4 bool) (from netip.Addr) { return h.t.leaves(v4) }

func (t *table) leaves(v4 bool) (from netip.Addr) {
	if n, ok := t.cfg.Network.(leaver); ok {
		from = n.Leaves(v4)
	}
	return from
}

// MayDial reports whether this is an address to dial: one of the public network,
// or, where local ones are allowed, of any; and one that the machine can reach from
// an address of its own.
func (h *Host) MayDial(a netip.Addr) bool {
	allowed := !reserved(a) || h.t.cfg.LocalAllowed && !a.IsUnspecified() && !a.IsMulticast()
	return allowed && h.watch.reaches(a)
}

// Counted are the networks that a peer's address is counted by, where something is limited by them; none where local ones
// are allowed, and it is one.
func (h *Host) Counted(a netip.Addr) origin.Networks { return h.t.counted(a) }

// Lacks reports whether the machine has no address of the family of another by which
// it could be reached, though it has some of the other family.
func (h *Host) Lacks(v4 bool) bool {
	here := h.watch.here()
	return !slices.ContainsFunc(here, func(a netip.Addr) bool { return leads(a, v4) }) &&
		slices.ContainsFunc(here, func(a netip.Addr) bool { return leads(a, !v4) })
}

// infoMaxAhead is how far in the future a RouterInfo may be published.
const infoMaxAhead = 2 * time.Minute

// Check judges the RouterInfo with which a peer presents itself, coming from an
// address. Speaks picks the addresses of the driver's protocol. That the peer has
// the key of one of them is the driver's to check.
func (h *Host) Check(info []byte, from netip.Addr, speaks func(routerinfo.Address) bool) (*routerinfo.RouterInfo, *Refusal) {
	ri, err := routerinfo.Parse(info)
	if err != nil {
		return nil, &Refusal{ReasonInfo, err}
	}
	if !ri.Identity().SigType().Known() {
		return nil, &Refusal{ReasonSignatureType, fmt.Errorf("transport: signature type %v", ri.Identity().SigType())}
	}
	if err := ri.Verify(); err != nil {
		return nil, &Refusal{ReasonSignature, err}
	}
	age := h.Now().Sub(ri.Published().Time())
	switch {
	case age > h.t.cfg.Limits.InfoMaxAge || age < -infoMaxAhead:
		return nil, &Refusal{ReasonInfo, fmt.Errorf("transport: RouterInfo published %v ago", age)}
	case ri.NetID() != int(h.NetID):
		return nil, &Refusal{ReasonBanned, fmt.Errorf("transport: RouterInfo of network %d", ri.NetID())}
	case ri.Hash() == h.Self:
		return nil, &Refusal{ReasonBanned, errors.New("transport: RouterInfo is our own")}
	case !comesFrom(ri, from, speaks):
		return nil, &Refusal{ReasonBanned, errors.New("transport: peer does not come from its published address")}
	}
	if allow := h.t.cfg.AllowPeer; allow != nil {
		if err := allow(ri.Hash(), ri); err != nil {
			return nil, &Refusal{ReasonBanned, err}
		}
	}
	return ri, nil
}

// Refused counts a peer that has authenticated and was refused.
func (h *Host) Refused(why error) {
	h.way.counters.refusedPeers.Add(1)
	h.Log.Debug("transport refuses a peer", "transport", h.way.name, "error", why)
}

// comesFrom reports whether a connection from addr agrees with the addresses
// that the peer publishes in that family, if it does: the same IPv4 address,
// or for IPv6, where hosts use temporary ones, the same /64.
func comesFrom(ri *routerinfo.RouterInfo, addr netip.Addr, speaks func(routerinfo.Address) bool) bool {
	published := false
	for _, a := range ri.Addresses() {
		host := a.Host().Unmap()
		if !speaks(a) || !host.IsValid() || host.Is4() != addr.Is4() {
			continue
		}
		if origin.Of(host).Host() == origin.Of(addr).Host() {
			return true
		}
		published = true
	}
	return !published
}

// Serve puts a link that a peer has opened into the table and runs it until it
// has ended. The visitor leaves; ri is what the peer presented itself with, and
// flood whether it asks to have that flooded. Where the table takes no more links
// it is aborted.
func (h *Host) Serve(v *Visitor, l Link, ri *routerinfo.RouterInfo, flood bool) {
	t := h.t
	s := t.newSession(h.way, l, true, v.own)
	s.version = ri.Version()
	s.known.info = ri
	s.announce = true // the peer's copy of our RouterInfo may be old
	s.networks = v.networks
	err := t.establish(s, ri)
	v.Leave()
	if err != nil {
		if errors.Is(err, ErrBusy) {
			h.way.counters.refused.Add(1)
		}
		l.Abort()
		return
	}
	h.way.counters.accepted.Add(1)
	t.mu.Lock()
	h.way.acceptTime.Observe(time.Since(v.since))
	t.mu.Unlock()
	if t.cfg.Events.PeerInfo != nil {
		t.cfg.Events.PeerInfo(ri, s.meeting(), flood)
	}
	s.run()
}
