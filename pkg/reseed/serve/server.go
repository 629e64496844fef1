package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/words"
)

// MaxHeader is how many bytes a request's header may have. Routers send some 100, and
// proxies add a few hundred.
const MaxHeader = 8 << 10

// Server hands out bundles. It is an http.Handler; Serve and Run make it a service.
type Server struct {
	cfg     Config
	trusted prefixes
	agents  map[string]bool
	chooser chooser
	limiter *limiter
	conns   *connLimit
	counts  counts

	reloading sync.Mutex
	state     atomic.Pointer[state]
}

// state is what Reload replaces. A request sees one state from beginning to end.
type state struct {
	set      [][]byte
	total    int       // bytes of the set
	made     time.Time // when the set was read
	tried    time.Time // when the last set was asked for
	failed   error     // why that one is not the set
	block    prefixes
	cert     *tls.Certificate // nil without TLS
	notAfter time.Time        // of cert
}

// New checks a configuration and reads the TLS certificate and the block lists. There
// are no bundles until the first Reload: clients are asked to come back.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	trusted, err := newPrefixes(cfg.Proxies.Trusted)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, trusted: trusted, agents: make(map[string]bool),
		chooser: newChooser(cfg.Salt), limiter: newLimiter(cfg.Limits, cfg.Now()),
	}
	for _, a := range cfg.UserAgents {
		s.agents[a] = true
	}
	s.conns = newConnLimit(cfg.Limits, &s.counts, trusted)
	s.state.Store(&state{})
	if err := s.reloadFiles(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads everything anew: the TLS certificate, the block lists, and then the
// bundles. Requests and connections go on while it does, and each part that cannot be
// read stays as it was. It returns what went wrong.
func (s *Server) Reload(ctx context.Context) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	err := errors.Join(s.reloadFiles(), s.reloadBundles(ctx))
	if err != nil {
		s.counts.reloadErrors.Add(1)
		s.cfg.Log.Error("reload failed, what it was for is as before", "error", err)
		return err
	}
	s.counts.reloads.Add(1)
	st := s.state.Load()
	s.cfg.Log.Info("reloaded", "bundles", len(st.set), "bytes", st.total, "blocked", len(st.block.set))
	return nil
}

func (s *Server) reloadFiles() error {
	next := *s.state.Load()
	listed, err := readPrefixes(s.cfg.Block.Files)
	if err == nil {
		var block prefixes
		if block, err = newPrefixes(slices.Concat(s.cfg.Block.Prefixes, listed)); err == nil {
			next.block = block
		}
	}
	if s.cfg.TLS.CertFile != "" {
		cert, notAfter, certErr := loadCertificate(s.cfg.TLS.CertFile, s.cfg.TLS.KeyFile, s.cfg.Now())
		if certErr == nil {
			next.cert, next.notAfter = cert, notAfter
		}
		err = errors.Join(err, certErr)
	}
	s.state.Store(&next)
	return err
}

func (s *Server) reloadBundles(ctx context.Context) error {
	set, err := s.cfg.Bundles(ctx)
	total := 0
	if err == nil {
		total, err = checkSet(set)
	}
	next := *s.state.Load()
	next.tried, next.failed = s.cfg.Now(), err
	if err == nil {
		next.set, next.total, next.made = slices.Clone(set), total, next.tried
	}
	s.state.Store(&next)
	return err
}

func loadCertificate(certFile, keyFile string, now time.Time) (*tls.Certificate, time.Time, error) {
	chain, err := readPEM(certFile)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("serve: TLS certificate %s: %w", certFile, err)
	}
	key, err := readPEM(keyFile)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("serve: TLS key %s: %w", keyFile, err)
	}
	defer clear(key)
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("serve: TLS certificate %s: %w", certFile, err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("serve: TLS certificate %s: %w", certFile, err)
	}
	if now.After(leaf.NotAfter) {
		return nil, time.Time{}, fmt.Errorf("serve: TLS certificate %s: a valid one is expected, it expired on %s", certFile, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	cert.Leaf = leaf
	return &cert, leaf.NotAfter, nil
}

// readPEM reads a file without byte order marks.
func readPEM(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	return words.Unmarked(b), err
}

// Pauses of Run after a Reload that failed.
const (
	minRetry = 10 * time.Second
	maxRetry = 10 * time.Minute
)

// Run reloads at the pace of Config.Rebuild until ctx ends: at once where there are no
// bundles yet, and sooner after a failure, at growing intervals.
func (s *Server) Run(ctx context.Context) {
	pause, retry := s.cfg.Rebuild, minRetry
	if len(s.state.Load().set) == 0 {
		pause = 0
	} else if pause == 0 {
		return
	}
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := s.Reload(ctx); err != nil {
			pause, retry = retry, min(2*retry, maxRetry)
			if s.cfg.Rebuild > 0 {
				pause = min(pause, s.cfg.Rebuild)
			}
			continue
		}
		if pause, retry = s.cfg.Rebuild, minRetry; pause == 0 {
			return
		}
	}
}

// Serve answers requests at l until ctx ends, with TLS where a certificate is configured;
// then it closes l, and requests under way get some time to end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	l = &limitedListener{Listener: l, limit: s.conns}
	if s.cfg.TLS.CertFile != "" {
		l = tls.NewListener(l, &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return s.state.Load().cert, nil
			},
		})
	}
	return s.serve(ctx, l, s)
}

// ServeMetrics answers /metrics and /healthz at l until ctx ends. That is a matter of the
// operator: l shall not be open to the world.
func (s *Server) ServeMetrics(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, &limitedListener{Listener: l, limit: newConnLimit(Limits{Conns: 64, ConnsPerClient: 64}, new(counts), prefixes{})}, s.Metrics())
}

func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            s.cfg.Timeouts.Header,
		ReadTimeout:                  s.cfg.Timeouts.Header,
		WriteTimeout:                 s.cfg.Timeouts.Write,
		IdleTimeout:                  s.cfg.Timeouts.Idle,
		MaxHeaderBytes:               MaxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(&errorLog{s}, "", 0),
		Protocols:                    new(http.Protocols),
	}
	// No router speaks HTTP/2, and its streams would go around the limits of connections.
	srv.Protocols.SetHTTP1(true)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeouts.Shutdown)
	defer cancel()
	if srv.Shutdown(late) != nil {
		srv.Close()
	}
	<-ended
	return nil
}

// errorLog takes what net/http has to say about connections. Most of it is of one
// client's doing and has its address: that is written only where addresses may be.
type errorLog struct{ s *Server }

func (e *errorLog) Write(b []byte) (int, error) {
	text := string(bytes.TrimSpace(b))
	if what, ok := strings.CutPrefix(text, "http: panic serving "); ok {
		_, what, _ = strings.Cut(what, ": ") // after the address
		e.s.cfg.Log.Error("a request made the server panic", "error", what)
		return len(b), nil
	}
	if strings.HasPrefix(text, "http: Accept error") { // too few file descriptors, most likely
		e.s.cfg.Log.Error("no connection can be accepted", "error", text)
		return len(b), nil
	}
	if strings.Contains(text, "TLS handshake error") {
		e.s.counts.tlsErrors.Add(1)
	}
	if e.s.cfg.LogAddresses {
		e.s.cfg.Log.Debug("connection", "error", text)
	}
	return len(b), nil
}

// logRequest writes a line for the operator. What strangers choose is kept short.
func (s *Server) logRequest(r *http.Request, a answer, client netip.Addr, written int, err error) {
	if s.cfg.Access == nil {
		return
	}
	args := []slog.Attr{
		slog.String("method", short(r.Method)), slog.String("path", short(r.URL.Path)),
		slog.Int("status", a.status()), slog.String("outcome", a.String()), slog.Int("bytes", written),
	}
	if err != nil {
		args = append(args, slog.Bool("broken", true)) // not the error: it has the address
	}
	if s.cfg.LogAddresses {
		args = append(args, slog.String("client", client.String()))
	}
	s.cfg.Access.LogAttrs(r.Context(), slog.LevelInfo, "request", args...)
}

func short(text string) string { return text[:min(len(text), 64)] }
