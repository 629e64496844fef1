// Package door is what the router's servers for applications share, whatever they speak: where they are open and to
// whom, how many connections they take, who says which password, and who is connected with which sessions.
//
// A server gives a Door its Serve, and its protocol is all that is left to it. The settings change while it runs.
package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Config is what a Door is made of.
type Config struct {
	Name string       // "sam": for lists, logs and the files that are kept
	Log  *slog.Logger // nil: no log
	Now  func() time.Time
	// Serve has a connection from its beginning to its end. It returns soon once ctx ends, when the connection is
	// closed as well; the door closes it in any case.
	Serve func(ctx context.Context, c *Client)
	// Files keep the certificate and the users that a client may add; nil: in memory.
	Files Files
	// Listen is net.Listen where it is nil.
	Listen func(network, address string) (net.Listener, error)
	// Silence is how long a connection may say nothing before its first request is whole; default 60 s.
	Silence time.Duration
	// Memory is how much one connection may have the server hold for it (Client.Hold); default 4 MiB.
	Memory int
	// Cost is of the hashes of passwords (bcrypt); default 10.
	Cost int
	// Turns are the router's (Client.Work); nil: the door has its own.
	Turns Turns
}

// Files are small files by name. An error that is fs.ErrNotExist says that there is none.
type Files interface {
	Read(name string) ([]byte, error)
	Keep(name string, b []byte) error
}

// Door takes the connections of one server. New starts nothing; Run does.
type Door struct {
	cfg     Config
	users   *Users
	changed chan struct{} // holds one: the settings are others

	mu        sync.Mutex // a leaf
	settings  Settings
	listeners map[string]*listener // by what the settings say
	fault     error                // why some are not there
	asked     int                  // how often settings were applied
	tried     int                  // of these, what Run has opened by
	settled   chan struct{}        // closed when tried is another
	clients   map[*Client]struct{}
	silent    queue // clients that have not said anything whole, the oldest first
	idle      queue // those that have, and have nothing to lose (Client.Idle), the longest idle first
	byAddress map[string]int
	counts    Stats
}

// listener is one place where the door is open.
type listener struct {
	net.Listener
	at string // where it really is
}

// New makes a Door that is shut until Apply and Run are called.
func New(cfg Config) *Door {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Silence == 0 {
		cfg.Silence = time.Minute
	}
	if cfg.Memory == 0 {
		cfg.Memory = 4 << 20
	}
	if cfg.Cost == 0 {
		cfg.Cost = bcrypt.DefaultCost
	}
	if cfg.Files == nil {
		cfg.Files = &memory{}
	}
	if cfg.Turns == nil {
		cfg.Turns = NewTurns()
	}
	return &Door{
		cfg: cfg, users: newUsers(cfg.Name, cfg.Files, cfg.Cost), changed: make(chan struct{}, 1),
		listeners: make(map[string]*listener), settled: make(chan struct{}), clients: make(map[*Client]struct{}), byAddress: make(map[string]int),
	}
}

// Users are those who may come in.
func (d *Door) Users() *Users { return d.users }

// Apply has other settings hold, soon. Connections stay, but for those that may not be there any more: all of them
// when the door is shut or TLS is new, those of nobody when passwords are, and of users who are none any longer.
func (d *Door) Apply(s Settings) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("%s: %w", d.cfg.Name, err)
	}
	if err := d.users.set(s.Auth, s.Users); err != nil {
		return fmt.Errorf("%s: %w", d.cfg.Name, err)
	}
	d.mu.Lock()
	had := d.settings
	d.settings = s.clone()
	d.asked++
	var leave []*Client
	for c := range d.clients {
		if !s.Enabled || s.TLS && !had.TLS || s.Auth && !had.Auth && c.user == "" && c.greeted || c.user != "" && !d.users.known(c.user) {
			leave = append(leave, c)
		}
	}
	d.mu.Unlock()
	for _, c := range leave {
		c.cancel()
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
	return nil
}

// Settled waits until Run has tried to open where the settings say that hold now, or for the end of ctx.
func (d *Door) Settled(ctx context.Context) {
	d.mu.Lock()
	wanted := d.asked
	for d.tried < wanted {
		settled := d.settled
		d.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return
		}
		d.mu.Lock()
	}
	d.mu.Unlock()
}

// rebind is how long the door waits before it tries again to open where it could not.
const rebind = 5 * time.Second

// Run keeps the door open where the settings say, until ctx ends; then it waits for all connections.
func (d *Door) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer d.shut(func(string) bool { return false })
	had := Settings{}
	for {
		d.mu.Lock()
		want, asked := d.settings, d.asked
		d.mu.Unlock()
		d.shut(func(at string) bool { return want.Enabled && had.sameTLS(want) && slices.Contains(want.Listen, at) })
		had = want
		var again <-chan time.Time
		if err := d.openAll(ctx, want, &running); err != nil {
			again = time.After(rebind)
		}
		d.mu.Lock()
		d.tried = asked
		close(d.settled)
		d.settled = make(chan struct{})
		d.mu.Unlock()
		select {
		case <-d.changed:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// shut closes the listeners that are not to stay.
func (d *Door) shut(stays func(at string) bool) {
	d.mu.Lock()
	var gone []*listener
	for at, l := range d.listeners {
		if !stays(at) {
			gone = append(gone, l)
			delete(d.listeners, at)
		}
	}
	d.mu.Unlock()
	for _, l := range gone {
		l.Close()
	}
}

// openAll opens what is not open yet.
func (d *Door) openAll(ctx context.Context, s Settings, running *sync.WaitGroup) error {
	var faults []error
	if s.Enabled {
		for _, at := range s.Listen {
			if err := d.open(ctx, s, at, running); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", at, err))
			}
		}
	}
	err := errors.Join(faults...)
	d.mu.Lock()
	told := d.fault != nil && err != nil && d.fault.Error() == err.Error()
	d.fault = err
	d.mu.Unlock()
	if err != nil && !told {
		d.cfg.Log.Error("a door is not open where it is to be", "door", d.cfg.Name, "error", err)
	}
	return err
}

func (d *Door) open(ctx context.Context, s Settings, at string, running *sync.WaitGroup) error {
	d.mu.Lock()
	_, is := d.listeners[at]
	d.mu.Unlock()
	if is {
		return nil
	}
	var secure *tls.Config
	if s.TLS && !strings.HasPrefix(at, "unix:") {
		var err error
		if secure, err = d.certificate(s); err != nil {
			return err
		}
	}
	bound, where, err := Bind(at, d.cfg.Listen)
	if err != nil {
		return err
	}
	l := &listener{bound, where}
	if secure != nil {
		l.Listener = tls.NewListener(bound, secure)
	}
	d.mu.Lock()
	d.listeners[at] = l
	d.mu.Unlock()
	d.cfg.Log.Info("a door is open", "door", d.cfg.Name, "at", l.at, "tls", secure != nil, "auth", s.Auth)
	running.Go(func() { d.accept(ctx, l, running) })
	return nil
}

// acceptPause is how long no connection is taken after one could not be, for want of descriptors most likely.
const acceptPause = 100 * time.Millisecond

// accept takes connections until the listener is closed.
func (d *Door) accept(ctx context.Context, l *listener, running *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			d.count(func(s *Stats) { s.Refused.Descriptors++ })
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		c := d.admit(ctx, conn)
		if c == nil {
			conn.Close()
			continue
		}
		running.Go(func() { d.serve(c) })
	}
}

// admit makes a client of a connection; nil: there is no room for it. Where the door is full, a connection goes that has
// nothing to lose: the longest silent or the longest idle, of whichever there are more. Who has come just now is among few.
func (d *Door) admit(ctx context.Context, conn net.Conn) *Client {
	host := hostOf(conn.RemoteAddr())
	d.mu.Lock()
	defer d.mu.Unlock()
	all, each := d.settings.limits()
	switch {
	case !d.settings.Enabled || ctx.Err() != nil:
		return nil
	case host != "" && d.byAddress[host] >= each:
		d.counts.Refused.Address++
		return nil
	case len(d.clients) >= all:
		oldest := d.silent.first()
		if d.idle.l.Len() > d.silent.l.Len() {
			oldest = d.idle.first()
		}
		if oldest == nil {
			d.counts.Refused.Crowded++
			return nil
		}
		d.counts.Refused.Evicted++
		d.forget(oldest)
		oldest.leave()
	}
	c := newClient(ctx, d, conn, host)
	d.clients[c] = struct{}{}
	d.silent.add(c)
	if host != "" {
		d.byAddress[host]++
	}
	d.counts.Accepted++
	return c
}

// forget takes a client off the lists, once. The caller has the lock.
func (d *Door) forget(c *Client) {
	if _, is := d.clients[c]; !is {
		return
	}
	delete(d.clients, c)
	d.stir(c)
	if c.host != "" {
		if d.byAddress[c.host]--; d.byAddress[c.host] == 0 {
			delete(d.byAddress, c.host)
		}
	}
}

// serve is a connection from its beginning to its end.
func (d *Door) serve(c *Client) {
	defer func() {
		c.cancel()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.forget(c)
	}()
	c.SetDeadline(time.Now().Add(d.cfg.Silence))
	if t, ok := c.Conn.(*tls.Conn); ok {
		if err := t.HandshakeContext(c.ctx); err != nil {
			d.count(func(s *Stats) { s.Refused.Handshake++ })
			d.cfg.Log.Debug("no TLS handshake", "door", d.cfg.Name, "error", err)
			return
		}
	}
	d.cfg.Serve(c.ctx, c)
}

// hostOf is the other machine that a connection is from; empty: it is this one. A machine has all of an IPv6 /64.
func hostOf(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok || t.IP.IsLoopback() {
		return ""
	}
	ip := t.AddrPort().Addr().Unmap()
	if mine, err := ip.Prefix(64); err == nil && ip.Is6() {
		return mine.String()
	}
	return ip.String()
}
