package node

import (
	"time"

	"i2ptoolkit/pkg/metrics"
)

// newMetrics gathers what the parts count.
func (n *Node) newMetrics(started time.Time) *metrics.Registry {
	return metrics.New(metrics.Sources{
		Lost: n.transport.Lost, Drivers: n.transport.Drivers, Router: n.router.Numbers,
		Destinations: n.Hall.Destinations.Stats, Reseed: n.joiner.Stats, Events: n.events.Stats,
		Log: n.lines.Lines, Control: n.door.stats, Reloads: n.reloader.Stats,
		Node: func() metrics.Node {
			files := n.keeper.counts()
			return metrics.Node{
				State: n.State(), Started: started,
				FilesRead: files.read, FilesDamaged: files.damaged, FilesWritten: files.written,
				FilesRemoved: files.removed, FilesFailed: files.failed,
			}
		},
	})
}
