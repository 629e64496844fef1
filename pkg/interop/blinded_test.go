//go:build linux

package interop

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/curve25519"
)

// lockedSites are the ways in which an encrypted lease set may be published, as i2pd's sections have them
// and as -O has them. Client and server have the same keys throughout.
func lockedSites(t *testing.T) (sites map[string][]string, key string) {
	t.Helper()
	private := [32]byte{1, 2, 3, 4}
	public, err := curve25519.X25519(private[:], curve25519.Basepoint)
	if err != nil {
		t.Fatal(err)
	}
	key = i2pBase64.EncodeToString(private[:])
	return map[string][]string{
		"everybody": {"i2cp.leaseSetType=5"},
		"dh":        {"i2cp.leaseSetType=5", "i2cp.leaseSetAuthType=1", "i2cp.leaseSetClient.dh.0=bWU=:" + i2pBase64.EncodeToString(public)},
		"psk":       {"i2cp.leaseSetType=5", "i2cp.leaseSetAuthType=2", "i2cp.leaseSetClient.psk.0=bWU=:" + key},
	}, key
}

// TestBlinded: destinations whose lease sets are encrypted, for everybody who has their b33 address or for
// clients with keys, are reached by i2pd's proxy where they are ours, and by ours where they are i2pd's.
func TestBlinded(t *testing.T) {
	ctx := gate(t, 10*time.Minute)
	sites, key := lockedSites(t)
	var tunnels strings.Builder
	for name, options := range sites {
		fmt.Fprintf(&tunnels, "[%s]\ntype = http\nhost = 127.0.0.1\nport = %d\nkeys = %s.dat\nsignaturetype = 11\ninbound.length = 1\noutbound.length = 1\n%s\n",
			name, webPort, name, strings.Join(options, "\n"))
	}
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Sid, Sid}, Floodfills: 3, Each: func(i int, c *I2PDConfig) {
		switch c.WebHops = 1; i {
		case 3:
			c.Tunnels = tunnels.String()
		case 4:
			c.ProxyPort, c.ProxyKey = proxyPort, key
		}
	}})
	page := servePage(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	r := startRouter(t, ctx, n, RouterConfig{Name: "ours", NoTransit: true, Hops: 1})
	theirs := filepath.Join(n.I2PD[3].dir)
	proxy := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", Host: net.JoinHostPort(n.I2PD[4].Doors.String(), fmt.Sprint(proxyPort))}),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return n.DialContext(ctx, network, addr)
		},
	}}
	for name, options := range sites {
		t.Run(name, func(t *testing.T) {
			address, err := r.b33(ctx, filepath.Join(theirs, name+".dat"))
			if err != nil {
				t.Fatal(err)
			}
			err = Await(ctx, 2*time.Minute, "the page of i2pd's", func(ctx context.Context) error {
				_, err := r.getAndEnd(ctx, address, page, "-O", "i2cp.leaseSetPrivKey="+key)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			if name != "everybody" {
				if _, err := r.getAndEnd(ctx, address, page); err == nil || !strings.Contains(err.Error(), "only clients with a key") {
					t.Errorf("without a key: %v", err)
				}
			}
			args := []string{"server", "--name", name, "--hops", "1"}
			for _, o := range options {
				args = append(args, "-O", o)
			}
			if _, err := r.Tool(ctx, "i2p-tunnel", append(args, fmt.Sprintf("127.0.0.1:%d", webPort))...); err != nil {
				t.Fatal(err)
			}
			if address, err = r.b33(ctx, filepath.Join(r.DataDir, "keys", name+".dat")); err != nil {
				t.Fatal(err)
			}
			err = Await(ctx, 2*time.Minute, "the page of ours, by i2pd", func(ctx context.Context) error {
				resp, err := proxy.Get("http://" + address + "/")
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
		})
	}
}

var b33Address = regexp.MustCompile(`\b[a-z2-7]{56}\.b32\.i2p\b`)

// b33 is the address of an encrypted lease set, once its key file has been made.
func (r *Router) b33(ctx context.Context, file string) (address string, err error) {
	err = Await(ctx, 30*time.Second, file, func(ctx context.Context) error {
		if _, err := os.Stat(file); err != nil {
			return err
		}
		b, err := r.programs.output(ctx, "i2p-keygen", "b33", file)
		if address = b33Address.FindString(string(b)); err == nil && address == "" {
			err = fmt.Errorf("no b33 address in %q", b)
		}
		return err
	})
	return address, err
}
