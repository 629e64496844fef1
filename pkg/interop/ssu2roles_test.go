//go:build linux

package interop

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/vectors"
)

// TestSSU2Roles has peer tests and introductions with i2pd in each role of
// which it can be had, the engine in the others.
func TestSSU2Roles(t *testing.T) {
	ctx := gate(t, 5*time.Minute)
	for _, release := range []Release{Sid, Trixie} {
		t.Run(string(release), func(t *testing.T) {
			n := network(t, ctx, NetworkConfig{Releases: []Release{release}, SSU2Only: true, Hops: 1, LogLevel: "debug"})
			c := &ssu2Cast{t: t, ctx: ctx, n: n, version: versions[release]}
			var err error
			c.i2pd, err = targetOf(n.I2PD[0])
			c.must(err)
			t.Run("test, Alice", c.testByAlice) // while it knows one Bob alone
			t.Run("test, Bob", c.testByBob)
			t.Run("test, Charlie", c.testByCharlie)
			t.Run("relay, Bob", c.relayByBob)
			t.Run("relay, Charlie", c.relayByCharlie)
			t.Run("relay, Alice", c.relayByAlice)
			c.keep()
		})
	}
}

// ssu2Cast is an i2pd router among ours.
type ssu2Cast struct {
	t    *testing.T
	ctx  context.Context
	n    *Network
	i2pd ssu2.Target

	version string
	file    vectors.Signatures
}

func (c *ssu2Cast) must(err error) {
	if err != nil {
		c.t.Helper()
		c.t.Fatal(err)
	}
}

func (c *ssu2Cast) router(t *testing.T, change func(map[string]string, i2p.Hash)) *ssu2Router {
	return newSSU2Router(t, c.n, 0, change)
}

// link gives a router a session with another, or with i2pd.
func (c *ssu2Cast) link(from *ssu2Router, target ssu2.Target) *ssu2Session {
	c.t.Helper()
	c.must(from.dial(target, 0))
	s, err := from.awaitSession(c.ctx, true)
	c.must(err)
	return s
}

// targetOfOurs is a router of ours as another of ours dials it.
func targetOfOurs(r *ssu2Router) ssu2.Target {
	target, _ := ssu2.TargetOf(r.info, r.info.SSU2()[0])
	target.At = r.at
	return target
}

func (c *ssu2Cast) reachable(t *testing.T, alice *ssu2Router, bob, charlie i2p.Hash) {
	t.Helper()
	if err := alice.test(bob); err != nil {
		t.Fatal(err)
	}
	err := alice.await(c.ctx, "the outcome", func(e any) bool {
		o, ok := e.(*ssu2.PeerTestOutcome)
		if ok && (o.Verdict != ssu2.VerdictReachable || o.Charlie != charlie || o.Seen != alice.at) {
			t.Errorf("outcome %+v; counts %+v", o, alice.tests.Counts())
		}
		return ok
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testByAlice has i2pd's owner ask for a test, at its console. i2pd's message 6, from outside of
// a session, says that it has verified what Charlie signed.
func (c *ssu2Cast) testByAlice(t *testing.T) {
	bob, charlie := c.router(t, nil), c.router(t, nil)
	bob.charlie = charlie.info.Hash()
	s := c.link(bob, c.i2pd)
	c.link(charlie, targetOfOurs(bob))
	s.message(storeOf(bob.info, 2000, bob.info.Hash()))
	c.must(bob.awaitStatus(c.ctx, 2000))
	c.must(c.n.I2PD[0].command(c.ctx, "run_peer_test"))
	err := charlie.await(c.ctx, "message 6", func(e any) bool {
		m, ok := e.(*ssu2.Message)
		return ok && m.From.Addr() == c.i2pd.At.Addr()
	})
	if err != nil {
		t.Fatalf("%v; %+v; %+v", err, bob.tests.Counts(), charlie.tests.Counts())
	}
	alice := bytesOf(c.i2pd.Info)
	c.signed(t, bob, false, ssu2.BlockPeerTest, nil, vectors.Signed{Name: "peer test, request, message 1", Bob: bytesOf(bob.info), Alice: alice})
	c.signed(t, bob, true, ssu2.BlockPeerTest, charlie, vectors.Signed{Name: "peer test, answer, message 4", Bob: bytesOf(bob.info), Alice: alice, Charlie: bytesOf(charlie.info)})
	c.must(s.end(c.ctx))
}

func (c *ssu2Cast) testByBob(t *testing.T) {
	alice, charlie := c.router(t, nil), c.router(t, nil)
	s := c.link(charlie, c.i2pd)
	c.link(alice, c.i2pd)
	c.reachable(t, alice, c.i2pd.Info.Hash(), charlie.info.Hash())
	c.must(s.end(c.ctx)) // or it would be chosen later
}

func (c *ssu2Cast) testByCharlie(t *testing.T) {
	alice, bob := c.router(t, nil), c.router(t, nil)
	bob.charlie = c.i2pd.Info.Hash()
	c.link(bob, c.i2pd)
	c.link(alice, targetOfOurs(bob))
	c.reachable(t, alice, bob.info.Hash(), c.i2pd.Info.Hash())
	c.signed(t, bob, true, ssu2.BlockPeerTest, alice, vectors.Signed{Name: "peer test, request, message 2", Bob: bytesOf(bob.info), Alice: bytesOf(alice.info)})
	c.signed(t, bob, false, ssu2.BlockPeerTest, nil, vectors.Signed{Name: "peer test, answer, message 3", Bob: bytesOf(bob.info), Alice: bytesOf(alice.info), Charlie: bytesOf(c.i2pd.Info)})
}

// unreachable hides where a router is.
func unreachable(options map[string]string, _ i2p.Hash) {
	delete(options, "host")
	delete(options, "port")
	options["caps"] = "4"
}

func (c *ssu2Cast) relayByBob(t *testing.T) {
	target, err := targetOf(c.n.I2PD[0])
	c.must(err)
	if caps := target.Info.SSU2()[0].Caps(); !strings.Contains(caps, "C") {
		t.Skipf("i2pd offers %q, and no introductions", caps) // 2.59 waits until it knows that it is reachable
	}
	alice, charlie := c.router(t, nil), c.router(t, unreachable)
	target.WantRelayTag = true
	s := c.link(charlie, target)
	if s.Said.RelayTag == 0 {
		t.Fatal("no relay tag")
	}
	c.link(alice, c.i2pd)
	if err := alice.ask(c.i2pd.Info.Hash(), charlie.info, s.Said.RelayTag); err != nil {
		t.Fatal(err)
	}
	if _, err := charlie.awaitSession(c.ctx, false); err != nil {
		t.Fatalf("%v; %+v; %+v", err, alice.relay.Counts(), charlie.relay.Counts())
	}
}

func (c *ssu2Cast) relayByCharlie(t *testing.T) {
	alice, bob := c.router(t, nil), c.router(t, nil)
	c.link(bob, c.i2pd)
	c.link(alice, targetOfOurs(bob))
	bob.mu.Lock()
	tag, _ := bob.relay.Grant(c.i2pd.Info.Hash())
	bob.mu.Unlock()
	if err := alice.ask(bob.info.Hash(), c.i2pd.Info, tag); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.awaitSession(c.ctx, true); err != nil {
		t.Fatalf("%v; %+v; %+v", err, alice.relay.Counts(), bob.relay.Counts())
	}
	c.signed(t, bob, true, ssu2.BlockRelayIntro, alice, vectors.Signed{Name: "introduction, request as Charlie gets it", Bob: bytesOf(bob.info), Alice: bytesOf(alice.info), Charlie: bytesOf(c.i2pd.Info)})
	c.signed(t, bob, false, ssu2.BlockRelayResponse, nil, vectors.Signed{Name: "introduction, response", Bob: bytesOf(bob.info)})
}

// relayByAlice has i2pd acknowledge a store to a router that only an
// introducer of ours can reach.
func (c *ssu2Cast) relayByAlice(t *testing.T) {
	bob := c.router(t, nil)
	charlie := c.router(t, func(options map[string]string, own i2p.Hash) {
		unreachable(options, own)
		bob.mu.Lock()
		tag, _ := bob.relay.Grant(own)
		bob.mu.Unlock()
		hash := bob.info.Hash()
		options["ih0"], options["itag0"] = i2p.EncodeBase64(hash[:]), strconv.Itoa(int(tag))
		options["iexp0"] = strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	})
	s := c.link(bob, c.i2pd)
	c.link(charlie, targetOfOurs(bob))
	s.message(storeOf(charlie.info, 0, i2p.Hash{}))
	time.Sleep(time.Second)
	s.message(storeOf(bob.info, 2001, charlie.info.Hash()))
	if _, err := charlie.awaitSession(c.ctx, false); err != nil {
		t.Fatalf("%v; %+v; %+v", err, bob.relay.Counts(), charlie.relay.Counts())
	}
	c.signed(t, bob, false, ssu2.BlockRelayRequest, nil, vectors.Signed{Name: "introduction, request as Bob gets it", Bob: bytesOf(bob.info), Alice: bytesOf(c.i2pd.Info), Charlie: bytesOf(charlie.info)})
	c.signed(t, bob, true, ssu2.BlockRelayResponse, charlie, vectors.Signed{Name: "introduction, response", Bob: bytesOf(bob.info)})
}
