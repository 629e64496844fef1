package serve

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNoBundles(t *testing.T) {
	cfg := testConfig()
	fail := errors.New("the disk is gone")
	cfg.Bundles = func(context.Context) ([][]byte, error) { return nil, fail }
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if w := get(s, "192.0.2.1"); w.Code != 503 || w.Header().Get("Retry-After") != "60" || w.Body.String() != "503: the server has no bundles yet\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/healthz", "192.0.2.1"); w.Code != 503 || w.Body.String() != "503: no bundles yet\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if err := s.Reload(t.Context()); !errors.Is(err, fail) {
		t.Error(err)
	}
	if w := ask(s, "GET", "/healthz", "192.0.2.1"); w.Code != 503 || w.Body.String() != "503: no bundles, for the last try failed\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// TestFailedReload: the set before goes on.
func TestFailedReload(t *testing.T) {
	cfg := testConfig()
	set, err := [][]byte{bundle(1)}, error(nil)
	cfg.Bundles = func(context.Context) ([][]byte, error) { return set, err }
	c := &clock{testTime}
	cfg.Now = c.Now
	s := newServer(t, cfg)
	c.now = c.now.Add(time.Minute)
	for name, bad := range map[string][][]byte{
		"empty": {}, "an empty one": {{}}, "too large": {make([]byte, MaxBundle+1)},
		"too many":          slices.Repeat([][]byte{{1}}, MaxBundles+1),
		"too much together": slices.Repeat([][]byte{make([]byte, MaxBundle)}, MaxTotal/MaxBundle+1),
	} {
		if set = bad; s.Reload(t.Context()) == nil {
			t.Errorf("a set that is %s is taken", name)
		}
	}
	if w := get(s, "192.0.2.1"); w.Body.String() != string(bundle(1)) {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	w := ask(s, "GET", "/healthz", "192.0.2.1")
	if w.Code != 200 || w.Body.String() != "ok, with the bundles of 60 s ago: the last try to renew them failed\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("2.su3", bundle(2))
	write("1.su3", bundle(1))
	write("notes.txt", []byte("not a bundle"))
	write("3.su3.new", []byte("half of a bundle"))
	if err := os.Mkdir(filepath.Join(dir, "d.su3"), 0o700); err != nil {
		t.Fatal(err)
	}
	set, err := Directory(dir)(t.Context())
	if err != nil || !slices.EqualFunc(set, [][]byte{bundle(1), bundle(2)}, bytes.Equal) {
		t.Errorf("%q %v", set, err)
	}
	write("4.su3", []byte("PK\x03\x04"))
	if _, err := Directory(dir)(t.Context()); err == nil || !strings.Contains(err.Error(), "4.su3: a su3 file is expected") {
		t.Error(err)
	}
	large := filepath.Join(dir, "4.su3")
	if err := os.Truncate(large, MaxBundle+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Directory(dir)(t.Context()); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
	if _, err := Directory(filepath.Join(dir, "none"))(t.Context()); err == nil {
		t.Error("there is no such directory, and no error")
	}
}

func TestLoadSalt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "salt")
	first, err := LoadSalt(name)
	if err != nil || len(first) != 32 {
		t.Fatal(len(first), err)
	}
	if second, err := LoadSalt(name); err != nil || !bytes.Equal(first, second) {
		t.Errorf("another salt, or %v", err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.WriteFile(name, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSalt(name); err == nil {
		t.Error("a short salt is taken")
	}
}
