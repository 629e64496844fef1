//go:build linux

package interop

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const reseedSigner = "interop@mail.i2p"

// reseedParts is what TestReseed gives to newcomers.
type reseedParts struct {
	url, su3, zip string
	netDb         string            // a directory of RouterInfos
	certificates  map[string][]byte // the signer's
	certificate   string            // its file
	tls           string            // the web server's certificate
	routers       int               // that a newcomer is told of
	serve         func(host netip.Addr, tls string)
}

// TestReseed lets i2pd routers that know nobody join a network by our reseed server, by our
// su3 and by our zip file, and our own router by our server, by a file and by a directory.
func TestReseed(t *testing.T) {
	ctx := gate(t, 10*time.Minute)
	n := network(t, ctx, NetworkConfig{Releases: []Release{Sid, Trixie, Sid, Trixie, Sid, Trixie}})
	if err := n.AwaitMesh(ctx, time.Minute, 3); err != nil {
		t.Fatal(err)
	}
	parts := makeReseed(t, ctx, n)
	for _, release := range []Release{Trixie, Sid} {
		for _, from := range []struct {
			name string
			Reseed
		}{
			{"server", Reseed{URLs: parts.url, Certificates: parts.certificates}},
			{"su3", Reseed{File: parts.su3, Certificates: parts.certificates}},
			{"zip", Reseed{ZipFile: parts.zip, Certificates: parts.certificates}},
		} {
			t.Run(fmt.Sprintf("i2pd %s from %s", release, from.name), func(t *testing.T) {
				r, err := n.NewcomerI2PD(ctx, fmt.Sprintf("%s-%s", release, from.name), release, from.Reseed)
				if err == nil {
					err = r.AwaitJoined(ctx, time.Minute, 1+parts.routers) // and itself
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("tunnels after %v", time.Since(r.Started).Round(100*time.Millisecond))
				r.Stop(10 * time.Second)
			})
		}
	}
	t.Run("i2pd with another's certificate", func(t *testing.T) { reseedStranger(t, ctx, n, parts) })
	t.Run("ours", func(t *testing.T) { reseedOurs(t, ctx, n, parts) })
	t.Run("ours before the server", func(t *testing.T) { reseedLate(t, ctx, n, parts) })
}

// makeReseed makes a signer, bundles of all routers of the network, and a server of them.
func makeReseed(t *testing.T, ctx context.Context, n *Network) (p reseedParts) {
	t.Helper()
	run := func(args ...string) {
		t.Helper()
		if err := n.Reseed(ctx, args...); err != nil {
			t.Fatal(err)
		}
	}
	keys, bundles := filepath.Join(n.Dir, "reseed-keys"), filepath.Join(n.Dir, "bundles")
	var err error
	if p.netDb, err = n.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	p.routers = len(n.I2PD)
	run("keygen", reseedSigner, "--keys", keys)
	run("build", "--netdb", p.netDb, "--testnet", "--netid", fmt.Sprint(NetID), "--keys", keys, "--bundles", "3", "--per-bundle", fmt.Sprint(p.routers), "-o", bundles)
	p.certificate = filepath.Join(keys, "interop_at_mail.i2p.crt")
	p.certificates = map[string][]byte{"interop_at_mail.i2p.crt": readFile(t, p.certificate)}
	if p.su3, err = BundleFile(bundles); err != nil {
		t.Fatal(err)
	}
	run("verify", "--certs", p.certificate, "--netid", fmt.Sprint(NetID), p.su3)
	p.zip = filepath.Join(n.Dir, "reseed.zip")
	run("share", "--netdb", p.netDb, "--testnet", "--netid", fmt.Sprint(NetID), "-o", p.zip)
	host := n.NextAddr()
	p.url, p.tls = ReseedURL(host), serverCertificate(t, ctx, n, host)
	p.serve = func(host netip.Addr, tls string) {
		t.Helper()
		err := n.ServeReseed(ctx, host, bundles, "--netid", fmt.Sprint(NetID), "--tls-cert", tls,
			"--tls-key", strings.TrimSuffix(tls, ".crt")+".key", "--per-client", "none", "--salt", filepath.Join(n.Dir, "salt"))
		if err != nil {
			t.Fatal(err)
		}
	}
	p.serve(host, p.tls)
	run("ping", "--netid", fmt.Sprint(NetID), "--certs", p.certificate, "--tls-roots", p.tls, p.url)
	return p
}

// serverCertificate makes a web server's key and certificate, and gives the latter's file.
func serverCertificate(t *testing.T, ctx context.Context, n *Network, host netip.Addr) string {
	t.Helper()
	keys := filepath.Join(n.Dir, "tls")
	if err := n.Reseed(ctx, "keygen", "--tls", host.String(), "--keys", keys); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(keys, host.String()+".crt")
}

// reseedStranger is an i2pd router that does not trust our signer: it must learn nothing.
func reseedStranger(t *testing.T, ctx context.Context, n *Network, p reseedParts) {
	other := filepath.Join(n.Dir, "other-keys")
	if err := n.Reseed(ctx, "keygen", reseedSigner, "--keys", other); err != nil {
		t.Fatal(err)
	}
	foreign := map[string][]byte{"interop_at_mail.i2p.crt": readFile(t, filepath.Join(other, "interop_at_mail.i2p.crt"))}
	r, err := n.NewcomerI2PD(ctx, "stranger", Sid, Reseed{URLs: p.url, Certificates: foreign})
	if err != nil {
		t.Fatal(err)
	}
	err = Await(ctx, 30*time.Second, "i2pd refuses the bundle", func(context.Context) error {
		log, err := os.ReadFile(r.LogFile)
		if err == nil && !bytes.Contains(log, []byte("SU3 verification failed")) {
			err = fmt.Errorf("its log says nothing of it")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Counters(ctx); err != nil || c.Routers > 1 {
		t.Errorf("it knows %d routers (%v), want none but itself", c.Routers, err)
	}
	r.Kill()
}

// reseedOurs starts routers of ours that know nobody.
func reseedOurs(t *testing.T, ctx context.Context, n *Network, p reseedParts) {
	for _, from := range []struct{ name, toml string }{
		{"server", fmt.Sprintf("urls = [%q]\ncerts = [%q]\nroots = %q\n", p.url, p.certificate, p.tls)},
		{"su3", fmt.Sprintf("sources = [%q]\ncerts = [%q]\n", p.su3, p.certificate)},
		{"directory", fmt.Sprintf("sources = [%q]\n", p.netDb)},
	} {
		t.Run("from "+from.name, func(t *testing.T) {
			r, err := n.StartRouter(RouterConfig{Name: "newcomer-" + from.name, Alone: true, NoTransit: true, TOML: "[reseed]\n" + from.toml})
			if err == nil {
				err = r.AwaitTunnels(ctx, time.Minute)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("tunnels after %v", time.Since(r.Started).Round(100*time.Millisecond))
			s, err := r.Status(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Reseed; len(got.Servers) != 1 || got.Servers[0].Accepted != p.routers {
				t.Errorf("status has %+v, want one source with %d RouterInfos", got, p.routers)
			}
			if !r.Stop(10 * time.Second) {
				t.Errorf("%s did not end within 10s of TERM", r.Name)
			}
		})
	}
}

// reseedLate starts a router of ours while its reseed server does not run: it says so, and
// joins as soon as the server runs.
func reseedLate(t *testing.T, ctx context.Context, n *Network, p reseedParts) {
	host := n.NextAddr()
	tls := serverCertificate(t, ctx, n, host)
	toml := fmt.Sprintf("[reseed]\nurls = [%q]\ncerts = [%q]\nroots = %q\n", ReseedURL(host), p.certificate, tls)
	r, err := n.StartRouter(RouterConfig{Name: "early", Alone: true, NoTransit: true, TOML: toml})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.AwaitSocket(ctx); err != nil {
		t.Fatal(err)
	}
	err = Await(ctx, 10*time.Second, "the router says that the server is not there", func(ctx context.Context) error {
		s, err := r.Status(ctx)
		if err == nil && (len(s.Reseed.Servers) != 1 || s.Reseed.Servers[0].Result != "refused") {
			err = fmt.Errorf("it says %+v", s.Reseed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("said after %v", time.Since(r.Started).Round(10*time.Millisecond))
	p.serve(host, tls)
	from := time.Now()
	if err := r.AwaitTunnels(ctx, 90*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Logf("tunnels %v after the server's start", time.Since(from).Round(100*time.Millisecond))
	if !r.Stop(10 * time.Second) {
		t.Errorf("%s did not end within 10s of TERM", r.Name)
	}
}
