package socks

import (
	"context"
	"io"
	"net"
	"time"

	"i2ptoolkit/pkg/forward/splice"
)

// connect is a CONNECT: a stream to where the request says. An error is one of the way there.
func (p *Proxy) connect(ctx context.Context, c net.Conn, r request) error {
	patience, cancel := context.WithTimeout(ctx, p.cfg.Limits.DialTime)
	remote, err := p.reach(patience, r)
	cancel()
	if err != nil {
		return err
	}
	if _, err := c.Write(r.reply(succeeded, nil)); err != nil {
		remote.Close()
		return nil
	}
	p.counts.connected.Add(1)
	if err := splice.Both(ctx, c, remote, &p.counts.streams); err != nil {
		p.cfg.Log.Debug("stream broken off", "error", err)
	}
	return nil
}

// reach opens the way to where a request says.
func (p *Proxy) reach(ctx context.Context, r request) (net.Conn, error) {
	if len(p.cfg.Outproxies) == 0 && r.host == "" {
		return nil, errIPAddress
	}
	where, host, err := r.locate()
	switch {
	case err != nil:
		return nil, err
	case where == inI2P:
		return p.dial(r.user)(ctx, host, r.port)
	case len(p.cfg.Outproxies) == 0:
		return nil, errClearnet
	}
	return p.reachOut(ctx, r.user, address{host: host, port: r.port})
}

// dial is the way into I2P of a user.
func (p *Proxy) dial(user string) Dial {
	if p.cfg.DialFor != nil && user != "" {
		return p.cfg.DialFor(user)
	}
	return p.cfg.Dial
}

// maxDiscard is how much of what a client sends is read for nothing.
const maxDiscard = 64 << 10

// discard reads until the client ends, for a moment.
func discard(c net.Conn) {
	c.SetReadDeadline(time.Now().Add(farewellTime))
	io.Copy(io.Discard, io.LimitReader(c, maxDiscard))
}
