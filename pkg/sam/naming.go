package sam

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
)

// parseName is i2p.ParseName, and takes a destination with private keys behind it for the destination: there are
// programs that know one by what SESSION STATUS says of it, and other routers read no further than they must.
func parseName(text string) (i2p.Name, error) {
	name, err := i2p.ParseName(text)
	if err == nil {
		return name, nil
	}
	b, decodeErr := i2p.DecodeBase64(text)
	if decodeErr != nil {
		return name, err
	}
	keys, parseErr := i2p.ParseKeyFile(b)
	if parseErr != nil {
		return name, err
	}
	d := keys.Destination()
	return i2p.Name{Kind: i2p.NameDestination, Destination: d, Hash: d.Hash()}, nil
}

// peer is the destination that a client names: by its key, or by any name of it.
func (s *Server) peer(ctx context.Context, by *session, text string) (i2p.Destination, error) {
	name, err := parseName(text)
	if err != nil {
		return i2p.Destination{}, refuse("INVALID_KEY", "%v", err)
	}
	to, err := s.cfg.Resolve(ctx, by.local, name)
	if errors.Is(err, naming.ErrUnknown) {
		return to, refuse("INVALID_KEY", "%v", err)
	}
	return to, err
}

// lookupTime is how long a name may take.
const lookupTime = time.Minute

// namingCommand is NAMING LOOKUP (Host Name Lookup).
func (c *conn) namingCommand(ctx context.Context, cmd Command) error {
	const head = "NAMING REPLY"
	text, there := cmd.Args.Lookup("NAME")
	if cmd.Sub != "LOOKUP" || !there || text == "" {
		return c.say(answer(head, "I2P_ERROR").saying("expected NAMING LOOKUP NAME=…"))
	}
	c.server.counts.lookups.Add(1)
	var found i2p.Destination
	var more i2p.Mapping
	err := c.during(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, lookupTime)
		defer cancel()
		var err error
		found, more, err = c.lookup(ctx, text, strings.EqualFold(cmd.Args.Get("OPTIONS"), "true"))
		return err
	})
	if err != nil {
		c.server.counts.lookupsFailed.Add(1)
		r := refusal{"KEY_NOT_FOUND", err.Error()}
		errors.As(err, &r)
		return c.say(answer(head, r.result).with("NAME", text).saying("%s", r.message))
	}
	a := answer(head, "OK").with("NAME", text).with("VALUE", i2p.EncodeBase64(found.Bytes()))
	for _, o := range more {
		if isKey(o.Key) {
			a.with("OPTION:"+o.Key, o.Value)
		}
	}
	return c.say(a)
}

// lookup finds the destination behind a name, and the options of its lease set where they are wanted.
func (c *conn) lookup(ctx context.Context, text string, wanted bool) (found i2p.Destination, more i2p.Mapping, err error) {
	var by Local
	if text == "ME" {
		if c.session == nil {
			return found, nil, refuse("INVALID_KEY", "this connection has no session")
		}
		found, by = c.session.local.Destination(), c.session.local
	} else {
		name, err := parseName(text)
		if err != nil {
			return found, nil, refuse("INVALID_KEY", "%v", err)
		}
		if name.Kind == i2p.NameAddress || name.Kind == i2p.NameHash || name.Kind == i2p.NameBlinded || wanted {
			var done func()
			if by, done, err = c.asker(ctx); err != nil {
				return found, nil, err
			}
			defer done()
		}
		if found, err = c.server.cfg.Resolve(ctx, by, name); err != nil {
			return found, nil, lookupError(err)
		}
	}
	if !wanted {
		return found, nil, nil
	}
	set, err := by.Lookup(ctx, found.Hash())
	if err != nil {
		return found, nil, refuse("LEASESET_NOT_FOUND", "%v", err)
	}
	return found, set.Options(), nil
}

// lookupError tells what is not there from who could not be asked.
func lookupError(err error) error {
	if errors.Is(err, destinations.ErrStopped) || errors.Is(err, destinations.ErrClosed) {
		return refuse("I2P_ERROR", "%v", err)
	}
	return refuse("KEY_NOT_FOUND", "%v", err)
}

// asker is the destination that asks the network: the connection's, or one that is for lookups alone.
func (c *conn) asker(ctx context.Context) (Local, func(), error) {
	if c.session != nil {
		return c.session.local, func() {}, nil
	}
	return c.server.names.use(ctx)
}

// lookups has the destination for lookups of connections that have none: open while it is in use, and for some time
// after that.
type lookups struct {
	server *Server
	mu     sync.Mutex
	local  Local
	uses   int
	idle   *time.Timer
	closed bool
}

const lookupsIdle = 10 * time.Minute

func (l *lookups) use(ctx context.Context) (Local, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, destinations.ErrStopped
	}
	if l.idle != nil {
		l.idle.Stop()
		l.idle = nil
	}
	if l.local != nil && over(l.local) {
		l.local.Close()
		l.local = nil
	}
	if l.local == nil {
		asked := l.server.cfg.Defaults()
		asked.Unpublished, asked.Nickname = true, "names for SAM"
		local, err := l.server.cfg.Open(ctx, nil, asked)
		if err != nil {
			return nil, nil, err
		}
		l.local = local
	}
	l.uses++
	return l.local, l.leave, nil
}

func over(l Local) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}

func (l *lookups) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.uses--; l.uses > 0 || l.closed {
		return
	}
	l.idle = time.AfterFunc(lookupsIdle, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.uses == 0 && l.local != nil {
			l.local.Close()
			l.local = nil
		}
	})
}

func (l *lookups) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.idle != nil {
		l.idle.Stop()
	}
	if l.local != nil {
		l.local.Close()
		l.local = nil
	}
}

// destCommand is DEST GENERATE (Destination Key Generation).
func (c *conn) destCommand(_ context.Context, cmd Command) error {
	const head = "DEST REPLY"
	if cmd.Sub != "GENERATE" {
		return c.say(answer(head, "I2P_ERROR").saying("expected DEST GENERATE"))
	}
	keys, err := c.generate(cmd.Args, c.server.cfg.Defaults().Signature)
	if err != nil {
		return c.status(head, err)
	}
	r := &reply{}
	r.WriteString(head)
	return c.say(r.with("PUB", i2p.EncodeBase64(keys.Destination().Bytes())).with("PRIV", i2p.EncodeBase64(keys.AppendTo(nil))))
}
