package answers

import (
	"cmp"
	"slices"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/routerinfo"
)

// Peers lists the sessions.
func (a *Answers) Peers() []control.Peer {
	var out []control.Peer
	for _, p := range a.cfg.Transport.Peers() {
		c := control.Peer{
			Router: p.Hash.String(), Transport: routerinfo.StyleNTCP2, Address: p.Addr.String(),
			Direction: Direction(p.Inbound), Version: p.Version, Since: p.Since.UTC(),
			BytesIn: p.BytesIn, BytesOut: p.BytesOut, MessagesIn: p.MessagesIn, MessagesOut: p.MessagesOut,
			Queued: p.Queue,
		}
		a.cfg.Router.Do(func() {
			if ri := a.cfg.DB.Router(p.Hash); ri != nil {
				c.Caps, c.Version = ri.Caps().Text, ri.Version()
			}
		})
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

// Transports tells of NTCP2.
func (a *Answers) Transports() []control.Transport {
	s := a.cfg.Transport.Stats()
	t := control.Transport{
		Name: routerinfo.StyleNTCP2, Listen: []string{}, Published: a.published(),
		Sessions: s.Sessions, Pending: s.Pending + s.Dials, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Counters: map[string]uint64{
			"dropped": s.Dropped, "expired": s.Expired, "malformed": s.Malformed, "bad_frames": s.BadFrames,
			"accepted": s.Accepted, "dialed": s.Dialed, "dials_failed": s.DialsFailed, "refused": s.Refused,
			"refused_peers": s.RefusedPeers, "junk": s.Junk, "replays": s.Replays, "skewed": s.Skewed,
			"handshakes_failed": s.Handshakes, "stalls": s.Stalls, "late": s.Late,
		},
	}
	select {
	case <-a.cfg.Transport.Ready():
		for _, addr := range a.cfg.Transport.Addrs() {
			t.Listen = append(t.Listen, addr.String())
		}
	default:
	}
	return []control.Transport{t}
}

// Direction tells who began something.
func Direction(inbound bool) control.Direction {
	if inbound {
		return control.Inbound
	}
	return control.Outbound
}
