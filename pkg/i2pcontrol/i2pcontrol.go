// Package i2pcontrol answers I2PControl, version 1: JSON-RPC 2.0 over HTTP, by which programs that know many kinds of
// routers look at one and tell it to stop or to reseed.
//
// Its one user is asked for a password, which is kept as a hash, and gets a token that ends. What the specification
// lets a program set of the router's settings goes into their file, as Java I2P has it.
package i2pcontrol

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/profile"
)

// User is whom the password belongs to, in the lists of a door.
const User = "i2pcontrol"

// Router is what is looked at.
type Router interface {
	Status() control.Status
	Stop()
	StopGracefully()
	Reseed(ctx context.Context, sources []string) (control.Reseed, error)
}

// Config is what a Server is made of.
type Config struct {
	Router   Router
	Settings func() Settings
	// Set has changes hold and be kept, all of them or none. It tells whether some wait for the next start. An error
	// that is control.BadData is about their values.
	Set      func(Changes) (restart bool, err error)
	Groups   func() profile.Stats
	Now      func() time.Time // nil is time.Now
	Log      *slog.Logger     // nil: no log
	TokenFor time.Duration    // how long a token lasts; default 24 h
}

const (
	maxBody    = 64 << 10
	maxTokens  = 256
	maxBatch   = 32
	headerTime = 10 * time.Second
	bodyTime   = 30 * time.Second
	idleTime   = 2 * time.Minute
	// wrongPause is what a wrong password costs its connection.
	wrongPause = time.Second
)

// Server answers. New starts nothing; Serve has each connection.
type Server struct {
	cfg Config

	mu       sync.Mutex // a leaf
	tokens   map[string]time.Time
	password string // its hash
	rates    rates
	counts   Stats

	reseeds chan struct{} // holds one: somebody wants it
}

// Stats count what a Server was asked.
type Stats struct {
	Calls     uint64
	Refused   uint64 // that had no token, or not a good one
	Malformed uint64
}

// Password tells which password holds, by its hash. Tokens that were given for another end, whoever has changed it.
func (s *Server) Password(hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hash != s.password {
		clear(s.tokens)
	}
	s.password = hash
}

// held is the hash of the password that holds.
func (s *Server) held() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.password
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.counts)
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.TokenFor == 0 {
		cfg.TokenFor = 24 * time.Hour
	}
	return &Server{cfg: cfg, tokens: make(map[string]time.Time), reseeds: make(chan struct{}, 1)}
}

// Run looks at the router every second while somebody has a token, for averages, and has it reseed where somebody
// asked for that, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var reseeding sync.WaitGroup
	defer reseeding.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if now := s.cfg.Now(); s.watched(now) {
			traffic := s.cfg.Router.Status().Traffic
			s.mu.Lock()
			s.rates.note(now, traffic)
			s.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-s.reseeds:
			reseeding.Go(func() { s.cfg.Router.Reseed(ctx, nil) })
		case <-ctx.Done():
			return nil
		}
	}
}

// watched tells whether a token lasts.
func (s *Server) watched(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, until := range s.tokens {
		if now.Before(until) {
			return true
		}
	}
	return false
}

// Serve has a connection from its beginning to its end.
func (s *Server) Serve(ctx context.Context, c *door.Client) {
	one := &one{conn: c, taken: make(chan struct{}), done: make(chan struct{})}
	srv := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, c) }),
		ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime + time.Minute, IdleTimeout: idleTime,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				one.end()
			}
		},
	}
	srv.Serve(one) // returns once the connection has been closed
}

// one is a listener to which one connection comes.
type one struct {
	conn  net.Conn
	taken chan struct{}
	done  chan struct{}
	once  sync.Once
}

func (l *one) Accept() (net.Conn, error) {
	select {
	case <-l.taken:
		<-l.done
		return nil, net.ErrClosed
	default:
		close(l.taken)
		return l.conn, nil
	}
}

func (l *one) end()           { l.once.Do(func() { close(l.done) }) }
func (l *one) Close() error   { l.end(); return nil }
func (l *one) Addr() net.Addr { return l.conn.LocalAddr() }

// answer takes a request of HTTP, which has one call or several.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *door.Client) {
	w.Header()["Date"] = nil // strangers who reach the port need not know this machine's clock
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "I2PControl is JSON-RPC 2.0 by POST", http.StatusMethodNotAllowed)
		return
	}
	// A page in a browser that knows the password's token has no business here, and one that does not none either.
	if r.Header.Get("Origin") != "" {
		http.Error(w, "not for pages", http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.count(func(st *Stats) { st.Malformed++ })
		http.Error(w, "the request is too large, or did not come whole", http.StatusRequestEntityTooLarge)
		return
	}
	c.Work(func() {})
	asks := &caller{Client: c}
	out := s.calls(r.Context(), asks, body)
	// Whoever is greeted may take its time, which is not meant for an answer that it does not read.
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bodyTime))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(out)
	http.NewResponseController(w).Flush()
	for _, f := range asks.after {
		f()
	}
}

// caller is who has sent a request.
type caller struct {
	*door.Client
	after []func()
}

// After is client's.
func (c *caller) After(f func()) { c.after = append(c.after, f) }
