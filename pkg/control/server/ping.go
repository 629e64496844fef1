package server

import (
	"net/http"

	"i2ptoolkit/pkg/control"
)

// ping has a destination echo, once.
func (s *Server) ping(w http.ResponseWriter, r *http.Request) {
	var req control.Ping
	sess, err := s.asked(r, &req)
	if err != nil {
		writeError(w, err)
		return
	}
	ctx, cancel := sess.within(r.Context(), req.TimeoutMillis)
	defer cancel()
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
