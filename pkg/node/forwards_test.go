package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
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
	long := strings.Repeat("n", 64)       // the default key of a name that is as long as may be
	const secret = "hush-nobody-may-know" // so long that no file has it by chance
	p := plan.Plan{Name: long, Type: plan.IRCServer, Targets: []string{"127.0.0.1:6667"}, IRCServer: &plan.IRCServerSettings{WebIRC: true, Password: secret}}
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
		if err != nil || bytes.Contains(b, []byte(secret)) || filepath.Dir(path) != d.root && filepath.Ext(path) != sealedSuffix {
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

// TestWrongTable: a table that makes no sense is named by a reload with all others of that kind, and leaves what
// ran by its name as it is; and a change of others leaves its text to its owner.
func TestWrongTable(t *testing.T) {
	dir := t.TempDir()
	table := func(name, key, value string) string {
		return fmt.Sprintf("[%s]\ntype = \"client\"\nlisten = \"unix:%s\"\ndestinations = [\"a.i2p\"]\n%s = %s\n", name, filepath.Join(dir, name), key, value)
	}
	write := func(tables ...string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, forwardsFile), []byte(strings.Join(tables, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(table("a", "stopped", "true"), table("b", "stopped", "true"), table("c", "stopped", "true"), table("bad", "stopped", "1"))
	r := startReloads(t, settings(dir))
	listed := func(want string) {
		t.Helper()
		await(t, want, func() bool {
			var got []string
			for _, f := range r.forwards.List() {
				got = append(got, f.Name)
			}
			return strings.Join(got, " ") == want
		})
	}
	listed("a b c") // the wrong one hinders nobody at the start
	if text := r.log.String(); !strings.Contains(text, "line 23: bad.stopped: expected true or false; got the number 1") {
		t.Errorf("the log says %s", text)
	}
	write(table("a", "targets", "7"), table("b", "stopped", "true"), "[c\n", table("d", "stopped", "true"))
	done, err := r.Reload(t.Context())
	if err != nil || len(done.Failed) != 2 || !strings.Contains(done.Failed["a"], "tunnels.toml: line 5: a.targets: expected a list of texts; got the number 7") || !strings.Contains(done.Failed["c"], "tunnels.toml: line 14: c: ") {
		t.Errorf("%q, %v", done.Failed, err)
	}
	listed("a b c d")
	if err := r.forwards.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is left of the file is read as it was
		if done, err := r.Reload(t.Context()); err != nil || len(done.Failed) != 2 {
			t.Errorf("%q, %v", done.Failed, err)
		}
		listed("a c d")
	}
	if err := r.forwards.Remove(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, forwardsFile)); err != nil || strings.Contains(string(text), "[c") || !strings.Contains(string(text), "targets = 7") {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAppliedBesideReload: what is asked for while the file of plans is read again stays.
func TestAppliedBesideReload(t *testing.T) {
	s := settings(t.TempDir())
	n, _ := start(t, Config{Settings: s, Reread: func() (config.Config, error) { return s, nil }})
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := n.Reload(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 8 {
		p := plan.Plan{Name: fmt.Sprintf("n%d", i), Type: plan.Client, Stopped: true, Listen: "127.0.0.1:0", Destinations: []string{"a.i2p"}}
		if done, err := n.forwards.Apply(ctx, control.ApplyForwards{Plans: []plan.Plan{p}, Add: true}); err != nil || len(done.Added) != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		if there := len(n.forwards.List()); there != i+1 {
			t.Fatalf("there are %d forwards, and %d were asked for", there, i+1)
		}
	}
}
