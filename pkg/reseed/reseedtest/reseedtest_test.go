package reseedtest

import (
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// TestRouters: every router verifies, and has an address of its own.
func TestRouters(t *testing.T) {
	seen := make(map[string]bool)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	err := Routers(Config{Count: 2000, Now: now}, func(ri *routerinfo.RouterInfo) error {
		host := ri.Addresses()[0].Host()
		if seen[host.String()] || !host.IsGlobalUnicast() || host.IsPrivate() {
			t.Errorf("%v is not a public address of one router's", host)
		}
		seen[host.String()] = true
		if age := now.Sub(ri.Published().Time()); age < 0 || age > 12*time.Hour || ri.NetID() != 2 {
			t.Errorf("%v old, network %d", age, ri.NetID())
		}
		return ri.Verify()
	})
	if err != nil || len(seen) != 2000 {
		t.Errorf("%d routers, %v", len(seen), err)
	}
}

func TestAddresses(t *testing.T) {
	seen := make(map[netip.Addr]bool)
	for n := range 55_000 {
		seen[address(n)] = true
	}
	if len(seen) != 55_000 {
		t.Errorf("55000 routers have %d addresses", len(seen))
	}
}

// TestWriteNetDB writes a netDb for scripts/bench-reseed.
func TestWriteNetDB(t *testing.T) {
	path, count := os.Getenv("I2P_BENCH_RESEED_NETDB"), 20
	if path == "" {
		path = t.TempDir()
	} else if n, err := strconv.Atoi(os.Getenv("I2P_BENCH_RESEED_ROUTERS")); err != nil {
		t.Fatal(err)
	} else {
		count = n
	}
	if err := WriteNetDB(path, Config{Count: count, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
}
