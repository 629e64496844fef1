// Package sam is a server that speaks SAM 3.0 to 3.3 (SAM V3): applications open destinations by a line of text, and get
// streams as connections of their own and datagrams by UDP.
//
// It knows no tunnels: destinations come from the router's hall, connections from a door.
package sam

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/options"
)

// Config is what a Server needs.
type Config struct {
	Open     Opener
	Defaults func() options.Options // of destinations that do not say otherwise
	// Resolve finds the destination that a name stands for, by a local destination where the network is to be asked.
	Resolve func(ctx context.Context, by naming.Resolver, name i2p.Name) (i2p.Destination, error)
	// LookupHost finds the addresses of a machine that HOST names; nil is the system's resolver.
	LookupHost func(ctx context.Context, name string) ([]netip.Addr, error)
	Log        *slog.Logger     // nil: no log
	Rand       io.Reader        // nil is crypto/rand
	Now        func() time.Time // nil is time.Now
	// Patience is how long sessions wait for their tunnels; default 5 minutes. Idle is how long a connection may say
	// nothing after its HELLO; default 5 minutes.
	Patience, Idle time.Duration
}

// Settings are what the owner of the router asks for.
type Settings struct {
	UDP          string // where datagrams are sent to; empty: nowhere
	AuthCommands bool   // AUTH may change the users
}

// Server speaks SAM. New starts nothing; Serve has each connection.
type Server struct {
	cfg       Config
	log       *slog.Logger
	udp       *udpServer
	names     *lookups
	changed   chan struct{} // holds one: the settings of UDP are others
	resolving chan struct{} // one for each name of a machine that is looked for

	mu       sync.Mutex // a leaf
	settings Settings
	sessions map[string]*session

	counts counts
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Patience == 0 {
		cfg.Patience = 5 * time.Minute
	}
	if cfg.Idle == 0 {
		cfg.Idle = 5 * time.Minute
	}
	if cfg.LookupHost == nil {
		cfg.LookupHost = systemHosts
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, changed: make(chan struct{}, 1), resolving: make(chan struct{}, maxResolving), sessions: make(map[string]*session),
	}
	s.names = &lookups{server: s}
	s.udp = &udpServer{server: s}
	return s
}

// Apply has other settings hold.
func (s *Server) Apply(to Settings) {
	s.mu.Lock()
	s.settings = to
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Run does what there is beside the connections until ctx ends: datagrams by UDP.
func (s *Server) Run(ctx context.Context) error {
	s.udp.run(ctx)
	s.names.close()
	return nil
}

// conn is one connection, which one goroutine reads commands of.
type conn struct {
	server  *Server
	client  *door.Client
	in      *door.Reader
	version version
	session *session // that lasts as long as this connection

	forwards bool     // STREAM FORWARD
	unpassed int      // bytes of datagrams, since they were last known to be passed on
	ends     []func() // what else ends with it

	mu sync.Mutex // guards writing
}

// write writes what belongs together.
func (c *conn) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.client.Write(b)
	return err
}

func (c *conn) say(r *reply) error { return c.write(r.line()) }

// errDone ends a connection after its last word.
var errDone = errors.New("sam: the connection has done its work")

// Serve has a connection from its beginning to its end.
func (s *Server) Serve(ctx context.Context, client *door.Client) {
	c := &conn{server: s, client: client, in: door.NewReader(client, maxLine)}
	defer func() {
		for _, end := range c.ends {
			end()
		}
		if c.session != nil {
			c.session.end()
		}
		part(client)
		if c.session != nil {
			// What still writes to a client that does not read ends with the connection.
			client.SetWriteDeadline(time.Now().Add(farewellTime))
			client.Close()
			c.session.running.Wait()
		}
	}()
	if err := c.greet(ctx); err != nil {
		s.log.Debug("no SAM client", "error", err)
		return
	}
	for {
		if err := c.next(ctx); err != nil {
			return
		}
	}
}

// part ends a connection so that its last line is read: were something that the client sent left unread, the system
// would break the connection off and lose it.
func part(c *door.Client) {
	w, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(farewellTime))
	io.CopyN(io.Discard, c, maxFarewell)
}

// How long, and how much, of what a client still says is read after our last word.
const (
	farewellTime = 500 * time.Millisecond
	maxFarewell  = 1 << 20
)

// greet is the handshake (SAM Connection Handshake). Whoever begins otherwise, such as a browser that some page has
// sent here, is not answered.
func (c *conn) greet(ctx context.Context) error {
	line, err := c.in.Line()
	if errors.Is(err, door.ErrLong) {
		c.server.counts.malformed.Add(1)
		return err
	}
	if err != nil {
		c.client.Silent()
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			c.client.SetWriteDeadline(time.Now().Add(farewellTime))
			c.say(answer("HELLO REPLY", "I2P_ERROR").saying("no HELLO in time"))
		}
		return err
	}
	cmd, err := ParseCommand(line)
	if err != nil || cmd.Verb != "HELLO" || cmd.Sub != "VERSION" {
		c.server.counts.malformed.Add(1)
		if err == nil && isHTTP(line) {
			return errors.New("it speaks HTTP")
		}
		c.say(answer("HELLO REPLY", "I2P_ERROR").saying("expected HELLO VERSION"))
		return errors.New("no HELLO")
	}
	var ok bool
	if c.version, ok = negotiate(cmd.Args.Get("MIN"), cmd.Args.Get("MAX")); !ok {
		c.say(answer("HELLO REPLY", "NOVERSION"))
		return errors.New("no version in common")
	}
	if !c.client.Login(ctx, cmd.Args.Get("USER"), cmd.Args.Get("PASSWORD")) {
		what := "USER and PASSWORD are required"
		if cmd.Args.Get("USER") != "" && cmd.Args.Get("PASSWORD") != "" {
			what = "there is no such USER, or the PASSWORD is wrong"
		}
		c.say(answer("HELLO REPLY", "I2P_ERROR").saying("%s", what))
		return errors.New("a wrong password")
	}
	if !c.client.Greeted() {
		return errDone
	}
	c.client.SetReadDeadline(time.Now().Add(c.server.cfg.Idle))
	return c.say(answer("HELLO REPLY", "OK").with("VERSION", c.version.String()))
}

// isHTTP tells of a line whether it is a request of HTTP/1.
func isHTTP(line string) bool {
	line = strings.TrimRight(line, "\r ")
	i := strings.LastIndexByte(line, ' ')
	return i > 0 && strings.HasPrefix(line[i+1:], "HTTP/")
}

// next does what the next line says. An error is the end of the connection.
func (c *conn) next(ctx context.Context) error {
	if c.session == nil && !c.forwards {
		c.client.Idle()
	}
	line, err := c.in.Line()
	c.client.Busy()
	if err != nil {
		return c.unread(err)
	}
	c.client.SetReadDeadline(time.Time{})
	var cmd Command
	c.client.Work(func() { cmd, err = ParseCommand(line) })
	if err != nil {
		c.server.counts.malformed.Add(1)
		c.say(answer("SESSION STATUS", "I2P_ERROR").saying("%v", err))
		return err
	}
	c.server.counts.commands.Add(1)
	do, known := commands[cmd.Verb]
	switch {
	case cmd.Verb == "":
		return nil
	case !known:
		c.server.counts.malformed.Add(1)
		c.say(answer("SESSION STATUS", "I2P_ERROR").saying("there is no command %.32s", cmd.Verb))
		return errDone
	}
	return do(c, ctx, cmd)
}

// unread tells why the next line is none.
func (c *conn) unread(err error) error {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		c.client.SetWriteDeadline(time.Now().Add(farewellTime))
		c.say(answer("SESSION STATUS", "I2P_ERROR").saying("no command in time"))
	}
	if errors.Is(err, door.ErrLong) {
		c.server.counts.malformed.Add(1)
		c.client.SetWriteDeadline(time.Now().Add(farewellTime))
		c.say(answer("SESSION STATUS", "I2P_ERROR").saying("the line is longer than %d KiB", maxLine>>10))
	}
	return err
}

// commands are what can be said after the HELLO.
var commands = map[string]func(c *conn, ctx context.Context, cmd Command) error{
	"SESSION":  (*conn).sessionCommand,
	"STREAM":   (*conn).streamCommand,
	"DATAGRAM": (*conn).datagramCommand,
	"RAW":      (*conn).datagramCommand,
	"NAMING":   (*conn).namingCommand,
	"DEST":     (*conn).destCommand,
	"AUTH":     (*conn).authCommand,
	"PING":     func(c *conn, _ context.Context, cmd Command) error { return c.write([]byte("PONG" + cmd.Text + "\n")) },
	"PONG":     func(*conn, context.Context, Command) error { return nil },
	"QUIT":     (*conn).quit,
	"STOP":     (*conn).quit,
	"EXIT":     (*conn).quit,
	"HELP": func(c *conn, _ context.Context, _ Command) error {
		return c.say(answer("HELP STATUS", "OK").saying("SESSION CREATE|ADD|REMOVE, STREAM CONNECT|ACCEPT|FORWARD, DATAGRAM SEND, RAW SEND, NAMING LOOKUP, DEST GENERATE, AUTH ENABLE|DISABLE|ADD|REMOVE, PING, QUIT"))
	},
}

func (c *conn) quit(_ context.Context, cmd Command) error {
	c.say(answer(cmd.Verb+" STATUS", "OK").with("MESSAGE", "bye"))
	return errDone
}

// during calls f with a context that ends when the connection does.
func (c *conn) during(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := c.in.Watch(cancel)
	defer stop()
	return f(ctx)
}
