package node

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/routerinfo"
)

// bundleOf makes a signed bundle and its signer's certificate.
func bundleOf(t *testing.T, now time.Time, infos ...*routerinfo.RouterInfo) (bundle, cert []byte) {
	t.Helper()
	bundle, cert, err := reseedtest.Bundle(now, infos...)
	if err != nil {
		t.Fatal(err)
	}
	return bundle, cert
}

func writeTemp(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reseedFrom serves a bundle over TLS, and gives the settings to get it.
func reseedFrom(t *testing.T, bundle, cert []byte) config.Reseed {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != fetch.UserAgent || r.FormValue("netid") != strconv.Itoa(testNetID) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Write(bundle)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	s := config.Default().Reseed
	s.URLs, s.Threshold = []string{server.URL}, 3
	s.Certs = []string{writeTemp(t, "one.crt", cert)}
	s.Roots = writeTemp(t, "roots.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return s
}

// TestReseed: a router that knows nobody asks, and says what it did.
func TestReseed(t *testing.T) {
	bundle, cert := bundleOf(t, time.Now(), append(strangers(t, 5), stranger(t, 9, testNetID+1, time.Now()))...)
	s := settings(t.TempDir())
	s.Reseed = reseedFrom(t, bundle, cert)
	var log logBuffer
	n, stop := start(t, Config{Settings: s, Log: log.logger()})
	awaitKnown(t, n, 5)
	st := awaitReseed(t, n, control.ReseedEnough)
	if st.Learned != 5 || !st.Reached || len(st.Servers) != 1 || st.Reason != "5 RouterInfos from 1 of 1 server" {
		t.Errorf("%+v", st)
	}
	if sv := st.Servers[0]; sv.Found != 6 || sv.Accepted != 5 || sv.Signer != "one@mail.i2p" || sv.Result != "ok" {
		t.Errorf("%+v", sv)
	}
	if !strings.Contains(log.String(), `level=INFO msg="reseed: enough routers are known" result="5 RouterInfos from 1 of 1 server" known=5`) {
		t.Errorf("log: %s", log.String())
	}
	stop()
	if got := names(t, filepath.Join(s.DataDir, "netDb")); len(got) != 5 {
		t.Errorf("the netDb holds %v", got)
	}

	// The next start finds them there, and asks nobody.
	log.b.Reset()
	n, _ = start(t, Config{Settings: s, Log: log.logger(), Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("a server is asked")
		return nil, errors.New("no")
	}})
	if st := awaitReseed(t, n, control.ReseedEnough); st.Reason != "enough routers are known" || !st.Last.IsZero() {
		t.Errorf("%+v", st)
	}
}

func awaitReseed(t *testing.T, n *Node, want control.ReseedState) control.Reseed {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		st := n.Status().Reseed
		if st.State == want {
			return st
		}
		if time.Now().After(deadline) {
			t.Fatalf("the reseed is %+v, expected %s", st, want)
		}
	}
}

// TestReseedSources: files come first, and servers are left alone where those suffice.
func TestReseedSources(t *testing.T) {
	bundle, cert := bundleOf(t, time.Now(), strangers(t, 5)...)
	s := settings("")
	s.Reseed = reseedFrom(t, bundle, cert)
	zip, err := reseedtest.Zip(strangers(t, 4)...)
	if err != nil {
		t.Fatal(err)
	}
	s.Reseed.Sources = []string{filepath.Join(t.TempDir(), "missing"), writeTemp(t, "a.zip", zip)}
	n, _ := start(t, Config{Settings: s})
	st := awaitReseed(t, n, control.ReseedEnough)
	if len(st.Servers) != 2 || st.Servers[0].Result != "local" || st.Servers[1].Accepted != 4 || st.Learned != 4 {
		t.Errorf("%+v", st)
	}
}

// TestReseedNow: by the control socket, from whatever is named.
func TestReseedNow(t *testing.T) {
	bundle, cert := bundleOf(t, time.Now(), strangers(t, 5)...)
	s := settings("")
	from := reseedFrom(t, bundle, cert)
	s.Reseed.Certs, s.Reseed.Roots = from.Certs, from.Roots
	n, _ := start(t, Config{Settings: s})
	var e *control.Error
	for _, bad := range [][]string{nil, {"relative"}, {"gopher://a/"}} {
		if _, err := n.Reseed(t.Context(), bad); !errors.As(err, &e) || e.Code != control.BadRequest {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if st := n.Status().Reseed; st.State != control.ReseedOff || st.Reason == "" || st.Servers == nil {
		t.Errorf("%+v", st)
	}
	file := writeTemp(t, "a.su3", bundle)
	st, err := n.Reseed(t.Context(), []string{file, from.URLs[0]})
	if err != nil || st.State != control.ReseedOff || len(st.Servers) != 2 || st.Servers[0].Accepted != 5 || st.Servers[1].Accepted != 5 || st.Learned != 5 {
		t.Errorf("%+v, %v", st, err)
	}
	awaitKnown(t, n, 5)
	if st, err = n.Reseed(t.Context(), []string{filepath.Join(t.TempDir(), "missing")}); err != nil || st.Reached || st.Learned != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Reseed(ctx, from.URLs); !errors.Is(err, context.Canceled) {
		t.Errorf("broken off: %v", err)
	}
}

// TestReseedSettings: what cannot be read is known at the start.
func TestReseedSettings(t *testing.T) {
	junk, dir := writeTemp(t, "junk", []byte("junk")), t.TempDir()
	for name, change := range map[string]func(*config.Reseed){
		"reseed.certs: " + junk:                          func(r *config.Reseed) { r.Certs = []string{junk} },
		"reseed.certs: stat /nonexistent":                func(r *config.Reseed) { r.Certs = []string{"/nonexistent"} },
		"reseed.roots: " + junk:                          func(r *config.Reseed) { r.Roots = junk },
		"reseed.certs: open " + os.DevNull + ": neither": func(r *config.Reseed) { r.Certs = []string{os.DevNull} }, // nor a pipe
		"reseed.roots: open " + os.DevNull + ": neither": func(r *config.Reseed) { r.Roots = os.DevNull },
		"reseed.roots: open " + dir + ": is a directory": func(r *config.Reseed) { r.Roots = dir },
		"reseed.pins: ":                                  func(r *config.Reseed) { r.Pins = []string{"a=b"} },
		"reseed.proxy: ":                                 func(r *config.Reseed) { r.Proxy = "ftp://a" },
	} {
		s := settings("")
		change(&s.Reseed)
		if _, err := New(Config{Settings: s}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyIsAskedUnlessTold: routers of private networks, and those whose bootstrap is given,
// never ask the servers of the public network.
func TestNobodyIsAskedUnlessTold(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*config.Config)
		auto    bool
		servers int
	}{
		"public":         {func(*config.Config) {}, true, len(reseed.Servers())},
		"testnet":        {func(s *config.Config) { s.Testnet = true }, false, 0},
		"other network":  {func(s *config.Config) { s.NetID = 5 }, false, 0},
		"bootstrap":      {func(s *config.Config) { s.Bootstrap = []string{"x"} }, false, len(reseed.Servers())},
		"off":            {func(s *config.Config) { s.Reseed.Enabled = false }, false, len(reseed.Servers())},
		"no threshold":   {func(s *config.Config) { s.Reseed.Threshold = 0 }, false, len(reseed.Servers())},
		"told server":    {func(s *config.Config) { s.Testnet, s.Reseed.URLs = true, []string{"https://a/"} }, true, 1},
		"told file":      {func(s *config.Config) { s.Testnet, s.Reseed.Sources = true, []string{"a"} }, true, 0},
		"told file only": {func(s *config.Config) { s.Reseed.Sources = []string{"a"} }, true, 0},
	} {
		s := config.Default()
		tt.change(&s)
		p, err := reseedPolicies{}.of(s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Auto != tt.auto || len(p.Servers) != tt.servers {
			t.Errorf("%s: reseeds by itself %v, from %v", name, p.Auto, p.Servers)
		}
	}
}
