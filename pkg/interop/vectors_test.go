//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
	"i2ptoolkit/pkg/vectors"
)

// TestVectors makes the vectors of docs/vectors with a running i2pd as the
// other side: all our keys come from seeds, i2pd's from itself, and i2pd has
// to accept every message. UPDATE_VECTORS=1 keeps them in docs/vectors.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		release, others Release
		version         string
	}{{Trixie, Sid, "2.56"}, {Sid, Trixie, "2.59"}} {
		t.Run(string(c.release), func(t *testing.T) {
			ctx := gate(t, 5*time.Minute)
			n := network(t, ctx, NetworkConfig{Releases: []Release{c.release, c.others, c.release}, Hops: 1, WebPort: webPort})
			s := vectorSuite{t: t, ctx: ctx, r: newVectorRouter(t, n, "i2pd "+c.version)}
			s.run(n)
			if t.Failed() || os.Getenv("UPDATE_VECTORS") != "1" {
				return
			}
			s.file.About = "Recorded with a running i2pd " + c.version + " as Bob, hop or destination, which accepted every message. See README.md."
			b, err := s.file.Marshal()
			if err == nil {
				err = os.WriteFile(filepath.Join("../../docs/vectors", "i2pd-"+c.version+".json"), b, 0o644)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// vectorSuite is one run against one i2pd.
type vectorSuite struct {
	t       *testing.T
	ctx     context.Context
	r       *vectorRouter
	file    vectors.File
	inbound *tunnel.Inbound
}

func (s *vectorSuite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *vectorSuite) run(n *Network) {
	name, err := n.I2PD[0].Hash()
	s.must(err)
	target, err := i2p.ParseHash(name)
	s.must(err)
	l, err := s.r.link(s.ctx, target)
	s.must(err)
	s.file.Ratchet = &vectors.Ratchet{}
	for _, long := range []bool{false, true} {
		for _, inbound := range []bool{false, true} {
			s.build(l, long, inbound)
		}
	}
	v, err := l.finish()
	s.must(err)
	s.file.NTCP2 = append(s.file.NTCP2, v)

	other, err := n.I2PD[1].Hash()
	s.must(err)
	otherHash, err := i2p.ParseHash(other)
	s.must(err)
	s.find("the RouterInfo of another router", []*vectorLink{l}, otherHash, i2np.LookupRouterInfo)
	s.session(n)
}

// build has i2pd take part in a tunnel of one hop.
func (s *vectorSuite) build(l *vectorLink, long, inbound bool) {
	name := map[bool]string{false: "outbound ", true: "inbound "}[inbound] + map[bool]string{false: "short", true: "long"}[long]
	stream := s.r.stream(name)
	cfg := tunnel.Config{
		Inbound: inbound, Long: long, Us: s.r.Info.Hash(), Hops: []tunnel.Hop{{Router: l.info.Hash(), Static: l.static()}},
		Reply: tunnel.ReplyTo{Gateway: s.r.Info.Hash(), Tunnel: replyTunnel},
	}
	now := time.Now()
	b, v, err := vectors.BeginBuild(name, now, cfg, stream)
	s.must(err)
	v.Hops[0].StaticPrivate = l.keys.Crypto
	s.must(l.send(i2np.Message{
		Type: i2np.Type(v.Messages[0].Type), ID: 0x01020304, Expiration: i2p.DateOf(now.Add(20 * time.Second)), Body: v.Messages[0].Body,
	}))
	err = s.r.await(s.ctx, name+": reply", func(a arrival) (bool, error) {
		m, ok, err := buildReply(b, v, a.m)
		if err != nil || !ok {
			return false, err
		}
		v.Reply("hop 0", m)
		reply, err := b.HandleReply(m)
		if err == nil && !reply.Accepted {
			err = fmt.Errorf("interop: codes %v", reply.Codes)
		}
		return true, err
	})
	s.must(err)
	s.must(v.FindKeys(stream))
	s.must(v.Compute())
	s.t.Logf("%s: accepted with code %d as %s", name, v.Hops[0].ReplyCode, v.Hops[0].Role)
	s.file.Builds = append(s.file.Builds, v)
	if inbound && !long {
		s.inbound, err = b.NewInbound()
		s.must(err)
	}
}

// buildReply finds the reply to a build: as it is for an inbound tunnel, in a
// TunnelGateway and there perhaps in garlic for an outbound one.
func buildReply(b *tunnel.Build, v *vectors.TunnelBuild, m i2np.Message) (i2np.Message, bool, error) {
	if b.Inbound() {
		return m, m.Type == b.ReplyType() && m.ID == b.ReplyID(), nil
	}
	inner, ok, err := unwrap(m)
	if err != nil || !ok {
		return m, false, err
	}
	if inner.Type == i2np.GarlicType {
		body, err := i2np.ParseGarlic(inner.Body)
		if err != nil {
			return m, false, err
		}
		inner, err = v.ReplyFromGarlic(b, body)
		return inner, err == nil, err
	}
	return inner, true, nil
}

// replyTunnel is an inbound tunnel of ours without hops.
const replyTunnel = 0x0badcafe

// unwrap takes a message out of the TunnelGateway that brings it to replyTunnel.
func unwrap(m i2np.Message) (inner i2np.Message, ok bool, err error) {
	if m.Type != i2np.TunnelGatewayType {
		return m, false, nil
	}
	g, err := i2np.ParseTunnelGateway(m.Body)
	if err != nil || g.Tunnel != replyTunnel {
		return m, false, err
	}
	inner, _, err = i2np.ParseStandard(g.Message)
	return inner, err == nil, err
}

// lookup asks a floodfill with a message to its router key; the answer comes
// under a one-time key. i2pd encrypts only answers that go into a tunnel.
func (s *vectorSuite) lookup(l *vectorLink, key i2p.Hash, kind i2np.LookupKind) (store i2np.DatabaseStore, found bool, err error) {
	stream := s.r.stream("lookup")
	q := i2np.DatabaseLookup{Key: key, From: s.r.Info.Hash(), Kind: kind, ViaTunnel: true, ReplyTunnel: replyTunnel, Encryption: i2np.ReplyECIES}
	stream.Read(q.ReplyKey[:])
	stream.Read(q.ReplyTag[:])
	now := time.Now()
	expires := i2p.DateOf(now.Add(20 * time.Second))
	clove := i2np.Clove{Message: i2np.Message{Type: i2np.DatabaseLookupType, ID: 0x11223344, Expiration: expires, Body: q.AppendTo(nil)}}
	v, err := vectors.BeginToRouter("lookup", now, stream, l.static(), []i2np.Clove{clove})
	if err != nil {
		return store, false, err
	}
	v.StaticPrivate = l.keys.Crypto
	if err := v.Compute(); err != nil {
		return store, false, err
	}
	m := i2np.Message{Type: i2np.GarlicType, ID: 0x11223345, Expiration: expires, Body: i2np.AppendGarlic(nil, v.Body)}
	if err := l.send(m); err != nil {
		return store, false, err
	}
	o := &vectors.OneTime{Name: "answer to the lookup", Key: q.ReplyKey[:], Tag: q.ReplyTag[:]}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	err = s.r.await(ctx, "answer to a lookup", func(a arrival) (bool, error) {
		m, ok, err := unwrap(a.m)
		if err != nil || !ok || m.Type != i2np.GarlicType {
			return false, err
		}
		body, err := i2np.ParseGarlic(m.Body)
		if err != nil || !bytes.HasPrefix(body, q.ReplyTag[:]) {
			return false, err
		}
		o.Body = bytes.Clone(body)
		opened, err := ratchet.OpenTagged(q.ReplyKey, body)
		if err != nil {
			return false, err
		}
		for _, c := range opened.Cloves {
			if c.Message.Type == i2np.DatabaseStoreType {
				found = true
				store, err = i2np.ParseDatabaseStore(c.Message.Body)
			}
		}
		return true, err
	})
	if err != nil || !found {
		return store, found, err
	}
	if store.Key != key {
		return store, found, errors.New("interop: the store has another key")
	}
	s.file.Ratchet.ToRouter = append(s.file.Ratchet.ToRouter, v)
	s.file.Ratchet.OneTime = append(s.file.Ratchet.OneTime, o)
	return store, found, o.Compute()
}

// find asks the floodfills in turn until one knows key.
func (s *vectorSuite) find(what string, floodfills []*vectorLink, key i2p.Hash, kind i2np.LookupKind) (store i2np.DatabaseStore) {
	tries := 0
	s.must(Await(s.ctx, 2*time.Minute, what, func(context.Context) error {
		if tries > 0 {
			time.Sleep(time.Second) // i2pd is not to be flooded
		}
		var found bool
		var err error
		store, found, err = s.lookup(floodfills[tries%len(floodfills)], key, kind)
		tries++
		if err == nil && !found {
			err = errors.New("not known there")
		}
		return err
	}))
	return store
}

// leaseSet waits until a floodfill has the lease set of i2pd's web server.
func (s *vectorSuite) leaseSet(n *Network) leaseset.Set {
	b32, err := n.I2PD[0].WebB32()
	s.must(err)
	hash, err := i2p.ParseB32(b32)
	s.must(err)
	var floodfills []*vectorLink
	for _, r := range n.I2PD[1:] {
		name, err := r.Hash()
		s.must(err)
		floodfill, err := i2p.ParseHash(name)
		s.must(err)
		l, err := s.r.link(s.ctx, floodfill)
		s.must(err)
		floodfills = append(floodfills, l)
	}
	store := s.find("the lease set of i2pd's server", floodfills, hash, i2np.LookupLeaseSet)
	found, err := leaseset.Parse(store.Type, store.Data)
	s.must(err)
	s.must(found.Verify(time.Now()))
	return found.(leaseset.Set)
}
