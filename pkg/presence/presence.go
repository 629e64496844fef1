// Package presence is what a router says of itself: its RouterInfo, made from
// its settings, the addresses that its transports publish, and the load of its
// links.
package presence

import (
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// Terms are the settings that a RouterInfo tells of.
type Terms struct {
	Hidden    bool // says no address
	Floodfill bool
	In, Out   int  // bandwidth limits in KB per second; 0 is none
	Share     int  // percent of them for tunnels of others
	Refuses   bool // takes on no tunnels of others
}

// Known is how much of the netDb a router has: a floodfill says so (common structures, RouterInfo).
type Known struct{ Routers, LeaseSets int }

// Config is what a Presence is made of. All functions are called from those that
// call the Presence.
type Config struct {
	Keys    *i2p.PrivateKeys
	NetID   int
	Version string // the API level
	Now     func() time.Time
	Terms   func() Terms
	Hosts   func() []netip.Addr // at which we can be reached
	// Addresses are what the transports publish, at those hosts or at none.
	Addresses func([]netip.Addr) []routerinfo.Address
}

// Presence makes our RouterInfo. It may be used by several goroutines.
type Presence struct {
	cfg       Config
	level     atomic.Uint32 // of congestion
	current   atomic.Pointer[routerinfo.RouterInfo]
	presented atomic.Pointer[routerinfo.RouterInfo]
	known     atomic.Pointer[Known]
	other     time.Time // since when the load has asked for another level
}

// New makes a Presence that has no RouterInfo yet.
func New(cfg Config) *Presence {
	p := &Presence{cfg: cfg}
	p.known.Store(new(Known))
	return p
}

// presentedEarlier is by how much the RouterInfo that peers get with a session
// is older than the published one, which says the same. A floodfill passes a
// stored RouterInfo on only where it is newer than what it has (network
// database, "Flooding"), and the session with it begins before the store.
const presentedEarlier = time.Second

// RenewKnowing is Renew where it is known how much of the netDb there is.
func (p *Presence) RenewKnowing(k Known) (*routerinfo.RouterInfo, error) {
	p.known.Store(&k)
	return p.Renew()
}

// Renew makes a RouterInfo of the present moment, to be used from now on.
func (p *Presence) Renew() (*routerinfo.RouterInfo, error) {
	now := p.cfg.Now()
	ri, err := p.build(now)
	if err != nil {
		return nil, err
	}
	presented, err := p.build(now.Add(-presentedEarlier))
	if err != nil {
		return nil, err
	}
	p.current.Store(ri)
	p.presented.Store(presented)
	return ri, nil
}

// Current is our RouterInfo as it is published, nil before the first Renew.
func (p *Presence) Current() *routerinfo.RouterInfo { return p.current.Load() }

// How old a RouterInfo of ours may be, which is made anew within the hour where it can be published, and how far ahead of the clocks
// of peers who take it.
const (
	maxAge   = 2 * time.Hour
	maxAhead = time.Minute
)

// Outdated reports whether our RouterInfo is of another time, as it is once the machine's clock has been set, or after a long sleep
// or time without a network: peers whom it is presented to would refuse us.
func (p *Presence) Outdated() bool {
	ri := p.Current()
	if ri == nil {
		return false
	}
	age := p.cfg.Now().Sub(ri.Published().Time())
	return age > maxAge || age < -maxAhead
}

// Presented is our RouterInfo as peers get it with a session.
func (p *Presence) Presented() *routerinfo.RouterInfo { return p.presented.Load() }

func (p *Presence) build(now time.Time) (*routerinfo.RouterInfo, error) {
	var hosts []netip.Addr
	terms := p.cfg.Terms()
	if !terms.Hidden {
		hosts = p.cfg.Hosts()
	}
	options := map[string]string{
		"caps": p.Caps(), "netId": strconv.Itoa(p.cfg.NetID), "router.version": p.cfg.Version,
	}
	if terms.Floodfill {
		known := p.known.Load()
		options["netdb.knownRouters"], options["netdb.knownLeaseSets"] = strconv.Itoa(known.Routers), strconv.Itoa(known.LeaseSets)
	}
	return routerinfo.Build(routerinfo.BuildConfig{
		Keys: p.cfg.Keys, Published: i2p.DateOf(now), Addresses: p.cfg.Addresses(hosts),
		Options: options,
	})
}

// Caps are our capabilities: the bandwidth class, whether we are a floodfill,
// whether we can be reached (network database, Router Capabilities), and how
// congested we are (proposal 162).
func (p *Presence) Caps() string {
	t := p.cfg.Terms()
	caps := string(p.Class())
	if t.Floodfill {
		caps += "f"
	}
	switch {
	case t.Hidden:
		caps += "HU"
	case len(p.cfg.Hosts()) == 0:
		caps += "U"
	default:
		caps += "R"
	}
	switch level := byte(p.level.Load()); {
	case t.Refuses:
		caps += "G"
	case level != none:
		caps += string(level)
	}
	return caps
}

// Class is the letter of our bandwidth class.
func (p *Presence) Class() byte {
	t := p.cfg.Terms()
	return bandwidthClass(t.In, t.Out, t.Share)
}

// bandwidthClass is the letter for what transit may use, in KB per second.
func bandwidthClass(in, out, share int) byte {
	least := in
	if least == 0 || (out != 0 && out < least) {
		least = out
	}
	if least == 0 { // no limit
		return 'X'
	}
	shared := least * share / 100
	for _, c := range []struct {
		below int
		class byte
	}{{12, 'K'}, {48, 'L'}, {64, 'M'}, {128, 'N'}, {256, 'O'}, {2000, 'P'}} {
		if shared < c.below {
			return c.class
		}
	}
	return 'X'
}
