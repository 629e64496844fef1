package ssu2link

import (
	"net/netip"
	"strconv"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
)

// SSU2's cost in a published address, in one that others are introduced to, and in one that
// cannot be dialled: what other routers publish (RouterAddress, cost).
const (
	costPublished  = 8
	costIntroducer = 10
	costHidden     = 15
)

// Publish gives an address for each host; where others have to be introduced to us, one that
// says by whom; and one by which peers know our keys where there is none of these, of both families or of one
// (SSU2, Published Addresses, Introducers, Unpublished SSU2 Address).
func (d *Driver) Publish(hosts []netip.Addr) (addrs []routerinfo.Address) {
	var v view
	if d.desk != nil {
		v = d.desk.now()
	}
	reached := false
	covered := map[bool]bool{} // families
	for _, h := range hosts {
		s := d.socketFor(h)
		if s == nil || len(d.cfg.Listen) == 0 {
			continue
		}
		o := d.options(h)
		o["host"], o["port"] = h.String(), strconv.Itoa(int(s.portAt(h, v)))
		if d.desk != nil {
			o["caps"] = testsPeers + introduces
		}
		addrs = append(addrs, address(costPublished, o))
		reached, covered[s.v4] = true, true
	}
	d.open.Store(reached)
	for _, s := range d.sockets {
		o := d.options(unspecified(s.v4))
		if !covered[s.v4] && !d.host.Hidden() && v.introducers(d.host.Now(), s.v4, o) {
			o["caps"] = s.family()
			addrs = append(addrs, address(costIntroducer, o))
			covered[s.v4] = true
		}
	}
	for _, s := range d.sockets {
		// Charlie tests none who has no address of the family.
		if len(addrs) > 0 && !covered[s.v4] && !d.host.Hidden() && v.has(s.v4) {
			o := d.options(unspecified(s.v4))
			o["caps"] = s.family()
			addrs = append(addrs, address(costHidden, o))
		}
	}
	if len(addrs) == 0 {
		o := d.options(netip.IPv6Unspecified()) // what holds for both families
		for _, s := range d.sockets {
			o["caps"] += s.family()
		}
		addrs = append(addrs, address(costHidden, o))
	}
	return addrs
}

// portAt is where strangers have found us, which a NAT may have chosen, or the socket's own.
func (s *socket) portAt(host netip.Addr, v view) uint16 {
	if at := v.found(s.v4).Address; at.Addr() == host && at.Port() != 0 {
		return at.Port()
	}
	return transport.AddrOf(s.conn.LocalAddr()).Port()
}

// options are those of each of our addresses, of the family of one.
func (d *Driver) options(of netip.Addr) map[string]string {
	o := map[string]string{
		"v": "2", "s": i2p.EncodeBase64(d.cfg.Keys.Static.Public[:]), "i": i2p.EncodeBase64(d.cfg.Keys.Intro[:]),
	}
	if d.cfg.MTU != routerinfo.MaxSSU2MTU {
		o["mtu"] = strconv.Itoa(d.cfg.MTU)
	}
	if kinds := ssu2.Hybrids(d.cfg.Hybrid, d.cfg.MTU, of); len(kinds) > 0 {
		o["pq"] = routerinfo.HybridOption(kinds...)
	}
	return o
}

// unspecified is an address of a family.
func unspecified(v4 bool) netip.Addr {
	if v4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// family is the socket's, as caps say it.
func (s *socket) family() string {
	if s.v4 {
		return "4"
	}
	return "6"
}

func address(cost byte, options map[string]string) routerinfo.Address {
	m, err := i2p.NewMapping(options)
	if err != nil {
		panic("ssu2: " + err.Error()) // they are short, and no key is there twice
	}
	return routerinfo.Address{Cost: cost, Style: routerinfo.StyleSSU2, Options: m}
}
