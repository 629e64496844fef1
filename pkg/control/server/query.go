package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
)

// events follows the router's events, one JSON object a line.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	lines := newLineWriter(w)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	for e := range s.node.Events(ctx) {
		if lines.write(e) != nil {
			return
		}
	}
}

// wait answers once a state stands.
func (s *Server) wait(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("for")
	if state != control.WaitReady && state != control.WaitTunnels {
		writeError(w, control.Errorf(control.BadRequest, "wait: %q is neither %s nor %s", state, control.WaitReady, control.WaitTunnels))
		return
	}
	if err := s.node.Wait(r.Context(), state); err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, s.node.Status())
}

// netDB lists what is stored, one record a line.
func (s *Server) netDB(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Query().Get("kind")
	if err := checkKind(kind); err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, rec := range s.node.NetDB(kind) {
		if enc.Encode(rec) != nil {
			return
		}
	}
}

// metrics answers in the Prometheus text format.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", control.MetricsType)
	w.Write(s.node.Metrics())
}

// lookup makes a handler of what answers a control.Lookup.
func lookup[A any](do func(ctx context.Context, kind string, hash i2p.Hash) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req control.Lookup
		if err := readJSON(r, &req); err != nil {
			writeError(w, err)
			return
		}
		if err := checkKind(req.Kind); err != nil {
			writeError(w, err)
			return
		}
		hash, err := i2p.ParseHash(req.Hash)
		if err != nil {
			writeError(w, control.Errorf(control.BadRequest, "%v", err))
			return
		}
		ctx, cancel := withTimeout(r.Context(), req.TimeoutMillis)
		defer cancel()
		a, err := do(ctx, req.Kind, hash)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, a)
	}
}

func (s *Server) trace(ctx context.Context, kind string, hash i2p.Hash) (control.Trace, error) {
	return s.node.Trace(ctx, kind, hash), nil
}

func (s *Server) explore(ctx context.Context, req control.Explore) (control.Explored, error) {
	if req.Searches < 1 || req.Searches > control.MaxSearches {
		return control.Explored{}, control.Errorf(control.BadRequest, "%d searches: from 1 to %d are possible", req.Searches, control.MaxSearches)
	}
	ctx, cancel := withTimeout(ctx, req.TimeoutMillis)
	defer cancel()
	return s.node.Explore(ctx, req.Searches), nil
}

func (s *Server) store(ctx context.Context, req control.Store) (control.Stored, error) {
	if req.Copies < 1 || req.Copies > control.MaxCopies {
		return control.Stored{}, control.Errorf(control.BadRequest, "%d copies: from 1 to %d are possible", req.Copies, control.MaxCopies)
	}
	ctx, cancel := withTimeout(ctx, req.TimeoutMillis)
	defer cancel()
	return s.node.Store(ctx, req)
}

func checkKind(kind string) error {
	if kind != control.KindRouterInfo && kind != control.KindLeaseSet {
		return control.Errorf(control.BadRequest, "kind %q is neither %s nor %s", kind, control.KindRouterInfo, control.KindLeaseSet)
	}
	return nil
}

func withTimeout(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	if ms <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	done, err := s.node.Reload(r.Context())
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, done)
}

func (s *Server) reseed(w http.ResponseWriter, r *http.Request) {
	var req control.ReseedNow
	if err := readJSON(r, &req); err != nil {
		writeError(w, err)
		return
	}
	done, err := s.node.Reseed(r.Context(), req.Sources)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, done)
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	var req control.Stop
	if err := readJSON(r, &req); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	writeJSON(w, struct{}{})
	http.NewResponseController(w).Flush()
	switch {
	case req.Now:
		s.node.StopNow()
	case req.Graceful:
		s.node.StopGracefully()
	default:
		s.node.Stop()
	}
}

func (s *Server) changeLogLevel(w http.ResponseWriter, r *http.Request) {
	var req control.LogLevel
	if err := readJSON(r, &req); err != nil {
		writeError(w, err)
		return
	}
	if err := s.node.ChangeLogLevel(req.Level); err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, control.LogLevel{Level: s.node.LogLevel()})
}

// lineWriter writes JSON objects a line each, and lets every line out at once.
type lineWriter struct {
	enc   *json.Encoder
	flush func() error
}

func newLineWriter(w http.ResponseWriter) lineWriter {
	w.Header().Set("Content-Type", "application/x-ndjson")
	l := lineWriter{enc: json.NewEncoder(w), flush: http.NewResponseController(w).Flush}
	w.WriteHeader(http.StatusOK)
	l.flush()
	return l
}

func (l lineWriter) write(v any) error {
	if err := l.enc.Encode(v); err != nil {
		return err
	}
	return l.flush()
}
