// Package ntcp2link is the driver of NTCP2: it listens, dials and shakes hands
// over TCP, and runs the links of the transport's table. The protocol itself is
// package ntcp2's.
//
// Each link has one goroutine that reads and one that writes.
package ntcp2link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// Config is what a Driver is made of.
type Config struct {
	Keys   Keys
	Listen []netip.AddrPort
	// Port is published where nothing is listened on: something before this router
	// passes it on. 0 is none.
	Port int
	// Hybrid is published as what peers may ask for. With None nothing is, and no peer is
	// asked for what it publishes either (proposal 169).
	Hybrid kem.Kind
	Limits Limits
}

// Limits are the driver's own. A zero field is replaced by its default.
type Limits struct {
	ConnectTimeout   time.Duration // of TCP; 10 s
	HandshakeTimeout time.Duration // from the connection to the last message; 15 s
	FrameTimeout     time.Duration // within one frame; 25 s
	StallAfter       time.Duration // without an acknowledgement, before bulk takes other ways; 3 s
	DeadAfter        time.Duration // without an acknowledgement, before the session ends; 15 s
}

func (l Limits) withDefaults() Limits {
	return Limits{
		ConnectTimeout:   cmp.Or(l.ConnectTimeout, 10*time.Second),
		HandshakeTimeout: cmp.Or(l.HandshakeTimeout, 15*time.Second),
		FrameTimeout:     cmp.Or(l.FrameTimeout, 25*time.Second),
		StallAfter:       cmp.Or(l.StallAfter, 3*time.Second),
		DeadAfter:        cmp.Or(l.DeadAfter, 15*time.Second),
	}
}

// Keys are NTCP2's, which a router keeps: peers know them from its RouterInfo.
type Keys struct {
	Static noise.KeyPair // s=
	IV     [16]byte      // i=
}

// KeysLen is the size of Keys in a file.
const KeysLen = 32 + 16

// NewKeys draws keys, in the form in which they are kept; nil is crypto/rand.
func NewKeys(random io.Reader) []byte {
	b := make([]byte, KeysLen)
	draw.Fill(random, b)
	return b
}

// ParseKeys reads kept keys.
func ParseKeys(b []byte) (Keys, error) {
	if len(b) != KeysLen {
		return Keys{}, fmt.Errorf("ntcp2: keys of %d bytes, expected %d", len(b), KeysLen)
	}
	static, iv := [32]byte(b), [16]byte(b[32:])
	defer clear(static[:])
	if static == [32]byte{} || iv == [16]byte{} {
		return Keys{}, ErrZeroKeys
	}
	return Keys{noise.NewKeyPair(static), iv}, nil
}

// ErrZeroKeys refuses what a crash of the machine may leave of a file: keys that everybody knows.
var ErrZeroKeys = errors.New("ntcp2: keys of zeros, which are none")

// Driver is a transport.Driver.
type Driver struct {
	cfg    Config
	limits Limits
	replay *ntcp2.ReplayCache
	host   *transport.Host
	counts counts

	mu           sync.Mutex
	listeners    []net.Listener
	bound        []netip.AddrPort
	shaking      map[net.Conn]uint64 // handshakes, and their order
	sequence     uint64
	connects     context.Context // of connections that are being made; ends when the machine moves
	stopConnects context.CancelFunc
}

// New makes a driver.
func New(cfg Config) *Driver {
	return &Driver{
		cfg: cfg, limits: cfg.Limits.withDefaults(), replay: ntcp2.NewReplayCache(0), shaking: map[net.Conn]uint64{},
	}
}

// Name is NTCP2.
func (d *Driver) Name() string { return routerinfo.StyleNTCP2 }

// Listen opens the listeners.
func (d *Driver) Listen(ctx context.Context, h *transport.Host) ([]netip.AddrPort, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.host = h
	d.connects, d.stopConnects = context.WithCancel(context.WithoutCancel(ctx))
	for _, addr := range d.cfg.Listen {
		var l net.Listener
		err := h.Alike(addr, d.bound, func(at netip.AddrPort) (err error) {
			l, err = h.Network.Listen(ctx, at)
			return err
		})
		if err != nil {
			for _, l := range d.listeners {
				l.Close()
			}
			d.listeners = nil
			return nil, err
		}
		d.listeners = append(d.listeners, l)
		d.bound = append(d.bound, transport.AddrOf(l.Addr()))
	}
	return d.bound, nil
}

// Run accepts connections until ctx ends.
func (d *Driver) Run(ctx context.Context) {
	d.mu.Lock()
	listeners := d.listeners
	d.mu.Unlock()
	for _, l := range listeners {
		d.host.Go(func() { d.accept(ctx, l) })
	}
	<-ctx.Done()
	for _, l := range listeners {
		l.Close()
	}
	d.closeShaking(func(net.Conn) bool { return true })
}

// Moved has the connections that are being made from addresses that are gone
// made anew.
func (d *Driver) Moved(gone []netip.Addr) {
	d.mu.Lock()
	stop := d.stopConnects
	d.connects, d.stopConnects = context.WithCancel(context.WithoutCancel(d.connects))
	d.mu.Unlock()
	stop()
	d.closeShaking(func(c net.Conn) bool { return slices.Contains(gone, transport.AddrOf(c.LocalAddr()).Addr()) })
}

// shake notes a connection in its handshake, and whether to go on with it.
func (d *Driver) shake(ctx context.Context, conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sequence++
	d.shaking[conn] = d.sequence
	return ctx.Err() == nil
}

func (d *Driver) shaken(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.shaking, conn)
}

// closeShaking closes handshakes, in the order in which they came.
func (d *Driver) closeShaking(which func(net.Conn) bool) {
	d.mu.Lock()
	order := make(map[net.Conn]uint64, len(d.shaking))
	var conns []net.Conn
	for c, n := range d.shaking {
		if which(c) {
			order[c] = n
			conns = append(conns, c)
		}
	}
	d.mu.Unlock()
	slices.SortFunc(conns, func(a, b net.Conn) int { return cmp.Compare(order[a], order[b]) })
	for _, c := range conns {
		c.Close()
	}
}

// NTCP2's cost in a published address, and in one that cannot be dialled:
// what other routers publish (RouterAddress, cost).
const (
	costPublished = 3
	costMesh      = 10 // of Yggdrasil, which is laid over other networks: slower than any of them
	costHidden    = 14
)

// Publish gives an address for each host, or one by which peers know our key
// where there is none (NTCP2, Published Router Info, Unpublished NTCP2 Address).
func (d *Driver) Publish(hosts []netip.Addr) (addrs []routerinfo.Address) {
	port := d.port()
	key := i2p.EncodeBase64(d.cfg.Keys.Static.Public[:])
	if port == 0 || len(hosts) == 0 {
		return []routerinfo.Address{address(costHidden, map[string]string{"caps": "4", "v": "2", "s": key})}
	}
	for _, h := range hosts {
		options := map[string]string{
			"host": h.String(), "port": strconv.Itoa(port), "v": "2",
			"s": key, "i": i2p.EncodeBase64(d.cfg.Keys.IV[:]),
		}
		if d.cfg.Hybrid != kem.None {
			options["pq"] = routerinfo.HybridOption(d.cfg.Hybrid)
		}
		cost := byte(costPublished)
		if transport.IsMesh(h) {
			cost = costMesh
		}
		addrs = append(addrs, address(cost, options))
	}
	return addrs
}

func address(cost byte, options map[string]string) routerinfo.Address {
	m, err := i2p.NewMapping(options)
	if err != nil {
		panic("ntcp2: " + err.Error()) // they are short, and no key is there twice
	}
	return routerinfo.Address{Cost: cost, Style: routerinfo.StyleNTCP2, Options: m}
}

func (d *Driver) port() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.bound) > 0 {
		return int(d.bound[0].Port())
	}
	return d.cfg.Port
}
