package node

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
)

func keysIn(d dataDir) *keyFiles {
	return &keyFiles{dir: d, env: env.New(env.Config{}).Part("keys"), made: map[string]*i2p.PrivateKeys{}}
}

// TestForwardsSealed: plans and keys of forwards are sealed with the rest of the state, are the same
// before and after, and nothing of them is left in clear.
func TestForwardsSealed(t *testing.T) {
	d := dataDir{root: t.TempDir()}
	long := strings.Repeat("n", 64) // the default key of a name that is as long as may be
	p := plan.Plan{Name: long, Type: plan.IRCServer, Targets: []string{"127.0.0.1:6667"}, IRCServer: &plan.IRCServerSettings{WebIRC: true, Password: "hush"}}
	if err := (&planFile{dir: d}).Change([]plan.Plan{p}, nil); err != nil {
		t.Fatal(err)
	}
	keys, err := keysIn(d).load(p.KeyName())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // that seals it, and that opens it
		sealed := unlocked(t, d)
		if plans, err := (&planFile{dir: sealed}).Load(); err != nil || len(plans) != 1 || !plans[0].Equal(p) {
			t.Errorf("%+v, %v", plans, err)
		}
		if same, err := keysIn(sealed).load(p.KeyName()); err != nil || same.Destination().Hash() != keys.Destination().Hash() {
			t.Errorf("other keys, %v", err)
		}
		if _, err := keysIn(sealed).load("later"); err != nil {
			t.Error(err)
		}
	}
	filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || bytes.Contains(b, []byte("hush")) || filepath.Dir(path) != d.root && filepath.Ext(path) != sealedSuffix {
			t.Errorf("%s is in clear, %v", path, err)
		}
		return nil
	})
}

// TestKeyNames: a key file that has the name of an encrypted one would make the directory look as if it
// were encrypted.
func TestKeyNames(t *testing.T) {
	d := dataDir{root: t.TempDir()}
	for _, name := range []string{"a.age", "../a", "", "a/b", strings.Repeat("n", 65)} {
		if _, err := keysIn(d).load(name); err == nil {
			t.Errorf("%q is the name of a key file", name)
		}
	}
	if err := (plan.Plan{Name: "a", Type: plan.Server, Targets: []string{"127.0.0.1:1"}, Key: "a.age"}).Check(); err == nil {
		t.Error("a plan has such a key")
	}
	if err := d.unlock(nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// TestHalfKeys: what a killed router left of a key file that it had not made yet is removed, and
// nothing else.
func TestHalfKeys(t *testing.T) {
	d := dataDir{root: t.TempDir()}
	if err := d.clear(); err != nil {
		t.Errorf("where there are no keys: %v", err)
	}
	for name, stays := range map[string]bool{".a.dat.12": false, ".b.age.3": false, "a.dat": true, ".a.dat.bak": true, ".hidden": true} {
		if err := d.keep(filepath.Join(keysDir, name), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := d.clear(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.path(filepath.Join(keysDir, name))); errors.Is(err, fs.ErrNotExist) == stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlansStay: what a person has written stays as it was where it says what is asked.
func TestPlansStay(t *testing.T) {
	d := dataDir{root: t.TempDir()}
	text := "# mine\n[a]\ntype = \"http\"\nlisten = \"127.0.0.1:1\"\n"
	if err := d.keep(forwardsFile, []byte(text)); err != nil {
		t.Fatal(err)
	}
	f := &planFile{dir: d}
	plans, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Change(plans[:1], []string{"gone"}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.read(forwardsFile); err != nil || string(got) != text {
		t.Errorf("%q, %v", got, err)
	}
	plans[0].Listen = "127.0.0.1:2"
	if err := f.Change(plans[:1], nil); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Load(); err != nil || len(got) != 1 || got[0].Listen != "127.0.0.1:2" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := f.Change(nil, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Load(); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
