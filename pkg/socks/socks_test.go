package socks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// pipes is a listener of connections in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (l *pipes) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- whole{far}
	return near
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *pipes) Addr() net.Addr { return nil }

// whole is a connection whose ends end both ways.
type whole struct{ net.Conn }

func (c whole) CloseWrite() error { return c.Close() }

// dials notes what is dialled, and gives a stream on which the peer says hello and ends, or an
// error.
type dials struct {
	to  []string
	err error
}

func (d *dials) dial(_ context.Context, host string, port uint16) (net.Conn, error) {
	d.to = append(d.to, fmt.Sprintf("%s:%d", host, port))
	if d.err != nil {
		return nil, d.err
	}
	near, far := net.Pipe()
	go func() {
		io.WriteString(far, "hello")
		far.Close()
	}()
	return near, nil
}

// inProxy runs f with a served Proxy, and ends it.
func inProxy(t *testing.T, cfg Config, f func(t *testing.T, p *Proxy, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, l := New(cfg), newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- p.Serve(ctx, l) }()
		f(t, p, l)
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if p.Stats().Open != 0 {
			t.Error("a connection is left")
		}
	})
}

// talk says something to a proxy, and returns all that it says.
func talk(l *pipes, say string) string {
	c := l.dial()
	defer c.Close()
	go io.WriteString(c, say)
	answer, _ := io.ReadAll(c)
	return string(answer)
}

func destination(t testing.TB) i2p.Destination {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys.Destination()
}

func ask5(command byte, kind byte, host string, port uint16) string {
	s := "\x05\x01\x00\x05" + string([]byte{command, 0, kind})
	if kind == domain {
		s += string(rune(len(host)))
	}
	return s + host + string([]byte{byte(port >> 8), byte(port)})
}

const (
	free  = "\x05\x00"                                 // no authentication
	done5 = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00" // connected
	done4 = "\x00\x5a\x00\x00\x00\x00\x00\x00"
	no4   = "\x00\x5b\x00\x00\x00\x00\x00\x00"
)

func no5(c code) string { return "\x05" + string([]byte{byte(c)}) + "\x00\x01\x00\x00\x00\x00\x00\x00" }

// TestRequests: what clients of each version ask for, whom it reaches, and what they are told.
func TestRequests(t *testing.T) {
	dest := destination(t)
	b32 := dest.B32()
	for name, c := range map[string]struct{ say, want, dialled string }{
		"a name":           {ask5(connect, domain, "stats.i2p", 80), free + done5 + "hello", "stats.i2p:80"},
		"in capitals":      {ask5(connect, domain, "Stats.I2P.", 80), free + done5 + "hello", "stats.i2p:80"},
		"b32":              {ask5(connect, domain, b32, 0), free + done5 + "hello", b32 + ":0"},
		"4a":               {"\x04\x01\x00\x50\x00\x00\x00\x01me\x00" + b32 + "\x00", done4 + "hello", b32 + ":80"},
		"4a and base64":    {"\x04\x01\x00\x50\x00\x00\x00\x01\x00" + dest.Base64() + "\x00", done4 + "hello", dest.Base64() + ":80"},
		"4 and an address": {"\x04\x01\x00\x50\x01\x02\x03\x04me\x00", no4, ""},
		"4a outside":       {"\x04\x01\x00\x50\x00\x00\x00\x01\x00example.org\x00", no4, ""},
		"4a and no host":   {"\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00", "", ""},
		"IPv4":             {ask5(connect, ipv4, "\x01\x02\x03\x04", 80), free + no5(badAddressKind), ""},
		"IPv6":             {ask5(connect, ipv6, strings.Repeat("\x20", 16), 80), free + no5(badAddressKind), ""},
		"localhost":        {ask5(connect, ipv4, "\x7f\x00\x00\x01", 80), free + no5(badAddressKind), ""},
		"IPv4 as a name":   {ask5(connect, domain, "1.2.3.4", 80), free + no5(notAllowed), ""},
		"clearnet":         {ask5(connect, domain, "example.org", 443), free + no5(notAllowed), ""},
		"ends otherwise":   {ask5(connect, domain, "stats.i2p.example.org", 443), free + no5(notAllowed), ""},
		"cut b32":          {ask5(connect, domain, b32[3:], 80), free + no5(hostUnreachable), ""},
		"no name":          {ask5(connect, domain, "a b.i2p", 80), free + no5(hostUnreachable), ""},
		"with a port":      {ask5(connect, domain, "stats.i2p:22", 80), free + no5(notAllowed), ""},
		"BIND":             {ask5(bind, domain, "stats.i2p", 80), free + no5(badCommand), ""},
		"ASSOCIATE":        {ask5(associate, domain, "stats.i2p", 80), free + no5(badCommand), ""},
		"4 and BIND":       {"\x04\x02\x00\x50\x01\x02\x03\x04me\x00", no4, ""},
		"unknown kind":     {ask5(connect, 7, "1234", 80), free + no5(badAddressKind), ""},
		"no method":        {"\x05\x01\x01", "\x05\xff", ""},
		"any password":     {"\x05\x01\x02\x01\x01u\x01p" + ask5(connect, domain, "a.i2p", 1)[3:], "\x05\x02\x01\x00" + done5 + "hello", "a.i2p:1"},
		"another version":  {"\x06", "", ""},
		"other password":   {"\x05\x01\x02\x02", "\x05\x02", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var d dials
			inProxy(t, Config{Dial: d.dial}, func(t *testing.T, p *Proxy, l *pipes) {
				if got := talk(l, c.say); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
				if got := strings.Join(d.to, " "); got != c.dialled {
					t.Errorf("dialled %q, want %q", got, c.dialled)
				}
			})
		})
	}
}

func TestHTTP(t *testing.T) {
	inProxy(t, Config{}, func(t *testing.T, p *Proxy, l *pipes) {
		if got := talk(l, "GET http://stats.i2p/ HTTP/1.0\r\n"); !strings.HasPrefix(got, "HTTP/1.0 501 ") || !strings.Contains(got, "SOCKS proxy") {
			t.Errorf("%q", got)
		}
	})
}

// TestFailures: which step failed is told in the RFC's codes, and in the extended ones to those
// who ask for them.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		err             error
		plain, extended code
	}{
		{destinations.ErrNotFound, hostUnreachable, notFound},
		{destinations.ErrTimeout, expired, notInTime},
		{destinations.ErrReset, refused, refused},
		{destinations.ErrNoTunnels, networkUnreachable, noIntroduction},
		{destinations.ErrUnreachable, networkUnreachable, networkUnreachable},
		{destinations.ErrEncryption, hostUnreachable, badDescriptor},
		{destinations.ErrBusy, failure, failure},
		{errors.New("nobody knows that name"), hostUnreachable, hostUnreachable},
	} {
		for _, extended := range []bool{false, true} {
			want := c.plain
			if extended {
				want = c.extended
			}
			d := dials{err: fmt.Errorf("dialling: %w", c.err)}
			inProxy(t, Config{Dial: d.dial, Extended: extended}, func(t *testing.T, p *Proxy, l *pipes) {
				if got := talk(l, ask5(connect, domain, "a.i2p", 80)); got != free+no5(want) {
					t.Errorf("%v: %q, want %#x", c.err, got, want)
				}
				if st := p.Stats(); st.Failed != 1 || st.Connected != 0 {
					t.Errorf("%+v", st)
				}
			})
		}
	}
	inProxy(t, Config{Extended: true}, func(t *testing.T, p *Proxy, l *pipes) {
		if got := talk(l, ask5(connect, domain, "a_b.i2p", 80)); got != free+no5(badAddress) {
			t.Errorf("a bad name: %q", got)
		}
	})
}

// TestUsers: who is none of the users gets nothing, with SOCKS 4 nobody does.
func TestUsers(t *testing.T) {
	users := []User{{"anna", "secret"}, {"bert", ""}}
	for name, c := range map[string]struct {
		say, want string
		welcome   bool
	}{
		"right":            {"\x05\x02\x00\x02\x01\x04anna\x06secret" + ask5(connect, domain, "a.i2p", 1)[3:], "\x05\x02\x01\x00" + done5 + "hello", true},
		"empty":            {"\x05\x02\x00\x02\x01\x04bert\x00" + ask5(connect, domain, "a.i2p", 1)[3:], "\x05\x02\x01\x00" + done5 + "hello", true},
		"wrong":            {"\x05\x02\x00\x02\x01\x04anna\x06Secret", "\x05\x02\x01\x01", false},
		"another's":        {"\x05\x02\x00\x02\x01\x04bert\x06secret", "\x05\x02\x01\x01", false},
		"says nothing":     {ask5(connect, domain, "a.i2p", 1), "\x05\xff", false},
		"no passwords: 4a": {"\x04\x01\x00\x50\x00\x00\x00\x01anna\x00a.i2p\x00", no4, false},
	} {
		t.Run(name, func(t *testing.T) {
			var d dials
			inProxy(t, Config{Dial: d.dial, Users: users}, func(t *testing.T, p *Proxy, l *pipes) {
				if got := talk(l, c.say); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
				if st := p.Stats(); (st.Unwelcome == 0) != c.welcome || (len(d.to) == 1) != c.welcome || st.Malformed != 0 {
					t.Errorf("%+v, dialled %v", st, d.to)
				}
			})
		})
	}
}

// TestApart: a user's name chooses the streams, where there are such.
func TestApart(t *testing.T) {
	var common, apart dials
	var who string
	cfg := Config{Dial: common.dial, DialFor: func(user string) Dial {
		who = user
		return apart.dial
	}}
	inProxy(t, cfg, func(t *testing.T, p *Proxy, l *pipes) {
		talk(l, "\x05\x02\x00\x02\x01\x04anna\x06secret"+ask5(connect, domain, "a.i2p", 1)[3:])
		talk(l, ask5(connect, domain, "b.i2p", 1))
		if who != "anna" || len(apart.to) != 1 || len(common.to) != 1 {
			t.Errorf("%q: %v and %v", who, apart.to, common.to)
		}
	})
}

// TestLimits: too many connections are turned away; who says nothing is, after a while.
func TestLimits(t *testing.T) {
	var d dials
	inProxy(t, Config{Dial: d.dial, Limits: Limits{Connections: 1}}, func(t *testing.T, p *Proxy, l *pipes) {
		begun := time.Now()
		slow := l.dial()
		slow.Write([]byte("\x05"))
		if got := talk(l, ask5(connect, domain, "a.i2p", 80)); got != "" {
			t.Errorf("the second got %q", got)
		}
		io.ReadAll(slow)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("the first was ended after %v", took)
		}
		synctest.Wait()
		if got := talk(l, ask5(connect, domain, "a.i2p", 80)); got != free+done5+"hello" {
			t.Errorf("the third got %q", got)
		}
		synctest.Wait()
		if st := p.Stats(); st.Crowded != 1 || st.Malformed != 1 || st.Connected != 1 || st.In != 5 {
			t.Errorf("%+v", st)
		}
	})
}

// TestDialTime: a peer that does not answer is not waited for longer than is allowed.
func TestDialTime(t *testing.T) {
	cfg := Config{Dial: func(ctx context.Context, _ string, _ uint16) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	inProxy(t, cfg, func(t *testing.T, p *Proxy, l *pipes) {
		begun := time.Now()
		if got := talk(l, ask5(connect, domain, "a.i2p", 80)); got != free+no5(expired) || time.Since(begun) != time.Minute {
			t.Errorf("%q after %v", got, time.Since(begun))
		}
	})
}

// TestEarlyData: what a client sends behind its request is the stream's.
func TestEarlyData(t *testing.T) {
	var got bytes.Buffer
	read := make(chan error, 1)
	cfg := Config{Dial: func(context.Context, string, uint16) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			_, err := io.CopyN(&got, far, 5)
			far.Close()
			read <- err
		}()
		return near, nil
	}}
	inProxy(t, cfg, func(t *testing.T, p *Proxy, l *pipes) {
		talk(l, ask5(connect, domain, "a.i2p", 80)+"first")
		if err := <-read; err != nil || got.String() != "first" {
			t.Errorf("%q: %v", got.String(), err)
		}
	})
}
