// Package httpserver is what stands before a web server on I2P: it tells the server who asks, takes out of
// its answers what they say of its machine, and refuses what is too much.
//
// Each message is read strictly and written anew, so that the web server and this reader cannot understand
// two things; and a connection to the web server is one peer's alone, so that what one leaves in it no other
// one meets.
package httpserver

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/i2p"
)

// Config is what a Server needs; all of it may be left out.
type Config struct {
	// Host is what Host says to the web server; empty: what the peer said.
	Host string
	// RejectInproxies refuses requests that came from the clearnet by a gateway that says so;
	// RejectReferer those that another site's link led to; RejectAgents those of programs whose names
	// have one of these texts in them ("none": that do not say their names).
	RejectInproxies, RejectReferer bool
	RejectAgents                   []string
	Posts                          Posts
	Limits                         Limits

	Log *slog.Logger
	Now func() time.Time
}

// Limits are how long things may take; 0 is what is said here.
type Limits struct {
	Hello  time.Duration // for a request's head, from its first byte: 10 s
	Idle   time.Duration // until a request begins: 3 min
	Answer time.Duration // for the web server's answer to begin: 3 min
	Stall  time.Duration // for a piece of a body: 15 min
}

// maxHead bounds the head of a message.
const maxHead = 64 << 10

// Server answers peers. It is safe for concurrent use.
type Server struct {
	cfg    Config
	posts  limiter
	counts counts
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	agents := cfg.RejectAgents
	cfg.RejectAgents = nil
	for _, a := range agents {
		if a != "" {
			cfg.RejectAgents = append(cfg.RejectAgents, strings.ToLower(a))
		}
	}
	l := &cfg.Limits
	for _, d := range []struct {
		at        *time.Duration
		otherwise time.Duration
	}{
		{&l.Hello, 10 * time.Second}, {&l.Idle, 3 * time.Minute}, {&l.Answer, 3 * time.Minute}, {&l.Stall, 15 * time.Minute},
		{&cfg.Posts.Period, 5 * time.Minute}, {&cfg.Posts.Ban, 30 * time.Minute},
	} {
		if *d.at == 0 {
			*d.at = d.otherwise
		}
	}
	return &Server{cfg: cfg, posts: limiter{Posts: cfg.Posts}}
}

// Dial connects to the web server.
type Dial func(context.Context) (net.Conn, error)

// Handle answers a peer on its stream until that has ended, or ctx has; then it has closed the stream.
func (s *Server) Handle(ctx context.Context, stream net.Conn, peer i2p.Destination, dial Dial, count *splice.Count) {
	e := newSession(s, stream, peer, dial, count)
	stop := context.AfterFunc(ctx, e.breakOff)
	defer stop()
	for e.next(ctx) {
	}
	e.end()
}
