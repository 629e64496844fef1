package ssu2link

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/simnet"
)

// TestTokens: routers that have had a session give each other tokens, and come back with them, after
// a restart of both, without asking for one.
func TestTokens(t *testing.T) {
	simulate(t, simnet.Link{Latency: 20 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		var kept [2][]byte
		start := func(i int, tokens []byte) *node {
			return newNode(t, byte(31+i), net.Host(hosts[i]), netip.AddrPortFrom(hosts[i], 7000), func(c *Config) {
				c.Tokens, c.KeepTokens = tokens, func(file []byte) { kept[i] = file }
			}).start(t, hosts[i])
		}
		retries := func(n *node) uint64 { return n.driver.sockets[0].endpoint.Counts().Retries }
		meet := func(from, to *node) {
			t.Helper()
			transfer(t, from, to, 1<<14, 1028, time.Minute)
			time.Sleep(time.Second)
			from.halt(t)
			time.Sleep(time.Second)
			to.halt(t)
		}
		a, b := start(0, nil), start(1, nil)
		meet(a, b)
		if retries(b) != 1 {
			t.Errorf("the first handshake took %d retries", retries(b))
		}
		for i, name := range []string{"dialled", "was dialled"} { // each of the two may begin
			nodes := [2]*node{start(0, kept[0]), start(1, kept[1])}
			from, to := nodes[i], nodes[1-i]
			meet(from, to)
			if retries(to) != 0 {
				t.Errorf("the one that %s comes back: %d retries", name, retries(to))
			}
		}
		// A file that is not one is a help that is missing, and no more.
		nodes := [2]*node{start(0, []byte("no tokens")), start(1, kept[1])}
		meet(nodes[0], nodes[1])
		if retries(nodes[1]) != 1 {
			t.Errorf("without tokens: %d retries", retries(nodes[1]))
		}
	})
}
