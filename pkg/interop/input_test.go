//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// TestEndOfInput: printf 'GET …' | i2p-tunnel connect gets its page from an i2pd server
// tunnel every time, though i2pd ends both directions at the end of the input; and an end
// that a listener of ours waits for does not wait.
func TestEndOfInput(t *testing.T) {
	const tries = 20
	for _, release := range []Release{Sid, Trixie} {
		t.Run(string(release), func(t *testing.T) {
			ctx := gate(t, 10*time.Minute)
			n := network(t, ctx, NetworkConfig{Releases: []Release{release, Sid, Trixie, Sid}, Floodfills: 2, WebPort: webPort})
			page := servePage(t, n)
			if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
				t.Fatal(err)
			}
			a := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true, Hops: 1})
			b32, err := n.I2PD[0].WebB32()
			if err != nil {
				t.Fatal(err)
			}
			err = Await(ctx, 2*time.Minute, "the page of i2pd's web server", func(ctx context.Context) error {
				_, err := a.getAndEnd(ctx, b32, page)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			whole, cut := 0, 0
			var took []time.Duration
			for range tries {
				d, err := a.getAndEnd(ctx, b32, page)
				if err != nil {
					t.Error(err)
					continue
				}
				took = append(took, d)
				whole++
				if _, err := a.getAndEnd(ctx, b32, page, "-q", "0"); err != nil {
					cut++
				}
			}
			t.Logf("%d of %d pages, median %v; with -q 0: %d", whole, tries, Median(took).Round(time.Millisecond), whole-cut)
			if release == Sid {
				oneWay(t, ctx, n, a)
			}
		})
	}
}

// getAndEnd asks for a page, ends its input at once, and returns when the command has ended.
func (r *Router) getAndEnd(ctx context.Context, b32, page string, args ...string) (time.Duration, error) {
	begun := time.Now()
	connect, err := r.Connect(b32, append(args, "--hops", "1", "--timeout", "60s")...)
	if err != nil {
		return 0, err
	}
	defer connect.Close()
	defer bound(ctx, connect)()
	if _, err := io.WriteString(connect, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return 0, err
	}
	if err := connect.CloseWrite(); err != nil {
		return 0, err
	}
	b, err := io.ReadAll(connect)
	if err != nil {
		return 0, err
	}
	code, err := connect.ExitCode(ctx)
	if err != nil || code != 0 || !strings.HasSuffix(string(b), page) {
		return 0, fmt.Errorf("%d bytes, status %d, %v: %s", len(b), code, err, connect.LogTail(5))
	}
	return time.Since(begun), nil
}

// oneWay sends to a listener of ours that says nothing, as tar does.
func oneWay(t *testing.T, ctx context.Context, n *Network, a *Router) {
	b := startRouter(t, ctx, n, RouterConfig{Name: "b", NoTransit: true, Hops: 1})
	listen, b32, err := b.Listen(ctx, "--hops", "1", "--keep")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	go io.Copy(io.Discard, listen)
	var took []time.Duration
	for i := range 6 {
		connect, err := a.Connect(b32, "--hops", "1", "--timeout", "60s")
		if err != nil {
			t.Fatal(err)
		}
		defer connect.Close()
		if _, err := io.Copy(connect, io.LimitReader(noise(1e6), 1e6)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		connect.CloseWrite()
		if code, err := connect.ExitCode(ctx); err != nil || code != 0 {
			t.Fatalf("status %d, %v: %s", code, err, connect.LogTail(5))
		}
		if i > 0 {
			took = append(took, time.Since(begun))
		}
		if said := connect.LogTail(5); strings.Contains(said, "nothing") {
			t.Errorf("a peer that takes what it is sent: %s", said)
		}
	}
	t.Logf("from the end of 1 MB to a listener of ours to the end: median %v of %v", Median(took).Round(time.Millisecond), took)
	if Median(took) > 5*time.Second {
		t.Error("that is not at once")
	}
}

// TestEmptyInput: a listener of ours whose stdin is empty from the start gets all that comes through i2pd's client tunnel, though i2pd
// ends both directions where one ends, and though there is a pause.
func TestEmptyInput(t *testing.T) {
	for _, release := range []Release{Sid, Trixie} {
		t.Run(string(release), func(t *testing.T) {
			ctx := gate(t, 5*time.Minute)
			keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "listen.dat")
			if err := os.WriteFile(file, keys.AppendTo(nil), 0o600); err != nil {
				t.Fatal(err)
			}
			n := network(t, ctx, NetworkConfig{Releases: []Release{release, Sid, Trixie}, Floodfills: 2, Tunnels: fmt.Sprintf(
				"[client]\ntype = client\naddress = 127.0.0.1\nport = %d\ndestination = %s\ninbound.length = 1\noutbound.length = 1\n", inputClient, keys.Destination().B32())})
			if err := n.AwaitMesh(ctx, time.Minute, 2); err != nil {
				t.Fatal(err)
			}
			r := startRouter(t, ctx, n, RouterConfig{Name: "a", NoTransit: true, Hops: 1})
			listen, _, err := r.Listen(ctx, "--hops", "1", "-k", file)
			if err != nil {
				t.Fatal(err)
			}
			defer listen.Close()
			defer bound(ctx, listen)()
			if err := listen.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			sent, err := io.ReadAll(noise(1e6))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			heard := make(chan struct{}, 1)
			read := make(chan error, 1)
			go func() {
				b := make([]byte, 16<<10)
				for {
					k, err := listen.Read(b)
					got = append(got, b[:k]...)
					if err != nil {
						read <- err
						return
					}
					select {
					case heard <- struct{}{}:
					default:
					}
				}
			}()
			var c net.Conn
			err = Await(ctx, 2*time.Minute, "a stream of i2pd's client tunnel", func(ctx context.Context) error {
				if c, err = n.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", inputClient)); err != nil {
					return err
				}
				if _, err = c.Write(sent[:1000]); err != nil {
					return err
				}
				select { // where i2pd found nobody, it has closed the connection, or will
				case <-heard:
					return nil
				case <-time.After(10 * time.Second):
					c.Close()
					return errors.New("nothing comes")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second) // an end of ours would be there, and i2pd have acted by it
			if _, err := c.Write(sent[1000:]); err != nil {
				t.Fatal(err)
			}
			c.Close()
			if err := <-read; err != io.EOF || !bytes.Equal(got, sent) {
				t.Errorf("%d of %d bytes came, %v: %s", len(got), len(sent), err, listen.LogTail(5))
			}
			if code, err := listen.ExitCode(ctx); err != nil || code != 0 {
				t.Errorf("status %d, %v: %s", code, err, listen.LogTail(5))
			}
		})
	}
}

const inputClient = 17711 // i2pd's client tunnel, on 127.0.0.1
