package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/naming"
)

// Limits bound what the socket's users can make the router hold. Zero fields take the
// default.
type Limits struct {
	Requests int           // at once; default 1024
	Sessions int           // local destinations at once; default 128
	Body     int64         // bytes of a request's body; default 64 KiB
	BodyTime time.Duration // in which it is to come; default 10 s
}

func (l Limits) withDefaults() Limits {
	if l.Requests == 0 {
		l.Requests = 1024
	}
	if l.Sessions == 0 {
		l.Sessions = 128
	}
	if l.Body == 0 {
		l.Body = 64 << 10
	}
	if l.BodyTime == 0 {
		l.BodyTime = 10 * time.Second
	}
	return l
}

// Config is what a Server needs.
type Config struct {
	Path     string // of the Unix socket
	Node     Node
	Names    *naming.Names // nil: there are none
	Forwards Forwards
	Log      *slog.Logger // nil: no log
	Limits   Limits
}

// Server answers the control API on one Unix socket.
type Server struct {
	node     Node
	names    *naming.Names
	forwards Forwards // nil: there are none
	log      *slog.Logger
	limits   Limits
	socket   *socket
	counts   counts
	sessions sessionTable

	mu       sync.Mutex
	ended    bool // no handler begins any more
	handlers sync.WaitGroup
}

// New binds the socket, so that a path that cannot be used is known at once. A socket left
// by a router that was killed is replaced; that of a living router is an error. Run must
// be called after New: it is what gives the socket up again.
func New(cfg Config) (*Server, error) {
	s := &Server{node: cfg.Node, names: cfg.Names, forwards: cfg.Forwards, log: cfg.Log, limits: cfg.Limits.withDefaults()}
	if s.names == nil {
		s.names = naming.New(naming.Config{})
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.sessions.limit = s.limits.Sessions
	var err error
	if s.socket, err = bind(cfg.Path); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return s, nil
}

// Run answers until ctx ends, then breaks off what is open, waits for every goroutine and
// removes the socket.
func (s *Server) Run(ctx context.Context) error {
	defer s.socket.remove()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.socket.listener) }()
	var err error
	select {
	case <-ctx.Done():
		srv.Close()
		<-served
	case err = <-served:
		cancel()
	}
	s.finish()
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// begin counts a handler, unless Run waits for the last one already: a connection that was
// taken at the last moment may come to its handler after that.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.handlers.Add(1)
	}
	return !s.ended
}

// finish lets no further handler begin, and waits for all that have.
func (s *Server) finish() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.handlers.Wait()
}

// serve reads the requests to their end, counts and bounds them, and hands them to their handler.
// Who is slow to send one holds up nobody else: it counts once it is whole.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		writeError(w, control.Errorf(control.Stopping, "the router is stopping"))
		return
	}
	defer s.handlers.Done()
	body, err := s.readBody(w, r)
	defer clear(body) // it may have a private key in it
	s.counts.requests.Add(1)
	w = judged{w, &s.counts}
	if err != nil {
		writeError(w, err)
		return
	}
	defer s.counts.active.Add(-1)
	if s.counts.active.Add(1) > int64(s.limits.Requests) {
		s.counts.busy.Add(1)
		writeError(w, control.Errorf(control.Busy, "more than %d requests at once", s.limits.Requests))
		return
	}
	s.routes().ServeHTTP(w, r)
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, s.node.Status()) })
	mux.HandleFunc("GET /v1/peers", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, list(s.node.Peers())) })
	mux.HandleFunc("GET /v1/tunnels", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, list(s.node.Tunnels())) })
	mux.HandleFunc("GET /v1/transports", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, list(s.node.Transports())) })
	mux.HandleFunc("GET /v1/doors", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, list(s.node.Doors())) })
	mux.HandleFunc("GET /v1/doctor", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, list(s.node.Doctor())) })
	mux.HandleFunc("GET /v1/metrics", s.metrics)
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("GET /v1/wait", s.wait)
	mux.HandleFunc("GET /v1/netdb", s.netDB)
	mux.HandleFunc("POST /v1/lookup", lookup(s.node.Lookup))
	mux.HandleFunc("POST /v1/explore", answer(s.explore))
	mux.HandleFunc("POST /v1/store", answer(s.store))
	mux.HandleFunc("POST /v1/trace", lookup(s.trace))
	mux.HandleFunc("POST /v1/reload", s.reload)
	mux.HandleFunc("POST /v1/reseed", s.reseed)
	mux.HandleFunc("POST /v1/stop", s.stop)
	mux.HandleFunc("GET /v1/log-level", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, control.LogLevel{Level: s.node.LogLevel()})
	})
	mux.HandleFunc("PUT /v1/log-level", s.changeLogLevel)
	mux.HandleFunc("POST /v1/sessions", s.open)
	mux.HandleFunc("POST /v1/sessions/{id}/connect", s.connect)
	mux.HandleFunc("POST /v1/sessions/{id}/accept", s.accept)
	mux.HandleFunc("POST /v1/sessions/{id}/datagrams", s.datagrams)
	mux.HandleFunc("POST /v1/sessions/{id}/ping", s.ping)
	mux.HandleFunc("POST /v1/sessions/{id}/key", s.rekey)
	mux.HandleFunc("POST /v1/sessions/{id}/streams/{stream}/end", s.end)
	s.forwarding(mux)
	s.nameRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, control.Errorf(control.BadRequest, "the router does not know %s %s", r.Method, r.URL.Path))
	})
	return mux
}

// list makes an empty list [] and not null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// readBody reads a request's body to its end, so that the server notices when its sender goes
// away, and leaves it with the request. An error ends the connection.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	conn := http.NewResponseController(w)
	conn.SetReadDeadline(time.Now().Add(s.limits.BodyTime))
	limit := s.limits.Body
	if r.URL.Path == control.PathImport {
		limit = max(limit, control.MaxImport)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	r.Body = io.NopCloser(bytes.NewReader(b))
	switch {
	case err == nil:
		conn.SetReadDeadline(time.Time{})
		return b, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = control.Errorf(control.Timeout, "the request was not whole within %v", s.limits.BodyTime)
	default:
		err = control.Errorf(control.BadRequest, "request body: %v", err)
	}
	w.Header().Set("Connection", "close") // the deadline stays: what is left is not waited for
	return b, err
}

// readJSON reads a request's body.
func readJSON(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return control.Errorf(control.BadRequest, "request body: %v", err)
	}
	if d.More() {
		return control.Errorf(control.BadRequest, "request body: more than one value")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // an error here means that the tool has gone
}

func writeError(w http.ResponseWriter, err error) {
	e := asError(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf(e.Code))
	json.NewEncoder(w).Encode(e)
}

func asError(err error) *control.Error {
	var e *control.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return control.Errorf(control.Timeout, "timed out")
	case errors.Is(err, context.Canceled):
		return control.Errorf(control.Stopping, "broken off")
	}
	return control.Errorf(control.Internal, "%v", err)
}

func statusOf(c control.Code) int {
	switch c {
	case control.BadRequest, control.BadData:
		return http.StatusBadRequest
	case control.NotFound:
		return http.StatusNotFound
	case control.Timeout:
		return http.StatusGatewayTimeout
	case control.NoTunnels, control.Busy, control.Stopping:
		return http.StatusServiceUnavailable
	case control.InUse:
		return http.StatusConflict
	case control.Unreachable, control.Refused, control.Reset, control.Unsupported:
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}
