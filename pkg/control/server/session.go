package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
)

// session is a local destination that belongs to one connection of a tool: when the
// connection ends, so does the destination.
type session struct {
	id        string
	local     Destination
	listeners map[uint16]Listener
	events    chan control.SessionEvent
	ctx       context.Context // of the connection

	ports atomic.Int32 // for datagrams, open

	mu      sync.Mutex
	last    uint64          // number given to a stream
	streams map[uint64]bool // open ones; true once their writing's end was announced
}

// emit tells the tool, unless it has gone.
func (s *session) emit(e control.SessionEvent) {
	select {
	case s.events <- e:
	case <-s.ctx.Done():
	}
}

func (s *session) addStream() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.streams[s.last] = false
	return s.last
}

func (s *session) removeStream(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, id)
}

// announceEnd notes that the tool has written all it wanted to. That of a stream which
// has ended meanwhile is no news: the session tells how it ended.
func (s *session) announceEnd(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := s.streams[id]; open {
		s.streams[id] = true
	}
	return id > 0 && id <= s.last
}

// endAnnounced tells a tool that ended its writing from one that died.
func (s *session) endAnnounced(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

// sessionTable finds sessions by their id. The ids are random, so that a tool reaches its
// own sessions only.
type sessionTable struct {
	limit int
	mu    sync.Mutex
	byID  map[string]*session

	stopped bool // see stop
}

func (t *sessionTable) add(s *session) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byID) >= t.limit {
		return control.Errorf(control.Busy, "more than %d sessions at once", t.limit)
	}
	if t.byID == nil {
		t.byID = make(map[string]*session)
	}
	t.byID[s.id] = s
	return nil
}

func (t *sessionTable) get(id string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

func (t *sessionTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}

func (t *sessionTable) remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, id)
}

// stop notes that the router has closed a destination: it closes all, as it stops. A tool that asks
// for a session after that is told so.
func (t *sessionTable) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
}

func (t *sessionTable) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped
}

// open makes a destination and tells its story, one event a line, until the tool or the
// router ends it.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	var req control.Open
	if err := readJSON(r, &req); err != nil {
		writeError(w, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	sess, err := s.newSession(ctx, req)
	if err != nil {
		writeError(w, err)
		return
	}
	defer sess.local.Close()
	if err := s.sessions.add(sess); err != nil {
		writeError(w, err)
		return
	}
	defer s.sessions.remove(sess.id)
	s.counts.sessionsOpened.Add(1)

	lines := newLineWriter(w)
	dest := sess.local.Destination()
	if lines.write(control.SessionEvent{Event: control.SessionOpened, ID: sess.id, Destination: dest.Base64(), B32: sess.local.Address()}) != nil {
		return
	}
	s.handlers.Add(1)
	go func() {
		defer s.handlers.Done()
		if err := sess.local.Ready(ctx); err == nil {
			sess.emit(control.SessionEvent{Event: control.SessionReady})
		}
	}()
	for {
		select {
		case e := <-sess.events:
			if lines.write(e) != nil {
				return
			}
		case <-sess.local.Done():
			s.sessions.stop()
			lines.write(control.SessionEvent{Event: control.SessionClosed, Error: control.Errorf(control.Stopping, "the router closed the destination")})
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) newSession(ctx context.Context, req control.Open) (*session, error) {
	cfg := DestinationConfig{Options: req.Options}
	var err error
	if len(req.Key) > 0 {
		if cfg.Keys, err = keysOf(req.Key); err != nil {
			return nil, err
		}
	}
	local, err := s.node.OpenDestination(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sess := &session{
		id:        rand.Text(),
		local:     local,
		listeners: make(map[uint16]Listener),
		streams:   make(map[uint64]bool),
		events:    make(chan control.SessionEvent, 16),
		ctx:       ctx,
	}
	for _, port := range req.Listen {
		if sess.listeners[port] != nil {
			continue
		}
		l, err := local.Listen(port)
		if err != nil {
			local.Close()
			return nil, err
		}
		sess.listeners[port] = l
	}
	return sess, nil
}

// keysOf reads a private key file, and clears it.
func keysOf(file []byte) (*i2p.PrivateKeys, error) {
	defer clear(file)
	keys, err := i2p.ParseKeyFile(file)
	if err != nil {
		return nil, control.Errorf(control.BadData, "private key: %v", err)
	}
	return keys, nil
}

// rekey has a session's destination go on with other keys of its own.
func (s *Server) rekey(w http.ResponseWriter, r *http.Request) {
	var req control.Rekey
	sess, err := s.asked(r, &req)
	if err != nil {
		writeError(w, err)
		return
	}
	keys, err := keysOf(req.Key)
	if err == nil {
		err = sess.local.Rekey(keys)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, struct{}{})
}

// connect dials and becomes the stream.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	var req control.Connect
	sess, err := s.upgrade(r, control.UpgradeProtocol, &req)
	if err != nil {
		writeError(w, err)
		return
	}
	ctx, cancel := sess.within(r.Context(), req.TimeoutMillis)
	defer cancel()
	stream, err := s.dial(ctx, sess.local, req)
	if err != nil {
		writeError(w, err)
		return
	}
	s.become(w, r, sess, stream)
}

// accept waits for a stream and becomes it.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) {
	var req control.Accept
	sess, err := s.upgrade(r, control.UpgradeProtocol, &req)
	if err != nil {
		writeError(w, err)
		return
	}
	l := sess.listeners[req.Port]
	if l == nil {
		writeError(w, control.Errorf(control.BadRequest, "the session does not listen on port %d", req.Port))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(sess.ctx, cancel)
	defer stop()
	stream, err := l.Accept(ctx)
	if err != nil {
		writeError(w, err)
		return
	}
	if req.Last {
		l.Close()
	}
	s.become(w, r, sess, stream)
}

// end announces that the tool is about to end a stream's writing: an end that was not
// announced is a tool that died, and breaks the stream off.
func (s *Server) end(w http.ResponseWriter, r *http.Request) {
	sess := s.sessions.get(r.PathValue("id"))
	id, err := strconv.ParseUint(r.PathValue("stream"), 10, 64)
	if sess == nil || err != nil || !sess.announceEnd(id) {
		writeError(w, control.Errorf(control.NotFound, "there is no such stream"))
		return
	}
	writeJSON(w, struct{}{})
}

// upgrade reads what requests have in common whose connections become something else.
func (s *Server) upgrade(r *http.Request, protocol string, req any) (*session, error) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), protocol) {
		return nil, control.Errorf(control.BadRequest, "the request does not ask to upgrade to %s", protocol)
	}
	return s.asked(r, req)
}

// asked reads a request, and finds the session that it is for.
func (s *Server) asked(r *http.Request, req any) (*session, error) {
	if err := readJSON(r, req); err != nil {
		return nil, err
	}
	sess := s.sessions.get(r.PathValue("id"))
	switch {
	case sess != nil && sess.ctx.Err() == nil:
		return sess, nil
	case s.sessions.stopping() || r.Context().Err() != nil: // a request's ends with the server, too
		return nil, control.Errorf(control.Stopping, "the router closed the destination")
	}
	return nil, control.Errorf(control.NotFound, "there is no such session")
}

// within bounds what is done for a session by time, where there is any, and by the session's end.
func (s *session) within(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	ctx, cancel := withTimeout(ctx, ms)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
