package sam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
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
	streams intake

	live bool // under the server's lock: it is whole, and others may use it

	mu    sync.Mutex // a leaf
	parts []*session
	ends  []func()
}

// ports are the defaults of what is sent, and what is listened to.
type ports struct {
	from, to       uint16
	protocol       byte // of RAW
	listenPort     uint16
	listenProtocol byte // of RAW; 0 is any
	header         bool // datagrams that are forwarded say their ports and protocol
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
		if id, err = c.add(cmd.Args); err == nil {
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
	if ctx.Err() != nil || c.in.err != nil {
		return errDone
	}
	return c.status(head, err)
}

// forbidden are what a primary session has no use for (Creating a PRIMARY Session).
var forbidden = []string{"PORT", "HOST", "FROM_PORT", "TO_PORT", "PROTOCOL", "LISTEN_PORT", "LISTEN_PROTOCOL", "HEADER"}

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
	if err := s.configure(args); err != nil {
		return err
	}
	asked, err := c.options(args)
	if err != nil {
		return err
	}
	if s.keys, err = c.keys(args, asked); err != nil {
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
		go s.receive()
	}
	if s.primary == nil {
		go s.follow()
	}
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

// keys are those that a client brings, or new ones.
func (c *conn) keys(args Args, asked options.Options) (*i2p.PrivateKeys, error) {
	text, there := args.Lookup("DESTINATION")
	switch {
	case !there || text == "":
		return nil, refuse("I2P_ERROR", "DESTINATION is to be a private key or TRANSIENT")
	case text != "TRANSIENT":
		b, err := i2p.DecodeBase64(text)
		if err != nil {
			return nil, refuse("INVALID_KEY", "%v", err)
		}
		keys, rest, err := i2p.ParsePrivateKeys(b)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d bytes after the keys", len(rest))
		}
		if err != nil {
			return nil, refuse("INVALID_KEY", "%v", err)
		}
		return keys, nil
	}
	return c.generate(args, asked.Signature)
}

// generate makes a destination of the type that is asked for.
func (c *conn) generate(args Args, t sign.Type) (*i2p.PrivateKeys, error) {
	if name, there := args.Lookup("SIGNATURE_TYPE"); there && name != "" {
		var err error
		if t, err = sign.ParseType(name); err != nil || !t.CanSign() {
			return nil, refuse("I2P_ERROR", "SIGNATURE_TYPE %s unsupported", name)
		}
	}
	return i2p.GenerateDestination(t, i2p.CryptoElGamal, c.server.cfg.Rand)
}

// ours are the keys of a SESSION CREATE or ADD that are no options of the destination.
var ours = map[string]bool{
	"STYLE": true, "ID": true, "DESTINATION": true, "SIGNATURE_TYPE": true, "PORT": true, "HOST": true, "FROM_PORT": true, "TO_PORT": true,
	"PROTOCOL": true, "LISTEN_PORT": true, "LISTEN_PROTOCOL": true, "HEADER": true, "SILENT": true,
}

// options are what is asked of the destination. What this router does not know it passes over, as others do.
func (c *conn) options(args Args) (options.Options, error) {
	named := make(map[string]string)
	for _, a := range args {
		if !ours[a.Key] {
			named[a.Key] = a.Value
		}
	}
	over := c.server.cfg.Defaults()
	if over.Nickname == "" {
		over.Nickname = args.Get("ID")
	}
	asked, problems := options.Parse(over, named)
	if wrong := problems.But(options.Moot); len(wrong) > 0 {
		c.server.counts.ignored.Add(uint64(len(wrong)))
		c.server.log.Debug("SAM options passed over", "problems", wrong.Error())
	}
	return asked, nil
}

// configure reads what a style has beside the options.
func (s *session) configure(args Args) error {
	_, packets := protocols[s.style]
	switch {
	case s.style == "":
		return refuse("I2P_ERROR", "no STYLE")
	case s.style == stylePrimary:
		for _, key := range forbidden {
			if _, there := args.Lookup(key); there {
				return refuse("I2P_ERROR", "%s has no place in a PRIMARY session", key)
			}
		}
		return nil
	case s.style != styleStream && !packets:
		return refuse("I2P_ERROR", "there is no STYLE %.32s", s.style)
	}
	if err := s.readPorts(args); err != nil || !packets {
		return err
	}
	return s.readForward(args)
}

// readPorts reads the ports and protocols.
func (s *session) readPorts(args Args) error {
	p := &s.ports
	p.protocol = protocols[s.style]
	raw := s.style == styleRaw
	for _, f := range []struct {
		key string
		to  *uint16
	}{{"FROM_PORT", &p.from}, {"TO_PORT", &p.to}} {
		if err := readPort(args, f.key, f.to); err != nil {
			return err
		}
	}
	p.listenPort = p.from
	if err := readPort(args, "LISTEN_PORT", &p.listenPort); err != nil {
		return err
	}
	if s.style == styleStream && p.listenPort != p.from && p.listenPort != 0 {
		return refuse("I2P_ERROR", "the LISTEN_PORT of a STREAM session is its FROM_PORT or 0")
	}
	if !raw {
		p.listenProtocol = p.protocol
		return nil
	}
	if err := readProtocol(args, "PROTOCOL", &p.protocol); err != nil {
		return err
	}
	p.listenProtocol = p.protocol
	if err := readProtocol(args, "LISTEN_PROTOCOL", &p.listenProtocol); err != nil {
		return err
	}
	p.header = strings.EqualFold(args.Get("HEADER"), "true")
	return nil
}

func readPort(args Args, key string, to *uint16) error {
	text := args.Get(key)
	if text == "" {
		return nil
	}
	n, ok := number(text, 1<<16-1)
	if !ok {
		return refuse("I2P_ERROR", "%s is to be from 0 to 65535", key)
	}
	*to = uint16(n)
	return nil
}

// readProtocol reads the protocol of raw datagrams, which is none that has a meaning of its own.
func readProtocol(args Args, key string, to *byte) error {
	text := args.Get(key)
	if text == "" {
		return nil
	}
	n, ok := number(text, 255)
	switch {
	case !ok:
		return refuse("I2P_ERROR", "%s is to be from 0 to 255", key)
	case n == datagram.Streaming || n == datagram.Repliable || n == datagram.Datagram2 || n == datagram.Datagram3:
		return refuse("I2P_ERROR", "%s %d is not for raw datagrams", key, n)
	}
	*to = byte(n)
	return nil
}

// readForward reads where datagrams are to go.
func (s *session) readForward(args Args) error {
	port, there := args.Lookup("PORT")
	if !there || port == "" || port == "0" {
		return nil
	}
	n, ok := number(port, 1<<16-1)
	if !ok {
		return refuse("I2P_ERROR", "PORT is to be from 1 to 65535")
	}
	addr, err := net.ResolveUDPAddr("udp", net.JoinHostPort(s.conn.host(args), fmt.Sprint(n)))
	if err != nil {
		return refuse("I2P_ERROR", "HOST: %v", err)
	}
	s.forward = addr
	return nil
}

// host is where the client is to be reached: it says so, or it is where it is.
func (c *conn) host(args Args) string {
	var own string
	if a, ok := c.client.RemoteAddr().(*net.TCPAddr); ok {
		own = a.IP.String()
	} else if a, err := netip.ParseAddrPort(c.client.RemoteAddr().String()); err == nil {
		own = a.Addr().String()
	}
	return cmp.Or(args.Get("HOST"), own, "127.0.0.1")
}

// listen opens what a session of datagrams hears.
func (s *session) listen() error {
	var err error
	switch s.style {
	case styleStream, stylePrimary:
		s.streams.session = s
		return nil
	case styleRaw:
		s.packets, err = s.local.Raw(s.ports.listenProtocol, s.ports.listenPort, func() { s.server.counts.datagramsLost.Add(1) })
	default:
		s.packets, err = s.local.Datagrams(s.ports.protocol, s.ports.listenPort)
	}
	if err != nil {
		return err
	}
	s.atEnd(func() { s.packets.Close() })
	return nil
}

// add is SESSION ADD.
func (c *conn) add(args Args) (id string, err error) {
	p := c.session
	if p == nil || p.style != stylePrimary {
		return "", refuse("I2P_ERROR", "this connection has no PRIMARY session")
	}
	if _, there := args.Lookup("DESTINATION"); there {
		return "", refuse("I2P_ERROR", "DESTINATION has no place in a part of a session")
	}
	s := &session{server: c.server, conn: c, user: p.user, style: strings.ToUpper(args.Get("STYLE")), id: args.Get("ID"), primary: p, local: p.local, keys: p.keys}
	if err := checkID(s.id); err != nil {
		return "", err
	}
	if s.style == stylePrimary || s.style == styleMaster {
		return "", refuse("I2P_ERROR", "a PRIMARY session is no part of another")
	}
	if err := s.configure(args); err != nil {
		return "", err
	}
	if s.style != styleStream && s.forward == nil {
		return "", refuse("I2P_ERROR", "PORT is required: the datagrams of a part are forwarded")
	}
	s.ctx, s.cancel = context.WithCancel(p.ctx)
	if err := p.attach(s); err != nil {
		s.cancel()
		return "", err
	}
	if err := s.listen(); err != nil {
		s.end()
		return "", err
	}
	c.server.counts.subsessions.Add(1)
	s.show()
	s.begin()
	return s.id, nil
}

// attach makes s a part, where no other hears the same.
func (p *session) attach(s *session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.parts) >= maxSubsessions {
		return refuse("I2P_ERROR", "more than %d parts of a session", maxSubsessions)
	}
	for _, other := range p.parts {
		if (other.style == styleStream) == (s.style == styleStream) && other.ports.listenProtocol == s.ports.listenProtocol && other.ports.listenPort == s.ports.listenPort {
			return refuse("I2P_ERROR", "%s has the protocol and the port %d already", other.id, s.ports.listenPort)
		}
	}
	if err := p.server.enter(s); err != nil {
		return err
	}
	p.parts = append(p.parts, s)
	return nil
}

// remove is SESSION REMOVE.
func (c *conn) remove(args Args) (id string, err error) {
	p := c.session
	if p == nil || p.style != stylePrimary {
		return "", refuse("I2P_ERROR", "this connection has no PRIMARY session")
	}
	id = args.Get("ID")
	p.mu.Lock()
	var found *session
	for i, s := range p.parts {
		if s.id == id {
			found = s
			p.parts = append(p.parts[:i:i], p.parts[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	if found == nil {
		return "", refuse("I2P_ERROR", "the session has no part %s", id)
	}
	found.end()
	return id, nil
}
