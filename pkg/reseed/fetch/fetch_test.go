package fetch

import (
	"context"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// asks collects what Fetch learned.
type asks struct {
	got map[i2p.Hash]int
}

func (a *asks) learn(ri *routerinfo.RouterInfo) {
	if a.got == nil {
		a.got = make(map[i2p.Hash]int)
	}
	a.got[ri.Hash()]++
}

// TestFetch: two signers are needed, and no more are asked than are; what several give counts
// once.
func TestFetch(t *testing.T) {
	a, b := valid(t, "a@mail.i2p"), valid(t, "b@mail.i2p")
	all := routers(t, 1, 30, 2)
	var mu sync.Mutex
	requests := 0
	counted := func(h http.HandlerFunc) *httptest.Server {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			requests++
			mu.Unlock()
			h(w, r)
		})
	}
	first := counted(gives(a.bundle(t, time.Now(), all[:20])))
	second := counted(gives(b.bundle(t, time.Now(), all[10:])))
	var learned asks
	var each []Report
	cfg := Config{
		Servers: []string{first.URL, second.URL, first.URL + "/"}, Trust: trustOf(t, a, b), RootCAs: roots(first, second), Want: 5,
		Each: func(r Report) { each = append(each, r) }, Rand: mathrand.NewChaCha8([32]byte{1}),
	}
	reports, err := Fetch(t.Context(), cfg, learned.learn)
	if err != nil || len(reports) != 2 || len(each) != 2 || requests != 2 {
		t.Fatalf("%d requests, reports %+v, %d told, error %v", requests, reports, len(each), err)
	}
	if len(learned.got) != 30 || reports[0].New+reports[1].New != 30 {
		t.Errorf("%d RouterInfos learned, %+v", len(learned.got), reports)
	}
	for h, n := range learned.got {
		if n != 1 {
			t.Errorf("%v is learned %d times", h, n)
		}
	}
	if got, want := Summary(reports), "30 RouterInfos from 2 of 2 servers, 10 of them given more than once"; got != want {
		t.Errorf("summary %q, expected %q", got, want)
	}
}

// TestDisagreement: servers that have nothing in common are all believed, and it is said.
func TestDisagreement(t *testing.T) {
	a, b := valid(t, "a@mail.i2p"), valid(t, "b@mail.i2p")
	first, second := serve(t, gives(a.bundle(t, time.Now(), routers(t, 1, 10, 2)))), serve(t, gives(b.bundle(t, time.Now(), routers(t, 2, 10, 2))))
	broken := serve(t, gives([]byte("<html>")))
	var learned asks
	cfg := Config{
		Servers: []string{first.URL, second.URL, broken.URL}, Trust: trustOf(t, a, b), RootCAs: roots(first, second, broken), Want: 1000,
	}
	reports, err := Fetch(t.Context(), cfg, learned.learn)
	if err != nil || len(learned.got) != 20 {
		t.Fatalf("%d RouterInfos, error %v", len(learned.got), err)
	}
	if got, want := Summary(reports), "20 RouterInfos from 2 of 3 servers, 0 of them given more than once"; got != want {
		t.Errorf("summary %q, expected %q", got, want)
	}
	if got := Failures(reports); !strings.HasSuffix(got, ": a web page, not a bundle: a page for browsers, or one for logging in to this network") ||
		strings.Count(got, "127.0.0.1:") != 1 {
		t.Errorf("failures %q", got)
	}
}

// TestOneSignerIsNotEnough: who signs everything at two servers is one voice, so a third is heard.
func TestOneSignerIsNotEnough(t *testing.T) {
	a, b := valid(t, "a@mail.i2p"), valid(t, "b@mail.i2p")
	body := a.bundle(t, time.Now(), routers(t, 1, 10, 2))
	var servers []*httptest.Server
	var urls []string
	for range 4 {
		servers = append(servers, serve(t, gives(body)))
	}
	servers = append(servers, serve(t, gives(b.bundle(t, time.Now(), routers(t, 2, 10, 2)))))
	for _, s := range servers {
		urls = append(urls, s.URL)
	}
	for seed := range byte(4) {
		var learned asks
		reports, err := Fetch(t.Context(), Config{
			Servers: urls, Trust: trustOf(t, a, b), RootCAs: roots(servers...), Want: 1, Rand: mathrand.NewChaCha8([32]byte{seed}),
		}, learned.learn)
		if err != nil || len(learned.got) != 20 {
			t.Errorf("%d RouterInfos from %s, error %v", len(learned.got), Summary(reports), err)
		}
	}
}

// TestOrder: it is random, by Rand.
func TestOrder(t *testing.T) {
	servers := []string{"https://a/", "https://b/", "https://c/", "https://d/", "https://e/"}
	first := make(map[string]bool)
	for seed := range byte(30) {
		got, err := shuffled(Config{Servers: servers, Rand: mathrand.NewChaCha8([32]byte{seed})})
		if err != nil || len(got) != len(servers) {
			t.Fatal(got, err)
		}
		first[got[0]] = true
	}
	if len(first) != len(servers) {
		t.Errorf("only %v come first", first)
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Servers: []string{}}, {Servers: []string{"gopher://a/"}}, {Servers: []string{"a.example"}},
		{Proxy: "127.0.0.1:9050"}, {Proxy: "ftp://127.0.0.1"},
	} {
		if reports, err := Fetch(t.Context(), cfg, nil); err == nil || reports != nil {
			t.Errorf("%+v: %v, %v", cfg, reports, err)
		}
	}
	for text, good := range map[string]bool{
		"a=" + strings.Repeat("ab", 32):                           true,
		"a=" + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"): true,
		"a=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=":          true,
		"a=" + strings.Repeat("ab", 31):                           false,
		"=" + strings.Repeat("ab", 32):                            false,
		"a":                                                       false,
	} {
		if _, _, err := ParsePin(text); (err == nil) != good {
			t.Errorf("pin %q: %v", text, err)
		}
	}
}

func TestCancel(t *testing.T) {
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cfg := Config{Servers: []string{server.URL}, RootCAs: roots(server), Dial: func(c context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(c, network, address)
		cancel()
		return conn, err
	}}
	if reports, err := Fetch(ctx, cfg, nil); err != context.Canceled || len(reports) != 0 {
		t.Errorf("%+v, %v", reports, err)
	}
}
