package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/reseed"
)

// TestUnreached: what is wrong before anything is connected.
func TestUnreached(t *testing.T) {
	opError := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for name, tt := range map[string]struct {
		err  error
		want Result
		text string
	}{
		"no such name": {&net.DNSError{Err: "no such host", Name: "a.example", IsNotFound: true}, DNS, "DNS: there is no such name"},
		"DNS timeout":  {&net.DNSError{Err: "i/o timeout", Name: "a.example", IsTimeout: true}, DNS, "DNS: no answer in time"},
		"no resolver": {&net.DNSError{Err: "dial udp 192.0.2.1:53: connect: network is unreachable", Name: "a.example", IsTemporary: true},
			DNS, "DNS: the name cannot be resolved: network is unreachable"},
		"refused":     {opError(syscall.ECONNREFUSED), Refused, "connection refused"},
		"no route":    {opError(syscall.EHOSTUNREACH), NoRoute, "no route to host"},
		"no network":  {opError(syscall.ENETUNREACH), NoRoute, "network is unreachable"},
		"timed out":   {opError(syscall.ETIMEDOUT), Timeout, "connection timed out"},
		"forbidden":   {opError(syscall.EACCES), Local, "permission denied"},
		"no more fds": {opError(syscall.EMFILE), Local, "too many open files"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{
				Servers: []string{"https://a.example/", "https://b.example/"},
				Dial:    func(context.Context, string, string) (net.Conn, error) { return nil, tt.err },
			}
			reports, err := Fetch(t.Context(), cfg, nil)
			if !errors.Is(err, ErrUnreached) || len(reports) != 2 {
				t.Fatalf("%+v, %v", reports, err)
			}
			for _, r := range reports {
				if r.Result != tt.want || r.Reason != tt.text || !r.Result.Unreached() {
					t.Errorf("%+v, expected %s: %s", r, tt.want, tt.text)
				}
			}
			if got := Failures(reports); !strings.Contains(got, "a.example") || !strings.Contains(got, "b.example") || strings.Count(got, tt.text) != 1 {
				t.Errorf("failures %q", got)
			}
		})
	}
}

// TestBlackHole: where all packets get lost, all servers have been tried within seconds.
func TestBlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		cfg := Config{Trust: new(reseed.Trust), Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
		}}
		var first time.Duration
		cfg.Each = func(Report) {
			if first == 0 {
				first = time.Since(begun)
			}
		}
		reports, err := Fetch(t.Context(), cfg, nil)
		if !errors.Is(err, ErrUnreached) || len(reports) != len(reseed.Servers()) {
			t.Errorf("%d reports, %v", len(reports), err)
		}
		if all := time.Since(begun); first > 5*time.Second || all > 12*time.Second {
			t.Errorf("the first is known after %v, all after %v", first, all)
		}
		for _, r := range reports {
			if r.Result != Timeout || r.Duration() != connectTimeout {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestStalled: who connects and then is silent, or slow, holds us up only so long.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for url, want := range map[string]string{
			"https://a.example/": "no end of the TLS handshake within 20s",
			"http://a.example/":  "no answer within 20s",
			"http://b.example/":  "no whole answer within 20s",
		} {
			cfg := Config{Timeout: 20 * time.Second, Trust: new(reseed.Trust), Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close()
					if address == "b.example:80" {
						// An answer before the request is taken for a fault of the connection.
						if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
							t.Error(err)
						}
						io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nI2Psu3")
					}
					io.Copy(io.Discard, theirs)
				}()
				return ours, nil
			}}
			begun := time.Now()
			report, _, err := One(t.Context(), cfg, url)
			if err == nil || report.Result != Stalled || report.Reason != want || report.Result.Unreached() {
				t.Errorf("%s: %+v, expected %q", url, report, want)
			}
			if took := time.Since(begun); took != 20*time.Second {
				t.Errorf("%s: %v", url, took)
			}
		}
	})
}

// TestPatience: one slow server does not hold the others up.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var servers []string
		for i := range 10 {
			servers = append(servers, fmt.Sprintf("http://%d.example/", i))
		}
		var dials atomic.Int32
		cfg := Config{Servers: servers, Trust: new(reseed.Trust), Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if dials.Add(1) <= 2 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, syscall.ECONNREFUSED
		}}
		var refused time.Duration
		cfg.Each = func(r Report) {
			if r.Result == Refused {
				refused = time.Since(begun)
			}
		}
		if _, err := Fetch(t.Context(), cfg, nil); !errors.Is(err, ErrUnreached) {
			t.Error(err)
		}
		if refused > time.Second {
			t.Errorf("the last of the others is known after %v", refused)
		}
	})
}

// socks is a SOCKS5 server that connects to one place, whatever it is asked for, or answers
// with an error.
func socks(t *testing.T, to string, code byte) (address string, asked chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked = make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				name, err := readSocks(c)
				if err != nil {
					return
				}
				asked <- name
				c.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0})
				if code == 0 {
					pipe(c, to)
				}
			}()
		}
	}()
	return l.Addr().String(), asked
}

// readSocks reads a greeting and a request (RFC 1928) and tells the name asked for.
func readSocks(c net.Conn) (string, error) {
	b := make([]byte, 512)
	if _, err := io.ReadFull(c, b[:2]); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(c, b[:b[1]]); err != nil {
		return "", err
	}
	c.Write([]byte{5, 0})
	if _, err := io.ReadFull(c, b[:5]); err != nil {
		return "", err
	}
	if b[3] != 3 {
		return "", errors.New("an address, expected a name")
	}
	n := int(b[4])
	if _, err := io.ReadFull(c, b[:n+2]); err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

func pipe(c net.Conn, to string) {
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	go io.Copy(s, c)
	io.Copy(c, s)
}

// TestSOCKS: names are left to the proxy, and what it refuses is told as its doing.
func TestSOCKS(t *testing.T) {
	s := valid(t, "a@mail.i2p")
	server := serve(t, gives(s.bundle(t, time.Now(), routers(t, 1, 5, 2))))
	for _, scheme := range []string{"socks5://", "socks5h://"} {
		proxy, asked := socks(t, server.Listener.Addr().String(), 0)
		cfg := Config{Trust: trustOf(t, s), RootCAs: roots(server), Proxy: scheme + proxy}
		report, got, err := One(t.Context(), cfg, "https://example.com/")
		if err != nil || len(got) != 5 {
			t.Fatalf("%+v, %v", report, err)
		}
		if name := <-asked; name != "example.com" {
			t.Errorf("the proxy is asked for %q", name)
		}
	}
	proxy, _ := socks(t, "", 4)
	report, _, _ := One(t.Context(), Config{Proxy: "socks5://" + proxy}, "https://example.com/")
	if report.Result != Proxy || report.Reason != "proxy: unknown error host unreachable" && report.Reason != "proxy: host unreachable" {
		t.Errorf("%+v", report)
	}
}

// TestHTTPProxy: so it goes with CONNECT.
func TestHTTPProxy(t *testing.T) {
	s := valid(t, "a@mail.i2p")
	server := serve(t, gives(s.bundle(t, time.Now(), routers(t, 1, 5, 2))))
	status := http.StatusOK
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "example.com:443" || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(rw, "HTTP/1.1 200 OK\r\n\r\n")
		bufio.NewWriter(rw).Flush()
		rw.Flush()
		pipe(c, server.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	cfg := Config{Trust: trustOf(t, s), RootCAs: roots(server), Proxy: proxy.URL}
	if report, got, err := One(t.Context(), cfg, "https://example.com/"); err != nil || len(got) != 5 {
		t.Fatalf("%+v, %v", report, err)
	}
	for code, text := range map[int]string{407: "proxy: it wants a user and a password", 502: "proxy: it answers 502 Bad Gateway"} {
		status = code
		report, _, _ := One(t.Context(), cfg, "https://example.com/")
		if report.Result != Proxy || !strings.Contains(report.Reason, text) || report.Status != 0 {
			t.Errorf("%+v", report)
		}
	}
}

// TestProxyIsGone: nothing goes past it.
func TestProxyIsGone(t *testing.T) {
	const nobody = "127.0.0.1:1"
	for _, scheme := range []string{"socks5://", "http://", "https://"} {
		var dialed []string
		cfg := Config{Proxy: scheme + nobody, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
		report, _, _ := One(t.Context(), cfg, "https://example.com/")
		if report.Result != Proxy || report.Reason != "proxy: connection refused" || len(dialed) != 1 || dialed[0] != nobody {
			t.Errorf("%s: %+v, dialed %v", scheme, report, dialed)
		}
	}
}
