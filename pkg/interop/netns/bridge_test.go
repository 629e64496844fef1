//go:build linux

package netns

import (
	"context"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestBridge sends over a bridge, and looks at the addresses that the ends see.
func TestBridge(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: network namespaces need root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b, err := NewBridge()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var hosts []*Namespace
	addrs := []netip.Prefix{netip.MustParsePrefix("23.40.0.1/8"), netip.MustParsePrefix("23.41.0.1/8")}
	for _, addr := range addrs {
		ns, err := b.Host(addr)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, ns)
	}
	l, err := hosts[0].Listen("tcp", netip.AddrPortFrom(addrs[0].Addr(), 1000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := hosts[1].DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := netip.MustParseAddrPort(s.RemoteAddr().String()).Addr(); got != addrs[1].Addr() {
		t.Errorf("the second host comes from %v, want %v", got, addrs[1].Addr())
	}
	io.WriteString(s, "hello")
	s.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}
