package node

import (
	"log/slog"
	"strings"
	"sync/atomic"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/router"
)

// reloads are counted by how they went.
type reloads struct{ done, refused atomic.Uint64 }

// Reload reads the settings again. What takes effect without a restart is the
// log level and the limit of transit tunnels; other settings that differ are
// named in the log.
func (n *Node) Reload() error {
	err := n.reload()
	if err != nil {
		n.reloads.refused.Add(1)
	} else {
		n.reloads.done.Add(1)
	}
	return err
}

func (n *Node) reload() error {
	if n.cfg.Reread == nil {
		return control.Errorf(control.BadRequest, "this router has no settings to read again")
	}
	s, err := n.cfg.Reread()
	if err != nil {
		return control.Errorf(control.BadData, "%v", err)
	}
	if err := n.ChangeLogLevel(s.LogLevel); err != nil {
		return err
	}
	n.router.Limit(router.Limits{TransitTunnels: transitLimit(s.Transit.MaxTunnels)})
	n.log.Info("settings read again")
	var later []string
	for _, changed := range n.asked.Changed(s) {
		if !changed.Live {
			later = append(later, changed.Key)
		}
	}
	if len(later) > 0 {
		n.log.Warn("some settings take effect with the next start only", "keys", strings.Join(later, " "))
	}
	return nil
}

// LogLevel is the present one.
func (n *Node) LogLevel() string {
	if n.cfg.Level == nil {
		return n.cfg.Settings.LogLevel
	}
	switch n.cfg.Level.Level() {
	case slog.LevelDebug:
		return "debug"
	case slog.LevelWarn:
		return "warn"
	case slog.LevelError:
		return "error"
	}
	return "info"
}

// ChangeLogLevel changes it from now on.
func (n *Node) ChangeLogLevel(level string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil || n.cfg.Level == nil {
		return control.Errorf(control.BadRequest, "%q is no log level: debug, info, warn, error", level)
	}
	n.cfg.Level.Set(l)
	return nil
}

func transitLimit(n int) int {
	if n == 0 {
		return -1
	}
	return n
}
