package door

import (
	"cmp"
	"slices"

	"i2ptoolkit/pkg/control"
)

// Stats count what a door did.
type Stats struct {
	Connections int // now
	Sessions    int // now
	Accepted    uint64
	Refused     Refused
}

// Refused are connections that were not served, or ended, by the reason.
type Refused struct {
	Crowded      uint64 // too many at once, none of them silent
	Address      uint64 // too many of one machine
	Evicted      uint64 // a silent one, for another's sake
	Silent       uint64 // no whole request came in time
	Handshake    uint64 // of TLS
	Unauthorized uint64
	Memory       uint64 // what a connection would have had the server hold was too much
	Descriptors  uint64 // they could not be taken
}

func (d *Door) count(f func(*Stats)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.counts)
}

// Stats returns the counts.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.counts
	s.Connections = len(d.clients)
	for c := range d.clients {
		s.Sessions += len(c.sessions)
	}
	return s
}

// Name is what the door is called.
func (d *Door) Name() string { return d.cfg.Name }

// Status tells where the door is open, and who is connected.
func (d *Door) Status() control.Door {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := control.Door{
		Name: d.cfg.Name, Enabled: d.settings.Enabled, TLS: d.settings.TLS, Auth: d.users.Required(),
		Listen: []string{}, Connections: len(d.clients), Clients: []control.DoorClient{},
	}
	for _, l := range d.listeners {
		s.Listen = append(s.Listen, l.at)
	}
	slices.Sort(s.Listen)
	if d.fault != nil && d.settings.Enabled {
		s.Error = d.fault.Error()
	}
	for c := range d.clients {
		s.Clients = append(s.Clients, control.DoorClient{
			Address: c.RemoteAddr().String(), User: c.user, Since: c.since.UTC(), Doing: c.doing,
			Sessions: append([]control.DoorSession{}, c.sessions...),
		})
	}
	slices.SortFunc(s.Clients, func(a, b control.DoorClient) int {
		return cmp.Or(-cmp.Compare(min(len(a.Sessions), 1), min(len(b.Sessions), 1)), a.Since.Compare(b.Since), cmp.Compare(a.Address, b.Address))
	})
	s.Clients = s.Clients[:min(len(s.Clients), control.MaxDoorClients)]
	return s
}
