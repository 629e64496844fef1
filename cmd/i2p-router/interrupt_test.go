package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	clitest.Interrupts(t, program(), nil, []string{"completion", "devnet"},
		"run --config @open", "run --config @read", "run --config -", "config check --config @open", "config check --config -", "config show --config @read",
		"status --socket @router", "stop --socket @router", "stop --now --socket @router", "reload --socket @router",
		"wait --socket @router", "wait --for tunnels --timeout 1h --socket @router", "peers --socket @router", "tunnels --socket @router",
		"transports --socket @router", "metrics --socket @router", "events --socket @router", "reseed --socket @router", "log-level --socket @router", "log-level debug --socket @router")
}
