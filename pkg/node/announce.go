package node

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/presence"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// announcer keeps what others are told of us true: where something in it changes
// it has a RouterInfo made, kept in the data directory and published.
type announcer struct {
	presence  *presence.Presence
	duty      duty
	hosts     *hosts
	dir       dataDir
	log       *slog.Logger
	events    *answers.Hub
	transport *transport.Transport
	router    *router.Router
	turn      sync.Mutex // one makes a RouterInfo at a time: the newest is used, and kept
}

// renew makes a RouterInfo of the present moment, keeps it and has it used from
// now on. It is nil where that fails.
func (a *announcer) renew() *routerinfo.RouterInfo { return a.use(a.presence.Renew) }

// renewKnowing is renew where it is known how much of the netDb there is.
func (a *announcer) renewKnowing(routers, leaseSets int) *routerinfo.RouterInfo {
	return a.use(func() (*routerinfo.RouterInfo, error) {
		return a.presence.RenewKnowing(presence.Known{Routers: routers, LeaseSets: leaseSets})
	})
}

func (a *announcer) use(renew func() (*routerinfo.RouterInfo, error)) *routerinfo.RouterInfo {
	ri := a.make(renew)
	if ri != nil {
		a.transport.InfoChanged()
	}
	return ri
}

// make makes a RouterInfo and keeps it in the data directory.
func (a *announcer) make(renew func() (*routerinfo.RouterInfo, error)) *routerinfo.RouterInfo {
	a.turn.Lock()
	defer a.turn.Unlock()
	ri, err := renew()
	if err != nil {
		a.log.Error("RouterInfo not made", "error", err)
		return nil
	}
	if err := a.dir.keep(routerInfoFile, ri.Bytes()); err != nil {
		a.log.Error("RouterInfo not kept", "error", err)
	}
	return ri
}

// publish has a RouterInfo of the present moment published, once there is one.
func (a *announcer) publish() {
	if a.presence.Current() != nil {
		a.renew()
		a.router.Republish()
	}
}

// published are the addresses at which we say we are: those of the settings, and for a family
// without one where strangers have reached us.
func (a *announcer) published() (hosts []netip.Addr) {
	hosts = slices.Clone(a.hosts.now())
	for _, f := range a.transport.Found() {
		if !slices.ContainsFunc(hosts, func(h netip.Addr) bool { return h.Is4() == f.Is4() }) && a.hosts.publishable(f) {
			hosts = append(hosts, f)
		}
	}
	return hosts
}

// moved takes the machine's addresses, and publishes ours anew where they differ.
func (a *announcer) moved(local []netip.Addr) {
	changed, note := a.hosts.moved(local)
	if !changed {
		return
	}
	if note != "" {
		a.log.Warn("address lost", "detail", note)
	} else {
		a.log.Info("the addresses of the settings are this machine's again")
	}
	a.events.Publish(control.Event{Event: "address_changed", Detail: note})
	a.publish()
}

// watch publishes how congested we are, and anew what has become of another time.
func (a *announcer) watch(ctx context.Context) error {
	tick := time.NewTicker(presence.LookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var links, transit presence.Load
		links.All, links.Bad = a.transport.Pressure()
		transit.All, transit.Bad = a.router.TransitLoad()
		if a.presence.Look(links, transit) {
			a.log.Info("congestion has changed", "busy_peers", links.All, "congested_peers", links.Bad,
				"tunnels_asked", transit.All, "tunnels_refused", transit.Bad, "caps", a.presence.Caps())
			a.router.Republish()
		}
		if a.presence.Outdated() {
			a.log.Info("our RouterInfo is of another time, and made anew", "published", a.presence.Current().Published().Time().UTC())
			a.publish()
		}
	}
}
