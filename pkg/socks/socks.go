// Package socks is a SOCKS server whose way out is I2P: versions 4, 4a and 5 (RFC 1928), with
// names and passwords (RFC 1929), CONNECT, and UDP ASSOCIATE for datagrams.
//
// It knows no network but what its Config gives it. A name that ends in .i2p is dialled; an IP
// address or any other name is refused, or goes to an outproxy, which is a destination of I2P as
// well. Nothing is resolved by DNS.
package socks

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// Dial opens a stream to a name and a port of I2P. Its errors are those of package destinations.
type Dial func(ctx context.Context, host string, port uint16) (net.Conn, error)

// Datagrams are those of a port of ours (sockets.PacketConn).
type Datagrams interface {
	ReadMessage() (datagram.Message, error)
	WriteMessage(datagram.Message) error
	Close() error
}

// Config is what a Proxy needs.
type Config struct {
	Log  *slog.Logger // nil: no log
	Dial Dial
	// DialFor gives every user's name streams of its own, so that nobody can tell that two users
	// are one. Where there are no Users, any name and password will do. It may be nil.
	DialFor func(user string) Dial
	// Resolve and Listen are for datagrams. Without them there is no UDP. Listen takes a port that
	// nobody can guess.
	Resolve func(ctx context.Context, host string) (i2p.Destination, error)
	Listen  func() (Datagrams, error)

	Users      []User     // who may; none: everybody
	Outproxies []Outproxy // for what is not in I2P, the preferred first
	// Extended has failures told by the codes that Tor defined beyond those of the RFC (proposal
	// 304), which clients that do not know them take for errors of the protocol.
	Extended bool
	Limits   Limits
}

// User is a name with its password.
type User struct{ Name, Password string }

// Limits bound what clients can make a Proxy hold. Zero fields take the default.
type Limits struct {
	Connections   int           // at once; default 1024
	Associations  int           // of UDP, at once; default 64
	Peers         int           // of one association; default 256
	HandshakeTime time.Duration // until the request is whole; default 10 s
	DialTime      time.Duration // default 60 s
}

func (l Limits) withDefaults() Limits {
	if l.Connections == 0 {
		l.Connections = 1024
	}
	if l.Associations == 0 {
		l.Associations = 64
	}
	if l.Peers == 0 {
		l.Peers = 256
	}
	if l.HandshakeTime == 0 {
		l.HandshakeTime = 10 * time.Second
	}
	if l.DialTime == 0 {
		l.DialTime = time.Minute
	}
	return l
}

// Proxy serves SOCKS.
type Proxy struct {
	cfg      Config
	users    []credentials
	outproxy atomic.Int32 // which was reached last
	counts   counts
}

// credentials are the hashes of a User: those of equal length compare in equal time.
type credentials struct{ name, password [sha256.Size]byte }

func hashed(name, password string) credentials {
	return credentials{sha256.Sum256([]byte(name)), sha256.Sum256([]byte(password))}
}

// New makes a Proxy.
func New(cfg Config) *Proxy {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	p := &Proxy{cfg: cfg}
	for _, u := range cfg.Users {
		p.users = append(p.users, hashed(u.Name, u.Password))
	}
	return p
}

// permits tells whether a name and password are a user's, in a time that does not tell which is
// wrong.
func (p *Proxy) permits(name, password string) bool {
	got, found := hashed(name, password), 0
	for _, u := range p.users {
		found |= subtle.ConstantTimeCompare(u.name[:], got.name[:]) & subtle.ConstantTimeCompare(u.password[:], got.password[:])
	}
	return found == 1
}

// acceptPause is how long no connection is taken after one could not be, for want of descriptors
// most likely.
const acceptPause = 100 * time.Millisecond

// Serve takes connections until ctx ends or the listener does. Then it breaks off those that are
// open, and waits for them. It closes the listener.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if c != nil {
				c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			p.cfg.Log.Warn("a connection could not be taken", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
		case p.counts.open.Add(1) > int64(p.cfg.Limits.Connections):
			p.counts.open.Add(-1)
			p.counts.crowded.Add(1)
			c.Close()
		default:
			running.Go(func() {
				defer p.counts.open.Add(-1)
				p.serve(ctx, c)
			})
		}
	}
}

// serve is a connection from its beginning to its end.
func (p *Proxy) serve(ctx context.Context, c net.Conn) {
	p.counts.accepted.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()

	c.SetDeadline(time.Now().Add(p.cfg.Limits.HandshakeTime))
	r, err := p.greet(c)
	if err != nil {
		p.counts.turnAway(err)
		p.cfg.Log.Debug("no SOCKS request", "error", err)
		part(c)
		return
	}
	c.SetDeadline(time.Time{})
	switch r.command {
	case connect:
		err = p.connect(ctx, c, r)
	case associate:
		err = p.associate(ctx, c, r)
	default: // BIND is for what comes from a peer, which I2P has no way to tell of
		err = errCommand
	}
	if err != nil {
		p.refuse(c, r, err)
	}
}

// refuse says why a request was not met.
func (p *Proxy) refuse(c net.Conn, r request, err error) {
	p.counts.refuse(err)
	p.cfg.Log.Debug("SOCKS request refused", "error", err)
	c.SetDeadline(time.Now().Add(farewellTime))
	if _, err := c.Write(r.reply(codeOf(err, p.cfg.Extended), nil)); err != nil {
		return
	}
	part(c)
}

// farewellTime is how long a client that has been refused has to read why.
const farewellTime = 500 * time.Millisecond

// part ends a connection so that what was written is read: were something that the client sent
// left unread, the system would break the connection off and lose it.
func part(c net.Conn) {
	w, ok := c.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	discard(c)
}
