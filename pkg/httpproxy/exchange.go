package httpproxy

import (
	"errors"
	"io"
	"os"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/httpmsg"
)

// maxInterim is how many responses may come before the one that counts.
const maxInterim = 16

// exchange sends a request and gives the client the response. keep is whether the client's
// connection goes on. again means that the stream had ended before anything of this came about.
// A fault is one that the client can still be told.
func (s *session) exchange(up *stream) (keep, again bool, f *fault) {
	s.use(up)
	defer s.use(nil)
	begun := time.Now()
	limits := &s.p.cfg.Limits
	s.out = s.p.appendRequest(s.out[:0], &s.req, &s.to, up)
	s.inline()
	up.SetReadDeadline(begun.Add(limits.Answer))
	up.SetWriteDeadline(begun.Add(limits.Stall))
	_, err := up.Write(s.out)
	if err == nil {
		s.watch(up, up.abort)
		err = s.readResponse(up)
	}
	if err != nil {
		return s.unanswered(up, err)
	}
	if s.resp.Status == 101 {
		s.dismiss()
		return s.upgrade(up)
	}
	keep, err = s.respond(up)
	if err != nil { // after the first byte of the response the client sees an error as a connection that breaks
		up.abort()
		s.dismiss()
		up.giveBack()
		splice.Break(s.c)
		return false, false, nil
	}
	if !s.dismissBody(up) {
		up.abort()
		up.giveBack()
		return false, false, nil
	}
	if s.resp.Keep {
		s.p.pool.put(up)
	} else {
		up.close()
	}
	return keep, false, nil
}

// inline puts a small body that has come already behind the head.
func (s *session) inline() {
	if b := s.req.Body; b.Kind != httpmsg.Sized || b.Length > int64(s.r.Buffered()) || b.Length > int64(cap(s.out)-len(s.out)) {
		return
	}
	w := httpmsg.Pieces{Body: &s.sent}
	s.out, _ = w.Next(s.out)
	s.p.counts.bytesOut.Add(w.N)
}

// dismissBody ends the reading of the client. It reports false where there is something of the
// request left that was not sent: neither connection can be used for another then.
func (s *session) dismissBody(up *stream) bool {
	if !s.attend.finished.Load() {
		up.abort()
	}
	return s.dismiss() && s.sent.Done
}

// readResponse reads the response, and passes on that the body may be sent.
func (s *session) readResponse(up *stream) error {
	for range maxInterim {
		err := s.resp.Read(up.r, s.p.cfg.Limits.Header, s.req.Is("HEAD"))
		switch {
		case err == nil && s.resp.Status == 407: // a browser would ask for this proxy's password, and send it there
			return httpmsg.Malformed("it asks for the proxy's password")
		case err != nil || s.resp.Status >= 200 || s.resp.Status == 101:
			return err
		}
		if s.resp.Status == 100 && s.req.Minor == 1 && s.req.Has(httpmsg.Expect, "100-continue") {
			if _, err := io.WriteString(s.c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return err
			}
		}
	}
	return httpmsg.Malformed("it has too many preliminary responses")
}

// unanswered ends a stream on which no response came, and says why none did.
func (s *session) unanswered(up *stream, err error) (keep, again bool, f *fault) {
	up.abort()
	nothing := len(s.resp.Text) == 0 && up.r.Buffered() == 0
	gone, why := s.lost()
	there := s.dismiss()
	up.giveBack()
	late := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case why != nil:
		s.p.counts.malformed.Add(1)
		s.req.Keep = false
		return false, false, faultMalformed(why)
	case gone || !there:
		s.p.counts.gone.Add(1)
		return false, false, nil
	case up.reused && nothing && !late && s.req.Repeatable():
		return false, true, nil
	}
	out := faultBroken
	switch {
	case late:
		out = faultLate
	case errors.Is(err, httpmsg.ErrEnd):
		out = faultClosed
	case errors.Is(err, httpmsg.ErrMalformed), errors.Is(err, httpmsg.ErrTooLarge):
		out = faultGarbage
		out.text += ": " + err.Error() + "."
	}
	return false, false, &out
}

// respond writes the response to the client as it comes.
func (s *session) respond(up *stream) (keep bool, err error) {
	q, r := &s.req, &s.resp
	limits := &s.p.cfg.Limits
	s.got.Begin(up.r, r.Body, false)
	w := httpmsg.Pieces{Body: &s.got}
	keep = q.Keep
	if r.Body.Kind == httpmsg.Chunked || r.Body.Kind == httpmsg.UntilEnd {
		w.Chunked = q.Minor == 1
		keep = keep && w.Chunked
		if r.Body.Kind == httpmsg.UntilEnd && w.Chunked {
			r.Body.Kind = httpmsg.Chunked // to the client, who thereby sees where it ends
		}
	}
	defer func() { s.p.counts.bytesIn.Add(w.N) }()
	s.out = appendResponse(s.out[:0], r, q, keep)
	if full := cap(s.out)-len(s.out) < httpmsg.MinPiece; full || !s.got.Ready() && !s.got.Done { // what the head says may be what the client waits for
		if err := s.write(); err != nil {
			return false, err
		}
	}
	for !s.got.Done {
		if !s.got.Ready() {
			up.SetReadDeadline(time.Now().Add(limits.Stall))
		}
		var end error
		s.out, end = w.Next(s.out)
		if end != nil && end != io.EOF {
			return false, end
		}
		if err := s.write(); err != nil {
			return false, err
		}
		if end == io.EOF {
			return keep, nil
		}
	}
	return keep, s.write()
}

// write writes what there is for the client.
func (s *session) write() error {
	if len(s.out) == 0 {
		return nil
	}
	s.c.SetWriteDeadline(time.Now().Add(s.p.cfg.Limits.Stall))
	_, err := s.c.Write(s.out)
	s.out = s.out[:0]
	return err
}

// upgrade lets a WebSocket begin.
func (s *session) upgrade(up *stream) (keep, again bool, f *fault) {
	if !s.req.Upgrade || !s.resp.Has(httpmsg.Upgrade, "websocket") {
		up.abort()
		up.giveBack()
		out := faultGarbage
		out.text += ": it changes to another protocol, which was not asked for."
		return false, false, &out
	}
	s.p.counts.upgrades.Add(1)
	s.out = append(s.out[:0], "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"...)
	for i := range s.resp.Fields {
		if f := &s.resp.Fields[i]; f.Known >= httpmsg.SocketKey && f.Known <= httpmsg.SocketExtensions || f.Known == httpmsg.SocketAccept || f.Known == httpmsg.SetCookie && !sharedCookie(f.Value) {
			s.out = append(append(s.out, f.Name...), ": "...)
			s.out = append(append(s.out, f.Value...), "\r\n"...)
		}
	}
	s.out = append(s.out, "\r\n"...)
	s.carry(up)
	return false, false, nil
}
