// Package i2cpserver is the door for programs that speak I2CP: they have the keys of their destinations, sign
// their lease sets and run their own streams, and the router carries their messages.
//
// Each connection has one goroutine that reads and one that writes. What others send to its sessions is put
// into a bounded queue, so that a program that does not read holds nobody up.
package i2cpserver

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// Config is what a Server is made of.
type Config struct {
	Log *slog.Logger // nil: no log
	Now func() time.Time
	// Open opens a destination whose lease sets keeper makes, or a new one that nobody finds where keeper is nil.
	Open func(ctx context.Context, to i2p.Destination, keeper client.Keeper, asked options.Options) (Local, error)
	// Defaults are the options of sessions that do not say otherwise.
	Defaults func() options.Options
	// Named finds the destination of a name in the address books, or else by asking the network through by.
	Named func(ctx context.Context, by Local, name i2p.Name) (i2p.Destination, error)
	// Required tells whether a user's name and password are to be said.
	Required func() bool
	// Bandwidth are the router's limits in KBps; 0 is none.
	Bandwidth func() (in, out int)
}

// Local is a destination of the hall.
type Local interface {
	Handle(protocol byte, port uint16, h client.Handler, gone func()) (stop func(), err error)
	SendHinted(to i2p.Hash, framed []byte, h client.Hints) error
	Pass()
	Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error)
	Unlock(by leaseset.Reader, hash i2p.Hash)
	Reshape(asked options.Options) bool
	Close() error
}

// Conn is a connection as its door gives it.
type Conn interface {
	net.Conn
	// Greeted says that the first request was whole and welcome. It reports whether the connection is still there.
	Greeted() bool
	// Idle says that the connection waits for the next message and has no session: it may have to make room for others.
	// Busy is the end of that.
	Idle()
	Busy()
	Login(ctx context.Context, user, password string) bool
	Doing(what string)
	// Work has f run when it is the connection's turn. f waits for nothing.
	Work(f func())
	Session(s control.DoorSession) (end func())
	// Hold takes memory that the connection may have the server hold, and Release gives it back.
	Hold(n int) bool
	Release(n int)
}

// Stats count what clients asked for.
type Stats struct {
	Sessions        int    // now
	Created         uint64 // sessions
	Refused         Refused
	MessagesIn      uint64 // of clients
	MessagesOut     uint64 // to clients
	BytesIn         uint64 // of payloads of clients
	BytesOut        uint64
	Failed          uint64 // messages of clients that are not sent, and lookups that found nothing
	Overflowed      uint64 // messages to a client that does not read
	LeaseSets       uint64 // taken
	LeaseSetsBad    uint64 // not taken
	Lookups         uint64
	OptionsIgnored  uint64
	MessagesIgnored uint64 // of types that are not in use
}

// Refused are what a connection was ended for, and what was not done for it.
type Refused struct {
	Protocol     uint64 // it does not begin as I2CP does
	Malformed    uint64 // a message that does not parse
	Unauthorized uint64 // a message before a name and a password
	Session      uint64 // that is not one, or one too many
	Lookup       uint64 // too many at once
}

// Server serves the connections of a door.
type Server struct {
	cfg Config

	mu       sync.Mutex // a leaf
	sessions map[i2cp.SessionID]struct{}
	stats    Stats

	messagesIn, messagesOut, bytesIn, bytesOut, overflowed atomic.Uint64
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{cfg: cfg, sessions: make(map[i2cp.SessionID]struct{})}
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.stats
	all.Sessions = len(s.sessions)
	all.MessagesIn, all.MessagesOut = s.messagesIn.Load(), s.messagesOut.Load()
	all.BytesIn, all.BytesOut, all.Overflowed = s.bytesIn.Load(), s.bytesOut.Load(), s.overflowed.Load()
	return all
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.stats)
}

// maxSessions is how many the ids leave room for, with some to spare for chance.
const maxSessions = 1 << 15

var errSessions = errors.New("too many sessions")

// take draws an id that no session has.
func (s *Server) take() (i2cp.SessionID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sessions) >= maxSessions {
		return 0, errSessions
	}
	for {
		id := i2cp.SessionID(1 + rand.N(uint16(i2cp.NoSession)-1))
		if _, taken := s.sessions[id]; !taken {
			s.sessions[id] = struct{}{}
			return id, nil
		}
	}
}

func (s *Server) giveBack(id i2cp.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id)
}

// Serve has a connection from its beginning to its end.
func (s *Server) Serve(ctx context.Context, c Conn) {
	ctx, cancel := context.WithCancel(ctx)
	listens, left := context.WithCancel(ctx)
	k := &connection{server: s, Conn: c, ctx: ctx, cancel: cancel, listens: listens, out: newOutbox(c), sessions: make(map[i2cp.SessionID]*session)}
	var writing sync.WaitGroup
	var begun sync.Once
	k.begin = func() { begun.Do(func() { writing.Go(func() { k.out.run(ctx, c, cancel) }) }) }
	if err := k.run(); err != nil {
		s.cfg.Log.Debug("I2CP connection ended", "error", err)
		k.send(i2cp.Disconnect{Reason: reason(err)})
	}
	left()
	k.telling.Wait()
	k.close()
	c.SetWriteDeadline(time.Now().Add(lastWords))
	k.out.finish()
	begun.Do(func() { k.out.run(ctx, c, cancel) })
	writing.Wait()
	cancel()
	k.lookups.Wait()
}
