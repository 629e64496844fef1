package forward

import (
	"context"
	"io"
	"net"
	"testing"

	"i2ptoolkit/pkg/httpproxy"
)

// TestProxies: the totals of a proxy that has ended go on to count, and what it had open does not.
func TestProxies(t *testing.T) {
	m := New(Config{})
	run := func() (ended func()) {
		p := httpproxy.New(httpproxy.Config{})
		l, err := net.Listen("unix", t.TempDir()+"/s")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- p.Serve(ctx, l) }()
		forget := m.counts.of(p)
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		io.Copy(io.Discard, c)
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			forget()
		}
	}
	first, second := run(), run()
	for _, step := range []func(){func() {}, first, second} {
		step()
		if s := m.Proxies(); s.Requests != 2 || s.Refused.Private != 2 {
			t.Errorf("%+v", s)
		}
	}
	if s := m.Proxies(); s.Connections != 0 || len(m.counts.http.now) != 0 {
		t.Errorf("%+v", s)
	}
	m.counts.of(clientDoor{})() // has none of these counts
}
