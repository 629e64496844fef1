// Package metrics gives what the parts of a router count in the Prometheus text
// format. The parts know nothing of it: each counts in a struct of its own, which
// is read when somebody asks, and a table here says what its fields are called.
//
// No label names a destination, a peer or an address.
package metrics

import (
	"bytes"
	"runtime"
	"time"

	export "github.com/VictoriaMetrics/metrics"

	"i2ptoolkit/pkg/bob"
	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/forward"
	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/i2cpserver"
	"i2ptoolkit/pkg/i2pcontrol"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/portmap"
	"i2ptoolkit/pkg/reseed/join"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/sam"
	"i2ptoolkit/pkg/transport"
)

// Sources are the counts of a router's parts. They are called whenever metrics
// are asked for, from any goroutine.
type Sources struct {
	Lost         func() transport.Stats // what no transport could carry
	Drivers      func() []transport.DriverStats
	Router       func() router.Numbers
	Destinations func() destinations.Stats
	Reseed       func() join.Stats
	Portmap      func() portmap.Stats
	Names        func() naming.Stats
	Control      func() server.Stats
	Events       func() answers.HubStats
	Log          func() Lines
	Files        func() Files
	Reloads      func() reload.Stats
	Node         func() Node
	Proxies      func() httpproxy.Stats
	Forwards     func() forward.Stats
	Doors        func() []*door.Door
	I2CP         func() i2cpserver.Stats
	SAM          func() sam.Stats
	BOB          func() bob.Stats
	I2PControl   func() i2pcontrol.Stats
}

// Node is how the router stands as a whole.
type Node struct {
	State   control.State
	Started time.Time
}

// Files are those of the netDb directory, by what was done with them.
type Files struct{ Read, Damaged, Written, Removed, Failed uint64 }

const buildInfo = "i2p_build_info"

// Registry is all metrics of a router.
type Registry struct{ parts []reader }

// reader reads what one part of a router counts.
type reader func() []family

// New makes the metrics of a router.
func New(s Sources) *Registry {
	return &Registry{parts: []reader{
		build, state(s.Node),
		newParts(transportTable(), transportLabel, byTransport(s)),
		drivers(s.Drivers),
		newReader(routerTable(), s.Router),
		newReader(destinationsTable(), s.Destinations),
		newReader(reseedTable(), s.Reseed),
		newReader(portmapTable(), s.Portmap),
		newReader(namesTable(), s.Names),
		newReader(eventsTable(), s.Events),
		newReader(logTable(), s.Log),
		newReader(reloadTable(), s.Reloads),
		newReader(nodeTable(), s.Node),
		newReader(filesTable(), s.Files),
		newReader(controlTable(), s.Control),
		newReader(proxyTable(), s.Proxies),
		newReader(forwardTable(), s.Forwards),
		newReader(samTable(), s.SAM),
		newParts(doorTable(), "door", byDoor(s.Doors)),
		newReader(i2cpTable(), s.I2CP),
		newReader(bobTable(), s.BOB),
		newReader(i2pcontrolTable(), s.I2PControl),
	}}
}

// build tells what runs, and what the process as a whole holds.
func build() []family {
	return []family{
		{buildInfo, "What runs; always 1.", []sample{{[]label{
			{"api_level", control.APILevel}, {"go", runtime.Version()}, {"version", control.Version()},
		}, 1}}},
		{"i2p_buffers_in_use", "Message buffers that the process holds.", []sample{{nil, int(buf.InUse())}}},
	}
}

// state is a gauge for each state of a router, 1 for the one that holds.
func state(node func() Node) reader {
	return func() []family {
		now := node().State
		f := family{name: "i2p_state", help: "Where the router stands between start and stop: 1 for its state."}
		for _, s := range []control.State{control.StateStarting, control.StateRunning, control.StateStopping} {
			f.samples = append(f.samples, sample{[]label{{"state", string(s)}}, s == now})
		}
		return []family{f}
	}
}

// byTransport are the counts of each transport, and of what none could carry.
func byTransport(s Sources) func() []part[transport.Stats] {
	return func() []part[transport.Stats] {
		parts := []part[transport.Stats]{{"none", s.Lost()}}
		for _, d := range s.Drivers() {
			parts = append(parts, part[transport.Stats]{d.Name, d.Stats})
		}
		return parts
	}
}

// drivers tells of what a transport counts beside what all do.
func drivers(read func() []transport.DriverStats) reader {
	return func() (out []family) {
		for _, d := range read() {
			for _, c := range d.Counters {
				out = append(out, family{"i2p_transport_" + c.Name + "_total", c.Help, []sample{{[]label{{transportLabel, d.Name}}, c.Value}}})
			}
		}
		return out
	}
}

const transportLabel = "transport"

// families are the present state of what a router counts.
func (r *Registry) families() []family {
	var all []family
	for _, read := range r.parts {
		all = append(all, read()...)
	}
	return sorted(all)
}

// Text is the present state of all metrics, and of the process that the router runs in.
func (r *Registry) Text() []byte {
	var b bytes.Buffer
	for _, f := range r.families() {
		f.write(&b)
	}
	export.WriteProcessMetrics(&b)
	return b.Bytes()
}
