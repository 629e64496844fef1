//go:build linux

package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// bobTalk is a connection with BOB.
type bobTalk struct {
	net.Conn
	in *bufio.Reader
}

// dialBOB connects to a bridge, and hears what it says first.
func dialBOB(ctx context.Context, at doorAt) (*bobTalk, error) {
	c, err := at.ns.DialContext(ctx, "tcp", at.addr)
	if err != nil {
		return nil, fmt.Errorf("interop: BOB: %w", err)
	}
	b := &bobTalk{c, bufio.NewReader(c)}
	for range 2 { // its version, and OK
		if _, err := b.in.ReadString('\n'); err != nil {
			c.Close()
			return nil, fmt.Errorf("interop: BOB: %w", err)
		}
	}
	return b, nil
}

// ask says lines, of which each is to go well, and returns what the last was answered.
func (b *bobTalk) ask(lines ...string) (got string, err error) {
	b.SetDeadline(time.Now().Add(time.Minute))
	for _, line := range lines {
		if _, err = io.WriteString(b, line+"\n"); err == nil {
			got, err = b.in.ReadString('\n')
		}
		said, ok := strings.CutPrefix(strings.TrimSpace(got), "OK")
		if err == nil && !ok {
			err = errors.New(strings.TrimSpace(got))
		}
		if err != nil {
			return "", fmt.Errorf("interop: BOB: %s: %w", line, err)
		}
		got = strings.TrimSpace(said)
	}
	return got, nil
}

// running waits until others find a tunnel.
func (b *bobTalk) running(ctx context.Context, nick string) error {
	return Await(ctx, 2*time.Minute, "BOB's tunnel "+nick, func(context.Context) error {
		got, err := b.ask("status " + nick)
		if err == nil && !strings.Contains(got, "RUNNING: true") {
			err = errors.New(got)
		}
		return err
	})
}

// bobOptions are TunnelOptions as BOB is told of them.
func bobOptions(hops, quantity int) (out []string) {
	all := TunnelOptions(hops, quantity)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, k+"="+all[k])
	}
	return out
}

// bobPair makes a tunnel at each of two bridges, which end with the pair: one that joins peers to a server, and one that
// a program connects through. keys are those of the server; empty: it makes some, which are returned.
func bobPair(ctx context.Context, a, b doorAt, keys string, options []string, serve func(Stream) error) (stream Stream, with string, end func(), err error) {
	var ends []func()
	end = func() {
		for i := range ends {
			ends[len(ends)-1-i]()
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	server, err := a.ns.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", end, err
	}
	var serving sync.WaitGroup
	ends = append(ends, serving.Wait, func() { server.Close() })
	serving.Go(func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				serve(c.(*net.TCPConn))
				c.Close()
			})
		}
	})
	in, err := b.ns.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		return nil, "", end, err
	}
	in.Close()
	port := func(l net.Listener) string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }
	start := func(at doorAt, nick string, lines ...string) (*bobTalk, error) {
		t, err := dialBOB(ctx, at)
		if err != nil {
			return nil, err
		}
		ends = append(ends, func() { t.ask("getnick "+nick, "stop"); t.Close() })
		lines = append([]string{"setnick " + nick}, lines...)
		if len(options) > 0 {
			lines = append(lines, "option "+strings.Join(options, " "))
		}
		if _, err = t.ask(append(lines, "start")...); err == nil {
			err = t.running(ctx, nick)
		}
		return t, err
	}
	n := samID.Add(1)
	how := "newkeys"
	if keys != "" {
		how = "setkeys " + keys
	}
	mouth, err := start(a, fmt.Sprintf("mouth%d", n), how, "quiet true", "outport "+port(server))
	if err != nil {
		return nil, "", end, err
	}
	to, err := mouth.ask("getdest")
	if err == nil {
		with, err = mouth.ask("getkeys")
	}
	if err != nil {
		return nil, "", end, err
	}
	if _, err = start(b, fmt.Sprintf("ear%d", n), "newkeys", "inport "+port(in)); err != nil {
		return nil, "", end, err
	}
	// A program is told of no stream, so that the first round trip shows that there is one.
	err = Await(ctx, 2*time.Minute, "a stream by BOB", func(ctx context.Context) error {
		c, err := b.ns.DialContext(ctx, "tcp", in.Addr().String())
		if err != nil {
			return err
		}
		s := c.(*net.TCPConn)
		if _, err = io.WriteString(s, to+"\n"); err == nil {
			_, err = Ping(ctx, s)
		}
		if err != nil {
			c.Close()
			return err
		}
		stream = s
		ends = append(ends, func() { c.Close() })
		return nil
	})
	return stream, with, end, err
}
