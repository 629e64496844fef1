//go:build linux

package interop

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
)

// versions are what scripts/peers installs of each release.
var versions = map[Release]string{Sid: "i2pd 2.59", Trixie: "i2pd 2.56"}

// TestSSU2 has SSU2 sessions with i2pd in both roles, by the engine alone: with
// a Token Request, with a token of the session before, and as the one that is
// dialled, over IPv4 and IPv6; RouterInfos and delivery statuses go through them.
func TestSSU2(t *testing.T) {
	ctx := gate(t, 5*time.Minute)
	for _, release := range []Release{Sid, Trixie} {
		t.Run(string(release), func(t *testing.T) {
			n := network(t, ctx, NetworkConfig{Releases: []Release{release}, SSU2Only: true, Hops: 1, LogLevel: "debug"})
			testSSU2(t, ctx, n, n.I2PD[0], versions[release])
		})
		t.Run(string(release)+" over IPv6", func(t *testing.T) {
			n := network(t, ctx, NetworkConfig{Releases: []Release{release}, SSU2Only: true, IPv6: true, Hops: 1, LogLevel: "debug"})
			testSSU2(t, ctx, n, n.I2PD[0], "")
		})
	}
}

func testSSU2(t *testing.T, ctx context.Context, n *Network, peer *I2PD, version string) {
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	alice, bob := newSSU2Router(t, n, 0, nil), newSSU2Router(t, n, 0, nil)
	target, err := targetOf(peer)
	must(err)

	// Alice dials, with a Token Request.
	must(alice.dial(target, 0))
	s, err := alice.awaitSession(ctx, true)
	must(err)
	t.Logf("round trip %v, skew %v, seen as %v, token %v", s.Path.RTT, s.Path.Skew, s.Said.Address, s.Said.Token != nil)
	if s.Said.Address != alice.at {
		t.Errorf("seen as %v, not as %v", s.Said.Address, alice.at)
	}
	must(alice.await(ctx, "the RouterInfo", func(e any) bool { return isRouterInfo(e, target.Info.Hash()) }))

	// Her own RouterInfo is stored, and acknowledged in the session.
	s.message(storeOf(alice.info, 1001, alice.info.Hash()))
	must(alice.awaitStatus(ctx, 1001))

	// The acknowledgement of another one goes to a router that i2pd must dial. It
	// drops what it has for a router that it does not know yet.
	var b *ssu2Session
	must(Await(ctx, 30*time.Second, "i2pd dials", func(ctx context.Context) error {
		s.message(storeOf(bob.info, 1002, bob.info.Hash()))
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		b, err = bob.awaitSession(ctx, false)
		return err
	}))
	if b.Peer.Info.Hash() != target.Info.Hash() {
		t.Errorf("dialled by %v", b.Peer.Info.Hash())
	}
	s.message(storeOf(bob.info, 1002, bob.info.Hash()))
	must(bob.awaitStatus(ctx, 1002))

	// Alice comes back with the token that she was given: no Token Request.
	must(s.end(ctx))
	alice.save(t, version, "bob")
	target.Token = alice.Tokens().Take(time.Now(), target.At)
	if target.Token == 0 {
		t.Error("i2pd gave no token")
	}
	alice.renew(kem.None, target.Token)
	must(alice.dial(target, 0))
	target.Token = 0
	s, err = alice.awaitSession(ctx, true)
	must(err)
	s.message(storeOf(alice.info, 1003, alice.info.Hash()))
	must(alice.awaitStatus(ctx, 1003))
	answered := 0
	for _, step := range alice.vector.Steps { // among which there may be what i2pd had still to say of the session before
		if len(step.Out) > 0 {
			answered++
		}
	}
	if answered > 2 {
		t.Error("the token was not taken")
	}
	alice.save(t, version, "bob-token")
	bob.save(t, version, "alice")
	t.Logf("Alice %+v, Bob %+v", alice.Counts(), bob.Counts())

	// One whose RouterInfo does not fit a packet: Session Confirmed goes in two.
	long := newSSU2Router(t, n, 1500, nil)
	must(long.dial(target, 0))
	s, err = long.awaitSession(ctx, true)
	must(err)
	if s.packets != 2 {
		t.Errorf("Session Confirmed in %d packets", s.packets)
	}
	s.message(storeOf(alice.info, 1004, long.info.Hash()))
	must(long.awaitStatus(ctx, 1004))
	long.save(t, version, "bob-long")

	// One whose clock is wrong learns why it is refused.
	late := newSSU2Router(t, n, 0, nil)
	must(late.dial(target, -5*time.Minute))
	var end *ssu2.TerminationError
	if _, err = late.awaitSession(ctx, true); !errors.As(err, &end) || end.Reason != ssu2.ReasonClockSkew {
		t.Fatalf("failed with %v", err)
	}
}

// storeOf is a DatabaseStore that asks for a status.
func storeOf(info *routerinfo.RouterInfo, token uint32, reply i2p.Hash) i2np.Message {
	return i2np.Message{
		Type: i2np.DatabaseStoreType, ID: rand.Uint32(),
		Expiration: i2p.DateOf(time.Now().Add(time.Minute)),
		Body: i2np.DatabaseStore{
			Key: info.Hash(), Type: i2np.StoreRouterInfo, ReplyToken: token, ReplyGateway: reply,
			Data: i2np.CompressRouterInfo(info.Bytes()),
		}.AppendTo(nil),
	}
}

// isRouterInfo reports whether a router sends its RouterInfo.
func isRouterInfo(e any, hash i2p.Hash) bool {
	a, ok := e.(ssu2Arrival)
	if !ok {
		return false
	}
	info := routerInfoIn(a.block)
	return info != nil && info.Hash() == hash
}
