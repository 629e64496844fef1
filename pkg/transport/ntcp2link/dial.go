package ntcp2link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// A peer takes few handshakes at once from one address, and closes the others
// unanswered: such a dial is tried again.
const (
	dialAttempts = 3
	dialPause    = 500 * time.Millisecond
)

// maxBody is the largest I2NP body that is sent; i2pd takes little more.
const maxBody = 61 << 10

// target is one address to dial.
type target struct {
	addr netip.AddrPort
	peer ntcp2.Peer
	cost byte
}

// dialable returns the addresses of a peer that can be dialled.
func (d *Driver) dialable(ri *routerinfo.RouterInfo) (out []target) {
	for _, a := range ri.NTCP2() {
		host := a.Host()
		key, okKey := a.StaticKey()
		iv, okIV := a.IV()
		if !okKey || !okIV || a.Port() == 0 || !host.IsValid() || key == d.cfg.Keys.Static.Public {
			continue
		}
		host = host.Unmap()
		if !d.host.MayDial(host) || !d.reaches(host) {
			continue
		}
		t := target{
			addr: netip.AddrPortFrom(host, a.Port()),
			peer: ntcp2.Peer{Hash: ri.Hash(), Static: key, IV: iv},
			cost: a.Cost,
		}
		if kinds := a.Hybrids(); len(kinds) > 0 && d.cfg.Hybrid != kem.None {
			t.peer.Hybrid = kinds[0]
		}
		out = append(out, t)
	}
	return out
}

// reaches reports whether we use the address's family: that of an address that is
// listened on, or IPv4 where nothing is; the only one that the machine has; and
// Yggdrasil where it is there.
func (d *Driver) reaches(a netip.Addr) bool {
	if transport.IsMesh(a) || d.host.Lacks(!a.Is4()) {
		return true
	}
	for _, l := range d.cfg.Listen {
		if l.Addr().Unmap().Is4() == a.Is4() {
			return true
		}
	}
	return len(d.cfg.Listen) == 0 && a.Is4()
}

// Bids are the peer's addresses.
func (d *Driver) Bids(ri *routerinfo.RouterInfo) (bids []transport.Bid) {
	for _, t := range d.dialable(ri) {
		bids = append(bids, transport.Bid{Cost: int(t.cost), MaxMessage: maxBody, At: t.addr})
	}
	return bids
}

// errMoved is the end of a connection from an address that the machine has no
// longer.
var errMoved = errors.New("ntcp2: this machine's address has changed")

// Dial shakes hands with the peer at one of its addresses.
func (d *Driver) Dial(ctx context.Context, ri *routerinfo.RouterInfo, by transport.Bid, random *draw.Source) (transport.Link, error) {
	all := d.dialable(ri)
	i := slices.IndexFunc(all, func(t target) bool { return t.addr == by.At })
	if i < 0 {
		return nil, transport.ErrNoAddress
	}
	var err error
	for try := range dialAttempts {
		if try > 0 && !pause(ctx, random.Between(dialPause, 2*dialPause)) {
			break
		}
		var l *link
		if l, err = d.handshakeOut(ctx, all[i], random); err == nil {
			return l, nil
		}
		if ctx.Err() != nil || !closedUnanswered(err) && !d.moved(err) {
			break
		}
	}
	return nil, err
}

// closedUnanswered reports whether the peer closed before message 2.
func closedUnanswered(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// moved reports whether a dial failed because of the address that it came from.
// The machine's addresses are looked at, then.
func (d *Driver) moved(err error) bool {
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENETUNREACH) {
		d.host.LookAround()
		return true
	}
	return errors.Is(err, errMoved) || errors.Is(err, net.ErrClosed)
}

// pause sleeps, and reports false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// handshakeOut is Alice's side. The link begins with message 3, which its writer
// sends together with the first messages.
func (d *Driver) handshakeOut(ctx context.Context, at target, random *draw.Source) (l *link, err error) {
	info := d.host.OurInfo()
	if info == nil {
		return nil, errors.New("ntcp2: no RouterInfo of our own yet")
	}
	d.mu.Lock()
	connects := d.connects
	d.mu.Unlock()
	conn, err := d.connect(ctx, connects, at.addr)
	if err != nil {
		return nil, err
	}
	defer func() {
		d.shaken(conn)
		if err != nil {
			abort(conn)
		}
	}()
	if !d.shake(ctx, conn) {
		return nil, ctx.Err()
	}
	if connects.Err() != nil { // and Moved may have come before it could see the connection
		return nil, errMoved
	}
	conn.SetDeadline(time.Now().Add(d.limits.HandshakeTimeout))
	hs := ntcp2.NewInitiator(ntcp2.Config{
		Static: d.cfg.Keys.Static, NetID: d.host.NetID, Info: info.Bytes(),
		Options: ntcp2.DefaultOptions, Rand: random,
	}, at.peer)
	c := newCarrier(d.host, conn, hs)
	request, err := hs.Start(d.host.Now())
	if err != nil {
		return nil, err
	}
	if err := c.write(ctx, request); err != nil {
		return nil, err
	}
	var first []byte
	for !hs.Done() {
		if first, err = c.next(ctx); err != nil {
			d.counts.failed(err)
			return nil, fmt.Errorf("ntcp2: dial: %w", err)
		}
	}
	conn.SetDeadline(time.Time{})
	return d.newLink(ctx, conn, hs.Result(), random, first, c.rest()), nil
}

// connect makes the connection, unless connects ends before.
func (d *Driver) connect(ctx, connects context.Context, addr netip.AddrPort) (net.Conn, error) {
	dial, cancel := context.WithTimeout(ctx, d.limits.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(connects, cancel)()
	conn, err := d.host.Network.DialContext(dial, addr)
	if err != nil && connects.Err() != nil && ctx.Err() == nil {
		return nil, errMoved
	}
	return conn, err
}
