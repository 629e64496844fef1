package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// errOvertaken means that the peer's own connection came first.
var errOvertaken = errors.New("transport: the peer's own connection came first")

// A peer takes few handshakes at once from one address, and closes the others
// unanswered: such a dial is tried again.
const (
	dialAttempts = 3
	dialPause    = 500 * time.Millisecond
)

// maxRetry bounds the memory of failed dials.
const maxRetry = 4096

// target is one address to dial.
type target struct {
	addr netip.AddrPort
	peer ntcp2.Peer
	cost byte
}

// dialable returns the addresses of a peer that can be dialled, cheapest first.
func (t *Transport) dialable(ri *routerinfo.RouterInfo) (out []target) {
	for _, a := range ri.NTCP2() {
		host, key, iv := a.Host(), [32]byte{}, [16]byte{}
		key, okKey := a.StaticKey()
		iv, okIV := a.IV()
		if !okKey || !okIV || a.Port() == 0 || !host.IsValid() || key == t.cfg.Static.Public {
			continue
		}
		host = host.Unmap()
		if reserved(host) && (!t.cfg.LocalAllowed || host.IsUnspecified() || host.IsMulticast()) || !t.reaches(host) {
			continue
		}
		out = append(out, target{
			addr: netip.AddrPortFrom(host, a.Port()),
			peer: ntcp2.Peer{Hash: ri.Hash(), Static: key, IV: iv},
			cost: a.Cost,
		})
	}
	slices.SortStableFunc(out, func(a, b target) int { return int(a.cost) - int(b.cost) })
	return out
}

// reaches reports whether we use the address's family: that of an address
// that is listened on, or IPv4 where nothing is.
func (t *Transport) reaches(a netip.Addr) bool {
	for _, l := range t.cfg.Listen {
		if l.Addr().Unmap().Is4() == a.Is4() {
			return true
		}
	}
	return len(t.cfg.Listen) == 0 && a.Is4()
}

// dial tries the peer's addresses one after the other, and becomes the session.
func (t *Transport) dial(ctx context.Context, p *peer, targets []target, rng io.Reader) {
	err := error(ErrNoAddress)
	for _, at := range targets {
		for try := range dialAttempts {
			if try > 0 && !t.pause(ctx, dialPause+drawDuration(rng, dialPause)) {
				break
			}
			var s *session
			var first, rest []byte
			if s, first, rest, err = t.handshakeOut(ctx, p, at, rng); err == nil {
				t.dialDone(p, nil)
				s.run(first, rest)
				return
			}
			if ctx.Err() != nil || !closedUnanswered(err) && !t.moved(err) {
				break
			}
		}
		if ctx.Err() != nil || errors.Is(err, errOvertaken) {
			break
		}
	}
	t.dialDone(p, err)
}

// closedUnanswered reports whether the peer closed before message 2.
func closedUnanswered(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// moved reports whether a dial failed because of the address that it came from.
// The machine's addresses are looked at, then.
func (t *Transport) moved(err error) bool {
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENETUNREACH) {
		select {
		case t.lookNow <- struct{}{}:
		default:
		}
		return true
	}
	return errors.Is(err, errMoved) || errors.Is(err, net.ErrClosed)
}

// pause sleeps, and reports false when ctx ends.
func (t *Transport) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// dialDone ends the dial of a peer. Where it failed and there is no session
// either, the peer leaves the table with what waited for it.
func (t *Transport) dialDone(p *peer, err error) {
	t.mu.Lock()
	t.dials--
	p.mu.Lock()
	p.dialling = false
	gone := p.current == nil
	down := gone && p.moving
	p.moving = false // whether or not the old session is out of the table yet
	p.mu.Unlock()
	if down && t.cfg.Down != nil {
		t.events.add(func() { t.cfg.Down(p.hash, cmp.Or(err, errMoved)) })
	}
	failed := err != nil && !errors.Is(err, errOvertaken) && gone
	if gone && t.peers[p.hash] == p {
		delete(t.peers, p.hash)
	}
	if failed && t.ctx.Err() == nil {
		t.counters.dialsFailed.Add(1)
		t.retryLater(p.hash, t.limits.RedialAfter)
		if t.cfg.Failed != nil {
			t.events.add(func() { t.cfg.Failed(p.hash, err) })
		}
	}
	t.mu.Unlock()
	if gone {
		p.kill()
	}
	if failed {
		t.cfg.Log.Debug("dial failed", "peer", p.hash.String()[:6], "error", err)
	}
	t.events.run()
}

// retryLater keeps the peer from being dialled for a while. A full memory
// forgets what has passed, and all of it if nothing has. The caller holds mu.
func (t *Transport) retryLater(hash i2p.Hash, after time.Duration) {
	now := time.Now()
	if len(t.retryAt) >= maxRetry {
		for h, at := range t.retryAt {
			if !now.Before(at) {
				delete(t.retryAt, h)
			}
		}
		if len(t.retryAt) >= maxRetry {
			clear(t.retryAt)
		}
	}
	t.retryAt[hash] = now.Add(after)
}

// handshakeOut is Alice's side. It returns the session, already in the table,
// with message 3, which the writer sends together with the first messages.
func (t *Transport) handshakeOut(ctx context.Context, p *peer, at target, rng io.Reader) (s *session, first, rest []byte, err error) {
	info := t.cfg.OurInfo()
	if info == nil {
		return nil, nil, nil, errors.New("transport: no RouterInfo of our own yet")
	}
	conn, err := t.connect(ctx, at.addr)
	if err != nil {
		return nil, nil, nil, err
	}
	pc := &pendingConn{conn: conn}
	t.mu.Lock()
	closed := t.closed
	if !closed {
		t.remember(pc)
	}
	t.mu.Unlock()
	if closed {
		conn.Close()
		return nil, nil, nil, ErrClosed
	}
	defer func() {
		t.forget(pc)
		if err != nil {
			abort(conn)
		}
	}()
	conn.SetDeadline(time.Now().Add(t.limits.HandshakeTimeout))
	hs := ntcp2.NewInitiator(ntcp2.Config{
		Static: t.cfg.Static, NetID: t.cfg.NetID, Info: info.Bytes(),
		Options: ntcp2.DefaultOptions, Rand: rng,
	}, at.peer)
	h := newHandshakeIO(t, conn, hs)
	request, err := hs.Start(t.cfg.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	if err := h.write(ctx, request); err != nil {
		return nil, nil, nil, err
	}
	for !hs.Done() {
		if first, err = h.next(ctx); err != nil {
			t.counters.failed(err)
			return nil, nil, nil, fmt.Errorf("transport: dial: %w", err)
		}
	}
	if p.connected() { // message 3 would make a second session
		return nil, nil, nil, errOvertaken
	}
	conn.SetDeadline(time.Time{})
	s = t.newSession(ctx, conn, false, hs.Result(), rng)
	if !t.establish(s, p.hash) {
		s.cancel()
		return nil, nil, nil, ErrClosed
	}
	t.counters.dialed.Add(1)
	return s, first, h.rest(), nil
}

func (t *Transport) connect(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	t.mu.Lock()
	connects := t.connects
	t.mu.Unlock()
	dial, cancel := context.WithTimeout(connects, t.limits.ConnectTimeout)
	defer cancel()
	conn, err := t.cfg.Network.DialContext(dial, addr)
	if err != nil && connects.Err() != nil && ctx.Err() == nil {
		return nil, errMoved
	}
	return conn, err
}
