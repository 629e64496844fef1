package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

// Datagrams are those of a port of a destination.
type Datagrams interface {
	// ReadMessage waits for one that came; the end of the port is an error.
	ReadMessage() (datagram.Message, error)
	// WriteMessage sends one, and does not wait. control.Busy: too many wait to be sent.
	WriteMessage(m datagram.Message) error
	LocalAddr() net.Addr // a sockets.Addr
	Stats() sockets.PacketStats
	Close() error
}

// maxPorts is how many ports for datagrams a session has at once: each may hold a megabyte.
const maxPorts = 8

// lastWords bounds how long a tool is waited for that has said all and does not read.
const lastWords = 5 * time.Second

// datagrams opens a port for datagrams, and becomes it.
func (s *Server) datagrams(w http.ResponseWriter, r *http.Request) {
	var req control.Datagrams
	sess, err := s.upgrade(r, control.UpgradeDatagrams, &req)
	if err != nil {
		writeError(w, err)
		return
	}
	ctx, cancel := sess.within(r.Context(), req.TimeoutMillis)
	defer cancel()
	port, err := s.openPort(ctx, sess, req)
	if err != nil {
		writeError(w, err)
		return
	}
	tool, early, err := hijack(w)
	if err != nil {
		port.close()
		writeError(w, err)
		return
	}
	s.handlers.Add(1)
	go func() {
		defer s.handlers.Done()
		defer port.close()
		defer tool.Close()
		<-r.Context().Done() // as of a stream: it is no request any more
		if port.greet(tool) == nil {
			port.relay(tool, early)
		}
	}()
}

// openPort finds the peer, where one is named, and opens the port.
func (s *Server) openPort(ctx context.Context, sess *session, req control.Datagrams) (*port, error) {
	var protocols []byte
	for _, name := range req.Protocols {
		protocol, err := datagram.ParseName(name)
		if err != nil {
			return nil, control.Errorf(control.BadRequest, "%v", err)
		}
		protocols = append(protocols, protocol)
	}
	var peer i2p.Destination
	if req.Destination != "" {
		var err error
		if peer, err = s.resolve(ctx, sess.local, req.Destination); err != nil {
			return nil, err
		}
		if err = sess.local.Reach(ctx, peer.Hash()); err != nil {
			return nil, err
		}
	}
	if sess.ports.Add(1) > maxPorts {
		sess.ports.Add(-1)
		return nil, control.Errorf(control.Busy, "more than %d ports for datagrams in one session", maxPorts)
	}
	d, err := sess.local.ListenDatagrams(req.Port, req.Free, protocols...)
	if err != nil {
		sess.ports.Add(-1)
		return nil, err
	}
	s.counts.ports.Add(1)
	s.counts.portsOpened.Add(1)
	return &port{Datagrams: d, server: s, session: sess, peer: peer}, nil
}

// port is one for datagrams, and the tool that has it.
type port struct {
	Datagrams
	server  *Server
	session *session
	peer    i2p.Destination // where goes what is sent to nobody; zero: nowhere

	mu   sync.Mutex // guards writes to tool
	tool *net.UnixConn
	out  []byte // scratch
}

func (p *port) close() {
	p.Close()
	p.session.ports.Add(-1)
	p.server.counts.ports.Add(-1)
}

// greet answers the request whose connection becomes frames.
func (p *port) greet(tool *net.UnixConn) error {
	p.tool = tool
	peer := ""
	if !p.peer.IsZero() {
		peer = p.peer.Base64()
	}
	_, err := fmt.Fprintf(tool, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n%s: %s\r\n\r\n",
		control.UpgradeDatagrams, control.HeaderPort, strconv.Itoa(int(p.LocalAddr().(sockets.Addr).Port)), control.HeaderDestination, peer)
	return err
}

// relay passes datagrams on both ways until the tool or the session ends.
func (p *port) relay(tool *net.UnixConn, early []byte) {
	stop := context.AfterFunc(p.session.ctx, func() { p.Close(); tool.Close() })
	defer stop()
	var inbound sync.WaitGroup
	inbound.Go(func() {
		for {
			m, err := p.ReadMessage()
			if err != nil {
				return
			}
			if p.write(func(b []byte) ([]byte, error) { return control.AppendDatagram(b, m) }) != nil {
				tool.Close()
				return
			}
		}
	})
	err := p.send(bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), tool), 64<<10))
	p.session.local.Pass() // what the tool said is on its way now
	tool.SetWriteDeadline(time.Now().Add(lastWords))
	p.Close()
	inbound.Wait()
	report := p.report(err)
	report.Last = true
	p.tell(report)
}

// send sends what the tool says, until its end.
func (p *port) send(tool *bufio.Reader) error {
	for b := []byte(nil); ; {
		frame, err := control.ReadFrame(tool, b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		var m datagram.Message
		if err == nil {
			m, _, err = control.ParseFrame(frame)
		}
		if err != nil {
			return control.Errorf(control.BadRequest, "%v", err)
		}
		b = frame[:0]
		if err := p.sendOne(m); err != nil && p.tell(p.report(err)) != nil {
			return nil
		}
	}
}

// sendOne sends a datagram, once those before it have made room.
func (p *port) sendOne(m datagram.Message) error {
	m.From, m.Proven = i2p.Destination{}, false // ours to tell
	if m.Peer.IsZero() {
		if p.peer.IsZero() {
			return control.Errorf(control.BadRequest, "a datagram to nobody")
		}
		m.Peer = p.peer.Hash()
	}
	for {
		err := p.WriteMessage(m)
		if !errors.Is(err, &control.Error{Code: control.Busy}) || p.session.ctx.Err() != nil {
			return err
		}
		p.session.local.Pass()
	}
}

// report tells the counts, and an error.
func (p *port) report(err error) control.DatagramReport {
	st := p.Stats()
	r := control.DatagramReport{
		Received: st.Received, Sent: st.Sent, Dropped: st.Dropped, Malformed: st.Malformed,
		BadSignature: st.BadSignature, Expired: st.Expired, Unproven: st.Unproven,
	}
	if err != nil {
		r.Error = asError(err)
	}
	return r
}

func (p *port) tell(r control.DatagramReport) error {
	return p.write(func(b []byte) ([]byte, error) { return control.AppendReport(b, r) })
}

// write writes a frame to the tool.
func (p *port) write(frame func(b []byte) ([]byte, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := frame(p.out[:0])
	if err != nil {
		return err
	}
	p.out = b
	_, err = p.tool.Write(b)
	return err
}
