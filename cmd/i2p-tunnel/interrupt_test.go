package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	const peer = "5wiig7fr5ci6moafycjpgsxhbe4sw76hoz2qizlcbdmlb6jhqnza.b32.i2p"
	clitest.Interrupts(t, program(), nil, []string{"completion"},
		"client 7000 a.i2p --socket @router", "server 80 --socket @router", "http --socket @router", "http --foreground --socket @router",
		"socks --socket @router", "irc 6668 a.i2p --socket @router", "udp 53 a.i2p --socket @router", "httpserver 80 --socket @router",
		"ircserver 6667 --socket @router", "streamr a.i2p 9000 --socket @router", "meta --socket @router "+peer, "add a type=http listen=127.0.0.1:1 --socket @router",
		"add -f @open", "add -f -", "list --socket @router", "list --watch --socket @router", "remove a --socket @router",
		"reload -f @read", "reload -f /dev/null --socket @router",
		"import @open", "import -",
		"bench --socket @router "+peer, "connect --socket @router "+peer, "listen --socket @router", "listen --keep --socket @router",
		"connect --reconnect --socket @router "+peer, "listen --reconnect --keep --socket @router",
		"listen -k @open", "listen -k @read", "listen -k -", "listen --keep -k -")
}
