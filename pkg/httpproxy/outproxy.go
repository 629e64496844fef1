package httpproxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Outproxy is an eepsite that passes requests on to the clearnet.
type Outproxy struct {
	Host           string // a name, or an address in I2P
	Port           uint16
	SOCKS          bool   // it speaks SOCKS 5, and not HTTP
	Name, Password string // of an account there, if it asks for one
}

// outproxies choose the outproxy of each host: always the same for one, so that a site sees its
// visitor come from one place, and none that has just failed while there is another.
type outproxies struct {
	key [32]byte // which host goes where is nothing that others can tell
	all []*outproxy

	mu sync.Mutex // of what the outproxies remember
}

// outproxy is one of them, and what is remembered of it.
type outproxy struct {
	Outproxy
	failures int
	until    time.Time // when it may be tried first again
}

const (
	firstRest = 30 * time.Second
	maxRests  = 6 // the rest doubles as often: a quarter of an hour
)

func (o *outproxies) init(list []Outproxy) {
	for _, one := range list {
		if one.Port == 0 {
			one.Port = 80
			if one.SOCKS {
				one.Port = 1080
			}
		}
		o.all = append(o.all, &outproxy{Outproxy: one})
	}
}

// order gives the outproxies in the order in which they are tried for a host: those that have
// not failed lately first, and among these as each host draws them (rendezvous hashing).
func (o *outproxies) order(host string, now time.Time) []*outproxy {
	o.mu.Lock()
	defer o.mu.Unlock()
	type draw struct {
		*outproxy
		rests bool
		lot   uint64
	}
	draws := make([]draw, len(o.all))
	for i, one := range o.all {
		mac := hmac.New(sha256.New, o.key[:])
		io.WriteString(mac, host+" "+one.Host+" "+strconv.Itoa(int(one.Port)))
		draws[i] = draw{one, now.Before(one.until), binary.BigEndian.Uint64(mac.Sum(nil))}
	}
	slices.SortStableFunc(draws, func(a, b draw) int {
		switch {
		case a.rests != b.rests && a.rests, a.rests == b.rests && a.lot > b.lot:
			return 1
		}
		return -1
	})
	list := make([]*outproxy, len(draws))
	for i, d := range draws {
		list[i] = d.outproxy
	}
	return list
}

// tried remembers how it went.
func (o *outproxies) tried(one *outproxy, now time.Time, worked bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if worked {
		one.failures, one.until = 0, time.Time{}
		return
	}
	rest := firstRest << min(one.failures, maxRests-1)
	one.failures++
	one.until = now.Add(rest)
}

// reachOut gives a stream on which a request for a host of the clearnet can be sent.
func (s *session) reachOut(ctx context.Context, oldest time.Duration) (*stream, *fault) {
	return s.try(ctx, func(one *outproxy) (*stream, error) {
		key := "http " + one.Host
		if one.SOCKS {
			key = "socks " + one.Host + " " + s.to.authority()
		}
		if up := s.p.pool.take(key, oldest); up != nil {
			s.p.counts.reused.Add(1)
			return up, nil
		}
		up, err := s.dialOut(ctx, one, key)
		if err != nil || up == nil {
			return nil, err
		}
		if !one.SOCKS {
			up.absolute = true
			up.credentials = one.basic()
			return up, nil
		}
		return s.handshake(up, func() error { return socksConnect(up, one, s.to.host, s.to.port) })
	})
}

// connectOut is reachOut for CONNECT.
func (s *session) connectOut(ctx context.Context) (*stream, *fault) {
	return s.try(ctx, func(one *outproxy) (*stream, error) {
		up, err := s.dialOut(ctx, one, "")
		if err != nil || up == nil {
			return nil, err
		}
		return s.handshake(up, func() error {
			if one.SOCKS {
				return socksConnect(up, one, s.to.host, s.to.port)
			}
			return s.httpConnect(up, one)
		})
	})
}

// refusal is what an outproxy says of the host that was asked for: it is no failure of its own.
type refusal string

func (r refusal) Error() string { return string(r) }

// try tries the outproxies one after the other.
func (s *session) try(ctx context.Context, open func(*outproxy) (*stream, error)) (*stream, *fault) {
	o, c := &s.p.out, &s.p.counts
	f := faultOutproxy
	for _, one := range o.order(s.to.host, s.p.cfg.Now()) {
		c.outDialled.Add(1)
		up, err := open(one)
		why := refusal("")
		switch {
		case err == nil && up == nil: // the client is gone
			return nil, nil
		case errors.As(err, &why):
			f.text = "The outproxy did not reach the site: " + why.Error() + "."
			f.retry = 0
			return nil, &f
		case err == nil:
			o.tried(one, s.p.cfg.Now(), true)
			return up, nil
		}
		c.outFailed.Add(1)
		o.tried(one, s.p.cfg.Now(), false)
		s.p.cfg.Log.Debug("an outproxy failed", "err", err)
	}
	return nil, &f
}

// dialOut opens a stream to an outproxy; it gives none where the client is gone.
func (s *session) dialOut(ctx context.Context, one *outproxy, key string) (*stream, error) {
	up, f := s.dial(ctx, one.Host, one.Port, key)
	if f != nil {
		return nil, errors.New(f.title)
	}
	return up, nil
}

// handshake speaks with an outproxy, for as long as one is waited for.
func (s *session) handshake(up *stream, speak func() error) (*stream, error) {
	s.use(up)
	defer s.use(nil)
	up.SetDeadline(time.Now().Add(s.p.cfg.Limits.Connect))
	if err := speak(); err != nil {
		up.abort()
		up.giveBack()
		return nil, err
	}
	up.SetDeadline(time.Time{})
	return up, nil
}

// httpConnect asks an HTTP outproxy for a connection.
func (s *session) httpConnect(up *stream, one *outproxy) error {
	b := append(s.out[:0], "CONNECT "...)
	authority := net.JoinHostPort(s.to.host, strconv.Itoa(int(s.to.port)))
	b = append(append(b, authority...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, authority...), "\r\n"...)
	b = append(append(b, one.basic()...), "\r\n"...)
	if _, err := up.Write(b); err != nil {
		return err
	}
	if err := s.resp.Read(up.r, s.p.cfg.Limits.Header, true); err != nil {
		return err
	}
	switch code := s.resp.Status; {
	case code >= 200 && code < 300:
		return nil
	case code == 407, code == 429, code == 503:
		return errors.New("it lets nobody through")
	}
	return refusal("it answered " + strconv.Itoa(s.resp.Status))
}

// basic is the header line with the credentials for an outproxy.
func (o *Outproxy) basic() string {
	if o.Name == "" && o.Password == "" || o.SOCKS {
		return ""
	}
	return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(o.Name+":"+o.Password)) + "\r\n"
}
