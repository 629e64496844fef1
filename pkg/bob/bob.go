// Package bob is the Basic Open Bridge (BOB, version 00.00.10): a line protocol by which programs of this machine
// make tunnels that outlive the connection that asked for them. A tunnel is a destination with a local port whose
// users say first whom they want (inport), or with a local server to which peers are joined (outport), or both.
//
// It answers as Java I2P does, with the additions of i2pd that programs use: newkeys takes a signature type, and
// there are lookup, lookuplocal and ping. No password exists in the protocol, so that it is open to this machine
// alone, and so is what it listens on.
package bob

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2p"
)

// Version is that of the protocol, which clients are told first.
const Version = "00.00.10"

// Local is a destination that is open.
type Local interface {
	Address() string
	Ready(ctx context.Context) error
	Lookup(ctx context.Context, host string) (i2p.Destination, error)
	Ping(ctx context.Context, host string) (time.Duration, error)
	Dial(ctx context.Context, host string) (net.Conn, error)
	Accept(ctx context.Context) (stream net.Conn, peer i2p.Destination, err error)
	Done() <-chan struct{}
	Close() error
}

// Config is what a Server is made of.
type Config struct {
	// Open opens a destination, whose streams are accepted where it serves. Without keys it is one that ends with
	// its use.
	Open func(ctx context.Context, name string, keys *i2p.PrivateKeys, serves bool, named map[string]string) (Local, error)
	// Known finds a name in this router's address books, and nowhere else.
	Known  func(name string) (i2p.Destination, error)
	Log    *slog.Logger // nil: no log
	Limits Limits
}

// Limits bound what clients can make a Server hold. Zero fields take the default.
type Limits struct {
	Tunnels int           // that have a nickname; default 256
	Streams int           // of one tunnel at once, with those who have not said yet whom they want; default 512
	Say     time.Duration // for that; default 60 s
}

const (
	maxLine    = 16 << 10 // of a command: keys of the longest type have a third of it
	maxAddress = 4 << 10  // of what is said first at an inport
	maxNick    = 128
	maxOptions = 64
)

// Server has the tunnels. New starts nothing; Run does.
type Server struct {
	cfg Config
	ctx context.Context // of all tunnels
	end context.CancelFunc

	running sync.WaitGroup // tunnels

	mu      sync.Mutex // a leaf; guards the tunnels as well
	ended   bool
	tunnels map[string]*tunnel
	counts  Stats
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Limits.Tunnels == 0 {
		cfg.Limits.Tunnels = 256
	}
	if cfg.Limits.Streams == 0 {
		cfg.Limits.Streams = 512
	}
	if cfg.Limits.Say == 0 {
		cfg.Limits.Say = time.Minute
	}
	s := &Server{cfg: cfg, tunnels: make(map[string]*tunnel)}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// Run ends all tunnels when ctx ends, and waits for them.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
	return nil
}

// Serve has a command connection from its beginning to its end.
func (s *Server) Serve(ctx context.Context, c *door.Client) {
	in := door.NewReader(c, maxLine)
	conv := &conversation{s: s, ctx: ctx, client: c, work: c.Work, shown: make(map[string]func())}
	if !conv.say("BOB "+Version, "OK") {
		return
	}
	for first := true; !conv.over; first = false {
		if !first {
			c.Idle() // its tunnels are not the connection's
		}
		line, err := in.Line()
		if !first {
			c.Busy()
		}
		if errors.Is(err, io.EOF) {
			line = string(in.Rest()) // the last one may have no end
		}
		switch {
		case errors.Is(err, door.ErrLong):
			s.count(func(st *Stats) { st.Refused.Lines++ })
			conv.say("ERROR line too long")
			return
		case first && isTimeout(err):
			c.Silent()
			return
		case err != nil && !(errors.Is(err, io.EOF) && len(line) > 0):
			return
		}
		text := strings.TrimRight(line, "\r")
		if first && isHTTP(text) {
			s.count(func(st *Stats) { st.Refused.HTTP++ })
			return
		}
		if first && !c.Greeted() {
			return
		}
		if !conv.say(conv.do(text)...) || err != nil {
			return
		}
	}
}

// isHTTP tells a browser that a page has made to send something here.
func isHTTP(line string) bool {
	return strings.Contains(line, " HTTP/")
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// say writes the lines of an answer, and tells whether the client took them.
func (c *conversation) say(lines ...string) bool {
	if len(lines) == 0 {
		return true
	}
	c.client.SetWriteDeadline(time.Now().Add(sayWithin))
	_, err := io.WriteString(c.client, strings.Join(lines, "\n")+"\n")
	return err == nil
}

// sayWithin is how long a client that does not read is waited for.
const sayWithin = 30 * time.Second
