// Package ssu2link is the driver of SSU2: one UDP socket for each family carries all
// handshakes and links. The protocol itself is package ssu2's and package session's.
//
// Each socket has a goroutine that reads, and a loop that owns all else: the handshakes,
// the sessions, their timers, and what is written. A link is a session of the loop's; its
// Run only waits.
package ssu2link

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// Config is what a Driver is made of.
type Config struct {
	Keys   Keys
	Listen []netip.AddrPort // one of each family at most; none is any port of IPv4
	MTU    int              // of our network, 1280 to 1500; 0 is 1500
	Rand   io.Reader        // of handshakes; nil is crypto/rand
	// Hybrid is the one that is published as preferred. With None none are, and no peer is
	// asked for one.
	Hybrid kem.Kind
	// Tokens are those of the run before, as KeepTokens had them: with them a
	// handshake takes one round trip less. KeepTokens, if any, gets them now and then, and as Run ends.
	Tokens     []byte
	KeepTokens func(file []byte)
	// Farewells are those of the run before, as KeepFarewells had them: where it was killed it has said none. Who
	// is told that a session is no more does not send over it what is for us. KeepFarewells, if any, gets
	// them now and then.
	Farewells     []byte
	KeepFarewells func(file []byte)
	// Signing is the router's key, for introductions and peer tests. A driver without one takes
	// no part in them.
	Signing sign.PrivateKey
	Limits  Limits
	// Part gives the loops the hooks of simulations; nil elsewhere.
	Part func(name string) env.Env
}

// Limits are the driver's own. A zero field is replaced by its default.
type Limits struct {
	Session    session.Limits
	Datagrams  int           // that wait for a socket's loop; 4096
	StallAfter time.Duration // without an acknowledgement, before bulk takes other ways; 3 s
}

func (l Limits) withDefaults() Limits {
	l.Datagrams = cmp.Or(l.Datagrams, 4096)
	l.StallAfter = cmp.Or(l.StallAfter, 3*time.Second)
	return l
}

// Keys are SSU2's, which a router keeps: peers know them from its RouterInfo.
type Keys struct {
	Static noise.KeyPair // s=
	Intro  [32]byte      // i=
}

// KeysLen is the size of Keys in a file.
const KeysLen = 32 + 32

// NewKeys draws keys, in the form in which they are kept; nil is crypto/rand.
func NewKeys(random io.Reader) []byte {
	b := make([]byte, KeysLen)
	draw.Fill(random, b)
	return b
}

// ParseKeys reads kept keys.
func ParseKeys(b []byte) (Keys, error) {
	if len(b) != KeysLen {
		return Keys{}, fmt.Errorf("ssu2: keys of %d bytes, expected %d", len(b), KeysLen)
	}
	static, intro := [32]byte(b), [32]byte(b[32:])
	defer clear(static[:])
	if static == [32]byte{} || intro == [32]byte{} {
		return Keys{}, ErrZeroKeys
	}
	return Keys{noise.NewKeyPair(static), intro}, nil
}

// ErrZeroKeys refuses what a crash of the machine may leave of a file: keys that everybody knows.
var ErrZeroKeys = errors.New("ssu2: keys of zeros, which are none")

// Driver is a transport.Driver.
type Driver struct {
	cfg     Config
	host    *transport.Host
	sockets []*socket
	desk    *desk // nil without a signing key
	counts  counts
	open    atomic.Bool // we publish an address at which strangers reach us
	loops   []env.Env   // the desk's, and each socket's
}

// New makes a driver.
func New(cfg Config) *Driver {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.MTU == 0 {
		cfg.MTU = routerinfo.MaxSSU2MTU
	}
	if cfg.Part == nil {
		cfg.Part = func(string) env.Env { return env.Env{} }
	}
	d := &Driver{cfg: cfg, loops: []env.Env{cfg.Part("ssu2 desk")}}
	for range max(1, len(cfg.Listen)) {
		d.loops = append(d.loops, cfg.Part("ssu2 socket"))
	}
	return d
}

// turn is called by a goroutine of its own that has to do with a peer, once it has woken:
// several may have been woken at once, and what one does shows in what the next finds.
func (d *Driver) turn(peer i2p.Hash) {
	if f := d.loops[0].Turn; f != nil {
		f(binary.BigEndian.Uint64(peer[:]))
	}
}

// atDesk has the desk's loop run f for a goroutine that has to do with a peer.
func (d *Driver) atDesk(peer i2p.Hash, f func()) bool {
	d.turn(peer)
	ran := d.desk.box.Do(f)
	d.turn(peer)
	return ran
}

// Name is SSU2.
func (d *Driver) Name() string { return routerinfo.StyleSSU2 }

// Listen binds the sockets. Where nothing is listened on, one is bound to dial from.
func (d *Driver) Listen(ctx context.Context, h *transport.Host) (bound []netip.AddrPort, err error) {
	d.host = h
	listen := d.cfg.Listen
	if len(listen) == 0 {
		listen = []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), 0)}
	}
	for _, at := range listen {
		var conn transport.PacketConn
		err := h.Alike(at, bound, func(at netip.AddrPort) (err error) {
			conn, err = h.Network.ListenPacket(ctx, at)
			return err
		})
		if err != nil {
			for _, s := range d.sockets {
				s.conn.Close()
			}
			d.sockets = nil
			return nil, err
		}
		d.sockets = append(d.sockets, newSocket(d, conn, d.loops[1+len(d.sockets)].Gather))
		if len(d.cfg.Listen) > 0 {
			bound = append(bound, transport.AddrOf(conn.LocalAddr()))
		}
	}
	if d.cfg.Signing.Type().CanSign() {
		d.desk = newDesk(d)
	}
	return bound, nil
}

// Run carries datagrams until ctx ends, and the farewells of the sessions after it.
func (d *Driver) Run(ctx context.Context) {
	done := make(chan struct{}, len(d.sockets))
	running := 0
	if d.desk != nil && d.host.Go(func() { d.desk.run(ctx); done <- struct{}{} }) {
		running++
	}
	for _, s := range d.sockets {
		if d.host.Go(func() { s.read(ctx); done <- struct{}{} }) {
			running++
		}
		if d.host.Go(func() { s.run(ctx); done <- struct{}{} }) {
			running++
		} else {
			s.conn.Close()
		}
	}
	d.sayFarewells()
	if d.host.Go(func() { d.remember(ctx); done <- struct{}{} }) {
		running++
	}
	for range running {
		<-done
	}
	d.keepLast()
}

// socketFor is the socket of an address's family; nil is none.
func (d *Driver) socketFor(a netip.Addr) *socket {
	for _, s := range d.sockets {
		if s.v4 == a.Unmap().Is4() {
			return s
		}
	}
	return nil
}

// dialable returns the addresses of a peer that can be dialled.
func (d *Driver) dialable(ri *routerinfo.RouterInfo) (out []target) {
	for _, a := range ri.SSU2() {
		t, ok := ssu2.TargetOf(ri, a)
		if !ok || t.Static == d.cfg.Keys.Static.Public || !d.host.MayDial(t.At.Addr()) {
			continue
		}
		if s := d.socketFor(t.At.Addr()); s != nil {
			out = append(out, target{t, s, a.Cost})
		}
	}
	return out
}

// dialableOver are those of one family.
func (d *Driver) dialableOver(ri *routerinfo.RouterInfo, v4 bool) []target {
	return slices.DeleteFunc(d.dialable(ri), func(t target) bool { return t.At.Addr().Is4() != v4 })
}

// target is one address to dial, and the socket to do so from.
type target struct {
	ssu2.Target
	socket *socket
	cost   byte
}

// Bids are the peer's addresses, and one over those who introduce us to it.
func (d *Driver) Bids(ri *routerinfo.RouterInfo) (bids []transport.Bid) {
	for _, t := range d.dialable(ri) {
		bids = append(bids, transport.Bid{Cost: int(t.cost), MaxMessage: session.MaxMessage, At: t.At})
	}
	if b := d.introducible(ri); len(b) > 0 {
		bids = append(bids, transport.Bid{Cost: int(b[0].Cost) + costIntroduced, MaxMessage: session.MaxMessage})
	}
	return bids
}

// Dial shakes hands with the peer at one of its addresses, or where its introducers lead.
func (d *Driver) Dial(ctx context.Context, ri *routerinfo.RouterInfo, by transport.Bid, random *draw.Source) (transport.Link, error) {
	if d.host.OurInfo() == nil {
		return nil, errors.New("ssu2: no RouterInfo of our own yet")
	}
	if !by.At.IsValid() {
		return d.introduceAny(ctx, ri, random)
	}
	for _, t := range d.dialable(ri) {
		if t.At != by.At {
			continue
		}
		l, err := t.socket.dial(ctx, t.Target, random)
		if err != nil {
			return nil, err
		}
		return l, nil
	}
	return nil, transport.ErrNoAddress
}

// Moved tells that the machine has lost addresses. The sockets are bound to all of them,
// mostly: the sessions go on from another, and tell their peers.
func (d *Driver) Moved(gone []netip.Addr) {
	if d.desk != nil {
		d.desk.box.Call(func() { d.desk.moved(gone) })
	}
	for _, s := range d.sockets {
		if !slices.ContainsFunc(gone, func(a netip.Addr) bool { return a.Is4() == s.v4 }) {
			continue
		}
		if d.host.Lacks(s.v4) {
			s.box.Call(s.part)
			continue
		}
		s.box.Call(s.migrate)
	}
}
