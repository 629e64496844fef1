package socks

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"i2ptoolkit/pkg/destinations"
)

// outproxies are what answers at the names of outproxies; who has no answer is not there.
type outproxies struct {
	answer map[string]func(c net.Conn)
	dialed []string
}

func (o *outproxies) dial(_ context.Context, host string, _ uint16) (net.Conn, error) {
	o.dialed = append(o.dialed, host)
	answer := o.answer[host]
	if answer == nil {
		return nil, destinations.ErrNotFound
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		answer(far)
	}()
	return near, nil
}

// socksTo is an outproxy of SOCKS 5, which is a Proxy itself, and asks for a password.
func socksTo(t *testing.T, host string, c code) func(net.Conn) {
	return func(conn net.Conn) {
		p := New(Config{Users: []User{{"u", "p"}}})
		r, err := p.greet(conn)
		if err != nil || r.host != host && r.ip.String() != host {
			t.Errorf("%+v: %v", r, err)
			return
		}
		conn.Write(r.reply(c, nil))
		if c == succeeded {
			io.WriteString(conn, "hello")
		}
	}
}

// httpTo is an outproxy of HTTP.
func httpTo(t *testing.T, host, status string) func(net.Conn) {
	return func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || r.Method != http.MethodConnect || r.Host != host || r.Header.Get("Proxy-Authorization") != "Basic dTpw" {
			t.Errorf("%+v: %v", r, err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 "+status+"\r\nX: y\r\n\r\nhello")
	}
}

// TestOutproxies: what is outside I2P goes to the first outproxy that can be reached; what one
// says to it holds; what is local goes to none.
func TestOutproxies(t *testing.T) {
	const unsaid = "HTTP/1.1 200 OK\r\nX: "
	for name, c := range map[string]struct {
		answer map[string]func(net.Conn)
		say    string
		want   string
		asked  string
	}{
		"SOCKS":         {map[string]func(net.Conn){"s.i2p": socksTo(t, "example.org", succeeded)}, ask5(connect, domain, "Example.org", 443), done5 + "hello", "s.i2p"},
		"an address":    {map[string]func(net.Conn){"s.i2p": socksTo(t, "1.2.3.4", succeeded)}, ask5(connect, ipv4, "\x01\x02\x03\x04", 443), done5 + "hello", "s.i2p"},
		"another":       {map[string]func(net.Conn){"h.i2p": httpTo(t, "example.org:443", "200 OK")}, ask5(connect, domain, "example.org", 443), done5 + "hello", "s.i2p h.i2p"},
		"IPv6 by HTTP":  {map[string]func(net.Conn){"h.i2p": httpTo(t, "[2000::]:443", "200 OK")}, ask5(connect, ipv6, "\x20"+strings.Repeat("\x00", 15), 443), done5 + "hello", "s.i2p h.i2p"},
		"refused":       {map[string]func(net.Conn){"s.i2p": socksTo(t, "example.org", refused), "h.i2p": nil}, ask5(connect, domain, "example.org", 443), no5(refused), "s.i2p"},
		"no gateway":    {map[string]func(net.Conn){"h.i2p": httpTo(t, "example.org:443", "504 Gateway Timeout")}, ask5(connect, domain, "example.org", 443), no5(expired), "s.i2p h.i2p"},
		"broken":        {map[string]func(net.Conn){"s.i2p": func(c net.Conn) { c.Read(make([]byte, 3)); io.WriteString(c, "xy") }}, ask5(connect, domain, "example.org", 443), no5(networkUnreachable), "s.i2p h.i2p"},
		"silent":        {map[string]func(net.Conn){"s.i2p": func(c net.Conn) { io.Copy(io.Discard, c) }, "h.i2p": httpTo(t, "example.org:443", "200 OK")}, ask5(connect, domain, "example.org", 443), done5 + "hello", "s.i2p h.i2p"},
		"endless":       {map[string]func(net.Conn){"h.i2p": func(c net.Conn) { go io.Copy(io.Discard, c); io.WriteString(c, unsaid+strings.Repeat("y", maxHead)) }}, ask5(connect, domain, "example.org", 443), no5(networkUnreachable), "s.i2p h.i2p"},
		"none":          {nil, ask5(connect, domain, "example.org", 443), no5(networkUnreachable), "s.i2p h.i2p"},
		"loopback":      {nil, ask5(connect, ipv4, "\x7f\x00\x00\x01", 443), no5(notAllowed), ""},
		"loopback in 6": {nil, ask5(connect, ipv6, strings.Repeat("\x00", 10)+"\xff\xff\x7f\x00\x00\x01", 443), no5(notAllowed), ""},
		"private":       {nil, ask5(connect, domain, "192.168.1.1", 443), no5(notAllowed), ""},
		"unspecified":   {nil, ask5(connect, domain, "0.0.0.0", 443), no5(notAllowed), ""},
		"localhost":     {nil, ask5(connect, domain, "localhost", 443), no5(notAllowed), ""},
		"at home":       {nil, ask5(connect, domain, "router.local", 443), no5(notAllowed), ""},
		"no name":       {nil, ask5(connect, domain, "example.org\r\nX: y", 443), no5(notAllowed), ""},
		"bad in I2P":    {nil, ask5(connect, domain, "a b.i2p", 443), no5(hostUnreachable), ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := outproxies{answer: c.answer}
			cfg := Config{Dial: o.dial, Outproxies: []Outproxy{{Host: "s.i2p", User: "u", Password: "p"}, {Host: "h.i2p", HTTP: true, User: "u", Password: "p"}}}
			inProxy(t, cfg, func(t *testing.T, p *Proxy, l *pipes) {
				if got := talk(l, c.say); got != free+c.want {
					t.Errorf("%q, want %q", got, free+c.want)
				}
				if got := strings.Join(o.dialed, " "); got != c.asked {
					t.Errorf("asked %q, want %q", got, c.asked)
				}
				if c.asked == "s.i2p h.i2p" && strings.HasSuffix(c.want, "hello") { // it is the first from now on
					o.dialed = nil
					talk(l, c.say)
					if got := strings.Join(o.dialed, " "); got != "h.i2p" {
						t.Errorf("then asked %q", got)
					}
				}
			})
		})
	}
}
