package bob_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/bob"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// network is where the local destinations of these tests find each other.
type network struct {
	known    i2p.Destination
	accepted chan net.Conn // streams that lead to whom is served
	told     told          // what becomes of tunnels
}

// told are the lines of a log, as "NICKNAME: MESSAGE".
type told chan string

func (told) Enabled(context.Context, slog.Level) bool { return true }
func (c told) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c told) WithGroup(string) slog.Handler          { return c }
func (c told) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		c <- a.Value.String() + ": " + r.Message
		return true
	})
	return nil
}

// await waits until a line has been said.
func (c told) await(t *testing.T, want string) {
	t.Helper()
	for patience := time.After(time.Minute); ; {
		select {
		case got := <-c:
			if got == want {
				return
			}
		case <-patience:
			t.Fatalf("%s: not within a minute", want)
		}
	}
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &network{known: keys.Destination(), accepted: make(chan net.Conn), told: make(told, 100)}
}

var errUnknown = errors.New("nobody has that name")

func (n *network) find(name string) (i2p.Destination, error) {
	if name == "known.i2p" {
		return n.known, nil
	}
	return i2p.Destination{}, errUnknown
}

func (n *network) open(context.Context, string, *i2p.PrivateKeys, bool, map[string]string) (bob.Local, error) {
	return &local{n: n, done: make(chan struct{})}, nil
}

type local struct {
	n    *network
	done chan struct{}
}

func (l *local) Address() string             { return "address.b32.i2p" }
func (l *local) Ready(context.Context) error { return nil }
func (l *local) Lookup(_ context.Context, host string) (i2p.Destination, error) {
	return l.n.find(host)
}
func (l *local) Ping(_ context.Context, host string) (time.Duration, error) {
	_, err := l.n.find(host)
	return 3 * time.Millisecond, err
}
func (l *local) Dial(ctx context.Context, host string) (net.Conn, error) {
	if _, err := l.n.find(host); err != nil {
		return nil, err
	}
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	select {
	case l.n.accepted <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
func (l *local) Accept(ctx context.Context) (net.Conn, i2p.Destination, error) {
	select {
	case c := <-l.n.accepted:
		return c, l.n.known, nil
	case <-ctx.Done():
		return nil, i2p.Destination{}, ctx.Err()
	}
}
func (l *local) Done() <-chan struct{} { return l.done }
func (l *local) Close() error          { return nil }

// pair is a connection's two ends.
func pair() (a, b net.Conn, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = ln.Accept()
	return a, b, err
}

// serve opens a bridge, and returns it with its address.
func serve(t *testing.T, n *network, limits bob.Limits) (*bob.Server, string) {
	t.Helper()
	s := bob.New(bob.Config{Open: n.open, Known: n.find, Limits: limits, Log: slog.New(n.told)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.New(door.Config{Name: "bob", Serve: s.Serve, Listen: func(string, string) (net.Listener, error) { return l, nil }})
	if err := d.Apply(door.Settings{Enabled: true, Listen: []string{l.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(context.Context) error{s.Run, d.Run} {
		go func() { run(ctx); ended <- struct{}{} }()
	}
	t.Cleanup(func() { cancel(); <-ended; <-ended })
	return s, l.Addr().String()
}

// talk is a command connection.
type talk struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, at string) *talk {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return &talk{t, c, bufio.NewReader(c)}
}

func (c *talk) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *talk) hear() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// ask says a line, and returns the first of the answer.
func (c *talk) ask(line string) string {
	c.t.Helper()
	c.say(line)
	return c.hear()
}

// free is a port of this machine that nobody has: above those that routers draw, and below those that the system gives
// to whoever asks for any.
func free(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(31000 + rand.IntN(1768))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// TestConversation has the bridge answer every line of a conversation.
func TestConversation(t *testing.T) {
	n := newNetwork(t)
	_, at := serve(t, n, bob.Limits{})
	text, err := os.ReadFile("testdata/conversation.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, at)
	last := map[string]string{"{port}": free(t)}
	said := ""
	for i, line := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("line %d, after %q", i+1, said)
		switch what, rest, _ := strings.Cut(line, " "); what {
		case ">":
			said = rest
			for name, value := range last {
				rest = strings.ReplaceAll(rest, name, value)
			}
			c.say(rest)
		case "!":
			n.told.await(t, "mouth: "+map[string]string{"running": "a tunnel of BOB runs", "stopped": "a tunnel of BOB has stopped"}[rest])
		case "<":
			got := c.hear()
			if pattern, is := strings.CutPrefix(rest, "/"); is {
				if !regexp.MustCompile("^" + strings.TrimSuffix(pattern, "/") + "$").MatchString(got) {
					t.Fatalf("%s: %q, want %s", where, got, rest)
				}
				continue
			}
			for _, name := range []string{"{dest}", "{keys}"} {
				if rest != "OK "+name {
					continue
				}
				value := strings.TrimPrefix(got, "OK ")
				if b, err := i2p.DecodeBase64(value); err != nil || len(b) < 387 {
					t.Fatalf("%s: %q is no %s", where, got, name)
				}
				if same := said == "getdest" || said == "setkeys {keys}"; same && value != last[name] {
					t.Fatalf("%s: other keys than before", where)
				}
				last[name] = value
			}
			for name, value := range last {
				rest = strings.ReplaceAll(rest, name, value)
			}
			if got != rest {
				t.Fatalf("%s: %q, want %q", where, got, rest)
			}
		}
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// tunnels starts mouth, which leads to a server, and ear, at whose port users say whom they want.
func tunnels(t *testing.T, c *talk, server net.Addr, quiet bool) (ear string) {
	t.Helper()
	ear = free(t)
	_, port, _ := net.SplitHostPort(server.String())
	for _, line := range []string{
		"setnick mouth", "newkeys", "outport " + port, fmt.Sprintf("quiet %t", quiet), "start",
		"setnick ear", "newkeys", "inport " + ear, "start",
	} {
		if got := c.ask(line); !strings.HasPrefix(got, "OK") {
			t.Fatalf("%s: %s", line, got)
		}
	}
	return "127.0.0.1:" + ear
}

// TestTunnels passes a stream from one tunnel to another, after the connection that made them has gone.
func TestTunnels(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		t.Run(fmt.Sprintf("quiet %t", quiet), func(t *testing.T) {
			n := newNetwork(t)
			s, at := serve(t, n, bob.Limits{})
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			c := dial(t, at)
			c.hear()
			c.hear()
			ear := tunnels(t, c, server.Addr(), quiet)
			c.say("quit")

			user := dial(t, ear)
			io.WriteString(user, "known.i2p\r\nfrom the user\n") // as a program that says all at once
			served, err := server.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer served.Close()
			in := bufio.NewReader(served)
			if !quiet {
				if peer, err := in.ReadString('\n'); err != nil || strings.TrimSpace(peer) != n.known.Base64() {
					t.Fatalf("the peer is %.20q, %v", peer, err)
				}
			}
			if got, err := in.ReadString('\n'); got != "from the user\n" {
				t.Fatalf("%q, %v", got, err)
			}
			io.WriteString(served, "from the server\n")
			if got := user.hear(); got != "from the server" {
				t.Fatal(got)
			}
			served.(*net.TCPConn).CloseWrite()
			if rest, err := io.ReadAll(user.in); err != nil || len(rest) > 0 {
				t.Fatalf("%q, %v", rest, err)
			}
			stranger := dial(t, ear)
			if got := stranger.ask("unknown.i2p"); got != "ERROR "+errUnknown.Error() {
				t.Error(got)
			}
			if st := s.Stats(); st.Active != 2 || st.Started != 2 || st.Failed != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestBounds has clients ask for more than there is.
func TestBounds(t *testing.T) {
	n := newNetwork(t)
	s, at := serve(t, n, bob.Limits{Tunnels: 2, Streams: 1, Say: 50 * time.Millisecond})
	c := dial(t, at)
	c.hear()
	c.hear()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ear := tunnels(t, c, server.Addr(), false)
	if got := c.ask("setnick third"); got != "ERROR too many nicknames" {
		t.Error(got)
	}
	for _, what := range []string{"", strings.Repeat("a", 5000)} { // who says nothing, and who says no line
		user := dial(t, ear)
		io.WriteString(user, what)
		if _, err := io.ReadAll(user.in); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%.10q: %v", what, err)
		}
	}
	c.ask("getnick ear")
	c.ask("setnick " + strings.Repeat("n", 200))
	c.say(strings.Repeat("x", 20000))
	if got := c.hear(); got != "ERROR line too long" {
		t.Error(got)
	}
	browser := dial(t, at)
	browser.hear()
	browser.hear()
	browser.say("GET / HTTP/1.1")
	if rest, err := io.ReadAll(browser.in); err != nil || len(rest) > 0 {
		t.Errorf("a browser hears %q, %v", rest, err)
	}
	st := s.Stats()
	if st.Refused.Tunnels != 1 || st.Refused.Addresses != 2 || st.Refused.Lines != 1 || st.Refused.HTTP != 1 {
		t.Errorf("%+v", st.Refused)
	}
}
