package answers

import (
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/transport"
)

// Status tells how the router is.
func (a *Answers) Status() control.Status {
	now, s, at := a.cfg.Now(), a.cfg.Settings(), a.cfg.Standing()
	c, t := a.cfg.Router.Numbers(), a.cfg.Transport.Stats()
	out := control.Status{
		Version: control.Version(), APILevel: control.APILevel, State: a.state(at),
		Started: a.cfg.Started.UTC(), UptimeSeconds: int64(now.Sub(a.cfg.Started) / time.Second),
		Router: at.Hash, NetID: s.NetID, Caps: at.Caps,
		Floodfill: at.Floodfill, FloodfillWhy: at.FloodfillWhy, Hidden: s.Hidden, Testnet: s.Testnet, DataDir: s.DataDir,
		Addresses: a.published(""), AddressLost: at.AddressLost, Reach: a.reach(),
		Known:    control.Known{Routers: c.DB.Routers, Floodfills: c.DB.Floodfills, LeaseSets: c.Segments.LeaseSets},
		Sessions: t.Sessions, Clients: c.Parties,
		Tunnels: control.TunnelCounts{
			ExploratoryIn: c.ExploratoryIn, ExploratoryOut: c.ExploratoryOut,
			ClientIn: c.ClientIn, ClientOut: c.ClientOut, Transit: c.Transit,
		},
		Builds: control.BuildCounts{Accepted: c.BuildsAccepted, Refused: c.BuildsRefused, Expired: c.BuildsExpired},
		Transit: control.TransitCounts{
			Accepted: c.TransitAccepted, Refused: c.TransitRefused, Messages: c.TransitMessages, Bytes: c.TransitBytes,
		},
		Traffic:  control.Traffic{BytesIn: t.BytesIn, BytesOut: t.BytesOut},
		Reseed:   a.cfg.Joiner.Status(),
		LogLevel: at.LogLevel,
	}
	if a.cfg.Mapper != nil {
		out.PortMapping = portMapping(a.cfg.Mapper.State())
	}
	out.Lacks = a.lacks(c, t, s, at)
	out.Traffic.RateIn, out.Traffic.RateOut = a.rates.add(now, t.BytesIn, t.BytesOut)
	return out
}

// State is where the router stands between start and stop.
func (a *Answers) State() control.State { return a.state(a.cfg.Standing()) }

func (a *Answers) state(at Standing) control.State {
	if at.Stopping {
		return control.StateStopping
	}
	select {
	case <-a.cfg.Router.Ready():
		return control.StateRunning
	default:
		return control.StateStarting
	}
}

// published are the addresses of a transport that others are told; "" is all of them.
func (a *Answers) published(transport string) []string {
	out := []string{}
	if ri := a.cfg.Info(); ri != nil {
		for _, addr := range ri.Addresses() {
			if ap := addr.AddrPort(); ap.IsValid() && (transport == "" || addr.Style == transport) {
				out = append(out, addr.Style+" "+ap.String())
			}
		}
	}
	return out
}

// rates turns totals into bytes per second since they were last asked for, or
// over a second at least.
type rates struct {
	mu              sync.Mutex
	at              time.Time
	in, out         uint64
	rateIn, rateOut uint64
}

func (r *rates) add(now time.Time, in, out uint64) (uint64, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() {
		r.at, r.in, r.out = now, in, out
	}
	if d := now.Sub(r.at).Seconds(); d >= 1 {
		r.rateIn, r.rateOut = uint64(float64(in-r.in)/d), uint64(float64(out-r.out)/d)
		r.at, r.in, r.out = now, in, out
	}
	return r.rateIn, r.rateOut
}

// reach is how others reach us, as the transports have found out.
func (a *Answers) reach() []control.Reach {
	out := []control.Reach{}
	for _, r := range a.cfg.Transport.Reach() {
		out = append(out, reachOf(r))
	}
	return out
}

func reachOf(r transport.Reach) control.Reach {
	c := control.Reach{
		Family: "IPv6", State: control.ReachState(r.State.String()), Reason: control.ReachReason(r.Why.String()),
		Since: r.Since.UTC(), Introducers: r.Introducers,
	}
	if r.V4 {
		c.Family = "IPv4"
	}
	switch {
	case r.Address.Port() != 0:
		c.Seen = r.Address.String()
	case r.Address.Addr().IsValid():
		c.Seen = r.Address.Addr().String()
	}
	return c
}
