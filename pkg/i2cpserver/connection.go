package i2cpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
)

// connection is one, with its sessions. But for the outbox and the sessions' lease sets its reader's goroutine
// alone has it.
type connection struct {
	Conn
	server *Server
	ctx    context.Context
	cancel context.CancelFunc
	out    *outbox
	begin  func() // has the outbox written beside the reading, once there is a client

	greeted  bool
	welcome  bool // a name and a password were said, or are not needed
	sessions map[i2cp.SessionID]*session
	primary  *session

	listens context.Context // until the client has left: it is told what becomes of its messages
	telling sync.WaitGroup
	lookups sync.WaitGroup
	asking  slots
	told    atomic.Int64 // bytes of messages of which the client wants to know what becomes
	asker   sync.Mutex   // guards what follows
	idle    Local        // asks for those who have no session; nil: nobody did yet
	closed  bool         // nothing is opened any more
}

// Reasons for which a connection ends.
var (
	errProtocol     = errors.New("not I2CP")
	errUnauthorized = errors.New("a user's name and password are needed (i2cp.username, i2cp.password)")
	errPassword     = errors.New("there is no such user, or the password is wrong (i2cp.username, i2cp.password)")
	errUnread       = errors.New("the answers are not read")
	errEvicted      = errors.New("too many connections")
	errLeft         = errors.New("session destroyed")
)

// reason is what a client is told.
func reason(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, i2cp.ErrType):
		return "message type not supported"
	}
	return err.Error()
}

// run reads until the connection ends.
func (k *connection) run() error {
	in := &reader{from: k.Conn, room: firstRoom}
	if first, err := in.first(); err != nil {
		return err
	} else if first != i2cp.ProtocolByte {
		k.server.count(func(s *Stats) { s.Refused.Protocol++ })
		return errProtocol
	}
	for {
		most := i2cp.MaxBody
		if !k.greeted {
			most = maxGreeting
		}
		if k.greeted && len(k.sessions) == 0 {
			k.Idle()
		}
		kind, body, err := in.next(most)
		if k.greeted && len(k.sessions) == 0 {
			k.Busy()
		}
		if err != nil {
			if errors.Is(err, i2cp.ErrTooLong) {
				k.server.count(func(s *Stats) { s.Refused.Malformed++ })
			}
			return err
		}
		if len(k.sessions) == 0 {
			k.Work(func() {}) // what is asked for beside payloads is cheap for who asks
		}
		if err := k.handle(kind, body); err != nil {
			return err
		}
		if in.room = firstRoom; len(k.sessions) > 0 {
			in.room = sessionRoom
		}
		if k.ctx.Err() != nil {
			return context.Cause(k.ctx)
		}
	}
}

// handle does what one message asks for. An error ends the connection.
func (k *connection) handle(kind i2cp.Type, body []byte) error {
	switch kind {
	case i2cp.TypeReceiveMessageBegin, i2cp.TypeReceiveMessageEnd, i2cp.TypeReportAbuse:
		k.server.count(func(s *Stats) { s.MessagesIgnored++ }) // payloads are sent without being asked for
		return nil
	}
	m, err := i2cp.Parse(kind, body)
	if err != nil && k.greeted && (kind == i2cp.TypeCreateLeaseSet || kind == i2cp.TypeCreateLeaseSet2) {
		// Java's library makes such a one for each subsession that has no key of type 0; the others go on.
		k.server.count(func(s *Stats) { s.LeaseSetsBad++ })
		k.server.cfg.Log.Info("lease set of an I2CP client not taken", "error", err)
		return nil
	}
	if err != nil {
		k.server.count(func(s *Stats) { s.Refused.Malformed++ })
		return err
	}
	if !k.greeted { // not before: the settings may change while it is silent
		k.welcome = !k.server.cfg.Required()
	}
	if _, ok := m.(i2cp.GetDate); !ok && !k.welcome {
		k.server.count(func(s *Stats) { s.Refused.Unauthorized++ })
		return errUnauthorized
	}
	if !k.greeted {
		if g, ok := m.(i2cp.GetDate); ok {
			if err := k.login(g); err != nil {
				return err
			}
		}
		k.greeted = true
		k.begin()
		k.Doing("sessions")
		if !k.Greeted() {
			return errEvicted
		}
	}
	switch m := m.(type) {
	case i2cp.GetDate:
		if !k.welcome {
			if err := k.login(m); err != nil {
				return err
			}
		}
		return k.send(i2cp.SetDate{Date: i2p.DateOf(k.server.cfg.Now()), Version: control.APILevel})
	case i2cp.SendMessage:
		return k.sendMessage(m, 0, 0)
	case i2cp.SendMessageExpires:
		return k.sendMessage(m.SendMessage, m.Flags, m.Expires)
	case i2cp.CreateSession:
		return k.create(m.Config)
	case i2cp.ReconfigureSession:
		return k.reconfigure(m)
	case i2cp.DestroySession:
		return k.destroy(m.Session)
	case i2cp.CreateLeaseSet:
		return k.leaseSet(m.Session, m.Set, []i2cp.PrivateKey{{Encryption: i2p.CryptoElGamal, Key: m.Key}})
	case i2cp.CreateLeaseSet2:
		return k.leaseSet(m.Session, m.Set, m.Keys)
	case i2cp.HostLookup:
		return k.hostLookup(m)
	case i2cp.DestLookup:
		return k.destLookup(m)
	case i2cp.GetBandwidthLimits:
		return k.send(k.limits())
	case i2cp.BlindingInfo:
		return k.blinding(m)
	case i2cp.Disconnect:
		return io.EOF
	}
	k.server.count(func(s *Stats) { s.Refused.Malformed++ })
	return fmt.Errorf("%v is for routers to say", kind)
}

// login takes the name and password of a greeting, where they are asked for.
func (k *connection) login(g i2cp.GetDate) error {
	if !k.server.cfg.Required() {
		return nil
	}
	user, password := g.Auth.Get(i2cp.KeyUsername), g.Auth.Get(i2cp.KeyPassword)
	k.welcome = k.Login(k.ctx, user, password)
	switch {
	case k.welcome:
		return nil
	case user == "" || password == "":
		return errUnauthorized
	}
	return errPassword
}

// send has a message sent that the client has to get.
func (k *connection) send(m i2cp.Message) error {
	if !k.out.add(m, 1<<31-1) {
		k.cancel()
		return errUnread
	}
	k.server.messagesOut.Add(1)
	return nil
}

// noLimit is said where the router has none.
const noLimit = 1 << 20

// limits are the router's. What a client can carry is less, as garlic and tunnels take their part.
func (k *connection) limits() i2cp.BandwidthLimits {
	in, out := k.server.cfg.Bandwidth()
	said := func(kbps int) uint32 {
		if kbps <= 0 {
			return noLimit
		}
		return uint32(kbps)
	}
	m := i2cp.BandwidthLimits{In: said(in), InBurst: said(in), Out: said(out), OutBurst: said(out), BurstTime: 1}
	m.ClientIn, m.ClientOut = m.In*4/7, m.Out*4/7 // as Java reckons it
	return m
}

// close ends all sessions.
func (k *connection) close() {
	for _, s := range k.sessions {
		k.end(s)
	}
	k.asker.Lock()
	defer k.asker.Unlock()
	k.closed = true
	if k.idle != nil {
		k.idle.Close()
	}
}
