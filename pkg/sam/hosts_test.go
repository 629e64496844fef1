package sam

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

// resolver is a system's resolver that knows one name, is asked for others for as long as anybody waits, and notes
// what it is asked.
type resolver struct {
	mu    sync.Mutex
	asked []string
	ended int
}

func (r *resolver) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	r.mu.Lock()
	r.asked = append(r.asked, name)
	r.mu.Unlock()
	switch name {
	case "app.example":
		return []netip.Addr{netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")}, nil
	case "nobody.example":
		return nil, errors.New("no such host")
	}
	<-ctx.Done()
	r.mu.Lock()
	r.ended++
	r.mu.Unlock()
	return nil, ctx.Err()
}

func (r *resolver) counts() (asked, ended int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked), r.ended
}

// TestHosts: streams are forwarded to who has a name, who is asked for once.
func TestHosts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	r := &resolver{}
	srv := newWorld().server(t, Settings{}, func(s *setup) { s.LookupHost = r.lookup })
	to := hello(t, srv.addr()).create("STREAM", "server")
	hello(t, srv.addr()).create("STREAM", "visitor")
	for _, host := range []string{"App.example", "app.example.", "localhost", "127.0.0.1", "::ffff:127.0.0.1"} {
		var f *client
		await(t, "the way to "+host, func() bool { // the one before has ended soon
			f = hello(t, srv.addr())
			return f.ask("STREAM FORWARD ID=server PORT=%d HOST=%s", port, host) == "STREAM STATUS RESULT=OK"
		})
		asked, _ := r.counts()
		for range 2 {
			visitor := hello(t, srv.addr())
			if got := visitor.ask("STREAM CONNECT ID=visitor DESTINATION=%s", to); got != "STREAM STATUS RESULT=OK" {
				t.Fatal(host, ": ", got)
			}
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || len(line) < 500 {
				t.Fatalf("%s: %q, %v", host, line, err)
			}
			c.Close()
			visitor.Close()
		}
		if got, _ := r.counts(); got != asked {
			t.Errorf("%s: the system is asked again for a stream: %q", host, r.asked)
		}
		f.Close()
	}
	if names := slices.Compact(r.asked); !slices.Equal(names, []string{"app.example"}) {
		t.Errorf("the system is asked for %q", names)
	}
}

// TestNoHosts: names that nobody has are told of; those of hidden services are not asked for, nor more than a few at
// once, and none for a client that has left.
func TestNoHosts(t *testing.T) {
	r := &resolver{}
	srv := newWorld().server(t, Settings{}, func(s *setup) { s.LookupHost = r.lookup })
	owner := hello(t, srv.addr())
	owner.create("STREAM", "server")
	for _, host := range []string{"nobody.example", "friend.i2p", "Friend.B32.I2P.", "friend.onion", "x.i2p.alt"} {
		if got := hello(t, srv.addr()).ask("STREAM FORWARD ID=server PORT=1 HOST=%s", host); !strings.HasPrefix(got, "STREAM STATUS RESULT=I2P_ERROR MESSAGE=\"HOST: ") {
			t.Error(host, ": ", got)
		}
		if got := hello(t, srv.addr()).ask("SESSION CREATE STYLE=RAW ID=d DESTINATION=TRANSIENT PORT=1 HOST=%s", host); !strings.HasPrefix(got, "SESSION STATUS RESULT=I2P_ERROR MESSAGE=\"HOST: ") {
			t.Error(host, ": ", got)
		}
	}
	if len(r.asked) != 2 {
		t.Errorf("the system was asked for %q", r.asked)
	}
	var slow []*client
	for i := range maxResolving {
		c := hello(t, srv.addr())
		fmt.Fprintf(c, "STREAM FORWARD ID=server PORT=1 HOST=slow%d.example\n", i)
		slow = append(slow, c)
	}
	await(t, "the questions", func() bool { asked, _ := r.counts(); return asked == 2+maxResolving })
	if got := hello(t, srv.addr()).ask("STREAM FORWARD ID=server PORT=1 HOST=app.example"); !strings.Contains(got, "RESULT=I2P_ERROR") {
		t.Error("one too many: ", got)
	}
	for _, c := range slow {
		c.Close()
	}
	await(t, "the end of the questions", func() bool { _, ended := r.counts(); return ended == maxResolving })
	await(t, "the count", func() bool { return srv.Stats().RefusedHosts == 11+maxResolving })
}
