package main

import (
	"context"
	"fmt"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/devnet"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/processors"
)

// runRouter runs a router until ctx ends or it is told to stop.
func runRouter(ctx context.Context, cfg runConfig) error {
	n, err := node.New(node.Config{
		Settings: cfg.Settings, Passphrase: cfg.Passphrase, Log: cfg.Log, Level: cfg.Level, Reread: cfg.Reread, Edit: cfg.Edit, Ready: cfg.Ready,
	})
	if err != nil {
		return explainState(err)
	}
	defer processors.Follow()()
	defer keepSmall()()
	defer cli.OnHangup(func() {
		if _, err := n.Reload(ctx); err != nil {
			cfg.Log.Error("settings not read again", "error", err)
		}
	})()
	return n.Run(ctx)
}

// runDevnet runs the routers of a private network until ctx ends.
func runDevnet(ctx context.Context, cfg devnetConfig) error {
	d, err := devnet.New(devnet.Config{Routers: cfg.Routers, Dir: cfg.Dir, Log: cfg.Log, Level: cfg.Level})
	if err != nil {
		return err
	}
	defer processors.Follow()()
	ready := func() error {
		if err := cfg.Ready(); err != nil {
			return fmt.Errorf("devnet: %w", err)
		}
		return nil
	}
	return d.Run(ctx, ready)
}
