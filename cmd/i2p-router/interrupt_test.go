package main

import (
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	encrypted := func(dir string) error { return os.WriteFile(filepath.Join(dir, "state.age"), nil, 0o600) }
	clitest.Interrupts(t, program(), encrypted, []string{"completion", "devnet"},
		"run --dir . --testnet --state-passphrase file:@read", "state passphrase --dir . --state-passphrase file:@open", "state decrypt --dir . --state-passphrase file:@read",
		"run --config @open", "run --config @read", "run --config -", "config check --config @open", "config check --config -", "config show --config @read",
		"status --socket @router", "stop --socket @router", "stop --now --socket @router", "reload --socket @router",
		"wait --socket @router", "wait --for tunnels --timeout 1h --socket @router", "peers --socket @router", "tunnels --socket @router",
		"transports --socket @router", "doors --socket @router", "doctor --socket @router", "hash-password @stdin", "metrics --socket @router", "events --socket @router", "reseed --socket @router", "log-level --socket @router", "log-level debug --socket @router")
}
