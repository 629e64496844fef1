package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestEdit: what is set holds, and all else of the file is as it was.
func TestEdit(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		set                 map[string]any
	}{
		{"an empty file", "", "\n[bandwidth]\nin = 9\n", map[string]any{"bandwidth.in": 9}},
		{"a value", "# mine\n[bandwidth]\nin = 5\nout = 6\n", "# mine\n[bandwidth]\nin = 9\nout = 6\n", map[string]any{"bandwidth.in": 9}},
		{"a comment behind it", "[bandwidth]\n  in=5   # KBps # more\n", "[bandwidth]\n  in= 9 # KBps # more\n", map[string]any{"bandwidth.in": 9}},
		{"a # in a text", "socket = \"a#b\" # here\n", "socket = \"c#d\" # here\n", map[string]any{"socket": "c#d"}},
		{"a list of several lines", "host = [ # those\n  \"192.0.2.1\",\n  \"192.0.2.2\", # this\n]\nport = 7\n", "host = [\"198.51.100.1\"]\nport = 7\n", map[string]any{"host": []string{"198.51.100.1"}}},
		{"a key with dots", "bandwidth.in = 5\nport = 7\n", "bandwidth.in = 9\nport = 7\n", map[string]any{"bandwidth.in": 9}},
		{"a table without the key", "[bandwidth] # limits\nout = 6", "[bandwidth] # limits\nin = 9\nout = 6", map[string]any{"bandwidth.in": 9}},
		{"no such table", "port = 7", "port = 7\n\n[bandwidth]\nin = 9\n", map[string]any{"bandwidth.in": 9}},
		{"a key before the first table", "# mine\n[bandwidth]\nout = 6\n", "port = 9\n# mine\n[bandwidth]\nout = 6\n", map[string]any{"port": 9}},
		{"what holds already", "# mine\n[bandwidth]\nin =   9\n", "# mine\n[bandwidth]\nin =   9\n", map[string]any{"bandwidth.in": 9, "bandwidth.share": 80}},
		{"several", "[bandwidth]\nin = 5\n", "[bandwidth]\nshare = 7\nout = 3\nin = 9\n", map[string]any{"bandwidth.in": 9, "bandwidth.out": 3, "bandwidth.share": 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Edit([]byte(c.before), c.set)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.after {
				t.Errorf("%q, want %q", got, c.after)
			}
		})
	}
}

// TestEditRefused: what makes no sense, and what stands where it cannot be told apart, is left.
func TestEditRefused(t *testing.T) {
	for _, c := range []struct {
		before string
		set    map[string]any
	}{
		{"bandwidth = { in = 5, out = 6 }\n", map[string]any{"bandwidth.in": 9}},
		{"bandwidth = { in = 5 }\n", map[string]any{"bandwidth.out": 9}},
		{"", map[string]any{"bandwidth.share": 101}},
		{"", map[string]any{"bandwidth.in": "9"}},
		{"", map[string]any{"no.such": 9}},
		{"host = 5\n", map[string]any{"bandwidth.in": 9}},
	} {
		if got, err := Edit([]byte(c.before), c.set); err == nil {
			t.Errorf("%q, %v: %q", c.before, c.set, got)
		}
	}
}

// TestEditFile: a file is made, changed, and as it was where what was set does not hold; a link stays one.
func TestEditFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "etc", "router.toml"), filepath.Join(dir, "router.toml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	refuse := errors.New("no")
	for _, c := range []struct {
		set   int
		apply error
		want  string
	}{{5, refuse, ""}, {5, nil, "\n[bandwidth]\nin = 5\n"}, {6, refuse, "\n[bandwidth]\nin = 5\n"}, {7, nil, "\n[bandwidth]\nin = 7\n"}} {
		err := EditFile(path, map[string]any{"bandwidth.in": c.set}, func() error {
			if text, err := os.ReadFile(link); err != nil || !strings.Contains(string(text), fmt.Sprintf("in = %d", c.set)) {
				t.Errorf("while it is applied: %q, %v", text, err)
			}
			return c.apply
		})
		if !errors.Is(err, c.apply) {
			t.Error(err)
		}
		if text, err := os.ReadFile(path); string(text) != c.want || (c.want == "") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d: %q, %v; want %q", c.set, text, err, c.want)
		}
		path = link // where it was made
		if c.want == "" {
			path = filepath.Join(dir, "etc", "router.toml")
		}
	}
	if at, err := os.Readlink(link); err != nil || at != filepath.Join(dir, "etc", "router.toml") {
		t.Errorf("%s, %v", at, err)
	}
}

// FuzzEdit sets a key in a file: either there is an error, or the file says what it said, and that.
func FuzzEdit(f *testing.F) {
	f.Add("# mine\n[bandwidth]\nin = 5 # here\n", 9, "192.0.2.1")
	f.Add("host = [\n\"192.0.2.1\",\n]\nbandwidth.in = 3", 0, "")
	f.Add("bandwidth = { in = 5 }", 1, "x\"#")
	f.Add(string(Default().AppendCommented(nil)), 1, "a")
	f.Fuzz(func(t *testing.T, before string, in int, socket string) {
		want, err := Parse([]byte(before))
		after, editErr := Edit([]byte(before), map[string]any{"bandwidth.in": in, "socket": socket})
		if editErr != nil {
			if after != nil {
				t.Errorf("%q with the error %v", after, editErr)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q is no configuration: %v", before, err)
		}
		want.Bandwidth.In, want.Socket = in, socket
		got, err := Parse(after)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %q: %v", before, after, err)
		}
		if strings.Count(string(after), "\n") > strings.Count(before, "\n")+5 {
			t.Errorf("%q became %q", before, after)
		}
	})
}
