package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"i2ptoolkit/pkg/control"
)

// become answers 101 and carries bytes between the tool and the stream until both
// directions have ended; then the session tells how it ended.
func (s *Server) become(w http.ResponseWriter, r *http.Request, sess *session, stream Stream) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		stream.Reset()
		stream.Close()
		writeError(w, err)
		return
	}
	defer conn.Close()
	tool, ok := conn.(*net.UnixConn)
	if !ok {
		panic(fmt.Sprintf("control: %T is no Unix connection", conn))
	}
	id := sess.addStream()
	defer sess.removeStream(id)
	s.counts.streamsOpened.Add(1)
	s.counts.streams.Add(1)
	defer s.counts.streams.Add(-1)
	remote := stream.Remote()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n%s: %s\r\n%s: %t\r\n\r\n",
		control.UpgradeProtocol,
		control.HeaderStream, strconv.FormatUint(id, 10),
		control.HeaderDestination, remote.Base64(),
		control.HeaderHalfCloses, stream.HalfCloses())
	event := control.SessionEvent{Event: control.SessionStream, Stream: id}
	if err := rw.Flush(); err != nil {
		stream.Reset()
	} else {
		stopped := context.AfterFunc(sess.ctx, func() { stream.Reset(); tool.Close() })
		event.BytesIn, event.BytesOut, err = splice(tool, rw.Reader, stream, func() bool { return sess.endAnnounced(id) })
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
		}
	}
	stream.Close()
	sess.emit(event)
}

// splice copies both ways. An end of one direction is passed on as such, and the other
// goes on; a failure of one breaks both off. An end of the tool's that was not announced
// is a failure: a killed process leaves the same end as one that has finished.
func splice(tool *net.UnixConn, buffered *bufio.Reader, stream Stream, announced func() bool) (in, out uint64, err error) {
	outbound := make(chan error, 1)
	go func() {
		n, err := io.Copy(stream, onlyReader{buffered})
		out = uint64(n)
		switch {
		case err != nil:
			err = control.Errorf(control.Reset, "to the peer: %v", err)
		case !announced():
			err = control.Errorf(control.Reset, "the tool went away")
			stream.BreakOff()
			outbound <- err
			return
		default:
			err = stream.CloseWrite()
		}
		if err != nil {
			stream.Reset()
		}
		outbound <- err
	}()
	n, inErr := io.Copy(onlyWriter{tool}, stream)
	in = uint64(n)
	if inErr != nil {
		inErr = control.Errorf(control.Reset, "from the peer: %v", inErr)
		stream.Reset()
		tool.Close()
	} else {
		tool.CloseWrite()
	}
	outErr := <-outbound
	return in, out, errors.Join(outErr, inErr)
}

// onlyReader and onlyWriter hide the tool's ReadFrom and WriteTo, so that the stream's are
// used: it reads into its own memory, and writes from there.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
