package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	const peer = "5wiig7fr5ci6moafycjpgsxhbe4sw76hoz2qizlcbdmlb6jhqnza.b32.i2p"
	clitest.Interrupts(t, program(), nil, []string{"completion"},
		"bench --socket @router "+peer, "connect --socket @router "+peer, "listen --socket @router", "listen --keep --socket @router",
		"connect --reconnect --socket @router "+peer, "listen --reconnect --keep --socket @router",
		"listen -k @open", "listen -k @read", "listen -k -", "listen --keep -k -")
}
