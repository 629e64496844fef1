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

// dialable returns the addresses of a peer that can be dialled, cheapest first.
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
	slices.SortStableFunc(out, func(a, b target) int { return int(a.cost) - int(b.cost) })
	return out
}

// reaches reports whether we use the address's family: that of an address
// that is listened on, or IPv4 where nothing is.
func (d *Driver) reaches(a netip.Addr) bool {
	for _, l := range d.cfg.Listen {
		if l.Addr().Unmap().Is4() == a.Is4() {
			return true
		}
	}
	return len(d.cfg.Listen) == 0 && a.Is4()
}

// Bid is the cost of the peer's best address.
func (d *Driver) Bid(ri *routerinfo.RouterInfo) (transport.Bid, bool) {
	targets := d.dialable(ri)
	if len(targets) == 0 {
		return transport.Bid{}, false
	}
	return transport.Bid{Cost: int(targets[0].cost), MaxMessage: maxBody}, true
}

// errMoved is the end of a connection from an address that the machine has no
// longer.
var errMoved = errors.New("ntcp2: this machine's address has changed")

// Dial tries the peer's addresses one after the other.
func (d *Driver) Dial(ctx context.Context, ri *routerinfo.RouterInfo, random *draw.Source) (transport.Link, error) {
	err := error(transport.ErrNoAddress)
	for _, at := range d.dialable(ri) {
		for try := range dialAttempts {
			if try > 0 && !pause(ctx, random.Between(dialPause, 2*dialPause)) {
				return nil, err
			}
			var l *link
			if l, err = d.handshakeOut(ctx, at, random); err == nil {
				return l, nil
			}
			if ctx.Err() != nil {
				return nil, err
			}
			if !closedUnanswered(err) && !d.moved(err) {
				break
			}
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
	conn, err := d.connect(ctx, at.addr)
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

func (d *Driver) connect(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d.mu.Lock()
	connects := d.connects
	d.mu.Unlock()
	dial, cancel := context.WithTimeout(ctx, d.limits.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(connects, cancel)()
	conn, err := d.host.Network.DialContext(dial, addr)
	if err != nil && connects.Err() != nil && ctx.Err() == nil {
		return nil, errMoved
	}
	return conn, err
}
