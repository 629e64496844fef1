package answers

import (
	"cmp"
	"slices"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
)

// Peers lists the sessions.
func (a *Answers) Peers() []control.Peer {
	peers := a.cfg.Transport.Peers()
	hashes := make([]i2p.Hash, len(peers))
	for i := range peers {
		hashes[i] = peers[i].Hash
	}
	infos := a.cfg.Router.Knowledge().Infos(hashes)
	var out []control.Peer
	for _, p := range peers {
		c := control.Peer{
			Router: p.Hash.String(), Transport: p.Transport, Address: p.Addr.String(),
			Direction: Direction(p.Inbound), Version: p.Version, Since: p.Since.UTC(),
			BytesIn: p.BytesIn, BytesOut: p.BytesOut, MessagesIn: p.MessagesIn, MessagesOut: p.MessagesOut,
			Queued: p.Waiting,
		}
		if p.Hybrid != kem.None {
			c.Hybrid = p.Hybrid.String()
		}
		if ri := infos[p.Hash]; ri != nil {
			c.Caps, c.Version = ri.Caps().Text, ri.Version()
		}
		out = append(out, c)
	}
	return out
}

// Tunnels lists the tunnels, sorted by kind, direction and id.
func (a *Answers) Tunnels() []control.Tunnel {
	var out []control.Tunnel
	for _, t := range a.cfg.Router.Tunnels() {
		c := control.Tunnel{
			Kind: "transit", Direction: Direction(t.Inbound), Role: t.Role.String(), State: "up",
			ID: t.ID, RTTMillis: t.RTT.Milliseconds(), Created: t.Created.UTC(), Expires: t.Expires.UTC(),
			Messages: t.Messages, Bytes: t.Bytes,
		}
		if t.Own {
			c.Kind, c.Role = "exploratory", "creator"
			if t.Client {
				c.Kind, c.Owner = "client", t.Owner
			}
		}
		if t.Failing {
			c.State = "failing"
		}
		for _, h := range t.Hops {
			c.Hops = append(c.Hops, h.String())
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(x, y control.Tunnel) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Direction, y.Direction), cmp.Compare(x.ID, y.ID))
	})
	return out
}

// Transports tells of each transport.
func (a *Answers) Transports() []control.Transport {
	out := []control.Transport{}
	for _, d := range a.cfg.Transport.Drivers() {
		t := control.Transport{
			Name: d.Name, Listen: []string{}, Published: a.published(d.Name),
			Sessions: d.Sessions, Pending: d.Pending + d.Dials, BytesIn: d.BytesIn, BytesOut: d.BytesOut,
			Counters: map[string]uint64{
				"dropped": d.Dropped, "expired": d.Expired, "malformed": d.Malformed, "late": d.Late,
				"accepted": d.Accepted, "dialed": d.Dialed, "dials_failed": d.DialsFailed, "dials_missed": d.DialsMissed, "refused": d.Refused,
				"refused_peers": d.RefusedPeers, "stalls": d.Stalls, "returned": d.Returned,
			},
		}
		for _, r := range d.Reach {
			t.Reach = append(t.Reach, reachOf(r))
		}
		for _, c := range d.Counters {
			t.Counters[c.Name] = c.Value
		}
		for _, addr := range d.Listen {
			t.Listen = append(t.Listen, addr.String())
		}
		out = append(out, t)
	}
	return out
}

// Direction tells who began something.
func Direction(inbound bool) control.Direction {
	if inbound {
		return control.Inbound
	}
	return control.Outbound
}
