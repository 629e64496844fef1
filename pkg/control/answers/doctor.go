package answers

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/doctor"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/transport"
)

// Doctor tells what keeps the router from its work.
func (a *Answers) Doctor() []control.Finding {
	s := a.cfg.Settings()
	signs := doctor.Signs{
		Status: a.Status(), Transports: a.Transports(), Doors: a.cfg.Doors(), Hosts: s.PublishedHosts(), Local: a.cfg.Local(), From: a.cfg.Transport.Leaves(true),
		Enough: s.Reseed.Threshold, FromFuture: a.cfg.Router.Numbers().DB.FromFuture,
	}
	signs.Skews, signs.Versions = witnesses(a.cfg.Transport.Peers(), s.Testnet)
	machine := doctor.Machine{Dir: s.DataDir, Sessions: s.NTCP2.MaxSessions, Datagram: s.SSU2.Enabled, Now: time.Now()}
	return append(doctor.Router(signs), machine.Look()...)
}

// witnesses are what peers say of the time, and which version they speak: each once, though it may have several sessions, and
// who has several routers in one network is one witness of the time, but in a network of one machine.
func witnesses(peers []transport.PeerStats, oneMachine bool) (skews []time.Duration, versions []string) {
	heard, seen := map[i2p.Hash]bool{}, map[netip.Prefix]bool{}
	for _, p := range peers {
		if heard[p.Hash] {
			continue
		}
		heard[p.Hash] = true
		if widest := origin.Of(p.Addr.Addr())[origin.Steps-1]; !seen[widest] || oneMachine {
			seen[widest] = true
			skews = append(skews, p.Skew)
		}
		if p.Version != "" {
			versions = append(versions, p.Version)
		}
	}
	return skews, versions
}
