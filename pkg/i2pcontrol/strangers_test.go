package i2pcontrol

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"i2ptoolkit/pkg/door"
)

// pipes is a listener in memory.
type pipes struct {
	net.Listener // of which the address alone is asked
	come         chan net.Conn
	done         chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// TestStrangers: who has neither password nor token gives way to others, and nobody keeps a connection by not reading.
func TestStrangers(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&router{})
		l := pipes{come: make(chan net.Conn), done: make(chan struct{})}
		d := door.New(door.Config{Name: "i2pcontrol", Serve: s.Serve, Listen: func(string, string) (net.Listener, error) { return l, nil }})
		if err := d.Apply(door.Settings{Enabled: true, Auth: true, Users: []string{User + ":" + string(hash)}, Listen: []string{"127.0.0.1:1"}, Connections: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		post := func(body string) net.Conn {
			here, there := net.Pipe()
			l.come <- there
			fmt.Fprintf(here, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			return here
		}
		heard := func(c net.Conn) string {
			b := make([]byte, 4096)
			n, _ := c.Read(b)
			return string(b[:n])
		}
		stranger := post(`{"jsonrpc":"2.0","id":1,"method":"Echo","params":{"Echo":"a"}}`)
		if got := heard(stranger); !strings.Contains(got, "-32002") || strings.Contains(got, "Date:") {
			t.Fatal(got)
		}
		login := `{"jsonrpc":"2.0","id":1,"method":"Authenticate","params":{"API":1,"Password":"right"}}`
		user := post(login)
		if got := heard(user); !strings.Contains(got, "Token") {
			t.Fatalf("a stranger has the only place: %q, %+v", got, d.Stats())
		}
		user.Close()
		synctest.Wait()
		post(login) // and does not read
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := d.Stats().Connections; n != 0 {
			t.Errorf("%d connections, of one that does not read", n)
		}
	})
}

// FuzzCalls answers bodies: what comes back is JSON, or nothing.
func FuzzCalls(f *testing.F) {
	text, err := os.ReadFile("testdata/conversation.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if body, is := strings.CutPrefix(line, "> "); is {
			f.Add(strings.ReplaceAll(strings.TrimSpace(body), "{token}", "t"))
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(&router{})
		s.tokens["t"] = time.Now().Add(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // so that a wrong password costs no time
		if got := s.calls(ctx, knows{}, []byte(body)); len(got) > 0 && !json.Valid(got) {
			t.Errorf("%q: %s", body, got)
		}
	})
}
