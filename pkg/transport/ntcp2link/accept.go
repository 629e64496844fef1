package ntcp2link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// A stranger's first message is awaited for a random time between requestMin
// and requestMin+requestSpread. One that is no good gets no answer: what
// follows is read, up to a random number of bytes, until that same moment. So
// neither the answer nor the time of the close tells junk from a replay, or
// either from a message that never came.
const (
	requestMin    = 8 * time.Second
	requestSpread = 12 * time.Second
	junkMin       = 2 << 10 // no first message is longer
	junkSpread    = 16 << 10
)

// accept takes connections from a listener until it is closed.
func (d *Driver) accept(ctx context.Context, l net.Listener) {
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			d.welcome(ctx, conn)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of descriptors, most likely: wait for some to be freed.
		pause = min(max(2*pause, 10*time.Millisecond), time.Second)
		d.host.Log.Warn("transport cannot accept", "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// welcome begins the handshake of a connection within the limits.
func (d *Driver) welcome(ctx context.Context, conn net.Conn) {
	v := d.host.Admit(transport.AddrOf(conn.RemoteAddr()).Addr(), func() { conn.Close() })
	if v == nil {
		abort(conn)
		return
	}
	if !d.shake(ctx, conn) || !d.host.Go(func() { d.respond(ctx, conn, v) }) {
		d.shaken(conn)
		v.Leave()
		conn.Close()
	}
}

// abort closes with a reset where the connection knows how, so that the close
// looks the same whether or not everything was read.
func abort(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0)
	}
	conn.Close()
}

// respond is Bob's side of a handshake, and then the session.
func (d *Driver) respond(ctx context.Context, conn net.Conn, v *transport.Visitor) {
	r, rest, err := d.handshakeIn(ctx, conn, v)
	var ri *routerinfo.RouterInfo
	if err == nil {
		ri, err = d.checkConfirmed(conn, r)
	}
	d.shaken(conn)
	if err != nil {
		v.Leave()
		abort(conn)
		return
	}
	conn.SetDeadline(time.Time{})
	d.host.Serve(v, d.newLink(ctx, conn, r, v.Random(), nil, rest), ri, r.Flood)
}

// errJunk is the end of a connection that was never answered.
var errJunk = errors.New("ntcp2: junk")

// handshakeIn returns what came of a handshake, and what was read behind
// message 3.
func (d *Driver) handshakeIn(ctx context.Context, conn net.Conn, v *transport.Visitor) (r ntcp2.Result, rest []byte, err error) {
	begun := time.Now()
	deadline := begun.Add(v.Random().Between(requestMin, requestMin+requestSpread))
	allowance := junkMin + v.Random().Below(junkSpread)
	conn.SetDeadline(deadline)
	if v.Suspect() {
		discard(conn, allowance)
		return r, nil, errJunk
	}
	hs := ntcp2.NewResponder(ntcp2.Config{
		Static: d.cfg.Keys.Static, NetID: d.host.NetID, Hash: d.host.Self, IV: d.cfg.Keys.IV, Hybrid: d.cfg.Hybrid,
		Replay: d.replay, Options: ntcp2.DefaultOptions, Rand: v.Random(),
	})
	carrier := newCarrier(d.host, conn, hs)
	for !hs.Done() {
		if err := carrier.step(ctx); err != nil {
			d.counts.failed(err)
			if !carrier.wasAuthenticated {
				v.Junk()
				discard(conn, allowance-carrier.hi)
			}
			return r, nil, err
		}
		if carrier.wasAuthenticated { // message 2 is out
			v.Proved()
			conn.SetDeadline(begun.Add(d.limits.HandshakeTimeout + requestMin))
		}
	}
	return hs.Result(), carrier.rest(), nil
}

// checkConfirmed judges what Alice sent in message 3: her clock, her
// RouterInfo, that it holds the static key that she proved, and that she comes
// from where it says (NTCP2, SessionConfirmed, notes). If she is refused, she is
// told why.
func (d *Driver) checkConfirmed(conn net.Conn, r ntcp2.Result) (*routerinfo.RouterInfo, error) {
	ri, reason, err := d.judge(r, conn)
	if err == nil {
		return ri, nil
	}
	d.host.Refused(err)
	end := ntcp2.Termination{Reason: reason}
	conn.SetDeadline(time.Now().Add(farewell))
	conn.Write(r.Sender.Seal(end.AppendTo(ntcp2.Begin(nil)), 0))
	return nil, err
}

func (d *Driver) judge(r ntcp2.Result, conn net.Conn) (*routerinfo.RouterInfo, ntcp2.Reason, error) {
	if r.Skew.Abs() > ntcp2.MaxSkew {
		return nil, ntcp2.ReasonClockSkew, fmt.Errorf("ntcp2: clock skew %v", r.Skew)
	}
	ri, refusal := d.host.Check(r.Info, transport.AddrOf(conn.RemoteAddr()).Addr(), routerinfo.Address.IsNTCP2)
	if refusal != nil {
		return nil, reasonOf(refusal.Reason), refusal
	}
	if !hasStatic(ri, r.Static) {
		return nil, ntcp2.ReasonStaticKey, errors.New("ntcp2: no address with the static key")
	}
	return ri, 0, nil
}

func hasStatic(ri *routerinfo.RouterInfo, static [32]byte) bool {
	for _, a := range ri.Addresses() {
		if key, ok := a.StaticKey(); ok && a.IsNTCP2() && key == static {
			return true
		}
	}
	return false
}

// reasonOf says the table's reason in NTCP2's words (NTCP2, Termination).
func reasonOf(r transport.Reason) ntcp2.Reason {
	switch r {
	case transport.ReasonIdle:
		return ntcp2.ReasonIdleTimeout
	case transport.ReasonShutdown:
		return ntcp2.ReasonShutdown
	case transport.ReasonInfo:
		return ntcp2.ReasonMessage3
	case transport.ReasonSignatureType:
		return ntcp2.ReasonSignatureType
	case transport.ReasonSignature:
		return ntcp2.ReasonSignature
	case transport.ReasonBanned:
		return ntcp2.ReasonBanned
	}
	return ntcp2.ReasonNormal
}
