//go:build linux

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLeaseSets: a lease set with service records is one like any other to i2pd, which reaches its
// destination; one that names others (proposal 123, Meta LS2) is kept by i2pd's floodfills, and by it we reach
// who serves, an i2pd among them.
func TestLeaseSets(t *testing.T) {
	ctx := gate(t, 8*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Sid, Sid}, Floodfills: 3, Each: func(i int, c *I2PDConfig) {
		switch c.WebHops = 1; i {
		case 3:
			c.Tunnels = fmt.Sprintf("[web]\ntype = http\nhost = 127.0.0.1\nport = %d\nkeys = web.dat\ninbound.length = 1\noutbound.length = 1\n", webPort)
		case 4:
			c.ProxyPort = proxyPort
		}
	}})
	page := servePage(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	ours := startRouter(t, ctx, n, RouterConfig{Name: "ours", NoTransit: true, Hops: 1})
	other := startRouter(t, ctx, n, RouterConfig{Name: "other", NoTransit: true, Hops: 1})
	proxy := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", Host: net.JoinHostPort(n.I2PD[4].Doors.String(), fmt.Sprint(proxyPort))}),
		DialContext:       n.DialContext,
	}}
	forward := func(verb, name string, args ...string) string {
		t.Helper()
		if _, err := ours.Tool(ctx, "i2p-tunnel", append([]string{verb, "--name", name, "--hops", "1"}, args...)...); err != nil {
			t.Fatal(err)
		}
		b, err := ours.Tool(ctx, "i2p-tunnel", "list", "--json")
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bytes.NewReader(b)); ; {
			var f struct{ Name, Address string }
			if err := d.Decode(&f); err != nil {
				t.Fatalf("%s has no address: %v of %s", name, err, b)
			}
			if f.Name == name {
				return f.Address
			}
		}
	}
	target := fmt.Sprintf("127.0.0.1:%d", webPort)
	site := forward("server", "site", target, "-O", "i2cp.leaseSetOption.0=_http._tcp=0 86400 80",
		"-O", "i2cp.leaseSetOption.1=_smtp._tcp=1 86400 0 0 25 smtp.postman.i2p example@mail.i2p")
	err := Await(ctx, 2*time.Minute, "the page of ours, by i2pd", func(ctx context.Context) error {
		resp, err := proxy.Get("http://" + site + "/")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err == nil && string(b) != page {
			err = fmt.Errorf("%s, %d bytes: %.300q", resp.Status, len(b), b)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	get := func(what, address string) {
		t.Helper()
		if err := Await(ctx, 2*time.Minute, what, func(ctx context.Context) error {
			_, err := other.getAndEnd(ctx, address, page)
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	get("the service, by its record", "_http._tcp."+site)
	theirs, err := ours.programs.output(ctx, "i2p-keygen", "info", filepath.Join(n.I2PD[3].dir, "web.dat"))
	if err != nil {
		t.Fatal(err)
	}
	meta := forward("meta", "meta", b32Address.FindString(string(theirs)))
	get("i2pd's page, by a lease set that names it", meta)
	b, err := other.Tool(ctx, "i2p-lookup", "--leaseset", meta)
	if err != nil || !strings.Contains(string(b), "MetaLeaseSet") {
		t.Errorf("from i2pd's floodfills: %v, %q", err, b)
	}
}
