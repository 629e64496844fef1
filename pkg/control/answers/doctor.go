package answers

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/doctor"
	"i2ptoolkit/pkg/origin"
)

// Doctor tells what keeps the router from its work.
func (a *Answers) Doctor() []control.Finding {
	s := a.cfg.Settings()
	signs := doctor.Signs{
		Status: a.Status(), Transports: a.Transports(), Doors: a.cfg.Doors(), Hosts: s.PublishedHosts(), Local: a.cfg.Local(), From: a.cfg.Transport.Leaves(true),
		Enough: s.Reseed.Threshold, FromFuture: a.cfg.Router.Numbers().DB.FromFuture,
	}
	seen := map[netip.Prefix]bool{} // who has several routers is one witness
	for _, p := range a.cfg.Transport.Peers() {
		if widest := origin.Of(p.Addr.Addr())[origin.Steps-1]; !seen[widest] || s.Testnet {
			seen[widest] = true
			signs.Skews = append(signs.Skews, p.Skew)
		}
		if p.Version != "" {
			signs.Versions = append(signs.Versions, p.Version)
		}
	}
	machine := doctor.Machine{Dir: s.DataDir, Sessions: s.NTCP2.MaxSessions, Datagram: s.SSU2.Enabled, Now: time.Now()}
	return append(doctor.Router(signs), machine.Look()...)
}
