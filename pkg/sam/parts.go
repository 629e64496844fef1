package sam

import (
	"context"
	"slices"
	"strings"
)

// add is SESSION ADD.
func (c *conn) add(ctx context.Context, args Args) (id string, err error) {
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
	if err := s.configure(ctx, args); err != nil {
		return "", err
	}
	if err := s.canSign(); err != nil {
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
		p.detach(s)
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

// part finds one by its ID; nil: there is none.
func (p *session) part(id string) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.parts {
		if s.id == id {
			return s
		}
	}
	return nil
}

// detach makes s a part no longer.
func (p *session) detach(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts = slices.DeleteFunc(p.parts, func(other *session) bool { return other == s })
}

// remove is SESSION REMOVE.
func (c *conn) remove(args Args) (id string, err error) {
	p := c.session
	if p == nil || p.style != stylePrimary {
		return "", refuse("I2P_ERROR", "this connection has no PRIMARY session")
	}
	id = args.Get("ID")
	found := p.part(id)
	if found == nil {
		return "", refuse("I2P_ERROR", "the session has no part %s", id)
	}
	p.detach(found)
	found.end()
	return id, nil
}
