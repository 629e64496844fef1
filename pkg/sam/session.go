package sam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// The styles of sessions. MASTER is what PRIMARY was called before.
const (
	styleStream    = "STREAM"
	styleDatagram  = "DATAGRAM"
	styleRaw       = "RAW"
	styleDatagram2 = "DATAGRAM2"
	styleDatagram3 = "DATAGRAM3"
	stylePrimary   = "PRIMARY"
	styleMaster    = "MASTER"
)

// protocols are those of datagrams.
var protocols = map[string]byte{
	styleDatagram: datagram.Repliable, styleRaw: datagram.Raw, styleDatagram2: datagram.Datagram2, styleDatagram3: datagram.Datagram3,
}

// Limits of sessions.
const (
	maxSessions    = 1000
	maxSubsessions = 100
)

// session is a destination in use, or a part of one (SESSION ADD).
type session struct {
	server  *Server
	id      string
	style   string
	user    string // whose it is; empty where there are no users
	local   Local
	keys    *i2p.PrivateKeys
	primary *session // of a part
	conn    *conn    // it lasts as long as that
	ports   ports
	forward *net.UDPAddr // where datagrams go; nil: to the connection
	ctx     context.Context
	cancel  context.CancelFunc
	packets Datagrams
	written atomic.Pointer[known] // whom a datagram was sent to last
	streams intake

	live bool // under the server's lock: it is whole, and others may use it

	running sync.WaitGroup // of one that is no part: what it and its parts do beside their connection

	mu    sync.Mutex // a leaf
	parts []*session
	ends  []func()
}

// refusal is a RESULT that is not OK.
type refusal struct{ result, message string }

func (r refusal) Error() string { return r.result + " " + r.message }

func refuse(result, format string, args ...any) error {
	return refusal{result, fmt.Sprintf(format, args...)}
}

// status answers with what came of a command.
func (c *conn) status(head string, err error) error {
	r := refusal{result: "I2P_ERROR"}
	if err == nil {
		return c.say(answer(head, "OK"))
	}
	if !errors.As(err, &r) {
		r.message = err.Error()
	}
	a := answer(head, r.result)
	if r.message != "" {
		a.saying("%s", r.message)
	}
	return c.say(a)
}

func (c *conn) sessionCommand(ctx context.Context, cmd Command) error {
	const head = "SESSION STATUS"
	var err error
	switch cmd.Sub {
	case "CREATE":
		if err = c.create(ctx, cmd.Args); err == nil {
			c.session.show()
			err = c.say(answer(head, "OK").with("DESTINATION", i2p.EncodeBase64(c.session.keys.AppendTo(nil))))
			c.session.begin()
			return err
		}
		c.server.counts.refusedSession.Add(1)
	case "ADD":
		var id string
		if id, err = c.add(ctx, cmd.Args); err == nil {
			return c.say(answer(head, "OK").with("ID", id).saying("ADD %s", id))
		}
		c.server.counts.refusedSession.Add(1)
	case "REMOVE":
		var id string
		if id, err = c.remove(cmd.Args); err == nil {
			return c.say(answer(head, "OK").with("ID", id).saying("REMOVE %s", id))
		}
	default:
		err = refuse("I2P_ERROR", "expected SESSION CREATE, ADD or REMOVE")
	}
	if ctx.Err() != nil || c.in.Err() != nil {
		return errDone
	}
	return c.status(head, err)
}

// create is SESSION CREATE: the answer comes once peers can find the destination.
func (c *conn) create(ctx context.Context, args Args) error {
	if c.session != nil {
		return refuse("I2P_ERROR", "this connection has the session %s already", c.session.id)
	}
	s := &session{server: c.server, conn: c, user: c.client.User(), style: strings.ToUpper(args.Get("STYLE")), id: args.Get("ID")}
	if s.style == styleMaster {
		s.style = stylePrimary
	}
	if err := checkID(s.id); err != nil {
		return err
	}
	if err := s.configure(ctx, args); err != nil {
		return err
	}
	asked, err := c.options(args)
	if err != nil {
		return err
	}
	if s.keys, err = c.keys(args, asked); err == nil {
		err = s.canSign()
	}
	if err != nil {
		return err
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if err := c.server.enter(s); err != nil {
		s.cancel()
		return err
	}
	if err := c.during(ctx, func(ctx context.Context) error { return s.open(ctx, asked) }); err != nil {
		s.end()
		return err
	}
	c.session = s
	c.server.counts.created.Add(1)
	c.client.Doing("session")
	return nil
}

// show lets other connections use a session that is whole.
func (s *session) show() {
	s.server.mu.Lock()
	s.live = true
	s.server.mu.Unlock()
	s.atEnd(s.conn.client.Session(control.DoorSession{ID: s.id, Style: s.style, B32: s.local.Address()}))
}

// begin hands on what comes for a session, once its client knows of it.
func (s *session) begin() {
	if s.packets != nil {
		s.run(s.receive)
	}
	if s.primary == nil {
		s.run(s.follow)
	}
}

// run has f run beside the connection, which waits for it at its end. It does not where the session has ended.
func (s *session) run(f func()) bool {
	whole := s
	if s.primary != nil {
		whole = s.primary
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	whole.running.Go(f)
	return true
}

// atEnd has f called when the session ends, or at once where it has.
func (s *session) atEnd(f func()) {
	s.mu.Lock()
	over := s.ctx.Err() != nil
	if !over {
		s.ends = append(s.ends, f)
	}
	s.mu.Unlock()
	if over {
		f()
	}
}

// open opens the destination and what listens at it.
func (s *session) open(ctx context.Context, asked options.Options) error {
	var err error
	if s.local, err = s.server.cfg.Open(ctx, s.keys, asked); err != nil {
		if errors.Is(err, destinations.ErrInUse) {
			return refuse("DUPLICATED_DEST", "")
		}
		if errors.Is(err, destinations.ErrKeys) {
			return refuse("INVALID_KEY", "%v", err)
		}
		return err
	}
	s.atEnd(func() { s.local.Close() })
	if err := s.listen(); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, s.server.cfg.Patience)
	defer cancel()
	return s.local.Ready(patience)
}

// follow ends the connection with the destination: one does not outlive the other.
func (s *session) follow() {
	select {
	case <-s.local.Done():
		s.conn.client.Close()
	case <-s.ctx.Done():
	}
}

// end ends the session and all that has to do with it, once.
func (s *session) end() {
	s.server.mu.Lock()
	if s.server.sessions[s.id] == s {
		delete(s.server.sessions, s.id)
	}
	s.server.mu.Unlock()
	s.mu.Lock()
	s.cancel()
	ends, parts := s.ends, s.parts
	s.ends, s.parts = nil, nil
	s.mu.Unlock()
	for _, p := range parts {
		p.end()
	}
	s.streams.close()
	for i := range ends {
		ends[len(ends)-1-i]()
	}
}

func checkID(id string) error {
	if id == "" || strings.ContainsAny(id, " \t") {
		return refuse("I2P_ERROR", "a session needs an ID without spaces")
	}
	return nil
}

// enter puts the session on the server's list.
func (s *Server) enter(n *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[n.id] != nil {
		return refuse("DUPLICATED_ID", "")
	}
	if len(s.sessions) >= maxSessions {
		return refuse("I2P_ERROR", "more than %d sessions", maxSessions)
	}
	s.sessions[n.id] = n
	return nil
}

// find is the session of an ID; nil: there is none, or it is another user's.
func (s *Server) find(id, user string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.sessions[id]
	if n == nil || !n.live || n.user != user {
		return nil
	}
	return n
}

// listen opens what a session of datagrams hears.
func (s *session) listen() error {
	var err error
	switch s.style {
	case styleStream, stylePrimary:
		s.streams.session = s
		return nil
	case styleRaw:
		s.packets, err = s.local.Raw(s.ports.listenProtocol, s.ports.listenPort)
	default:
		s.packets, err = s.local.Datagrams(s.ports.protocol, s.ports.listenPort)
	}
	if err != nil {
		return err
	}
	s.atEnd(func() { s.packets.Close() })
	return nil
}
