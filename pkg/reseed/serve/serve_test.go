package serve

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock stands still unless a test moves it.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// bundle is what looks like a su3 to this package.
func bundle(i int) []byte { return fmt.Appendf(nil, "I2Psu3 bundle %d", i) }

func bundles(n int) Source {
	return func(context.Context) ([][]byte, error) {
		var set [][]byte
		for i := range n {
			set = append(set, bundle(i))
		}
		return set, nil
	}
}

func testConfig() Config {
	c := &clock{testTime}
	return Config{Bundles: bundles(300), Salt: make([]byte, 16), Now: c.Now}
}

// newServer is one that has its bundles.
func newServer(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Reload(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// ask sends a request to the handler as if it came from an address. The rest are pairs
// of header fields.
func ask(s http.Handler, method, target, from string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 40000).String()
	r.Header.Set("User-Agent", UserAgent)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func get(s http.Handler, from string, fields ...string) *httptest.ResponseRecorder {
	return ask(s, "GET", Path, from, fields...)
}

func TestAnswers(t *testing.T) {
	cfg := testConfig()
	cfg.Block.Prefixes = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	s := newServer(t, cfg)
	for _, test := range []struct {
		name, method, target, from string
		fields                     []string
		status                     int
		line                       string
	}{
		{"a router of ours", "GET", Path + "?netid=2", "192.0.2.1", nil, 200, ""},
		{"one that does not say its network", "GET", Path, "192.0.2.1", nil, 200, ""},
		{"other parameters", "GET", Path + "?x=1&netid=2", "192.0.2.1", nil, 200, ""},
		{"HEAD", "HEAD", Path, "192.0.2.1", nil, 200, ""},
		{"another network", "GET", Path + "?netid=7", "192.0.2.1", nil, 400,
			"400: this server has routers of network 2, the request is for those of network 7"},
		{"no number", "GET", Path + "?netid=two", "192.0.2.1", nil, 400, "400: one number is expected as netid, as in ?netid=2"},
		{"two networks", "GET", Path + "?netid=2&netid=3", "192.0.2.1", nil, 400, "400: one number is expected as netid, as in ?netid=2"},
		{"a bad query", "GET", Path + "?netid=%zz", "192.0.2.1", nil, 400, "400: the query cannot be read, ?netid=2 is expected"},
		{"a browser", "GET", Path, "192.0.2.1", []string{"User-Agent", "Mozilla/5.0"}, 403,
			"403: this server is for I2P routers, which call themselves Wget/1.11.4"},
		{"blocked", "GET", Path, "203.0.113.9", nil, 403, "403: the operator of this server blocks your network"},
		{"elsewhere", "GET", "/", "192.0.2.1", nil, 404, "404: this is an I2P reseed server, it has nothing but /i2pseeds.su3"},
		{"upwards", "GET", "/../i2pseeds.su3", "192.0.2.1", nil, 404, "404: this is an I2P reseed server, it has nothing but /i2pseeds.su3"},
		{"metrics are not public", "GET", "/metrics", "192.0.2.1", nil, 404, "404: this is an I2P reseed server, it has nothing but /i2pseeds.su3"},
		{"POST", "POST", Path, "192.0.2.1", nil, 405, "405: GET or HEAD is expected"},
		{"health", "GET", "/healthz", "192.0.2.1", nil, 200, "ok"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := ask(s, test.method, test.target, test.from, test.fields...)
			if w.Code != test.status {
				t.Fatalf("status %d, %q", w.Code, w.Body)
			}
			if test.line != "" && w.Body.String() != test.line+"\n" {
				t.Errorf("%q", w.Body)
			}
			if got := w.Header().Get("Content-Length"); test.method != "HEAD" && got != fmt.Sprint(w.Body.Len()) {
				t.Errorf("Content-Length %s of a body of %d", got, w.Body.Len())
			}
			if w.Header().Get("Cache-Control") != "private, no-store" {
				t.Error("a cache may keep the answer")
			}
			if allow := w.Header().Get("Allow"); (allow == "GET, HEAD") != (test.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

func TestBundle(t *testing.T) {
	s := newServer(t, testConfig())
	w := get(s, "192.0.2.1")
	if !bytes.HasPrefix(w.Body.Bytes(), []byte("I2Psu3 bundle ")) || w.Header().Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%q of type %q", w.Body, w.Header().Get("Content-Type"))
	}
	head := ask(s, "HEAD", Path, "192.0.2.1")
	if head.Body.Len() != 0 || head.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("HEAD: %q of length %s", head.Body, head.Header().Get("Content-Length"))
	}
}

func TestBodyRefused(t *testing.T) {
	s := newServer(t, testConfig())
	r := httptest.NewRequest("GET", Path, strings.NewReader("body"))
	r.Header.Set("User-Agent", UserAgent)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 400 || w.Header().Get("Connection") != "close" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestUserAgents(t *testing.T) {
	cfg := testConfig()
	cfg.UserAgents = []string{"*"}
	if w := get(newServer(t, cfg), "192.0.2.1", "User-Agent", "curl/8"); w.Code != 200 {
		t.Errorf("any is allowed, and one gets %d", w.Code)
	}
	cfg.UserAgents = []string{"one", "two"}
	s := newServer(t, cfg)
	r := httptest.NewRequest("GET", Path, nil)
	for agent, want := range map[string]int{"one": 200, "two": 200, UserAgent: 403, "": 403} {
		r.Header.Set("User-Agent", agent)
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q gets %d", agent, w.Code)
		}
	}
}

func TestSameNetworkSameBundle(t *testing.T) {
	cfg := testConfig()
	cfg.Limits.PerClient, cfg.Limits.Global = Unlimited(), Unlimited()
	s := newServer(t, cfg)
	same := func(a, b string) bool { return get(s, a).Body.String() == get(s, b).Body.String() }
	if !same("192.0.2.1", "192.0.2.254") || !same("::ffff:192.0.2.1", "192.0.2.77") {
		t.Error("one /24 gets two bundles")
	}
	if !same("2001:db8:7::1", "2001:db8:7:ffff::9") {
		t.Error("one /48 gets two bundles")
	}
	if same("2001:db8:7::1", "2001:db8:8::1") || same("192.0.2.1", "192.0.3.1") {
		t.Error("two networks get one bundle, with this salt they should not")
	}
	got := get(s, "192.0.2.1").Body.String()
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := newServer(t, cfg); get(s, "192.0.2.1").Body.String() != got || get(again, "192.0.2.1").Body.String() != got {
		t.Error("another bundle after a reload or a restart")
	}
	cfg.Salt = bytes.Repeat([]byte{1}, 16)
	if get(newServer(t, cfg), "192.0.2.1").Body.String() == got {
		t.Error("the same bundle with another salt")
	}
}

// TestChoiceIsEven: no bundle is given to many more networks than another.
func TestChoiceIsEven(t *testing.T) {
	c, n := newChooser(make([]byte, 16)), make([]int, 300)
	for i := range 300 * 100 {
		a := netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 1})
		n[c.choose(networkOf(a, 24, 48), len(n))]++
	}
	slices.Sort(n)
	if n[0] < 60 || n[299] > 145 { // four standard deviations of 10
		t.Errorf("of 100 expected the least has %d and the most %d", n[0], n[299])
	}
}

func TestClientLimit(t *testing.T) {
	c := &clock{testTime}
	cfg := testConfig()
	cfg.Now, cfg.Limits.PerClient = c.Now, Rate{4, time.Hour}
	s := newServer(t, cfg)
	for i := range 4 {
		if w := get(s, fmt.Sprintf("192.0.2.%d", i)); w.Code != 200 {
			t.Fatalf("request %d gets %d", i, w.Code)
		}
		ask(s, "HEAD", Path, "192.0.2.1")
		get(s, "192.0.2.1", "User-Agent", "Mozilla/5.0") // cost nothing
	}
	w := get(s, "192.0.2.200")
	if w.Code != 429 || w.Header().Get("Retry-After") != "900" || w.Body.String() != "429: your network had 4 bundles in 1h0m0s, which is all it gets: ask again in 900 s\n" {
		t.Errorf("%d, Retry-After %s, %q", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	if w := get(s, "192.0.3.1"); w.Code != 200 {
		t.Errorf("another network gets %d", w.Code)
	}
	c.now = c.now.Add(15*time.Minute - 1)
	if w := get(s, "192.0.2.1"); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("too early, and it gets %d", w.Code)
	}
	c.now = c.now.Add(1)
	if first, second := get(s, "192.0.2.1"), get(s, "192.0.2.1"); first.Code != 200 || second.Code != 429 {
		t.Errorf("on time, and it gets %d and %d", first.Code, second.Code)
	}
}

func TestGlobalLimit(t *testing.T) {
	c := &clock{testTime}
	cfg := testConfig()
	cfg.Now, cfg.Limits.Global, cfg.Limits.PerClient = c.Now, Rate{10, 10 * time.Second}, Rate{1, time.Hour}
	s := newServer(t, cfg)
	for i := range 10 {
		if w := get(s, fmt.Sprintf("20.0.%d.1", i)); w.Code != 200 {
			t.Fatalf("request %d gets %d", i, w.Code)
		}
		get(s, "20.0.0.1") // over its own limit, and so nothing to all others
	}
	w := get(s, "20.1.0.1")
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "too many ask") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	c.now = c.now.Add(time.Second)
	if w := get(s, "20.1.0.1"); w.Code != 200 {
		t.Errorf("after a second it gets %d: what was refused cost it its own", w.Code)
	}
}

// TestLimitBehindProxy: the limits are those of the clients, and a client cannot pass for
// another by what it sends.
func TestLimitBehindProxy(t *testing.T) {
	cfg := testConfig()
	cfg.Limits.PerClient, cfg.Proxies.Trusted = Rate{2, time.Hour}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	s := newServer(t, cfg)
	for i := range 5 {
		forged := fmt.Sprintf("198.51.%d.7, 192.0.2.1", i)
		want := 200
		if i >= 2 {
			want = 429
		}
		if w := get(s, "10.0.0.1", "X-Forwarded-For", forged, "Forwarded", "for=198.18.0.1"); w.Code != want {
			t.Errorf("request %d gets %d", i, w.Code)
		}
	}
	if w := get(s, "10.0.0.1", "X-Forwarded-For", "192.0.3.1"); w.Code != 200 {
		t.Errorf("another client of the proxy gets %d", w.Code)
	}
	direct := get(s, "192.0.9.1", "X-Forwarded-For", "192.0.2.1")
	if direct.Code != 200 {
		t.Errorf("a client that names one that is over its limit gets %d", direct.Code)
	}
	if get(s, "192.0.9.2").Body.String() != direct.Body.String() {
		t.Error("a header of a stranger changed its bundle")
	}
}

func TestBlockList(t *testing.T) {
	name := filepath.Join(t.TempDir(), "block")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# none\n")
	cfg := testConfig()
	cfg.Block.Files, cfg.Limits.PerClient = []string{name}, Unlimited()
	s := newServer(t, cfg)
	if w := get(s, "192.0.2.1"); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	write("192.0.2.0/24 # scrapes\n2001:db8::/32\n198.51.100.7\n")
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for from, want := range map[string]int{"192.0.2.1": 403, "::ffff:192.0.2.1": 403, "192.0.3.1": 200, "2001:db8:9::1": 403, "2001:db9::1": 200, "198.51.100.7": 403, "198.51.100.8": 200} {
			if w := get(s, from); w.Code != want {
				t.Errorf("%s gets %d", from, w.Code)
			}
		}
	}
	check()
	write("192.0.2.0/24\nnonsense\n")
	if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
	check() // the list before holds
}

func TestConfigErrors(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no source":        func(c *Config) { c.Bundles = nil },
		"a short salt":     func(c *Config) { c.Salt = c.Salt[:15] },
		"a rate of 0":      func(c *Config) { c.Limits.PerClient = Rate{0, time.Hour} },
		"no time":          func(c *Config) { c.Limits.Global = Rate{1, 0} },
		"endless":          func(c *Config) { c.Limits.Global = Rate{1, 1000 * time.Hour} },
		"bits":             func(c *Config) { c.Limits.V4Bits = 33 },
		"another header":   func(c *Config) { c.Proxies.Header = "X-Real-IP" },
		"half of TLS":      func(c *Config) { c.TLS.CertFile = "cert" },
		"no agents":        func(c *Config) { c.UserAgents = []string{} },
		"a negative limit": func(c *Config) { c.Limits.Conns = -1 },
		"no list":          func(c *Config) { c.Block.Files = []string{"/nonexistent"} },
		"a bad prefix":     func(c *Config) { c.Proxies.Trusted = make([]netip.Prefix, 1) },
	} {
		cfg := testConfig()
		spoil(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestMetrics(t *testing.T) {
	cfg := testConfig()
	cfg.Proxies.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	s := newServer(t, cfg)
	get(s, "192.0.2.1")
	get(s, "10.0.0.1")
	get(s, "192.0.2.1", "User-Agent", "Mozilla/5.0")
	ask(s, "GET", Path+"?netid=3", "192.0.2.1")
	text := ask(s.Metrics(), "GET", "/metrics", "127.0.0.1").Body.String()
	for _, want := range []string{
		`i2p_reseed_requests_total{status="200",outcome="bundle"} 2`,
		`i2p_reseed_requests_total{status="403",outcome="user agent"} 1`,
		`i2p_reseed_requests_total{status="400",outcome="netid"} 1`,
		`i2p_reseed_forwarded_lost_total 1`,
		`i2p_reseed_limiter_networks 2`,
		`i2p_reseed_reloads_total{result="ok"} 1`,
		`i2p_reseed_bundles 300`,
		`i2p_reseed_bundles_timestamp_seconds 1795348800`,
		`i2p_reseed_certificate_expiry_timestamp_seconds 0`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
	if w := ask(s.Metrics(), "GET", "/healthz", "127.0.0.1"); w.Code != 200 {
		t.Error(w.Code)
	}
	if w := ask(s.Metrics(), "GET", Path, "127.0.0.1"); w.Code != 404 {
		t.Error(w.Code)
	}
	if w := ask(s.Metrics(), "POST", "/metrics", "127.0.0.1"); w.Code != 405 {
		t.Error(w.Code)
	}
}

func TestAccessLog(t *testing.T) {
	var b bytes.Buffer
	cfg := testConfig()
	cfg.Access = slog.New(slog.NewTextHandler(&b, nil))
	get(newServer(t, cfg), "192.0.2.77")
	if line := b.String(); strings.Contains(line, "192.0.2") || !strings.Contains(line, `status=200 outcome=bundle bytes=`) {
		t.Error(line)
	}
	b.Reset()
	cfg.LogAddresses = true
	ask(newServer(t, cfg), "GET", "/"+strings.Repeat("x", 1000), "192.0.2.77")
	if line := b.String(); !strings.Contains(line, "client=192.0.2.77") || len(line) > 300 {
		t.Error(line)
	}
}
