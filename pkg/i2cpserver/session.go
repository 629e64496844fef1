package i2cpserver

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// session is one destination of a client's.
type session struct {
	id    i2cp.SessionID
	local Local
	keeper
	dest  i2p.Destination
	hash  i2p.Hash
	named map[string]string // all options that were asked for
	asked options.Options
	mute  bool // i2cp.messageReliability=none
	end   func()

	messages atomic.Uint32 // ids
}

// maxOfConnection bounds the sessions of one connection: a primary one, and subsessions.
const maxOfConnection = 64

// What says how much a client wants to hear of its messages.
const (
	optionReliability = "i2cp.messageReliability"
	reliabilityNone   = "none"
)

// create opens a session. Each has tunnels of its own, subsessions as well: nobody can tell that they are of one
// client then.
func (k *connection) create(c i2cp.SessionConfig) error {
	refuse := func(state i2cp.SessionState, err error) error {
		k.server.count(func(s *Stats) { s.Refused.Session++ })
		k.server.cfg.Log.Info("I2CP session refused", "error", err)
		return k.send(i2cp.SessionStatus{Session: i2cp.NoSession, State: state})
	}
	if err := c.Verify(k.server.cfg.Now()); err != nil {
		return refuse(i2cp.SessionInvalid, err)
	}
	if len(k.sessions) >= maxOfConnection {
		return refuse(i2cp.SessionRefused, errSessions)
	}
	id, err := k.server.take()
	if err != nil {
		return refuse(i2cp.SessionRefused, err)
	}
	s := &session{id: id, dest: c.Destination, hash: c.Destination.Hash(), named: make(map[string]string)}
	s.keeper = keeper{conn: k, session: s}
	if err := s.configure(k.server, c.Options); err != nil {
		k.server.giveBack(id)
		return refuse(i2cp.SessionInvalid, err)
	}
	if s.local, err = k.server.cfg.Open(k.ctx, c.Destination, &s.keeper, s.asked); err != nil {
		k.server.giveBack(id)
		return refuse(i2cp.SessionRefused, err)
	}
	k.sessions[id] = s
	if k.primary == nil {
		k.primary = s
	}
	s.end = k.Session(control.DoorSession{ID: fmt.Sprint(id), Style: "i2cp", B32: s.hash.B32()})
	k.server.count(func(s *Stats) { s.Created++ })
	if err := k.send(i2cp.SessionStatus{Session: id, State: i2cp.SessionCreated}); err != nil {
		return err
	}
	s.keeper.open() // not before the client knows the session's id
	_, err = s.local.Handle(datagram.Any, 0, func(_ datagram.Header, framed []byte, _ i2p.Hash) { k.deliver(s, framed) }, nil)
	if err != nil && !errors.Is(err, client.ErrClosed) {
		return err
	}
	return nil
}

// configure takes options beside those that were asked for before. Those that no router obeys are passed over.
// Together they are no more than one message has room for: else they grow with each that comes.
func (s *session) configure(of *Server, asked i2p.Mapping) error {
	named := maps.Clone(s.named)
	for _, p := range asked {
		named[p.Key] = p.Value
	}
	delete(named, i2cp.KeyUsername) // said in the greeting, and no option of a session
	delete(named, i2cp.KeyPassword)
	if _, err := i2p.NewMapping(named); err != nil {
		return err
	}
	parsed, problems := options.Parse(of.cfg.Defaults(), named)
	if n := len(problems); n > 0 {
		of.count(func(st *Stats) { st.OptionsIgnored += uint64(n) })
		of.cfg.Log.Debug("I2CP options ignored", "options", problems)
	}
	parsed.Blinding.Own = named["i2cp.leaseSetType"] == "5"
	s.named, s.asked = named, parsed
	s.mute = strings.EqualFold(named[optionReliability], reliabilityNone)
	return nil
}

// reconfigure changes the options of a session.
func (k *connection) reconfigure(m i2cp.ReconfigureSession) error {
	s := k.sessions[m.Session]
	state := i2cp.SessionInvalid
	if s != nil && s.dest.Equal(m.Config.Destination.Identity) && m.Config.Verify(k.server.cfg.Now()) == nil {
		named, asked, mute := s.named, s.asked, s.mute
		if err := s.configure(k.server, m.Config.Options); err == nil && s.local.Reshape(s.asked) {
			state = i2cp.SessionUpdated
		} else {
			s.named, s.asked, s.mute = named, asked, mute
		}
	}
	if state == i2cp.SessionInvalid {
		k.server.count(func(s *Stats) { s.Refused.Session++ })
	}
	return k.send(i2cp.SessionStatus{Session: m.Session, State: state})
}

// destroy ends a session, and with the primary one all. As Java's library takes any status of a session for the
// end of all, a subsession that has gone is not told of (DestroySessionMessage, Notes).
func (k *connection) destroy(id i2cp.SessionID) error {
	s := k.sessions[id]
	switch {
	case s == nil && len(k.sessions) > 0:
		k.server.count(func(s *Stats) { s.Refused.Session++ })
		return nil
	case s == nil || s == k.primary:
		return errLeft
	}
	k.end(s)
	return nil
}

// end closes a session.
func (k *connection) end(s *session) {
	delete(k.sessions, s.id)
	s.keeper.close()
	s.local.Close()
	s.end()
	k.server.giveBack(s.id)
}
