package forward

import (
	"context"
	"fmt"
	"net"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/socks"
	"i2ptoolkit/pkg/udpforward"
)

// door makes what local users connect to.
func (f *forward) door(r *resident) server {
	switch p := f.plan(); p.Type {
	case plan.HTTP:
		return f.httpDoor(r, p)
	case plan.SOCKS:
		return f.socksDoor(r, p)
	case plan.IRC:
		c := f.ircClient(p)
		return clientDoor{r, c.Join, c}
	}
	return clientDoor{r, splice.Both, nil}
}

func (f *forward) httpDoor(r *resident, p plan.Plan) server {
	s := p.HTTP
	if s == nil {
		s = &plan.HTTPSettings{}
	}
	cfg := httpproxy.Config{
		Dial: r.count, Lookup: f.m.cfg.Lookup, Save: f.m.cfg.Save, Jump: s.Jump, Jumps: f.m.cfg.Jumps, ConnectOnly: s.ConnectOnly,
		AcceptLanguage: s.AcceptLanguage, Log: f.m.cfg.Log, Now: f.m.cfg.Now,
		Limits: httpproxy.Limits{Connections: p.Limits.Streams},
	}
	for _, port := range s.ConnectPorts {
		cfg.ConnectPorts = append(cfg.ConnectPorts, uint16(port))
	}
	for _, o := range s.Outproxies {
		host, port, err := plan.Remote(o.Host)
		if err == nil {
			cfg.Outproxies = append(cfg.Outproxies, httpproxy.Outproxy{Host: host, Port: port, SOCKS: o.SOCKS, Name: o.User, Password: o.Password})
		}
	}
	for _, a := range s.Accounts {
		cfg.Accounts = append(cfg.Accounts, httpproxy.Account{Name: a.User, Password: a.Password})
	}
	return httpproxy.New(cfg)
}

func (f *forward) socksDoor(r *resident, p plan.Plan) server {
	s := p.SOCKS
	if s == nil {
		s = &plan.SOCKSSettings{}
	}
	cfg := socks.Config{
		Log: f.m.cfg.Log, Dial: r.count, Extended: s.Extended, Limits: socks.Limits{Connections: p.Limits.Streams},
	}
	if s.Isolate {
		cfg.DialFor = r.dialFor
	}
	if s.UDP {
		cfg.Resolve = r.resolve
		cfg.Listen = func() (socks.Datagrams, error) { return r.datagrams() }
	}
	for _, o := range s.Outproxies {
		host, port, err := plan.Remote(o.Host)
		if err == nil {
			cfg.Outproxies = append(cfg.Outproxies, socks.Outproxy{Host: host, Port: port, HTTP: !o.SOCKS, User: o.User, Password: o.Password})
		}
	}
	for _, a := range s.Accounts {
		cfg.Users = append(cfg.Users, socks.User{Name: a.User, Password: a.Password})
	}
	return socks.New(cfg)
}

// count is dial for a door that carries by itself: what passes is counted.
func (r *resident) count(ctx context.Context, host string, port uint16) (net.Conn, error) {
	c, err := r.dial(ctx, host, port)
	if err != nil {
		r.f.failed.Add(1)
		return nil, err
	}
	r.f.opened.Add(1)
	r.f.streams.Add(1)
	return &tallied{used: c.(*used), f: r.f}, nil
}

func (r *resident) resolve(ctx context.Context, host string) (i2p.Destination, error) {
	local, release, err := r.use(ctx)
	if err != nil {
		return i2p.Destination{}, err
	}
	defer release()
	return r.f.m.cfg.Resolve(ctx, local, host)
}

// datagrams are those of a port that nobody can guess.
func (r *resident) datagrams() (udpforward.Datagrams, error) {
	local, release, err := r.use(r.ctx)
	if err != nil {
		return nil, err
	}
	c, err := local.ListenFree()
	if err != nil {
		release()
		return nil, err
	}
	return heldDatagrams{c, release}, nil
}

// heldDatagrams keep their destination open.
type heldDatagrams struct {
	udpforward.Datagrams
	release func()
}

func (d heldDatagrams) Close() error {
	defer d.release()
	return d.Datagrams.Close()
}

var errGuests = fmt.Errorf("%w: there are %d users with destinations of their own already", destinations.ErrBusy, maxGuests)

// dialFor opens streams by a destination that is this user's alone.
func (r *resident) dialFor(user string) socks.Dial {
	return func(ctx context.Context, host string, port uint16) (net.Conn, error) {
		g := r.guestOf(user)
		if g == nil {
			return nil, errGuests
		}
		return g.count(ctx, host, port)
	}
}
