package geoip

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const torV4 = "# Tor's geoip\n16777216,16777471,AU\n16777472,16778239,CN\n3405803776,3405804031,??\n3405804032,3405804287,de\n"

const torV6 = "# geoip6\n2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\n2a00::,2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff,NL\n"

func write(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func check(t *testing.T, d *Database, want map[string]string) {
	t.Helper()
	for a, country := range want {
		if got := d.Country(netip.MustParseAddr(a)); got != country {
			t.Errorf("%s is in %q, want %q", a, got, country)
		}
	}
}

func TestText(t *testing.T) {
	d, err := Open(write(t, "geoip6", torV6), write(t, "geoip", torV4))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	check(t, d, map[string]string{
		"0.255.255.255": "", "1.0.0.0": "AU", "1.0.0.255": "AU", "1.0.1.0": "CN", "1.0.3.255": "CN", "1.0.4.0": "",
		"203.0.113.7": "", "203.0.114.7": "DE", "::ffff:203.0.114.7": "DE", "203.0.115.0": "", "255.255.255.255": "",
		"::1": "", "2001:200::1": "JP", "2001:201::": "", "2a00:1::": "NL", "2a01::": "", "fe80::1%eth0": "",
	})
	if (&Database{}).Country(netip.Addr{}) != "" {
		t.Error("nothing is somewhere")
	}
}

func TestMaxMind(t *testing.T) {
	file := write(t, "x.mmdb", maxMind(map[string]any{
		"203.0.112.0/22": map[string]any{"country": map[string]any{"iso_code": "DE"}, "registered_country": map[string]any{"iso_code": "US"}},
		"1.0.0.0/8":      map[string]any{"registered_country": map[string]any{"iso_code": "AU"}},
		"2.0.0.0/8":      map[string]any{"country_code": "FR"},
		"3.0.0.0/8":      map[string]any{"country": map[string]any{"iso_code": "\x1b[2J"}},
		"4.0.0.0/8":      map[string]any{"continent": "EU"},
	}))
	d, err := Open(file, write(t, "geoip", torV4+"67108864,83886079,SE\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	check(t, d, map[string]string{
		"203.0.111.255": "", "203.0.112.0": "DE", "203.0.115.255": "DE", "203.0.116.0": "", "::ffff:203.0.113.1": "DE",
		"1.0.1.0": "AU", "2.3.4.5": "FR", "3.0.0.1": "", "4.0.0.1": "SE", "5.0.0.1": "", "2001:200::1": "",
	})
}

func TestRefused(t *testing.T) {
	for _, text := range []string{
		"", "abc", "abc\n", "# nothing\n", "1,2\n", "1,2,DE,\n", "2,1,DE\n", "1,::2,DE\n", "1,2,D\n", "1,2,\x1b[\n", "4294967296,4294967297,DE\n",
		strings.Repeat("x", 1<<17), "\xab\xcd\xefMaxMind.com",
	} {
		if _, err := Open(write(t, "geoip", text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	if got := findIn(root); got != nil {
		t.Fatal(got)
	}
	for _, name := range []string{"usr/share/tor/geoip", "usr/share/tor/geoip6", "usr/share/GeoIP/GeoLite2-Country.mmdb"} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		got := findIn(root)
		if filepath.Base(name) == "geoip6" && len(got) != 2 || filepath.Base(name) != "geoip6" && (len(got) != 1 || got[0] != name) {
			t.Errorf("with %s: %q", name, got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add(torV4)
	f.Add(torV6)
	f.Fuzz(func(t *testing.T, text string) {
		spans, err := parseText(strings.NewReader(text))
		if err != nil && spans != nil || err == nil && len(spans) == 0 {
			t.Fatal(spans, err)
		}
		for _, s := range spans {
			if !isCode(s.country) || s.last.Less(s.first) || s.first.BitLen() != s.last.BitLen() {
				t.Fatal(s)
			}
		}
	})
}

// maxMind writes a database of IPv4 networks in MaxMind's format (MaxMind DB File Format Specification 2.0), with
// records of 24 bits.
func maxMind(networks map[string]any) string {
	const empty = -1
	type node [2]int // another node, or ^offset of data - 1, or empty
	nodes := []node{{empty, empty}}
	var data []byte
	for _, text := range slices.Sorted(maps.Keys(networks)) {
		prefix := netip.MustParsePrefix(text)
		bits, at := binary.BigEndian.Uint32(prefix.Addr().AsSlice()), 0
		for i := range prefix.Bits() {
			side := bits >> (31 - i) & 1
			switch {
			case i == prefix.Bits()-1:
				nodes[at][side] = -2 - len(data)
			case nodes[at][side] == empty:
				nodes = append(nodes, node{empty, empty})
				nodes[at][side] = len(nodes) - 1
			}
			at = nodes[at][side]
		}
		data = appendData(data, networks[text])
	}
	var out []byte
	for _, n := range nodes {
		for _, record := range n {
			switch {
			case record == empty:
				record = len(nodes)
			case record < empty:
				record = len(nodes) + 16 - (record + 2)
			}
			out = append(out, byte(record>>16), byte(record>>8), byte(record))
		}
	}
	out = append(append(out, make([]byte, 16)...), data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	return string(appendData(out, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint32(1), "database_type": "Test",
		"description": map[string]any{"en": "test"}, "ip_version": uint16(4), "languages": []any{"en"}, "node_count": uint32(len(nodes)), "record_size": uint16(24),
	}))
}

// appendData writes a value of the data section: its type in three bits and its size in five, or 0 and the type
// less 7 in the next byte.
func appendData(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return append(append(b, 2<<5|byte(len(v))), v...)
	case uint16:
		return binary.BigEndian.AppendUint16(append(b, 5<<5|2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(append(b, 6<<5|4), v)
	case map[string]any:
		b = append(b, 7<<5|byte(len(v)))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendData(appendData(b, k), v[k])
		}
		return b
	case []any:
		b = append(b, byte(len(v)), 11-7)
		for _, e := range v {
			b = appendData(b, e)
		}
		return b
	}
	panic("not a value of a database")
}
