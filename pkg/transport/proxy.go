package transport

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// Proxied is a Network whose connections go through a proxy, all of them: where the
// proxy does not connect, nobody is dialled. What is listened on is the machine's own.
type Proxied struct {
	Network
	through dialer
}

// dialer is what x/net/proxy makes, and takes to reach the proxy.
type dialer interface {
	proxy.ContextDialer
	proxy.Dialer
}

// ThroughProxy has a network dial by the proxy at a URL: socks5://HOST:PORT (RFC 1928) or
// http://HOST:PORT (RFC 9110, CONNECT), with a name and a password where it wants them.
func ThroughProxy(n Network, at *url.URL) (Proxied, error) {
	return throughProxy(n, at, &net.Dialer{KeepAliveConfig: keepAlive})
}

func throughProxy(n Network, at *url.URL, reach dialer) (Proxied, error) {
	switch at.Scheme {
	case "http":
		return Proxied{n, httpProxy{at, reach}}, nil
	case "socks5":
		d, err := proxy.FromURL(at, reach)
		if err != nil {
			return Proxied{}, err
		}
		through, ok := d.(dialer)
		if !ok {
			return Proxied{}, errors.New("transport: the proxy cannot be dialled with a limit of time")
		}
		return Proxied{n, through}, nil
	}
	return Proxied{}, fmt.Errorf("transport: %q is no kind of proxy that is known", at.Scheme)
}

// DialContext opens a connection to a peer, whose address it has.
func (p Proxied) DialContext(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	conn, err := p.through.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("transport: by the proxy: %w", err)
	}
	return proxiedConn{conn, net.TCPAddrFromAddrPort(addr)}, nil
}

// proxiedConn is a connection whose other end is behind the proxy.
type proxiedConn struct {
	net.Conn
	peer net.Addr
}

func (c proxiedConn) RemoteAddr() net.Addr { return c.peer }

// httpProxy connects by CONNECT.
type httpProxy struct {
	at    *url.URL
	reach dialer
}

// Dial is DialContext without an end.
func (p httpProxy) Dial(network, addr string) (net.Conn, error) {
	return p.DialContext(context.Background(), network, addr)
}

// maxProxyAnswer bounds what a proxy says before it passes anything on.
const maxProxyAnswer = 8 << 10

// DialContext has the proxy connect to an address.
func (p httpProxy) DialContext(ctx context.Context, network, addr string) (_ net.Conn, err error) {
	conn, err := p.reach.DialContext(ctx, network, p.at.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			conn.Close()
		}
	}()
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if u := p.at.User; u != nil {
		password, _ := u.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return nil, err
	}
	r := bufio.NewReader(&bounded{conn, maxProxyAnswer})
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %.40q", answer.Status)
	case r.Buffered() > 0: // a peer says nothing before we do
		return nil, errors.New("it says more than its answer")
	}
	return conn, nil
}

// bounded reads so much, and not for ever.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("its answer is too long")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
