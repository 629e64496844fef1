// Package httpproxy is the door for browsers: an HTTP proxy to eepsites, which protects who uses
// it from them. What an eepsite sees of a browser is what is on a list, and everybody's values are
// the same; nothing but I2P is ever reached, and nobody is asked for the address of a name.
//
// It reads and writes messages itself and not by net/http. That joins folded lines, takes a lone
// LF for the end of a line, and forgets a Content-Length beside chunks before anybody sees them,
// which are the ways to make two readers understand two things; it adds and sorts fields by rules
// of its own; and it cannot say whether a request may be sent again. A fuzz target compares the
// two: what is taken here means the same there.
package httpproxy

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/httpmsg"
	"i2ptoolkit/pkg/i2p"
)

// Config is what a Proxy needs. All but Dial may be left out.
type Config struct {
	// Dial opens a stream to a port of a host: a name, a b32 address, or a destination in
	// base64. Its errors are those of package destinations.
	Dial func(ctx context.Context, host string, port uint16) (net.Conn, error)
	// Lookup finds the destination of a name that is known here, at once.
	Lookup func(name string) (i2p.Destination, error)
	// Save remembers a name that is not known yet, as its user wants.
	Save func(ctx context.Context, name string, to i2p.Destination) error
	// Jump are addresses of services that know names; a name is put behind them.
	Jump []string
	// Jumps are links to such services for a name, where Jump names none; nil: there are none.
	Jumps      func(name string) []Link
	Outproxies []Outproxy
	// ConnectOnly refuses all but CONNECT.
	ConnectOnly bool
	// ConnectPorts are those that CONNECT may ask for; none given: all of I2P, and 443 by an
	// outproxy.
	ConnectPorts []uint16
	// Accounts may use the proxy; none given: everybody who can connect.
	Accounts       []Account
	AcceptLanguage bool // eepsites are told what languages a browser wants

	Log    *slog.Logger
	Now    func() time.Time
	Limits Limits
}

// Account is a user of a shared machine.
type Account struct{ Name, Password string }

// Link is one that a page shows.
type Link struct{ Name, URL string }

// Limits bound what clients and eepsites can make a Proxy do. Zero values stand for those told.
type Limits struct {
	Connections int           // of clients: 512
	Header      int           // bytes of a header section: 64 KiB
	Hello       time.Duration // for a header section, from its first byte: 10 s
	Idle        time.Duration // for the next request: 2 min
	Connect     time.Duration // for a stream: 90 s
	Answer      time.Duration // for the first line of a response, from the request's end: 3 min
	Stall       time.Duration // for the next bytes of a body: 15 min
	Streams     int           // that are kept open for the next request: 64
	PerHost     int           // of these, to one port of one host: 8
	StreamIdle  time.Duration // how long they are kept: 1 min
}

func (l *Limits) fill() {
	or := func(n *int, standard int) {
		if *n == 0 {
			*n = standard
		}
	}
	orTime := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	or(&l.Connections, 512)
	or(&l.Header, 64<<10)
	orTime(&l.Hello, 10*time.Second)
	orTime(&l.Idle, 2*time.Minute)
	orTime(&l.Connect, 90*time.Second)
	orTime(&l.Answer, 3*time.Minute)
	orTime(&l.Stall, 15*time.Minute)
	or(&l.Streams, 64)
	or(&l.PerHost, 8)
	orTime(&l.StreamIdle, time.Minute)
}

// Proxy is an HTTP proxy.
type Proxy struct {
	cfg      Config
	counts   counts
	pool     pool
	out      outproxies
	accounts accounts
	helpers  helpers
	pages    pages
}

// New makes a Proxy. It starts nothing; Serve does.
func New(cfg Config) *Proxy {
	cfg.Limits.fill()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Proxy{cfg: cfg, accounts: newAccounts(cfg.Accounts), pages: newPages()}
	p.pool.init(&p.cfg.Limits, &p.counts)
	p.out.init(cfg.Outproxies)
	rand.Read(p.helpers.key[:])
	rand.Read(p.out.key[:])
	return p
}

// Serve answers those who connect to a listener until ctx ends, and then closes it and breaks
// off what goes on. It is called once.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	defer func() {
		cancel()
		sessions.Wait()
		p.pool.close()
	}()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if passing := net.Error(nil); !errors.As(err, &passing) || errors.Is(err, net.ErrClosed) {
				return err
			}
			select { // the process has too many files open
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		sessions.Go(func() { p.session(ctx, c) })
	}
}

// session answers one client.
func (p *Proxy) session(ctx context.Context, c net.Conn) {
	defer c.Close()
	now := p.counts.connections.Add(1)
	defer p.counts.connections.Add(-1)
	p.counts.accepted.Add(1)
	s := &session{p: p, c: c}
	defer context.AfterFunc(ctx, s.breakOff)()
	s.open()
	defer s.release()
	if now > int64(p.cfg.Limits.Connections) {
		p.counts.busy.Add(1)
		s.req = httpmsg.Request{}
		s.refuse(faultBusy)
		return
	}
	for s.next(ctx) {
	}
	s.linger()
}
