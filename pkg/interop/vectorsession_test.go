//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/streaming"
	"i2ptoolkit/pkg/vectors"
)

// conversation is a ratchet session with i2pd's server.
type conversation struct {
	s        *vectorSuite
	keys     *i2p.PrivateKeys
	sessions *ratchet.Sessions
	stream   *vectors.Stream
	peer     ratchet.Peer
	set      leaseset.Set
	v        *vectors.Session
}

// session pings i2pd's server until the session has turned its ratchets.
func (s *vectorSuite) session(n *Network) {
	c := &conversation{s: s, set: s.leaseSet(n), stream: s.r.stream("session")}
	var err error
	c.keys, err = i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519, c.stream)
	s.must(err)
	static := vectors.KeyPair(c.keys.Crypto)
	for _, k := range c.set.EncryptionKeys() {
		if k.Type == i2p.CryptoX25519 {
			c.peer.Static = [32]byte(k.Key)
		}
	}
	if c.peer.Static == [32]byte{} {
		s.t.Fatalf("no X25519 key in the lease set %x", c.set.Bytes())
	}
	c.sessions = ratchet.New(ratchet.Config{Static: static, Rand: c.stream, Limits: ratchet.Limits{RatchetAfter: 2}})
	for i := range 10 {
		c.ping(uint32(100+i), fmt.Sprintf("vector %d", i))
	}
	s.must(c.v.Compute())
	forms := map[string]int{}
	for _, m := range c.v.Messages {
		forms[fmt.Sprintf("%s %d", m.From, m.TagSet)]++
	}
	s.t.Logf("%d replies, %d key ratchets, messages by tag set %v", len(c.v.Replies), len(c.v.Ratchets), forms)
	if len(c.v.Replies) == 0 || forms["alice 0"] == 0 || forms["bob 0"] == 0 || forms["alice 2"] == 0 {
		s.t.Error("want a reply, messages of both sides and two new tag sets of ours")
	}
	s.file.Ratchet.Sessions = append(s.file.Ratchet.Sessions, c.v)
}

// ping sends a ping of the streaming protocol and waits for its echo.
func (c *conversation) ping(id uint32, text string) {
	s, now := c.s, time.Now()
	p := streaming.Packet{
		SendStreamID: id, Flags: streaming.Echo | streaming.FromIncluded | streaming.SignatureIncluded,
		From: c.keys.Destination(), Signature: make([]byte, 64), Payload: []byte(text),
	}
	packet := p.AppendTo(nil)
	sig, err := c.keys.Sign(packet)
	s.must(err)
	copy(packet[len(packet)-len(text)-len(sig):], sig)
	gateway, gatewayID := s.inbound.Gateway()
	bundle, err := vectors.LeaseSetClove(now, c.keys, leaseset.Lease{
		Gateway: gateway, TunnelID: gatewayID, Expires: i2p.DateOf(now.Add(8 * time.Minute)),
	})
	s.must(err)
	expires := i2p.DateOf(now.Add(20 * time.Second))
	data := i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: c.set.Hash()},
		Message: i2np.Message{
			Type: i2np.DataType, ID: id, Expiration: expires,
			Body: i2np.AppendData(nil, datagram.Header{Protocol: datagram.Streaming}.AppendStored(nil, packet)),
		},
	}
	sealed, err := c.sessions.Seal(now, c.peer, ratchet.Payload{Cloves: []i2np.Clove{data}, Bundle: []i2np.Clove{bundle}})
	s.must(err)
	want := ratchet.ExistingSession
	if c.v == nil {
		want = ratchet.NewSession
		c.v, err = vectors.BeginSession("session", now, c.stream, vectors.KeyPair(c.keys.Crypto), c.peer.Static, sealed.Body)
		s.must(err)
	} else {
		c.v.AddMessage(sealed.Body)
	}
	if sealed.Kind != want {
		s.t.Fatalf("ping %d went as %v", id, sealed.Kind)
	}
	lease := c.set.Leases()[0]
	garlic := i2np.Message{Type: i2np.GarlicType, ID: id + 1000, Expiration: expires, Body: i2np.AppendGarlic(nil, sealed.Body)}
	s.must(s.r.intoTunnel(s.ctx, lease.Gateway, lease.TunnelID, garlic))
	for tries := 0; ; tries++ {
		soon, cancel := context.WithTimeout(s.ctx, time.Second)
		err := s.r.await(soon, fmt.Sprintf("echo of ping %d", id), func(a arrival) (bool, error) { return c.handle(a.m, id, text) })
		cancel()
		if err == nil {
			return
		}
		if tries == 20 || !errors.Is(err, context.DeadlineExceeded) {
			s.t.Fatal(err)
		}
		// i2pd's inbound gateways forget to send what is followed by a build
		// message, until the next message comes (Tunnels::Run, 2.56 to 2.59).
		status := i2np.Message{
			Type: i2np.DeliveryStatusType, ID: id + 3000, Expiration: i2p.DateOf(time.Now().Add(20 * time.Second)),
			Body: i2np.DeliveryStatus{MessageID: id + 3000, Timestamp: i2p.DateOf(time.Now())}.AppendTo(nil),
		}
		s.must(s.r.intoTunnel(s.ctx, lease.Gateway, lease.TunnelID, status))
		s.must(s.r.intoTunnel(s.ctx, gateway, gatewayID, status))
	}
}

// handle opens what comes through our inbound tunnel.
func (c *conversation) handle(m i2np.Message, id uint32, text string) (echo bool, err error) {
	if m.Type != i2np.TunnelDataType {
		return false, nil
	}
	ds, err := c.s.inbound.Handle(nil, time.Now(), m)
	if err != nil {
		return false, err
	}
	for _, d := range ds {
		if d.Message.Type != i2np.GarlicType {
			continue
		}
		body, err := i2np.ParseGarlic(d.Message.Body)
		if err != nil {
			return false, err
		}
		wire := bytes.Clone(body)
		o, err := c.sessions.Open(time.Now(), body)
		if err != nil {
			return false, err
		}
		switch o.Kind {
		case ratchet.NewSessionReply:
			c.v.AddReply(wire)
		case ratchet.ExistingSession:
			c.v.AddMessage(wire)
		default:
			return false, fmt.Errorf("interop: i2pd sent a %v", o.Kind)
		}
		for _, clove := range o.Cloves {
			echo = echo || isEcho(clove.Message, id, text)
		}
	}
	return echo, nil
}

func isEcho(m i2np.Message, id uint32, text string) bool {
	if m.Type != i2np.DataType {
		return false
	}
	b, err := i2np.ParseData(m.Body)
	if err != nil {
		return false
	}
	_, packet, err := datagram.Decode(b, 4096)
	if err != nil {
		return false
	}
	p, err := streaming.ParsePacket(packet)
	return err == nil && p.Flags.Has(streaming.Echo) && p.ReceiveStreamID == id && string(p.Payload) == text
}
