package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnknownKeyNamesItsLine(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"port = 1\n\n# a comment\nprot = 2\n", `line 4: unknown key "prot"`},
		{"[bandwidth]\nin = 1\nup = 2\n", `line 3: unknown key "bandwidth.up"`},
		{"port = 1\n[bandwith]\nin = 1\n", `line 2: unknown key "bandwith"`},
		{"bandwidth.\"odd key\" = 1\n", `line 1: unknown key "bandwidth.\"odd key\""`},
	} {
		_, err := Parse([]byte(tt.text))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q: error %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestWrongValueNamesItsLine(t *testing.T) {
	for _, text := range []string{
		"netid = 2\nport = \"many\"\n",
		"netid = 2\nport = 65536\n",
		"netid = 2\nhost = ['192.0.2.1', '10.0.0.1']\n",
		"floodfill = true\nhidden = true\n",
		"[reseed]\nurls = ['a']\n",
		"port = 1\nreseed = { threshold = 1, proxy = 'ftp://a' }\n",
		"\nntcp2.listen = ['1.2.3.4']\n",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: error %v does not name line 2", text, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"port = 65536":                                "port",
		"netid = -1":                                  "netid",
		"log_level = 'loud'":                          "log_level",
		"host = ['example.org']":                      "host",
		"host = ['10.0.0.1']":                         "reserved",
		"hidden = true\nfloodfill = true":             "hidden",
		"ntcp2.listen = ['1.2.3.4']":                  "ntcp2.listen",
		"ntcp2.enabled = false\nssu2.enabled = false": "ntcp2.enabled",
		"exploratory.in_length = 8":                   "exploratory.in_length",
		"client.out_quantity = 0":                     "client.out_quantity",
		"bandwidth.share = 101":                       "bandwidth.share",
		"reseed.urls = ['a.example']":                 "reseed.urls",
		"reseed.urls = ['ftp://a/']":                  "reseed.urls",
		"reseed.sources = ['https://a/']":             "reseed.sources",
		"reseed.sources = ['-']":                      "reseed.sources",
		"reseed.proxy = '127.0.0.1:9050'":             "reseed.proxy",
		"reseed.proxy = 'ftp://a'":                    "reseed.proxy",
		"reseed.pins = ['a']":                         "reseed.pins",
		"reseed.threshold = -1":                       "reseed.threshold",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not name %q", text, err, want)
		}
	}
}

func TestWhatIsShownParsesBack(t *testing.T) {
	c := Default()
	c.Testnet, c.Hosts, c.Port, c.Bandwidth.In = true, []string{"127.0.0.3"}, 7654, 128
	got, err := Parse(c.AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
}

// TestProxy: what goes through a proxy listens on nothing by itself, and has no other way out.
func TestProxy(t *testing.T) {
	for text, want := range map[string]string{
		"[ntcp2]\nproxy = \"socks5://127.0.0.1:9050\"\n[ssu2]\nenabled = false\n": "",
		"[ntcp2]\nproxy = \"http://me:pw@[::1]:8080\"\n[ssu2]\nenabled = false\n": "",
		"[ntcp2]\nproxy = \"ftp://127.0.0.1:1\"\n":                                "it is no URL",
		"[ntcp2]\nproxy = \"socks5://127.0.0.1\"\n":                               "it is no URL",
		"[ntcp2]\nproxy = \"socks5://me:secret@\"\n":                              "it is no URL",
		"[ntcp2]\nproxy = \"socks5://127.0.0.1:1\"\n":                             "SSU2 reaches peers straight",

		"[ntcp2]\nproxy = \"http://127.0.0.1:1\"\n[ssu2]\nenabled = true\nproxy = \"socks5://a:b@p:1\"\n":    "",
		"[ntcp2]\nproxy = \"http://127.0.0.1:1\"\n[ssu2]\nenabled = true\nproxy = \"socks5://a:secret@p\"\n": "it is no URL",
		"[ntcp2]\nproxy = \"http://127.0.0.1:1\"\n[ssu2]\nenabled = true\nproxy = \"http://p:1\"\n":          "only SOCKS5 relays",
		"[ssu2]\nenabled = true\nproxy = \"socks5://p:1\"\n":                                                 "NTCP2 reaches peers straight",
		"[ntcp2]\nenabled = false\n[ssu2]\nenabled = true\nproxy = \"socks5://p:1\"\n":                       "",
	} {
		c, err := Parse([]byte(text))
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v, expected %q", text, err, want)
			}
			continue
		}
		if err != nil || c.ProxyURL() == nil && c.DatagramProxyURL() == nil || len(c.ListenAddrs()) != 0 || !c.Proxied() {
			t.Errorf("%s: %v, listens on %v", text, err, c.ListenAddrs())
		}
		c.Hosts = []string{"93.184.216.34"}
		if len(c.ListenAddrs()) != 1 {
			t.Errorf("told a host, it listens on %v", c.ListenAddrs())
		}
	}
	if Default().ProxyURL() != nil || Default().DatagramProxyURL() != nil {
		t.Error("there is a proxy by itself")
	}
}

func TestListenAddrs(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"port = 5", []string{"0.0.0.0:5", "[::]:5"}},
		{"port = 5\nhost = ['192.5.5.241', '2001:500:2f::f', '192.5.5.242']", []string{"0.0.0.0:5", "[::]:5"}},
		{"port = 5\ntestnet = true\nhost = ['127.0.0.7']", []string{"127.0.0.7:5"}},
		{"port = 5\ntestnet = true\nhost = ['10.1.0.1']", []string{"0.0.0.0:5", "[::]:5"}},
		{"port = 5\nhost = ['2001:500:2f::f']", []string{"[::]:5", "0.0.0.0:5"}},
		{"port = 5\nntcp2.listen = ['127.0.0.1:9']", []string{"127.0.0.1:9"}},
		{"port = 5\ntestnet = true\nhost = ['127.0.0.1', '8.8.8.8']", []string{"0.0.0.0:5"}},
		{"port = 5\ntestnet = true\nhost = ['8.8.8.8', '::1', '127.0.0.1', '127.0.0.2']", []string{"0.0.0.0:5", "[::1]:5"}},
		{"testnet = true\nhost = ['127.0.0.1', '127.0.0.2', '127.0.0.1']", []string{"127.0.0.1:0", "127.0.0.2:0"}},
		{"ntcp2.listen = ['127.0.0.1:9', '0.0.0.0:9', '127.0.0.1:8', '127.0.0.1:8', '[::1]:9']", []string{"0.0.0.0:9", "127.0.0.1:8", "[::1]:9"}},
		{"ntcp2.listen = ['[::ffff:127.0.0.1]:9', '127.0.0.1:9', '[::ffff:127.0.0.1]:8']", []string{"127.0.0.1:9", "127.0.0.1:8"}},
	} {
		c, err := Parse([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		var want []netip.AddrPort
		for _, w := range tt.want {
			want = append(want, netip.MustParseAddrPort(w))
		}
		if diff := cmp.Diff(want, c.ListenAddrs(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

func TestReseeds(t *testing.T) {
	for text, want := range map[string]bool{
		"":                       true,
		"testnet = true":         false,
		"netid = 3":              false,
		"bootstrap = ['netDb']":  false,
		"reseed.enabled = false": false,
		"[reseed]\nurls = ['https://a/']\nenabled = false": false,
		"testnet = true\nreseed.urls = ['https://a/']":     true,
		"netid = 3\nreseed.sources = ['a.su3']":            true,
	} {
		c, err := Parse([]byte(text))
		if err != nil || c.Reseeds() != want {
			t.Errorf("%q: %v, %v", text, c.Reseeds(), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("port = 1\n[bandwidth]\nin = 2\n")
	f.Add("x = [[{a.b = 1}]]\n[[y]]\n")
	f.Add("host = ['::1']\ntestnet = true")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text))
		if err != nil {
			return
		}
		again, err := Parse(c.AppendTo(nil))
		if err != nil {
			t.Fatalf("%q: shown as\n%s\n%v", text, c.AppendTo(nil), err)
		}
		if string(again.AppendTo(nil)) != string(c.AppendTo(nil)) {
			t.Fatalf("%q does not come back", text)
		}
	})
}

func TestChanged(t *testing.T) {
	a, b := Default(), Default()
	if got := a.Changed(b); len(got) != 0 {
		t.Errorf("the same settings differ in %v", got)
	}
	b.Hosts = []string{"192.0.2.1"}
	b.Client.InLength = 1
	b.LogLevel = "debug"
	var keys []string
	for _, s := range a.Changed(b) {
		keys = append(keys, s.Key)
	}
	if !slices.Equal(keys, []string{"log_level", "host", "client.in_length"}) {
		t.Errorf("they differ in %v", keys)
	}
}

// TestNames: the services are those that are known unless others are named, and nothing but I2P is asked.
func TestNames(t *testing.T) {
	if c := Default(); len(c.Names.Subscriptions) > 0 || len(c.Names.JumpServices()) != 4 {
		t.Errorf("%+v", c.Names)
	}
	c, err := Parse([]byte("[names]\njump = [\"Mine http://jump.i2p/?q=\"]\nsubscriptions = [\"http://a.i2p/hosts.txt\"]\n"))
	if err != nil || len(c.Names.JumpServices()) != 1 || c.Names.JumpServices()[0].Name != "Mine" {
		t.Errorf("%+v, %v", c.Names, err)
	}
	for text, said := range map[string]string{
		"[names]\njump = [\"http://jump.i2p/\"]\n":              "line 2: names.jump: ",
		"[names]\njump = [\"a http://example.com/\"]\n":         "line 2: names.jump: ",
		"[names]\nsubscriptions = [\"http://example.com/h\"]\n": "line 2: names.subscriptions: ",
		"[names]\nsubscriptions = 3\n":                          "line 2: names.subscriptions: expected",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), said) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
