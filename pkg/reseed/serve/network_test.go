package serve

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestClient(t *testing.T) {
	for _, test := range []struct {
		name, header, peer string
		values             []string
		want               string
		lost               bool
	}{
		{"no proxy", xForwardedFor, "192.0.2.1:5", nil, "192.0.2.1", false},
		{"no proxy, and a header", xForwardedFor, "192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1", false},
		{"mapped IPv4", xForwardedFor, "[::ffff:192.0.2.1]:5", nil, "192.0.2.1", false},
		{"a zone", xForwardedFor, "[fe80::1%eth0]:5", nil, "fe80::1", false},
		{"proxy", xForwardedFor, "10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1", false},
		{"forged left of it", xForwardedFor, "10.0.0.1:5", []string{"203.0.113.5, 198.51.100.1"}, "198.51.100.1", false},
		{"two headers", xForwardedFor, "10.0.0.1:5", []string{"203.0.113.5", "198.51.100.1"}, "198.51.100.1", false},
		{"two proxies", xForwardedFor, "10.0.0.1:5", []string{"203.0.113.5,198.51.100.1, 10.0.0.2"}, "198.51.100.1", false},
		{"with a port", xForwardedFor, "10.0.0.1:5", []string{"198.51.100.1:77"}, "198.51.100.1", false},
		{"IPv6", xForwardedFor, "10.0.0.1:5", []string{"2001:db8::1"}, "2001:db8::1", false},
		{"IPv6 in brackets", xForwardedFor, "10.0.0.1:5", []string{"[2001:db8::1]"}, "2001:db8::1", false},
		{"IPv6 with a port", xForwardedFor, "10.0.0.1:5", []string{"[2001:db8::1]:77"}, "2001:db8::1", false},
		{"the other header", xForwardedFor, "10.0.0.1:5", nil, "10.0.0.1", true},
		{"nonsense", xForwardedFor, "10.0.0.1:5", []string{"198.51.100.1, nonsense"}, "10.0.0.1", true},
		{"nonsense behind a proxy", xForwardedFor, "10.0.0.1:5", []string{"nonsense, 10.0.0.9"}, "10.0.0.9", true},
		{"proxies only", xForwardedFor, "10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", true},
		{"too many", xForwardedFor, "10.0.0.1:5", []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", maxHops)}, "10.0.0.2", true},
		{"Unix socket", xForwardedFor, "@", []string{"198.51.100.1"}, "198.51.100.1", false},
		{"Unix socket alone", xForwardedFor, "@", nil, "invalid IP", true},
		{"Forwarded", forwarded, "10.0.0.1:5", []string{"for=198.51.100.1;proto=https;by=10.0.0.1"}, "198.51.100.1", false},
		{"Forwarded, forged", forwarded, "10.0.0.1:5", []string{`for=203.0.113.5, For="[2001:db8::1]:4711"`}, "2001:db8::1", false},
		{"Forwarded, quoted comma", forwarded, "10.0.0.1:5", []string{`by="a,for=203.0.113.5";for="198.51.100.1"`}, "198.51.100.1", false},
		{"Forwarded, open quote", forwarded, "10.0.0.1:5", []string{`for="203.0.113.5`, `for=198.51.100.1`}, "198.51.100.1", false},
		{"Forwarded, unknown", forwarded, "10.0.0.1:5", []string{`for=203.0.113.5, for=unknown`}, "10.0.0.1", true},
		{"Forwarded, without for", forwarded, "10.0.0.1:5", []string{`for=203.0.113.5, proto=https`}, "10.0.0.1", true},
	} {
		cfg := testConfig()
		cfg.Proxies.Header, cfg.Proxies.Trusted = test.header, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		s := newServer(t, cfg)
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
		r.Header[test.header] = test.values
		for _, other := range []string{xForwardedFor, forwarded} {
			if other != test.header {
				r.Header.Set(other, "for=192.0.2.99")
			}
		}
		if got, lost := s.client(r); got.String() != test.want || lost != test.lost {
			t.Errorf("%s: %v, %v", test.name, got, lost)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.77": "::ffff:192.0.2.0", "2001:db8:1:2:3::4": "2001:db8:1::",
	} {
		if got := netip.AddrFrom16(networkOf(netip.MustParseAddr(a), 24, 48)); got.String() != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if networkOf(netip.Addr{}, 24, 48) != (key{}) {
		t.Error("no address has a network")
	}
}

func TestPrefixLimit(t *testing.T) {
	line := strings.NewReader(strings.Repeat("192.0.2.1\n", MaxPrefixes+1))
	if _, err := ParsePrefixes(line); err == nil {
		t.Error("a list without end is read")
	}
	if _, err := ParsePrefixes(strings.NewReader(strings.Repeat("1", 1<<20))); err == nil {
		t.Error("a line without end is read")
	}
	if _, err := newPrefixes(make([]netip.Prefix, MaxPrefixes+1)); err == nil {
		t.Error("too many prefixes are accepted")
	}
	if _, err := newPrefixes([]netip.Prefix{netip.MustParsePrefix("::ffff:0:0/90")}); err == nil {
		t.Error("a prefix of IPv4 and more is accepted")
	}
}

// FuzzForwardedFor: what a client puts into the header before the proxy adds its own
// never changes who the client is.
func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.5", "for=203.0.113.5")
	f.Add("10.0.0.2, 10.0.0.3", `for="[2001:db8::1]:4711";by=x, for=_hidden`)
	f.Add(",,,", `for="\"`)
	f.Add("[::1", `"`)
	var servers []*Server
	for _, header := range []string{xForwardedFor, forwarded} {
		cfg := testConfig()
		cfg.Proxies.Header, cfg.Proxies.Trusted = header, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		servers = append(servers, newServer(f, cfg))
	}
	f.Fuzz(func(t *testing.T, x, forged string) {
		for i, values := range [][]string{{x + ", 198.51.100.1"}, {forged, "for=198.51.100.1"}} {
			r := &http.Request{RemoteAddr: "10.0.0.1:5", Header: http.Header{servers[i].cfg.Proxies.Header: values}}
			if got, lost := servers[i].client(r); got.String() != "198.51.100.1" || lost {
				t.Errorf("%q: %v, %v", values, got, lost)
			}
			r.Header[servers[i].cfg.Proxies.Header] = values[:1]
			servers[i].client(r)
		}
		if len(forwardedFor([]string{forged})) > 1+len(forged) {
			t.Error("more hops than bytes")
		}
	})
}

// FuzzParsePrefixes: what is read is written and read again as it was.
func FuzzParsePrefixes(f *testing.F) {
	f.Add("192.0.2.0/24 # a network\n\n2001:db8::/32\n198.51.100.7")
	f.Add("::ffff:192.0.2.0/120\nfe80::1%eth0\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParsePrefixes(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		for _, p := range all {
			fmt.Fprintln(&b, p)
		}
		again, err := ParsePrefixes(strings.NewReader(b.String()))
		if err != nil || !slices.Equal(all, again) {
			t.Errorf("%v, then %v, %v", all, again, err)
		}
	})
}
