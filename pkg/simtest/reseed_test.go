package simtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/routerinfo"
)

// bundle is what a reseed server of the world would give, and its signer's certificate.
func (w *world) bundle(t *testing.T) (bundle []byte, cert string) {
	t.Helper()
	var infos []*routerinfo.RouterInfo
	for _, n := range w.nodes {
		ri, err := n.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		infos = append(infos, ri)
	}
	bundle, signer, err := reseedtest.Bundle(time.Now(), infos...)
	if err != nil {
		t.Fatal(err)
	}
	cert = filepath.Join(t.TempDir(), "one.crt")
	if err := os.WriteFile(cert, signer, 0o600); err != nil {
		t.Fatal(err)
	}
	return bundle, cert
}

// newcomer makes a router that knows nobody but two reseed servers, which give the bundle of its world where cfg.Dial does not say
// otherwise.
func (w *world) newcomer(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	bundle, cert := w.bundle(t)
	addr := netip.MustParseAddr("10.0.1.1")
	s := config.Default()
	s.NetID, s.Testnet, s.Hosts = 99, true, []string{addr.String()}
	s.NTCP2.Listen = []string{netip.AddrPortFrom(addr, port).String()}
	s.Reseed.URLs, s.Reseed.Certs, s.Reseed.Threshold = []string{"http://a.example/", "http://b.example/"}, []string{cert}, 10
	cfg.Settings, cfg.Network, cfg.Rand, cfg.Gather = s, w.net.Host(addr), rand.NewChaCha8([32]byte{1}), gather
	unless := cfg.Dial
	cfg.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
		if unless != nil {
			if c, err := unless(ctx, network, to); err != nil {
				return c, err
			}
		}
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := theirs.Read(make([]byte, 4096)); err != nil {
				return
			}
			fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %d\r\n\r\n", time.Now().UTC().Format(http.TimeFormat), len(bundle))
			io.Copy(theirs, bytes.NewReader(bundle))
		}()
		return ours, nil
	}
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLateReseed: a router that has no network when it starts, for ten minutes, says so in two
// lines all in all, and joins within some minutes of the moment at which it has.
func TestLateReseed(t *testing.T) {
	simulate(t, worldConfig{routers: 12, seed: 17}, func(t *testing.T, w *world) {
		w.awaitTunnels(t, 5*time.Minute)
		var up atomic.Bool
		var log bytes.Buffer
		n := w.newcomer(t, node.Config{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Dial: func(context.Context, string, string) (net.Conn, error) {
				if !up.Load() {
					return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
				}
				return nil, nil
			},
		})
		ended := make(chan error, 1)
		go func() { ended <- n.Run(t.Context()) }()
		time.Sleep(10 * time.Minute)
		if st := n.Status().Reseed; st.State != control.ReseedWaiting || st.Reached || len(st.Servers) != 2 {
			t.Errorf("after ten minutes: %+v", st)
		}
		up.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		begun := time.Now()
		if err := n.Wait(ctx, control.WaitTunnels); err != nil {
			t.Errorf("no tunnels: %v, %+v", err, n.Status())
		}
		t.Logf("tunnels %v after the network", time.Since(begun))
		st := n.Status()
		n.StopNow()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if st.Reseed.State != control.ReseedEnough || st.Reseed.Learned != 12 || st.Known.Routers < 12 {
			t.Errorf("%+v knows %+v", st.Reseed, st.Known)
		}
		if got := strings.Count(log.String(), "reseed: "); got != 2 {
			t.Errorf("%d lines of the reseed:\n%s", got, log.String())
		}
	})
}
