package node

import (
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/metrics"
)

func (n *Node) newMetrics() *metrics.Registry {
	return metrics.New(metrics.Sources{
		Lost: n.transport.Lost, Drivers: n.transport.Drivers, Router: n.router.Numbers, Destinations: n.Hall.Destinations.Stats, Reseed: n.joiner.Stats, Events: n.events.Stats,
		Log: n.lines.Lines, Node: n.counts,
		Control: func() server.Stats {
			if srv := n.server.Load(); srv != nil {
				return srv.Stats()
			}
			return server.Stats{}
		},
	})
}

// counts are those of the node itself.
func (n *Node) counts() metrics.Node {
	files := n.keeper.counts()
	last := new(lastReload)
	if l := n.set.last.Load(); l != nil {
		last = l
	}
	return metrics.Node{
		State: n.State(), Started: n.started,
		ReloadsDone: n.set.done.Load(), ReloadsRefused: n.set.refused.Load(), LastReload: last.at, LastReloadDone: last.done,
		FilesRead: files.read, FilesDamaged: files.damaged, FilesWritten: files.written,
		FilesRemoved: files.removed, FilesFailed: files.failed,
	}
}

// Metrics are all that the router counts, in the Prometheus text format.
func (n *Node) Metrics() ([]byte, error) { return n.metrics().Text() }
