package server

import (
	"context"
	"net/http"

	"i2ptoolkit/pkg/control"
)

// ping has a destination echo, once.
func (s *Server) ping(w http.ResponseWriter, r *http.Request) {
	var req control.Ping
	if err := readJSON(r, &req); err != nil {
		writeError(w, err)
		return
	}
	sess := s.sessions.get(r.PathValue("id"))
	if sess == nil {
		writeError(w, control.Errorf(control.NotFound, "there is no such session"))
		return
	}
	ctx, cancel := withTimeout(r.Context(), req.TimeoutMillis)
	defer cancel()
	stop := context.AfterFunc(sess.ctx, cancel)
	defer stop()
	to, err := s.resolve(ctx, sess.local, req.Destination)
	if err != nil {
		writeError(w, err)
		return
	}
	rtt, err := sess.local.Ping(ctx, to)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, control.Pong{RTTMicros: rtt.Microseconds(), B32: to.B32()})
}
