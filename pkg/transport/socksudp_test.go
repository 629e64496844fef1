package transport

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/transport/sockstest"
)

// bySOCKS is a socket by a proxy, for peers of a family.
func bySOCKS(t *testing.T, p *sockstest.Proxy, v4 bool, log io.Writer) PacketConn {
	t.Helper()
	u := p.URL()
	u.User = url.UserPassword("me", "secret")
	n, err := ThroughSOCKS(noNetwork{}, u, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	any := netip.IPv6Unspecified()
	if v4 {
		any = netip.IPv4Unspecified()
	}
	conn, err := n.ListenPacket(t.Context(), netip.AddrPortFrom(any, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if got := AddrOf(conn.LocalAddr()); got.Addr().Is4() != v4 {
		t.Errorf("a socket at %v", got)
	}
	return conn
}

// got is what a read has given.
type got struct {
	text string
	from netip.AddrPort
	err  error
}

// reads gives all that is read, until the socket is closed.
func reads(c PacketConn) <-chan got {
	all := make(chan got, 16)
	go func() {
		defer close(all)
		for b := make([]byte, 2048); ; {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if all <- (got{string(b[:n]), from, err}); errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	return all
}

// send writes as soon as the proxy relays.
func send(t *testing.T, c PacketConn, text string, to netip.AddrPort) {
	t.Helper()
	for {
		n, err := c.WriteToUDPAddrPort([]byte(text), to)
		if err == nil && n == len(text) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func last[T any](all []T) T { return all[len(all)-1] }

// TestSOCKS: datagrams go to peers and come back by the proxy, over each family; who sends to the socket
// straight, or what the proxy makes of fragments and names, is not read. What the proxy gave
// ends, and it is asked again.
func TestSOCKS(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			peer, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
			if err != nil {
				t.Skip(err)
			}
			defer peer.Close()
			at := AddrOf(peer.LocalAddr())
			proxy := sockstest.Start(t, "127.0.0.1:0", "me", "secret")
			var log bytes.Buffer
			c := bySOCKS(t, proxy, at.Addr().Is4(), &log)
			all := reads(c)
			b := make([]byte, 2048)
			for round := 1; round <= 2; round++ {
				send(t, c, "hello", at)
				n, from, err := peer.ReadFromUDPAddrPort(b)
				association := last(proxy.Associations())
				if exit := association.Exit(at.Addr().Is4()); err != nil || string(b[:n]) != "hello" || from.Port() != exit.Port() {
					t.Fatalf("%q came from %v, %v; the proxy is %v", b[:n], from, err, exit)
				}
				straight, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(proxy.Client(association)))
				if err != nil {
					t.Fatal(err)
				}
				straight.Write(append([]byte{0, 0, 0, 1, 127, 0, 0, 1, 0, 7}, "straight"...))
				straight.Close()
				for _, odd := range []string{"", "\x00", "\x00\x00\x00", "\x00\x00\x01\x01\x7f\x00\x00\x01\x00\x07fragment", "\x00\x00\x00\x03\x01a\x00\x07name", "\x00\x00\x00\x01\x7f\x00", "\x00\x01\x00\x01\x7f\x00\x00\x01\x00\x07odd"} {
					proxy.Say(association, []byte(odd))
				}
				peer.WriteToUDPAddrPort([]byte("and you"), from)
				if g := <-all; g.text != "and you" || g.from != at || g.err != nil {
					t.Fatalf("read %+v, want what %v has sent", g, at)
				}
				if round == 1 {
					proxy.Cut()
					if g := <-all; g.err == nil || errors.Is(g.err, net.ErrClosed) {
						t.Fatalf("cut off, it reads %+v", g)
					}
				}
			}
			c.Close()
			if g := <-all; !errors.Is(g.err, net.ErrClosed) {
				t.Errorf("closed, it reads %+v", g)
			}
			if proxy.Asked() != 2 || strings.Count(log.String(), "relays no datagrams") != 1 || strings.Contains(log.String(), "secret") {
				t.Errorf("asked %d times; log:\n%s", proxy.Asked(), &log)
			}
		})
	}
}

// TestSOCKSRefused: each way in which a proxy does not relay is told as it is.
func TestSOCKSRefused(t *testing.T) {
	const request = "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		user  *url.Userinfo
		speak func(net.Conn)
		err   string
	}{
		"no UDP":             {nil, expect(t, "\x05\x01\x00", "\x05\x00", request, "\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"), "does not know how"},
		"unknown reply":      {nil, expect(t, "\x05\x01\x00", "\x05\x00", request, "\x05\x63\x00\x01\x00\x00\x00\x00\x00\x00"), "code 99"},
		"at a name":          {nil, expect(t, "\x05\x01\x00", "\x05\x00", request, "\x05\x00\x00\x03\x01a\x00\x07"), "address of type 3"},
		"wants a password":   {nil, expect(t, "\x05\x01\x00", "\x05\xff"), "wants a name and a password"},
		"forces a password":  {nil, expect(t, "\x05\x01\x00", "\x05\x02"), "wants a name and a password"},
		"wrong password":     {url.UserPassword("me", "pw"), expect(t, "\x05\x02\x00\x02", "\x05\x02", "\x01\x02me\x02pw", "\x01\x01"), "does not take"},
		"no password at all": {url.User("me"), expect(t, "\x05\x02\x00\x02", "\x05\x02"), "of 1 to 255"},
		"HTTP":               {nil, expect(t, "\x05\x01\x00", "HTTP/1.1 400\r\n"), "version 72"},
		"ends":               {nil, expect(t, "\x05\x01\x00", "\x05"), "deadline"},
		"silence":            {nil, silence, "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // 10 seconds
				n, err := ThroughSOCKS(noNetwork{}, &url.URL{Scheme: "socks5", Host: "p:1080", User: c.user}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				n.reach = &proxyAt{speak: c.speak}
				conn, _ := n.ListenPacket(t.Context(), netip.MustParseAddrPort("0.0.0.0:0"))
				defer conn.Close()
				_, _, err = conn.ReadFromUDPAddrPort(make([]byte, 100))
				if err == nil || !strings.Contains(err.Error(), c.err) && (c.err != "deadline" || !strings.Contains(err.Error(), "timeout")) {
					t.Errorf("error %v, expected %q", err, c.err)
				}
				if _, err := conn.WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort("23.0.0.9:7")); err == nil {
					t.Error("something is written, but where to?")
				}
			})
		})
	}
	for _, at := range []string{"http://p:1", "https://p:1", "p:1"} {
		u, _ := url.Parse(at)
		if _, err := ThroughSOCKS(noNetwork{}, u, slog.Default()); err == nil {
			t.Errorf("%s is taken for a proxy that relays datagrams", at)
		}
	}
}

// FuzzRelayed: what a proxy relays is read or not, and what is read was written so.
func FuzzRelayed(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x7f\x00\x00\x01\x00\x07hello"))
	f.Add([]byte("\x00\x00\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x07hello"))
	f.Add([]byte("\x00\x00\x01\x01\x7f\x00\x00\x01\x00\x07hello"))
	f.Add([]byte("\x00\x00\x00\x03\x01a\x00\x07hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, from, ok := parseRelayed(b)
		if !ok {
			if payload != nil || from.IsValid() {
				t.Error("not read, and yet something is there")
			}
			return
		}
		mapped := b[3] == socksIPv6 && from.Addr().Is4() // is written as what it is
		if again := append(appendRelayHeader(nil, from), payload...); !mapped && !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}

// FuzzAskToRelay: whatever a proxy says, it is asked and no more.
func FuzzAskToRelay(f *testing.F) {
	f.Add([]byte("\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"))
	f.Add([]byte("\x05\x02\x01\x00\x05\x00\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x04\x38"))
	f.Fuzz(func(t *testing.T, says []byte) {
		var said bytes.Buffer
		at, err := askToRelay(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(says), &said}, url.UserPassword("me", "secret"))
		if (err == nil) != at.IsValid() || said.Len() > 4+12+10 {
			t.Errorf("%v, %v after %x", at, err, said.Bytes())
		}
	})
}
