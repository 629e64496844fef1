package sam

import (
	"bufio"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

// client is one connection of an application.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, at string) *client {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	return wrap(t, c)
}

func wrap(t testing.TB, c net.Conn) *client {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{c, t, bufio.NewReader(c)}
}

// ask says a line and is told one.
func (c *client) ask(format string, args ...any) string {
	c.t.Helper()
	fmt.Fprintf(c, format+"\n", args...)
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%s: %q, %v", format, line, err)
	}
	return strings.TrimSpace(line)
}

func hello(t testing.TB, at string) *client {
	t.Helper()
	c := dial(t, at)
	if got := c.ask("HELLO VERSION"); got != "HELLO REPLY RESULT=OK VERSION=3.3" {
		t.Fatal(got)
	}
	return c
}

// create makes a session, and says its destination.
func (c *client) create(style, id string, more ...string) (destination string) {
	c.t.Helper()
	got := c.ask("SESSION CREATE STYLE=%s ID=%s DESTINATION=TRANSIENT %s", style, id, strings.Join(more, " "))
	if !strings.HasPrefix(got, "SESSION STATUS RESULT=OK ") {
		c.t.Fatal(got)
	}
	_, destination, _ = strings.Cut(c.ask("NAMING LOOKUP NAME=ME"), "VALUE=")
	return destination
}

// await waits for what others do.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// TestAuth: who says no user's password learns nothing, AUTH changes users where that is allowed, and sessions are their
// users' alone.
func TestAuth(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	srv := newWorld().server(t, Settings{AuthCommands: true}, func(s *setup) {
		s.settings.Auth, s.settings.Users, s.settings.TLS = true, []string{"alice:" + string(hash)}, true
	})
	secure := func() *client {
		c, err := tls.Dial("tcp", srv.addr(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return wrap(t, c)
	}
	const missing, wrong = "USER and PASSWORD are required", "there is no such USER, or the PASSWORD is wrong"
	for said, want := range map[string]string{
		"": missing, `USER="alice"`: missing, `USER="alice" PASSWORD=`: missing, `USER="alice" PASSWORD="wrong"`: wrong, `USER=bob PASSWORD=secret`: wrong,
	} {
		if got := secure().ask("HELLO VERSION %s", said); got != `HELLO REPLY RESULT=I2P_ERROR MESSAGE="`+want+`"` {
			t.Errorf("%s: %s", said, got)
		}
	}
	alice := secure()
	if got := alice.ask(`HELLO VERSION USER="alice" PASSWORD="secret"`); got != "HELLO REPLY RESULT=OK VERSION=3.3" {
		t.Fatal(got)
	}
	for _, c := range []struct{ say, want string }{
		{`AUTH ADD USER="b\"ob" PASSWORD="a b"`, "AUTH STATUS RESULT=OK"},
		{`AUTH ADD USER="b\"ob" PASSWORD="a b"`, "AUTH STATUS RESULT=I2P_ERROR"},
		{"AUTH ADD USER=x", "AUTH STATUS RESULT=I2P_ERROR"},
		{"AUTH REMOVE USER=x", "AUTH STATUS RESULT=I2P_ERROR"},
		{"AUTH DISABLE", "AUTH STATUS RESULT=I2P_ERROR"},
		{"AUTH ENABLE", "AUTH STATUS RESULT=OK"},
		{"AUTH", "AUTH STATUS RESULT=I2P_ERROR"},
	} {
		if got := alice.ask("%s", c.say); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.say, got)
		}
	}
	alice.create("STREAM", "hers")
	bob := secure()
	if got := bob.ask(`HELLO VERSION USER="b\"ob" PASSWORD="a b"`); got != "HELLO REPLY RESULT=OK VERSION=3.3" {
		t.Fatal(got)
	}
	if got := bob.ask("STREAM ACCEPT ID=hers"); !strings.HasPrefix(got, "STREAM STATUS RESULT=INVALID_ID") {
		t.Error(got)
	}
	if n := srv.door.Stats().Refused.Unauthorized; n != 5 {
		t.Errorf("%d", n)
	}
}

func (s *Server) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id] != nil
}

// TestCreateGivenUp: a session whose client goes away before it is ready is no more, and its ID is free.
func TestCreateGivenUp(t *testing.T) {
	w := newWorld()
	w.stuck.Store(true)
	srv := w.server(t, Settings{})
	c := hello(t, srv.addr())
	fmt.Fprintf(c, "SESSION CREATE STYLE=STREAM ID=a DESTINATION=TRANSIENT\n")
	await(t, "the session", func() bool { return srv.has("a") })
	c.Close()
	await(t, "its end", func() bool { return !srv.has("a") })
	w.stuck.Store(false)
	hello(t, srv.addr()).create("STREAM", "a")
}

// TestCreateInVain: a session that is not ready in time is no more, and its client is told so.
func TestCreateInVain(t *testing.T) {
	w := newWorld()
	w.stuck.Store(true)
	srv := w.server(t, Settings{}, func(c *setup) { c.Patience = 50 * time.Millisecond })
	c := hello(t, srv.addr())
	if got := c.ask("SESSION CREATE STYLE=STREAM ID=a DESTINATION=TRANSIENT"); !strings.HasPrefix(got, "SESSION STATUS RESULT=I2P_ERROR MESSAGE=") {
		t.Error(got)
	}
	if srv.has("a") {
		t.Error("a session that did not come about is there")
	}
}

// TestDestinationEnds: a session whose destination ends has its connection ended, and its streams.
func TestDestinationEnds(t *testing.T) {
	w := newWorld()
	srv := w.server(t, Settings{})
	c := hello(t, srv.addr())
	dest, err := i2p.ParseDestinationBase64(c.create("STREAM", "a"))
	if err != nil {
		t.Fatal(err)
	}
	a := hello(t, srv.addr())
	a.ask("STREAM ACCEPT ID=a")
	w.find(dest.Hash()).Close()
	for _, c := range []*client{c, a} {
		if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// TestSilence: who says nothing is told so, and is gone.
func TestSilence(t *testing.T) {
	srv := newWorld().server(t, Settings{}, func(c *setup) { c.door.Silence = 50 * time.Millisecond })
	if b, err := io.ReadAll(dial(t, srv.addr())); err != nil || !strings.HasPrefix(string(b), "HELLO REPLY RESULT=I2P_ERROR MESSAGE=") {
		t.Errorf("%q, %v", b, err)
	}
	idle := newWorld().server(t, Settings{}, func(c *setup) { c.Idle = 50 * time.Millisecond })
	if b, err := io.ReadAll(hello(t, idle.addr()).r); err != nil || !strings.HasPrefix(string(b), "SESSION STATUS RESULT=I2P_ERROR MESSAGE=") {
		t.Errorf("%q, %v", b, err)
	}
	if n := srv.door.Stats().Refused.Silent; n != 1 {
		t.Errorf("%d", n)
	}
}

// TestUnread: a client that does not read what comes for it stops nobody else, and itself only as far as it must.
func TestUnread(t *testing.T) {
	w := newWorld()
	srv := w.server(t, Settings{})
	deaf, sender := hello(t, srv.addr()), hello(t, srv.addr())
	to := deaf.create("DATAGRAM", "deaf")
	sender.create("DATAGRAM", "sender")
	deaf.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	for range 3000 {
		fmt.Fprintf(sender, "DATAGRAM SEND DESTINATION=%s SIZE=10000\n%s", to, strings.Repeat("x", 10_000))
	}
	if got := sender.ask("PING there"); got != "PONG there" {
		t.Error(got)
	}
	if n := w.passed.Load(); n != 3000/7 {
		t.Errorf("the sender waited %d times until its datagrams were passed on, want once for seven of them", n)
	}
	if got := hello(t, srv.addr()).ask("PING there"); got != "PONG there" {
		t.Error(got)
	}
	deaf.Close()
	await(t, "its end", func() bool { return !srv.has("deaf") })
}

var crowd = flag.Int("crowd", 100, "how many connections TestCrowd has accept")

// TestCrowd: hundreds of connections of one session, and more that say nothing or a line without an end, are bounded in
// memory, and others are served.
func TestCrowd(t *testing.T) {
	n := *crowd
	srv := newWorld().server(t, Settings{}, func(s *setup) { s.settings.Connections = n + n/5 })
	before := inUse()
	c := hello(t, srv.addr())
	c.create("STREAM", "swarm")
	for range n {
		if got := hello(t, srv.addr()).ask("STREAM ACCEPT ID=swarm"); got != "STREAM STATUS RESULT=OK" {
			t.Fatal(got)
		}
	}
	with := inUse()
	for i := range 10 * n {
		silent := dial(t, srv.addr())
		if i%2 == 1 {
			silent.Write(make([]byte, 100))
		}
	}
	t.Logf("%d connections that accept take %d KB, %d that are silent %d KB more", n, (with-before)>>10, 10*n, (inUse()-with)>>10)
	if grown := inUse() - before; grown > 64<<20 {
		t.Errorf("%d bytes", grown)
	}
	if got := hello(t, srv.addr()).ask("PING there"); got != "PONG there" {
		t.Error(got)
	}
	s := srv.door.Stats()
	if s.Connections > n+n/5 || s.Refused.Evicted == 0 || s.Refused.Crowded > 0 {
		t.Errorf("%+v", s)
	}
}

func inUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// TestEndless: a line without an end takes no more than the longest.
func TestEndless(t *testing.T) {
	srv := newWorld().server(t, Settings{})
	c := dial(t, srv.addr())
	go func() {
		for {
			if _, err := c.Write([]byte(strings.Repeat("x", 4096))); err != nil {
				return
			}
		}
	}()
	io.Copy(io.Discard, c.r)
	await(t, "its end", func() bool { return srv.door.Stats().Connections == 0 })
	if malformed, silent := srv.Stats().Malformed, srv.door.Stats().Refused.Silent; malformed != 1 || silent != 0 {
		t.Errorf("%d malformed lines, %d silent connections", malformed, silent)
	}
}

// TestReconnecting: whoever comes back in a loop gets his session again, with his keys.
func TestReconnecting(t *testing.T) {
	srv := newWorld().server(t, Settings{})
	_, priv, _ := strings.Cut(hello(t, srv.addr()).ask("DEST GENERATE SIGNATURE_TYPE=7"), "PRIV=")
	for range 20 {
		c := hello(t, srv.addr())
		await(t, "the session", func() bool {
			got := c.ask("SESSION CREATE STYLE=STREAM ID=a DESTINATION=%s", priv)
			return got == "SESSION STATUS RESULT=OK DESTINATION="+priv
		})
		c.Close()
	}
}

// TestOptions: those of a session reach its destination, and what nobody knows is counted.
func TestOptions(t *testing.T) {
	w := newWorld()
	var asked options.Options
	srv := w.server(t, Settings{}, func(c *setup) {
		c.Open = func(ctx context.Context, keys *i2p.PrivateKeys, o options.Options) (Local, error) {
			asked = o
			return w.open(ctx, keys, o)
		}
	})
	hello(t, srv.addr()).create("STREAM", "a", "inbound.length=1", "outbound.quantity=5", "inbound.nickname=\"my swarm\"", "no.such=1", "inbound.quantity=many")
	if asked.Inbound.Length != 1 || asked.Outbound.Quantity != 5 || asked.Nickname != "my swarm" || srv.Stats().Ignored != 2 {
		t.Errorf("%+v, %+v", asked, srv.Stats())
	}
}

// TestHostileOptions: what a stranger puts into its lease set stays within the one line that tells of it.
func TestHostileOptions(t *testing.T) {
	w := newWorld()
	srv := w.server(t, Settings{})
	owner := hello(t, srv.addr())
	to := owner.create("STREAM", "owner")
	d, err := i2p.ParseDestinationBase64(to)
	if err != nil {
		t.Fatal(err)
	}
	w.find(d.Hash()).asked.Services = map[string]string{
		"_a._tcp": "0 1\nVALUE", "x\nNAMING REPLY RESULT=OK NAME=b": "1", "y VALUE": "2", `z"`: "3", "=": "4", "\xff": "5", "": "6",
	}
	c := hello(t, srv.addr())
	c.create("STREAM", "asker")
	got := c.ask("NAMING LOOKUP OPTIONS=true NAME=%s", to)
	if want := "NAMING REPLY RESULT=OK NAME=" + to + " VALUE=" + to + ` OPTION:_a._tcp="0 1 VALUE"`; got != want {
		t.Errorf("%q", got)
	}
	if got := c.ask("PING next"); got != "PONG next" {
		t.Errorf("behind it came %q", got)
	}
}

// TestPartAgain: a part that could not be added leaves nothing behind.
func TestPartAgain(t *testing.T) {
	w := newWorld()
	srv := w.server(t, Settings{})
	c := hello(t, srv.addr())
	d, err := i2p.ParseDestinationBase64(c.create("PRIMARY", "all"))
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.find(d.Hash()).Datagrams(datagram.Repliable, 7)
	if err != nil {
		t.Fatal(err)
	}
	add := "SESSION ADD STYLE=DATAGRAM ID=part PORT=7 FROM_PORT=7"
	if got := c.ask(add); !strings.Contains(got, "RESULT=I2P_ERROR") {
		t.Error(got)
	}
	in.Close()
	if got := c.ask(add); !strings.Contains(got, "RESULT=OK") {
		t.Errorf("when the port is free: %s", got)
	}
}

// failing is a socket that gives a datagram after it has failed many times, and is closed then.
type failing struct{ reads int }

func (f *failing) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	switch f.reads++; {
	case f.reads <= manyFailures+3:
		return 0, netip.AddrPort{}, syscall.ECONNREFUSED
	case f.reads == manyFailures+4:
		return copy(b, "this is refused"), netip.AddrPort{}, nil
	}
	return 0, netip.AddrPort{}, net.ErrClosed
}

// TestReadingFails: however often reading fails, what applications send is read once that is over.
func TestReadingFails(t *testing.T) {
	srv := newWorld().server(t, Settings{})
	srv.udp.read(t.Context(), new(failing))
	if n := srv.counts.datagramsRefused.Load(); n != 1 {
		t.Errorf("%d datagrams were read", n)
	}
}

// TestLastWords: a program that writes, and ends, has written, in whatever order the system closes its connections.
func TestLastWords(t *testing.T) {
	w := newWorld()
	srv := w.server(t, Settings{})
	listening := hello(t, srv.addr())
	to := listening.create("STREAM", "there")
	data := strings.Repeat("last words ", 20_000)
	for i := range 20 {
		taken := hello(t, srv.addr())
		if got := taken.ask("STREAM ACCEPT ID=there"); got != "STREAM STATUS RESULT=OK" {
			t.Fatal(got)
		}
		session := hello(t, srv.addr())
		id := fmt.Sprint("here", i)
		session.create("STREAM", id)
		stream := hello(t, srv.addr())
		if got := stream.ask("STREAM CONNECT ID=%s DESTINATION=%s", id, to); got != "STREAM STATUS RESULT=OK" {
			t.Fatal(got)
		}
		go func() {
			io.WriteString(stream, data)
			if i%2 == 0 {
				session.Close()
			}
			stream.Close()
			session.Close()
		}()
		if _, err := taken.r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(taken.r); string(got) != data {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		taken.Close()
	}
}
