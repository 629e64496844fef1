package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

const sample = `# what a person writes
[web]
type = "httpserver"
targets = ["127.0.0.1:80", "unix:/run/web.sock"]
port = 80
key = "web.dat"
[web.access]
allow = ["stats.i2p"]
[web.httpserver]
host = "example.org"
posts = 10
post_period = "5m"

[proxy]
type = "http"
listen = "127.0.0.1:4444"
share = "clients"
idle_close = "20m"
[proxy.options]
"inbound.length" = "2"
[proxy.http]
outproxies = [{ host = "exit.i2p:8888" }]

[ssh]
type = "client"
listen = "127.0.0.1:2222"
destinations = ["example.i2p:22", "other.i2p"]
order = "first"

[zone]
type = "udpclient"
listen = "127.0.0.1:53"
destinations = ["dns.i2p"]
[zone.udp]
protocol = "datagram2"
signed = true

[www]
type = "meta"
destinations = ["` + mirror + `", "` + otherMirror + ` 9"]
`

const (
	mirror      = "yw6w5h7zzybuus47ohvee6h5r6ab4eotmqalqnuywvq6dkf6264a.b32.i2p"
	otherMirror = "bi3hxewpbmbx37mjsyhoqmwvn574culido2b4u3jbz3w6v4gtgfa.b32.i2p"
)

func TestRoundTrip(t *testing.T) {
	plans, bad := Parse([]byte(sample))
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if len(plans) != 5 || plans[1].Order != AsListed || !plans[4].UDP.Signed || plans[2].Name != "web" || time.Duration(plans[2].HTTPServer.PostPeriod) != 5*time.Minute || plans[0].IdleClose != Duration(20*time.Minute) {
		t.Fatalf("%+v", plans)
	}
	roundTrip(t, plans)
	asked, problems := options.Parse(options.Default(), plans[3].Asked())
	if len(problems) > 0 || len(asked.Meta) != 2 || asked.Meta[0].Hash.B32() != mirror || asked.Meta[1].Cost != 9 {
		t.Errorf("in whose place others serve: %v, %+v", problems, asked.Meta)
	}
}

// roundTrip writes plans and reads them again, as TOML and as JSON.
func roundTrip(t *testing.T, plans []Plan) {
	t.Helper()
	text, err := Append(nil, plans...)
	if err != nil {
		t.Fatal(err)
	}
	again, bad := Parse(text)
	if len(bad) > 0 || len(again) != len(plans) {
		t.Fatalf("%v of:\n%s", bad, text)
	}
	for i, p := range plans {
		if !p.Equal(again[i]) {
			t.Errorf("%+v became %+v by:\n%s", p, again[i], text)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := ParseJSON(b); err != nil || !q.Equal(p) {
			t.Errorf("%v: %+v became %+v by %s", err, p, q, b)
		}
	}
}

// b33 is the address of an encrypted lease set.
var b33 = func() string {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		panic(err)
	}
	text, err := keys.Destination().Blinded().B33()
	if err != nil {
		panic(err)
	}
	return text
}()

const udpClient = "[a]\ntype = \"udpclient\"\nlisten = \"127.0.0.1:1\"\ndestinations = [\"a.i2p\"]\n[a.udp]\n"

// TestFaults: each says what is wrong, and in which line.
func TestFaults(t *testing.T) {
	for text, said := range map[string]string{
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:80\"]\naccess.allow = []\n": "access.allow: nobody is in it",
		"[a]\n":                                               "line 1: a: it has no type",
		"[a]\ntype = \"web\"\n":                               `line 1: a: "web" is no type`,
		"[\"../a\"]\ntype = \"http\"\n":                       `is no name`,
		"[a]\ntype = \"http\"\n":                              "has to listen somewhere",
		"[a]\ntype = \"http\"\nlisten = \"80\"\n":             `"80" is no address`,
		"[a]\ntype = \"http\"\nlisten = \"example.org:80\"\n": `is no address`,
		"[a]\ntype = \"server\"\n":                            "needs a target",
		"[a]\ntype = \"server\"\ntargets = [\"unix:web\"]\n":  `"web" is no absolute path`,
		"[a]\ntype = \"client\"\nlisten = \"127.0.0.1:1\"\n":  "needs a destination",
		"[a]\ntype = \"client\"\nlisten = \"127.0.0.1:1\"\ndestinations = [\"example.com\"]":          "",
		"[b]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\ntarget = 1\n":                           "line 4: b.target is no setting",
		"[a]\ntype = \"http\"\nlisten = 4444\n":                                                       "line 3",
		"\n[a\n":                                                                                      "line 3",
		"[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n[a.options]\n\"inbound.lenght\" = \"1\"\n":   "did you mean inbound.length?",
		"[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n[a.socks]\nudp = true\n":                     "settings of type socks",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\nshare = \"x\"\n":                        "shares none",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\ndelay_open = true\n":                    "nobody could reach it",
		"[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\nidle_close = \"soon\"\n":                     `"soon" is no time`,
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\n[a.access]\nallow = [\"..\"]\n":         "access",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\n[a.access]\ndeny = [\"a.i2p:80\"]\n":    "without ports",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\n[a.access]\ndeny = [\"" + b33 + "\"]\n": "peers are known by",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\n[a.access]\nfilter = \"rules\"\n":       "no absolute path",
		"[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n[a.http]\noutproxies = [{host = \"a b\"}]\n": "outproxy",
		"[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n[a.http]\nconnect_ports = [65979]\n":         "no port",
		"[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n[a.limits]\nper_minute = 1\n":                "no limits.per_minute",
		"[a]\ntype = \"socks\"\nlisten = \"127.0.0.1:1\"\n[a.limits]\npeer_streams = 1\n":             "limits.peer_streams",
		"[a]\ntype = \"udpserver\"\ntargets = [\"127.0.0.1:1\"]\n[a.limits]\npeer_per_minute = 1\n":   "no limits.peer_per_minute",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\n[a.limits]\nstreams = -1\n":             "not negative",
		"[a]\ntype = \"udpserver\"\ntargets = [\"unix:/x\"]\n":                                        "no Unix socket",
		"[a]\ntype = \"udpclient\"\nlisten = \"unix:/x\"\ndestinations = [\"a.i2p\"]\n":               "no Unix socket",
		"[a]\ntype = \"udpserver\"\ntargets = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n":                   "one place",
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\norder = \"last\"\n":                     `"last" is none of turn, random and first`,
		"[a]\ntype = \"server\"\ntargets = [\"127.0.0.1:1\"]\n[a.udp]\nsigned = true\n":               "settings of type udpclient",
		"[a]\ntype = \"udpserver\"\ntargets = [\"127.0.0.1:1\"]\n[a.udp]\nprotocol = \"datagram2\"\n": "a server takes what its clients send",
		udpClient + "protocol = \"raw\"\n":                                                            "nobody could answer",
		udpClient + "protocol = \"17\"\n":                                                             `"17" is none of`,
		udpClient + "protocol = \"datagram3\"\nsigned = true\n":                                       "no datagram3 is signed",
		"[a]\ntype = \"meta\"\n":                                                                   "needs a destination",
		"[a]\ntype = \"meta\"\ndestinations = [\"a.i2p\"]\n":                                       "nor a b32 address",
		"[a]\ntype = \"meta\"\ndestinations = [\"" + mirror + " 256\"]\n":                          "no cost",
		"[a]\ntype = \"meta\"\ntargets = [\"127.0.0.1:1\"]\ndestinations = [\"" + mirror + "\"]\n": "no targets",
	} {
		if _, err := Parse([]byte(text)); len(err) == 0 || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v, expected %q", text, err, said)
		}
	}
	if _, err := ParseJSON([]byte(`{"name":"a","type":"http","listen":"127.0.0.1:1","bogus":1}`)); err == nil || !strings.Contains(err.Error(), "bogus") {
		t.Errorf("%v", err)
	}
}

// TestParse: a table that makes no sense is told, with its line, what was expected and what came, and hinders
// no other, whatever is wrong with it.
func TestParse(t *testing.T) {
	const good = "[good]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n"
	for table, said := range map[string]string{
		"[b]\ntype = \"http\"\nlisten = 4444\n":                       `line 3: b.listen: expected text; got the number 4444`,
		"[b]\ntype = \"http\"\n[b.limits]\nstreams = \"x\"\n":         `line 4: b.limits.streams: expected a whole number; got the text "x"`,
		"[b]\ntargets = \"127.0.0.1:1\"\n":                            `line 2: b.targets: expected a list of texts; got the text "127.0.0.1:1"`,
		"[b]\ntargets = [\"127.0.0.1:1\", 2]\n":                       `line 2: b.targets: expected a list of texts; got a list with the number 2`,
		"[b]\nstopped = true\noptions.inbound.length = \"2\"\n":       `line 3: b.options.inbound: expected text; got a table: a name with a dot in it is in quotes`,
		"[b]\nstopped = true\n[b.options]\ninbound.length = 2\n":      `line 4: b.options.inbound: expected text; got a table`,
		"[b]\nidle_close = 20\n":                                      `line 2: b.idle_close: expected a time such as "20m"; got the number 20`,
		"[b]\naccess = true\n":                                        `line 2: b.access: expected a table; got true`,
		"[b]\n[b.http]\noutproxies = [\"a.i2p\"]\n":                   `line 3: b.http.outproxies: expected a list of tables; got a list with the text "a.i2p"`,
		"[b]\n[b.http]\naccounts = [{ user = 1 }]\n":                  `line 3: b.http.accounts: expected a list of tables; got a list with a table`,
		"[b]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\nbogus = 1\n": `line 4: b.bogus is no setting of a forward`,
		"[[b]]\ntype = \"http\"\n":                                    `line 1: b: expected a table; got a list of tables`,
		"[b]\ntype = \"http\"\n":                                      `line 1: b: a forward of type http has to listen somewhere`,
		"[b]\ntype = http\n":                                          `line 2: b.type: `,
		"[b\ntype = \"http\"\n":                                       `line 2: b: `,
		"[b]\ntype = \"http\"\n[b]\n":                                 `line 3: b: `,
		"[b]\ntype = \"\"\"http\n":                                    `line `,
		"b = 1\n":                                                     `line 1: b: expected a table; got the number 1`,
		"= 1\n":                                                       `line 1: `,
	} {
		for _, text := range []string{table + good, good + strings.ReplaceAll(table, "[b]\n", "[ \"b\" ]\n")} {
			if !strings.HasPrefix(table, "[") && !strings.HasPrefix(text, table) {
				continue // behind a table, it is one of its lines
			}
			plans, bad := Parse([]byte(text))
			if len(plans) != 1 || plans[0].Name != "good" || len(bad) != 1 || strings.HasPrefix(text, table) && !strings.HasPrefix(bad[0].Error(), said) {
				t.Errorf("%q: %d plans, and %q, expected %q", text, len(plans), bad, said)
			}
			if rest, ok := Unread([]byte(text), bad.Tables()...); ok {
				again, still := Parse(append(rest, good...))
				if len(again) != 1 || len(still) != 1 {
					t.Errorf("%q leaves %q, of which %d plans and %v are read", text, rest, len(again), still)
				}
			} else if strings.HasPrefix(table, "[") {
				t.Errorf("%q: its text is not found", text)
			}
		}
	}
	plans, bad := Parse([]byte("[a]\nx = 1\n" + good + "[c]\ny =\n"))
	if len(plans) != 1 || len(bad) != 2 || bad[0].Table != "a" || bad[1].Table != "c" {
		t.Errorf("%v, %v", plans, bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("[a]\ntype = \"socks\"\nlisten = \"unix:/x\"\n[a.socks]\nudp=true\naccounts=[{user=\"a\",password=\"b\"}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		plans, _ := Parse(text)
		roundTrip(t, plans)
	})
}
