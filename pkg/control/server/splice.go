package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/streaming"
)

// become answers 101 and has the connection be the stream from then on. The handler returns: peers
// open streams by the thousand and keep them as long as they like, so that a stream is no request
// any more, and does not hold what one takes.
func (s *Server) become(w http.ResponseWriter, r *http.Request, sess *session, stream Stream) {
	tool, early, err := hijack(w)
	if err != nil {
		stream.Reset()
		stream.Close()
		writeError(w, err)
		return
	}
	s.handlers.Add(1)
	go func() {
		defer s.handlers.Done()
		defer tool.Close()
		<-r.Context().Done() // the handler has returned: who hears of the stream finds its place free
		s.carry(sess, stream, tool, early)
	}()
}

// hijack takes the connection of a request, and what the tool has not waited to send.
func hijack(w http.ResponseWriter) (tool *net.UnixConn, early []byte, err error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	tool, ok := conn.(*net.UnixConn)
	if !ok {
		panic(fmt.Sprintf("control: %T is no Unix connection", conn))
	}
	early, _ = rw.Reader.Peek(rw.Reader.Buffered())
	return tool, bytes.Clone(early), nil
}

// carry carries bytes between the tool and the stream until both directions have ended; then the
// session tells how it ended.
func (s *Server) carry(sess *session, stream Stream, tool *net.UnixConn, early []byte) {
	id := sess.addStream()
	defer sess.removeStream(id)
	s.counts.streamsOpened.Add(1)
	s.counts.streams.Add(1)
	defer s.counts.streams.Add(-1)
	event := control.SessionEvent{Event: control.SessionStream, Stream: id}
	if err := switchProtocols(tool, id, stream); err != nil {
		stream.Reset()
	} else {
		stopped := context.AfterFunc(sess.ctx, func() { part(stream, tool, sess.endAnnounced(id)) })
		event.BytesIn, event.BytesOut, err = splice(tool, early, stream, ends{
			announced: func() bool { return sess.endAnnounced(id) },
			peer:      func() { sess.emit(control.SessionEvent{Event: control.SessionEnd, Stream: id}) },
		})
		s.counts.bytesIn.Add(event.BytesIn)
		s.counts.bytesOut.Add(event.BytesOut)
		if err == nil { // the tool's end is not yet the peer's
			stream.Close()
			if err = stream.Wait(sess.ctx); err != nil {
				err = control.Errorf(control.Reset, "to the peer: %v", err)
			}
		}
		stopped()
		if err != nil {
			event.Error = asError(err)
			stream.Close()
			stream.Wait(sess.ctx) // what was broken off is not yet the peer's: the error is told either way
		}
	}
	stream.Close()
	sess.emit(event)
}

// past is a deadline for what is to end now.
var past = time.Unix(1, 0)

// part ends a stream with its session. A tool that had said all need not live until its peer has it: that
// still arrives, and what the peer says is not heard any more. Any other breaks off.
func part(stream Stream, tool *net.UnixConn, said bool) {
	if !said {
		stream.Reset()
		tool.Close()
		return
	}
	stream.SetReadDeadline(past)
	tool.SetDeadline(time.Now().Add(lastWords))
}

// switchProtocols answers the request whose connection becomes a stream.
func switchProtocols(tool *net.UnixConn, id uint64, stream Stream) error {
	remote := stream.Remote()
	_, err := fmt.Fprintf(tool, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n%s: %s\r\n%s: %t\r\n%s: %s\r\n\r\n",
		control.UpgradeProtocol,
		control.HeaderStream, strconv.FormatUint(id, 10),
		control.HeaderDestination, remote.Base64(),
		control.HeaderHalfCloses, stream.HalfCloses(),
		control.HeaderEncryption, stream.Encryption())
	return err
}

// ends are what a tool and the router tell each other of the ends of a stream's directions, as
// a connection looks the same whether it has ended or broken.
type ends struct {
	announced func() bool // the tool has said that it would end its writing
	peer      func()      // the peer's writing has ended in order
}

// splice copies both ways. An end of one direction is passed on as such, and the other
// goes on; a failure of one breaks both off, and is the one that is told: the other fails
// because of it. An end of the tool's that was not announced is a failure: a killed process
// leaves the same end as one that has finished.
func splice(tool *net.UnixConn, early []byte, stream Stream, ends ends) (in, out uint64, err error) {
	failed := make(chan error, 2)
	fail := func(err error) {
		failed <- err
		stream.Reset()
	}
	var outbound sync.WaitGroup
	outbound.Go(func() {
		n, err := io.Copy(stream, onlyReader{io.MultiReader(bytes.NewReader(early), tool)})
		out = uint64(n)
		if err == nil && !ends.announced() {
			failed <- errToolGone
			stream.BreakOff()
			return
		}
		if err == nil {
			err = stream.CloseWrite()
		}
		if err != nil {
			fail(broken("to the peer", err))
		}
	})
	n, err := io.Copy(onlyWriter{tool, tool}, stream)
	in = uint64(n)
	switch {
	case err == nil:
		ends.peer()
		tool.CloseWrite()
	case errors.Is(err, os.ErrDeadlineExceeded) && !ofTool(err): // see part
		failed <- errToolGone
	default:
		fail(broken("from the peer", err))
		tool.Close()
	}
	outbound.Wait()
	select {
	case err = <-failed:
	default:
	}
	return in, out, err
}

var errToolGone = control.Errorf(control.Reset, "the tool went away")

// broken says what broke a direction: the stream, or the tool's connection, whose errors alone
// are a net.OpError.
func broken(direction string, err error) error {
	if ofTool(err) {
		return errToolGone
	}
	if errors.Is(err, streaming.ErrIdle) {
		return control.Errorf(control.Timeout, "%s: %v", direction, err)
	}
	return control.Errorf(control.Reset, "%s: %v", direction, err)
}

func ofTool(err error) bool {
	op := new(net.OpError)
	return errors.As(err, &op)
}

// onlyReader and onlyWriter hide the tool's ReadFrom and WriteTo, so that the stream's are
// used: it reads into its own memory, and writes from there. A write to a tool that does not
// read can be broken off.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct {
		io.Writer
		deadliner
	}
	deadliner interface{ SetWriteDeadline(t time.Time) error }
)
