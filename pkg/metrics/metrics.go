// Package metrics gives what the parts of a router count in the Prometheus text
// format. The parts know nothing of it: each counts in a struct of its own, which
// is read when somebody asks, and a table here says what its fields are called.
//
// No label names a destination, a peer or an address.
package metrics

import (
	"bytes"
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/reseed/join"
	"i2ptoolkit/pkg/router"
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
	Control      func() server.Stats
	Events       func() answers.HubStats
	Log          func() Lines
	Files        func() Files
	Reloads      func() reload.Stats
	Node         func() Node
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
type Registry struct{ all *prometheus.Registry }

// New makes the metrics of a router, and of the process that it runs in.
func New(s Sources) *Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: buildInfo, Help: "What runs; always 1.",
			ConstLabels: prometheus.Labels{"version": control.Version(), "api_level": control.APILevel, "go": runtime.Version()},
		}, func() float64 { return 1 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "i2p_buffers_in_use", Help: "Message buffers that the process holds.",
		}, func() float64 { return float64(buf.InUse()) }),
		state(s.Node),
		newParts(transportTable(), transportLabel, byTransport(s)),
		drivers(s.Drivers),
		newCollector(routerTable(), s.Router),
		newCollector(destinationsTable(), s.Destinations),
		newCollector(reseedTable(), s.Reseed),
		newCollector(eventsTable(), s.Events),
		newCollector(logTable(), s.Log),
		newCollector(reloadTable(), s.Reloads),
		newCollector(nodeTable(), s.Node),
		newCollector(filesTable(), s.Files),
		newCollector(controlTable(), s.Control),
	)
	return &Registry{all: r}
}

// state is a gauge for each state of a router, 1 for the one that holds.
func state(node func() Node) prometheus.Collector {
	desc := prometheus.NewDesc("i2p_state", "Where the router stands between start and stop: 1 for its state.", []string{"state"}, nil)
	return gather{describe: []*prometheus.Desc{desc}, collect: func(each func(prometheus.Metric)) {
		now := node().State
		for _, s := range []control.State{control.StateStarting, control.StateRunning, control.StateStopping} {
			v := 0.0
			if s == now {
				v = 1
			}
			each(prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, string(s)))
		}
	}}
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
func drivers(read func() []transport.DriverStats) prometheus.Collector {
	return gather{collect: func(each func(prometheus.Metric)) {
		for _, d := range read() {
			for _, c := range d.Counters {
				total := prometheus.NewDesc("i2p_transport_"+c.Name+"_total", c.Help, []string{transportLabel}, nil)
				each(prometheus.MustNewConstMetric(total, prometheus.CounterValue, float64(c.Value), d.Name))
			}
		}
	}}
}

const transportLabel = "transport"

// Text is the present state of all metrics.
func (r *Registry) Text() ([]byte, error) {
	families, err := r.all.Gather()
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return b.Bytes(), nil
}
