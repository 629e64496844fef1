package door

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
	"i2ptoolkit/pkg/control"
)

// network is where doors are open in memory.
type network struct {
	mu   sync.Mutex
	open map[string]*place
	busy map[string]bool // addresses that cannot be bound
}

type place struct {
	net  *network
	at   string
	come chan net.Conn
	done chan struct{}
	once sync.Once
}

func (n *network) Listen(_, at string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy[at] || n.open[at] != nil {
		return nil, errors.New("address already in use")
	}
	p := &place{net: n, at: at, come: make(chan net.Conn), done: make(chan struct{})}
	if n.open == nil {
		n.open = make(map[string]*place)
	}
	n.open[at] = p
	return p, nil
}

func (p *place) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *place) Close() error {
	p.once.Do(func() {
		p.net.mu.Lock()
		defer p.net.mu.Unlock()
		delete(p.net.open, p.at)
		close(p.done)
	})
	return nil
}

func (p *place) Addr() net.Addr { return &net.UnixAddr{Name: p.at, Net: "memory"} }

type from struct {
	net.Conn
	addr *net.TCPAddr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

// dial connects from an address; nil: the door is not open.
func (n *network) dial(at, by string) net.Conn {
	n.mu.Lock()
	p := n.open[at]
	n.mu.Unlock()
	if p == nil {
		return nil
	}
	here, there := net.Pipe()
	select {
	case p.come <- from{there, &net.TCPAddr{IP: net.ParseIP(by), Port: 1}}:
		return here
	case <-p.done:
		return nil
	}
}

// echo is a server that greets whoever says a line, and repeats what follows.
func echo(_ context.Context, c *Client) {
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		c.Silent()
		return
	}
	user, password, _ := strings.Cut(strings.TrimSpace(line), " ")
	if !c.Login(context.Background(), user, password) {
		return
	}
	if user == "slow" {
		time.Sleep(time.Second)
	}
	if !c.Greeted() {
		return
	}
	if user == "idle" {
		c.Idle()
		defer c.Busy()
		io.WriteString(c, "hello\n")
		r.ReadString('\n')
		return
	}
	c.Doing("echo")
	defer c.Session(control.DoorSession{ID: user})()
	io.WriteString(c, "hello\n")
	io.Copy(c, r)
}

const here = "127.0.0.1:7000"

func doors(t *testing.T, f func(t *testing.T, n *network, d *Door)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{busy: map[string]bool{}}
		d := New(Config{Name: "echo", Serve: echo, Listen: n.Listen, Silence: time.Minute, Cost: bcrypt.MinCost})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		f(t, n, d)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := d.Stats(); s.Connections != 0 || s.Sessions != 0 {
			t.Errorf("at the end: %+v", s)
		}
		if len(n.open) != 0 {
			t.Error("it is still open")
		}
	})
}

func apply(t *testing.T, d *Door, s Settings) {
	t.Helper()
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func say(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	c.SetReadDeadline(time.Time{}) // of gone
	io.WriteString(c, text+"\n")
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

// gone tells whether the other end has closed a connection.
func gone(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)
}

// TestCheck: what is open to others needs TLS and users.
func TestCheck(t *testing.T) {
	hash, err := hashed("secret", bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := []string{"alice:" + hash}
	for _, c := range []struct {
		s    Settings
		says string // empty: it is good
	}{
		{Settings{}, ""},
		{Settings{Enabled: true}, "nothing says where"},
		{Settings{Enabled: true, Listen: []string{"127.0.0.1:7656", "[::1]:7656", "localhost:7656", "unix:/run/sam"}}, ""},
		{Settings{Listen: []string{"0.0.0.0:7656"}}, "without TLS"},
		{Settings{Listen: []string{"[::]:7656"}, TLS: true}, "without users"},
		{Settings{Listen: []string{"192.0.2.1:7656"}, TLS: true, Auth: true}, "without users"},
		{Settings{Listen: []string{"192.0.2.1:7656"}, TLS: true, Users: users}, "without users"},
		{Settings{Listen: []string{"192.0.2.1:7656"}, Auth: true, Users: users}, "without TLS"},
		{Settings{Listen: []string{"192.0.2.1:7656"}, TLS: true, Auth: true, Users: users}, ""},
		{Settings{Listen: []string{"here"}}, "no address"},
		{Settings{Key: "x"}, "needs its key"},
		{Settings{Users: []string{"alice:secret"}}, "no bcrypt hash"},
		{Settings{Users: []string{":" + hash}}, "no name"},
	} {
		err := c.s.Check()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c.s, err)
		}
		if (New(Config{}).Apply(c.s) == nil) != (err == nil) {
			t.Errorf("%+v: Apply and Check differ", c.s)
		}
	}
}

// TestReload: the door opens, moves and shuts as it is told, and connections stay while they may.
func TestReload(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		if n.dial(here, "127.0.0.1") != nil {
			t.Fatal("it is open from the start")
		}
		n.busy["127.0.0.2:1"] = true
		s := Settings{Enabled: true, Listen: []string{here, "127.0.0.2:1"}}
		if err := d.Apply(s); err != nil {
			t.Fatal(err)
		}
		d.Settled(t.Context())
		if st := d.Status(); st.Error == "" || len(st.Listen) != 1 {
			t.Errorf("%+v", st)
		}
		n.mu.Lock()
		n.busy["127.0.0.2:1"] = false
		n.mu.Unlock()
		time.Sleep(rebind + time.Second)
		if st := d.Status(); st.Error != "" || len(st.Listen) != 2 {
			t.Errorf("after a while: %+v", st)
		}
		c := n.dial(here, "127.0.0.1")
		if got := say(t, c, "x"); got != "hello" {
			t.Fatal(got)
		}
		s.Listen = []string{"127.0.0.1:8000"}
		apply(t, d, s)
		if n.dial(here, "127.0.0.1") != nil || say(t, c, "again") != "again" {
			t.Error("it has not moved, or a connection did not stay")
		}
		if st := d.Status(); len(st.Clients) != 1 || st.Clients[0].Doing != "echo" || st.Clients[0].Sessions[0].ID != "x" {
			t.Errorf("%+v", st)
		}
		s.Enabled = false
		apply(t, d, s)
		if !gone(c) || n.dial("127.0.0.1:8000", "127.0.0.1") != nil {
			t.Error("it is not shut")
		}
	})
}

// TestLimits: no address has more than its share, and where the door is full the silent make room, the oldest first.
func TestLimits(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		apply(t, d, Settings{Enabled: true, Listen: []string{here}, Connections: 3, PerAddress: 2})
		first, second := n.dial(here, "192.0.2.1"), n.dial(here, "192.0.2.1")
		synctest.Wait()
		if c := n.dial(here, "192.0.2.1"); !gone(c) {
			t.Error("a third of one address")
		}
		if got := say(t, second, "x"); got != "hello" {
			t.Fatal(got)
		}
		for from, same := range map[string]bool{"2001:db8::1": true, "2001:db8::2:0:0:2": true, "2001:db8:0:1::1": false} {
			a := &net.TCPAddr{IP: net.ParseIP(from)}
			if got := hostOf(a) == hostOf(&net.TCPAddr{IP: net.ParseIP("2001:db8::3")}); got != same {
				t.Errorf("%s is counted as %s", from, hostOf(a))
			}
		}
		third, fourth := n.dial(here, "127.0.0.1"), n.dial(here, "127.0.0.1")
		synctest.Wait()
		if !gone(first) || gone(third) || gone(fourth) {
			t.Error("the oldest silent one did not make room")
		}
		if say(t, third, "x") != "hello" || say(t, fourth, "x") != "hello" {
			t.Fatal("those who came last are not greeted")
		}
		if c := n.dial(here, "127.0.0.1"); !gone(c) {
			t.Error("a fourth where three are")
		}
		third.Close()
		synctest.Wait()
		if c := n.dial(here, "127.0.0.1"); say(t, c, "x") != "hello" {
			t.Error("there is room again")
		}
		if s := d.Stats(); s.Refused != (Refused{Address: 1, Evicted: 1, Crowded: 1}) || s.Connections != 3 || s.Sessions != 3 || s.Accepted != 5 {
			t.Errorf("%+v", s)
		}
	})
}

// stubborn is a connection that does not close before a write of it has ended, as with TLS, which lasts until its
// deadline where the other end does not read.
type stubborn struct {
	net.Conn
	written chan struct{}
	once    *sync.Once
}

func (s stubborn) SetWriteDeadline(at time.Time) error {
	time.AfterFunc(time.Until(at), func() { s.once.Do(func() { close(s.written) }) })
	return nil
}

func (s stubborn) Close() error {
	<-s.written
	return s.Conn.Close()
}

// TestIdle: connections that have said who they are, and nothing since, do not fill a door: the longest idle makes room,
// and not who has come just now, nor who has a session.
func TestIdle(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		const room = 8
		apply(t, d, Settings{Enabled: true, Listen: []string{here}, Connections: room})
		busy := n.dial(here, "127.0.0.1")
		say(t, busy, "x")
		var idle []net.Conn
		for range room - 1 {
			c := n.dial(here, "127.0.0.1")
			say(t, c, "idle")
			idle = append(idle, c)
		}
		fresh := n.dial(here, "127.0.0.1")
		for range room / 2 {
			say(t, n.dial(here, "127.0.0.1"), "idle")
		}
		synctest.Wait()
		if gone(fresh) || gone(busy) || !gone(idle[0]) || !gone(idle[room/2]) || gone(idle[room-2]) {
			t.Error("others made room than the longest idle")
		}
		fresh.SetReadDeadline(time.Time{})
		if got := say(t, fresh, "y"); got != "hello" {
			t.Errorf("who came among them hears %q", got)
		}
		if s := d.Stats(); s.Refused != (Refused{Evicted: room/2 + 1}) || s.Connections != room {
			t.Errorf("%+v", s)
		}
	})
}

// TestStubborn: nobody waits for one that makes room.
func TestStubborn(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		apply(t, d, Settings{Enabled: true, Listen: []string{here}, Connections: 1})
		_, there := net.Pipe()
		s := stubborn{there, make(chan struct{}), &sync.Once{}}
		n.open[here].come <- s
		synctest.Wait()
		next := n.dial(here, "127.0.0.1")
		said := make(chan string, 1)
		go func() { said <- say(t, next, "x") }()
		time.Sleep(farewell / 2)
		select {
		case got := <-said:
			if got != "hello" || d.Stats().Refused.Evicted != 1 {
				t.Errorf("%q, %+v", got, d.Stats())
			}
		default:
			t.Error("the next one waits for it")
		}
		time.Sleep(farewell)
		select {
		case <-s.written:
		default:
			t.Error("it stays open")
			s.SetWriteDeadline(time.Now())
		}
	})
}

func TestSilence(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		apply(t, d, Settings{Enabled: true, Listen: []string{here}})
		c, spoke := n.dial(here, "127.0.0.1"), n.dial(here, "127.0.0.1")
		say(t, spoke, "x")
		time.Sleep(2 * time.Minute)
		if !gone(c) || say(t, spoke, "there") != "there" {
			t.Error("who says nothing is there, or who has spoken is not")
		}
		if s := d.Stats(); s.Refused.Silent != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestMemory: what one connection has the server hold is bounded.
func TestMemory(t *testing.T) {
	d := New(Config{Memory: 10})
	conn, _ := net.Pipe()
	c := newClient(t.Context(), d, conn, "")
	if !c.Hold(6) || c.Hold(5) || !c.Hold(4) {
		t.Error("not 10")
	}
	c.Release(4)
	if !c.Hold(3) || d.Stats().Refused.Memory != 1 {
		t.Error("not given back")
	}
}

// TestTLS: the door's own certificate is the same after a restart, and names the addresses.
func TestTLS(t *testing.T) {
	files := &memory{}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := New(Config{Name: "echo", Serve: echo, Files: files, Listen: func(string, string) (net.Listener, error) { return l, nil }})
		if err := d.Apply(Settings{Enabled: true, Listen: []string{l.Addr().String()}, TLS: true}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}) // it is verified once it is kept
		if err != nil {
			t.Fatal(err)
		}
		pem, err := files.Read("echo.pem")
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			t.Fatal(err)
		}
		if _, err := c.ConnectionState().PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"}); err != nil {
			t.Error(err)
		}
		if got := say(t, c, "x"); got != "hello" {
			t.Error(got)
		}
		plain, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(plain, "HELLO\n")
		io.ReadAll(plain)
		if n := d.Stats().Refused.Handshake; n != 1 {
			t.Errorf("%d handshakes failed", n)
		}
		c.Close()
		plain.Close()
		cancel()
		<-done
	}
}
