package httpproxy

import (
	"context"
	"strings"
	"time"

	"i2ptoolkit/pkg/forward/splice"
)

// answer answers a request that was read. It reports whether the connection goes on.
func (s *session) answer(ctx context.Context) bool {
	p, r := s.p, &s.req
	c := &p.counts
	connect := r.Is("CONNECT")
	switch {
	case s.inside != nil:
		return s.answerInside(ctx)
	case !p.accounts.admit(r):
		c.unauthorized.Add(1)
		return s.refuse(faultAccount)
	case p.cfg.ConnectOnly && !connect:
		c.method.Add(1)
		return s.refuse(faultOnly)
	case r.Echoes():
		c.method.Add(1)
		return s.refuse(faultMethod)
	}
	if err := s.to.find(r); err != nil {
		c.malformed.Add(1)
		return s.refuse(faultMalformed(err))
	}
	switch s.to.kind {
	case private:
		c.private.Add(1)
		return s.refuse(faultPrivate)
	case clearnet:
		if len(p.out.all) == 0 {
			c.clearnet.Add(1)
			return s.refuse(faultClearnet)
		}
	case own:
		if connect {
			c.port.Add(1)
			return s.refuse(faultPort)
		}
		return s.page(ctx)
	}
	if connect {
		return s.connect(ctx)
	}
	return s.fetch(ctx)
}

// fetch answers a request with what its site says.
func (s *session) fetch(ctx context.Context) bool {
	if s.to.kind == eepsite {
		if done, keep := s.help(); done {
			return keep
		}
	}
	return s.pass(ctx)
}

// freshEnough is how long ago a stream may have been used that a request is sent on which cannot
// be sent again where the stream turns out to have ended.
const freshEnough = 5 * time.Second

// pass passes a request on, and its response back. A stream that was idle may have ended without
// our knowing: then the request is sent on another, once, where that does no harm.
func (s *session) pass(ctx context.Context) bool {
	oldest := freshEnough
	if s.req.Repeatable() {
		oldest = s.p.cfg.Limits.StreamIdle
	}
	for {
		up, f := s.reach(ctx, oldest)
		if f != nil {
			return s.refuse(f)
		}
		if up == nil {
			return false
		}
		keep, again, f := s.exchange(up)
		switch {
		case again:
			s.p.counts.repeated.Add(1)
			oldest = -1
			continue
		case f != nil:
			return s.refuse(f)
		}
		return keep
	}
}

// reach gives a stream to where the request is for: an idle one that is not older than that, or
// a new one. It gives none where the client is gone.
func (s *session) reach(ctx context.Context, oldest time.Duration) (*stream, *fault) {
	if s.to.kind == clearnet {
		return s.reachOut(ctx, oldest)
	}
	key := s.to.authority()
	if up := s.p.pool.take(key, oldest); up != nil {
		s.p.counts.reused.Add(1)
		return up, nil
	}
	host, f := s.p.known(s.to.host)
	if f != nil {
		return nil, f
	}
	return s.dial(ctx, host, s.to.port, key)
}

// known gives what a name is dialled by, or says at once that it is not known.
func (p *Proxy) known(host string) (string, *fault) {
	if !named(host) || p.cfg.Lookup == nil {
		return host, nil
	}
	_, err := p.cfg.Lookup(host)
	if err == nil {
		return host, nil
	}
	if once := p.helpers.lookup(host); once != "" {
		return once, nil
	}
	f := faultName
	f.name = host
	return "", &f
}

// named tells a host that is no address by itself.
func named(host string) bool { return !strings.HasSuffix(host, addressEnd) }

// dial opens a stream, while the client waits. It gives none where the client is gone.
func (s *session) dial(ctx context.Context, host string, port uint16, key string) (*stream, *fault) {
	ctx, cancel := context.WithTimeout(ctx, s.p.cfg.Limits.Connect)
	defer cancel()
	s.watch(nil, cancel)
	conn, err := s.p.cfg.Dial(ctx, host, port)
	if there := s.dismiss(); !there || ctx.Err() == context.Canceled {
		if err == nil {
			splice.Break(conn)
		}
		s.p.counts.gone.Add(1)
		return nil, nil
	}
	if err != nil {
		s.p.cfg.Log.Debug("not reached", "err", err)
		return nil, unreached(err, s.to.host, named(s.to.host))
	}
	s.p.counts.dialled.Add(1)
	return newStream(conn, key), nil
}
