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
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
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
	Limits Limits
	// Tokens are those of the run before, as KeepTokens had them: with them a
	// handshake takes one round trip less. KeepTokens, if any, gets them as Run ends.
	Tokens     []byte
	KeepTokens func(file []byte)
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
	counts  counts
}

// New makes a driver.
func New(cfg Config) *Driver {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.MTU == 0 {
		cfg.MTU = routerinfo.MaxSSU2MTU
	}
	return &Driver{cfg: cfg}
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
		conn, err := h.Network.ListenPacket(ctx, at)
		if err != nil {
			for _, s := range d.sockets {
				s.conn.Close()
			}
			d.sockets = nil
			return nil, err
		}
		d.sockets = append(d.sockets, newSocket(d, conn))
		if len(d.cfg.Listen) > 0 {
			bound = append(bound, transport.AddrOf(conn.LocalAddr()))
		}
	}
	return bound, nil
}

// Run carries datagrams until ctx ends, and the farewells of the sessions after it.
func (d *Driver) Run(ctx context.Context) {
	done := make(chan struct{}, len(d.sockets))
	running := 0
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
	for range running {
		<-done
	}
	d.keepTokens()
}

// keepTokens hands out what the sockets have, whose loops have ended.
func (d *Driver) keepTokens() {
	if d.cfg.KeepTokens == nil {
		return
	}
	var stores []*ssu2.Tokens
	for _, s := range d.sockets {
		stores = append(stores, s.endpoint.Tokens())
	}
	d.cfg.KeepTokens(ssu2.TokensFile(stores...))
}

// SSU2's cost in a published address, and in one that cannot be dialled: what other routers
// publish (RouterAddress, cost).
const (
	costPublished = 8
	costHidden    = 15
)

// Publish gives an address for each host, or one by which peers know our keys where there
// is none (SSU2, Published Addresses, Unpublished SSU2 Address).
func (d *Driver) Publish(hosts []netip.Addr) (addrs []routerinfo.Address) {
	options := func(of netip.Addr) map[string]string {
		o := map[string]string{
			"v": "2", "s": i2p.EncodeBase64(d.cfg.Keys.Static.Public[:]), "i": i2p.EncodeBase64(d.cfg.Keys.Intro[:]),
		}
		if d.cfg.MTU != routerinfo.MaxSSU2MTU {
			o["mtu"] = strconv.Itoa(d.cfg.MTU)
		}
		if kinds := ssu2.Hybrids(d.cfg.Hybrid, d.cfg.MTU, of); len(kinds) > 0 {
			o["pq"] = routerinfo.HybridOption(kinds...)
		}
		return o
	}
	for _, h := range hosts {
		s := d.socketFor(h)
		if s == nil || len(d.cfg.Listen) == 0 {
			continue
		}
		o := options(h)
		o["host"], o["port"] = h.String(), strconv.Itoa(int(transport.AddrOf(s.conn.LocalAddr()).Port()))
		addrs = append(addrs, address(costPublished, o))
	}
	if len(addrs) == 0 {
		o := options(netip.IPv6Unspecified()) // what holds for both families
		o["caps"] = d.families()
		addrs = append(addrs, address(costHidden, o))
	}
	return addrs
}

// families are the address families that we speak, as caps say them.
func (d *Driver) families() (caps string) {
	for _, s := range d.sockets {
		if s.v4 {
			caps += "4"
		} else {
			caps += "6"
		}
	}
	return caps
}

func address(cost byte, options map[string]string) routerinfo.Address {
	m, err := i2p.NewMapping(options)
	if err != nil {
		panic("ssu2: " + err.Error()) // they are short, and no key is there twice
	}
	return routerinfo.Address{Cost: cost, Style: routerinfo.StyleSSU2, Options: m}
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

// target is one address to dial, and the socket to do so from.
type target struct {
	ssu2.Target
	socket *socket
	cost   byte
}

// Bids are the peer's addresses.
func (d *Driver) Bids(ri *routerinfo.RouterInfo) (bids []transport.Bid) {
	for _, t := range d.dialable(ri) {
		bids = append(bids, transport.Bid{Cost: int(t.cost), MaxMessage: session.MaxMessage, At: t.At})
	}
	return bids
}

// Dial shakes hands with the peer at one of its addresses.
func (d *Driver) Dial(ctx context.Context, ri *routerinfo.RouterInfo, by transport.Bid, random *draw.Source) (transport.Link, error) {
	if d.host.OurInfo() == nil {
		return nil, errors.New("ssu2: no RouterInfo of our own yet")
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
func (d *Driver) Moved([]netip.Addr) {
	for _, s := range d.sockets {
		s.box.Call(s.migrate)
	}
}
