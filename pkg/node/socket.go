package node

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/naming"
)

// controlSocket is where the tools speak to the router.
type controlSocket struct {
	path   string // empty: there is none
	server atomic.Pointer[server.Server]
}

// socketPath is where the control socket is.
func socketPath(s config.Config) string {
	if s.Socket != "" || s.DataDir == "" || s.Ephemeral {
		return s.Socket
	}
	return filepath.Join(s.DataDir, "router.sock")
}

// open binds the socket, and returns what has it answer until ctx ends.
func (d *controlSocket) open(to server.Node, names *naming.Names, forwards server.Forwards, log *slog.Logger) (run func(ctx context.Context) error, err error) {
	if d.path == "" {
		return func(context.Context) error { return nil }, nil
	}
	srv, err := server.New(server.Config{Path: d.path, Node: to, Names: names, Forwards: forwards, Log: log})
	if err != nil {
		return nil, err
	}
	d.server.Store(srv)
	return srv.Run, nil
}

// stats count what was asked.
func (d *controlSocket) stats() server.Stats {
	if srv := d.server.Load(); srv != nil {
		return srv.Stats()
	}
	return server.Stats{}
}
