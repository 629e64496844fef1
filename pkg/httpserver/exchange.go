package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/httpmsg"
)

// maxInterim is how many responses may come before the one that counts.
const maxInterim = 16

// pass passes a request on, and its response back. A connection that was idle may have been ended by the
// web server: then the request is sent on another, once. One that may do harm when it is sent twice has a
// fresh connection from the beginning.
func (e *session) pass(ctx context.Context) bool {
	for fresh := !e.req.Repeatable(); ; fresh = true {
		reused, err := e.reach(ctx, fresh)
		if err != nil {
			e.s.counts.unavailable.Add(1)
			e.s.cfg.Log.Debug("web server not reached", "error", err)
			return e.answer(http.StatusServiceUnavailable)
		}
		if err = e.ask(); err == nil {
			if e.resp.Status == http.StatusSwitchingProtocols {
				return e.upgrade(ctx)
			}
			return e.respond()
		}
		nothing := len(e.resp.Text) == 0
		why := e.dismiss()
		e.drop()
		if reused && nothing && why == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return e.unanswered(why, err)
	}
}

// unanswered answers a request to which the web server does not: why is what was wrong with the peer, err
// with the server.
func (e *session) unanswered(why, err error) bool {
	c := &e.s.counts
	switch {
	case errors.Is(why, httpmsg.ErrMalformed):
		c.malformed.Add(1)
		return e.answer(http.StatusBadRequest)
	case errors.Is(why, os.ErrDeadlineExceeded):
		c.slow.Add(1)
		return e.answer(http.StatusRequestTimeout)
	case why != nil:
		c.gone.Add(1)
		return false
	}
	c.unanswered.Add(1)
	e.s.cfg.Log.Debug("web server does not answer", "error", err)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return e.answer(http.StatusGatewayTimeout)
	}
	return e.answer(http.StatusBadGateway)
}

// ask sends the request and reads the head of the response. The body is on its way from then on.
func (e *session) ask() error {
	now, limits := time.Now(), &e.s.cfg.Limits
	e.resp.Text = e.resp.Text[:0]
	e.out = e.appendRequest(e.out[:0])
	e.up.SetReadDeadline(now.Add(limits.Answer))
	e.up.SetWriteDeadline(now.Add(limits.Stall))
	_, err := e.up.Write(e.out)
	e.out = e.out[:0]
	if err != nil {
		return err
	}
	e.watch()
	for range maxInterim {
		if err := e.resp.Read(e.up.r, maxHead, e.req.Is("HEAD")); err != nil || e.resp.Status >= 200 || e.resp.Status == http.StatusSwitchingProtocols {
			return err
		}
		if e.resp.Status == http.StatusContinue && e.expects() {
			e.out = append(e.out, "HTTP/1.1 100 Continue\r\n\r\n"...)
			if err := e.write(); err != nil {
				return err
			}
		}
	}
	return httpmsg.Malformed("it has too many preliminary responses")
}

// expects tells whether the peer waits to be asked for the body.
func (e *session) expects() bool {
	return e.req.Minor == 1 && e.req.Body.Kind != httpmsg.NoBody && e.req.Has(httpmsg.Expect, "100-continue")
}

// respond writes the response to the peer as it comes. After its first byte the peer sees a failure as a
// stream that breaks off.
func (e *session) respond() bool {
	keep, err := e.carryResponse()
	why := e.dismiss()
	switch {
	case err == nil:
	case why != nil, errors.Is(err, errGone):
		e.s.counts.gone.Add(1)
	default:
		e.s.counts.unanswered.Add(1)
	}
	if err != nil {
		e.drop()
		splice.Break(e.c.Conn)
		return false
	}
	if !e.sent.Done || why != nil || !e.resp.Keep || e.up.r.Buffered() > 0 { // of what nobody asked for, none is an answer
		e.drop()
	}
	e.state.lingers = !e.sent.Done
	return keep && e.sent.Done && why == nil
}

// errGone is why a response was not written.
var errGone = errors.New("the peer takes no more")

func (e *session) carryResponse() (keep bool, err error) {
	r := &e.resp
	var got httpmsg.Body
	got.Begin(e.up.r, r.Body, false)
	w := httpmsg.Pieces{Body: &got}
	keep = e.req.Keep
	if r.Body.Kind == httpmsg.Chunked || r.Body.Kind == httpmsg.UntilEnd {
		w.Chunked = e.req.Minor == 1
		keep = keep && w.Chunked
	}
	e.out = e.appendResponse(e.out[:0], w.Chunked, keep)
	for !got.Done {
		if full := cap(e.out)-len(e.out) < httpmsg.MinPiece; full || !got.Ready() { // what there is may be what the peer waits for
			if e.write() != nil {
				return false, errGone
			}
			e.up.SetReadDeadline(time.Now().Add(e.s.cfg.Limits.Stall))
		}
		var end error
		if e.out, end = w.Next(e.out); end != nil && end != io.EOF {
			return false, end
		} else if end == io.EOF {
			break
		}
	}
	if e.write() != nil {
		return false, errGone
	}
	return keep, nil
}

// upgrade lets a WebSocket begin, which is nobody's business from then on.
func (e *session) upgrade(ctx context.Context) bool {
	why := e.dismiss()
	if why != nil || !e.req.Upgrade || !e.resp.Has(httpmsg.Upgrade, "websocket") {
		e.drop()
		return e.unanswered(why, httpmsg.Malformed("it changes to another protocol"))
	}
	e.s.counts.upgrades.Add(1)
	e.out = e.appendFields(append(e.out[:0], "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"...))
	e.out = append(e.out, "\r\n"...)
	if e.write() != nil {
		return false
	}
	e.c.SetDeadline(time.Time{})
	e.up.SetDeadline(time.Time{})
	var passed splice.Count // the stream counts by itself
	splice.Both(ctx, begun{e.up.Conn, e.up.r}, begun{e.c, e.r}, &passed)
	return false
}

// begun is a connection of which something was read ahead.
type begun struct {
	net.Conn
	r *bufio.Reader
}

func (b begun) Read(p []byte) (int, error) { return b.r.Read(p) }

// CloseWrite ends one direction where there are two.
func (b begun) CloseWrite() error {
	if half, ok := bare(b.Conn).(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return b.Conn.Close()
}

// Abort has Close be seen as a failure, and BreakOff does behind what was written.
func (b begun) Abort()    { splice.Break(bare(b.Conn)) }
func (b begun) BreakOff() { splice.BreakOff(bare(b.Conn)) }

func bare(c net.Conn) net.Conn {
	if p, ok := c.(peerConn); ok {
		return p.Conn
	}
	return c
}
