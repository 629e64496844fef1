package foreign

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"i2ptoolkit/pkg/forward/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRead: what becomes of configurations with each type and key, beside those that i2pd and Java
// are shipped with.
func TestRead(t *testing.T) {
	for name, format := range map[string]Format{"shipped.conf": I2PD, "types.conf": I2PD, "shipped.config": Java, "types.config": Java} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if f := FormatOf(text); f != format {
				t.Errorf("its format is %q", f)
			}
			tunnels, err := Read(format, File{name, text})
			if err != nil {
				t.Fatal(err)
			}
			got := told(t, tunnels)
			if *update {
				if err := os.WriteFile(path+".golden", got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(path + ".golden"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v; got\n%s", err, got)
			}
		})
	}
}

// told writes all that is said of tunnels.
func told(t *testing.T, tunnels []Tunnel) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, tn := range tunnels {
		fmt.Fprintf(&out, "## %s, line %d\n", tn.Name, tn.Line)
		if tn.Why != "" {
			fmt.Fprintf(&out, "## left out: %s\n", tn.Why)
		}
		if tn.KeyFile != "" {
			fmt.Fprintf(&out, "## key %s is %s\n", tn.KeyFile, tn.KeyName)
		}
		for _, l := range tn.Left {
			fmt.Fprintf(&out, "## line %d: %s: %s%s\n", l.Line, l.Key, l.Why, map[bool]string{true: " (moot)"}[l.Moot])
		}
		text, err := plan.Append(nil, tn.Plans...)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// TestDirectory: the files of a directory are one configuration, in which names and keys are told
// apart, and Java's have no prefix.
func TestDirectory(t *testing.T) {
	const text = "name=Web!\ntype=server\ntargetHost=127.0.0.1\ntargetPort=80\nprivKeyFile=%s\n"
	tunnels, err := Read(Java, File{"a", fmt.Appendf(nil, text, "a/key.dat")}, File{"b", fmt.Appendf(nil, text, "b/key.dat")}, File{"c", fmt.Appendf(nil, text, "a/key.dat")})
	if err != nil || len(tunnels) != 3 {
		t.Fatalf("%v %+v", err, tunnels)
	}
	for i, want := range []struct{ name, key string }{{"Web", "key.dat"}, {"Web-2", "key.dat-2"}, {"Web-3", "key.dat"}} {
		if p := tunnels[i].Plans; len(p) != 1 || p[0].Name != want.name || p[0].Key != want.key {
			t.Errorf("%d: %+v", i, tunnels[i])
		}
	}
}

// TestFaults: what is no configuration is told with its line.
func TestFaults(t *testing.T) {
	many := strings.Repeat("x", maxValue+1)
	for _, tt := range []struct {
		format     Format
		text, said string
	}{
		{I2PD, "[a\n", `f: line 1: expected [NAME]`},
		{I2PD, "[a]\ntype\n", `f: line 2: expected key = value`},
		{I2PD, "type = client\n", `f: line 1: a key before`},
		{I2PD, "[a]\n[b]\n[a]\n", `f: line 3: a second section "a"`},
		{I2PD, "[a]\nport = 1\nport = 2\n", `f: line 3: port a second time in [a]`},
		{I2PD, "[a]\nport = " + many, "longer than"},
		{I2PD, strings.Repeat("#\n", MaxFile/2) + "#", "longer than"},
		{I2PD, "[a]\n\xff=1\n", "UTF-8"},
		{Java, "tunnel.x.type=client\n", "f: line 1: expected tunnel.NUMBER.key"},
		{Java, "tunnel.1=client\n", "f: line 1: expected tunnel.NUMBER.key"},
	} {
		tunnels, err := Read(tt.format, File{"f", []byte(tt.text)})
		if err == nil || !strings.Contains(err.Error(), tt.said) || tunnels != nil {
			t.Errorf("%.40q: %v %v, expected %s", tt.text, tunnels, err, tt.said)
		}
	}
	for text, want := range map[string]Format{"": "", "# a=b\n; c=d\n\n": "", "x=y\n": Java, "  [a]\n": I2PD, "words\n": ""} {
		if got := FormatOf([]byte(text)); got != want {
			t.Errorf("%q is %q, expected %q", text, got, want)
		}
	}
}

// FuzzRead: whatever a file says, plans are such as the router takes, of names of their own, and
// each tunnel has some or says why not.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.conf*")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if !strings.HasSuffix(path, ".golden") {
			f.Add(text, strings.HasSuffix(path, ".config"))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, java bool) {
		format := I2PD
		if java {
			format = Java
		}
		tunnels, err := Read(format, File{"f", text})
		if err != nil {
			if tunnels != nil {
				t.Error("tunnels with an error")
			}
			return
		}
		names := make(map[string]bool)
		for _, tn := range tunnels {
			if (len(tn.Plans) == 0) != (tn.Why != "") {
				t.Errorf("%d plans, left out: %q", len(tn.Plans), tn.Why)
			}
			for _, p := range tn.Plans {
				b, err := json.Marshal(p)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := plan.ParseJSON(b); err != nil {
					t.Errorf("%s: %v", b, err)
				}
				if names[p.Name] {
					t.Errorf("two are called %s", p.Name)
				}
				names[p.Name] = true
			}
			for _, l := range tn.Left {
				if l.Key == "" || l.Why == "" || l.Line < 1 {
					t.Errorf("left: %+v", l)
				}
			}
		}
	})
}

func TestOutproxy(t *testing.T) {
	for text, want := range map[string]plan.Outproxy{
		"exit.i2p":                       {Host: "exit.i2p"},
		"http://exit.i2p:8888/":          {Host: "exit.i2p:8888"},
		"socks5://me:pass@orchid.i2p:90": {Host: "orchid.i2p:90", SOCKS: true, User: "me", Password: "pass"},
	} {
		if got, ok := outproxy(text); !ok || got != want {
			t.Errorf("%s is %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "http://", "127.0.0.1", "socks://127.0.0.1:9050", "http://example.org/"} {
		if got, ok := outproxy(text); ok {
			t.Errorf("%s is %+v", text, got)
		}
	}
}
