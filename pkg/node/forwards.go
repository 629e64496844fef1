package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/forward"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/sign"
)

// What forwards have in the data directory: their plans in one file, which a person may edit, and a key
// file for each that has one.
const (
	forwardsFile = "tunnels.toml"
	keysDir      = "keys"
)

// newForwards makes the router's forwards.
func (n *Node) newForwards(e env.Env) *forward.Manager {
	keys := &keyFiles{dir: n.dir, env: e, made: map[string]*i2p.PrivateKeys{}}
	cfg := forward.Config{
		Open: n.Hall.Destinations.Open, Defaults: n.Hall.Defaults, Resolve: n.Resolve, Lookup: n.names.Lookup,
		Jumps: func(name string) (links []httpproxy.Link) {
			for _, j := range n.names.Jumps(name) {
				links = append(links, httpproxy.Link(j))
			}
			return links
		},
		Save: func(_ context.Context, name string, to i2p.Destination) error {
			return n.names.Add(naming.Private, name, to, false)
		},
		Keys: keys.load, Take: keys.take, Log: n.log, Now: n.cfg.Now,
	}
	if n.dir.root != "" {
		cfg.Store = &planFile{dir: n.dir}
	}
	return forward.New(cfg)
}

// planFile is the file of plans. It is read before each change: what its owner has edited meanwhile stays.
type planFile struct {
	dir dataDir
	mu  sync.Mutex // one change at a time
}

// Load reads all plans. The error names the tables that make no sense, and hinders no others.
func (f *planFile) Load() ([]plan.Plan, error) {
	plans, bad, _, err := f.read()
	if err == nil && len(bad) > 0 {
		err = fmt.Errorf("%s: %w", f.dir.path(forwardsFile), bad)
	}
	return plans, err
}

// read reads the plans, and gives the text as well.
func (f *planFile) read() (plans []plan.Plan, bad plan.Faults, text []byte, err error) {
	text, err = f.dir.read(forwardsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	plans, bad = plan.Parse(text)
	return plans, bad, text, nil
}

// Change puts plans into the file, in place of others of their names, and takes others out. It is written
// once, and not where it says so already: what was edited there stays as it was written, and so do tables that
// make no sense, unless they are those that change.
func (f *planFile) Change(keep []plan.Plan, forget []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	plans, bad, text, err := f.read()
	if err != nil {
		return err
	}
	there := make(map[string]plan.Plan)
	for _, p := range plans {
		there[p.Name] = p
	}
	same := true
	for _, p := range keep {
		had, ok := there[p.Name]
		same = same && ok && had.Equal(p)
		there[p.Name] = p
	}
	for _, name := range forget {
		_, ok := there[name]
		same = same && !ok
		delete(there, name)
	}
	var unread []string
	for _, name := range bad.Tables() {
		changes := slices.Contains(forget, name) || slices.ContainsFunc(keep, func(p plan.Plan) bool { return p.Name == name })
		if same = same && !changes; !changes && !slices.Contains(unread, name) {
			unread = append(unread, name)
		}
	}
	if same {
		return nil
	}
	rest, ok := plan.Unread(text, unread...)
	if !ok {
		return control.Errorf(control.BadData, "%s: %v", f.dir.path(forwardsFile), bad)
	}
	text, err = plan.Append(nil, slices.Collect(maps.Values(there))...)
	if err != nil {
		return err
	}
	return f.dir.keep(forwardsFile, append(rest, text...))
}

// keyFiles are those of forwards' destinations.
type keyFiles struct {
	dir  dataDir
	env  env.Env
	mu   sync.Mutex
	made map[string]*i2p.PrivateKeys // where nothing is kept on a disk
}

// load reads a key file, or makes it.
func (k *keyFiles) load(name string) (*i2p.PrivateKeys, error) {
	if err := plan.CheckKey(name); err != nil { // it becomes a path
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys := k.made[name]; keys != nil {
		return keys, nil
	}
	raw, err := k.dir.loadOrCreate(filepath.Join(keysDir, name), func() ([]byte, error) {
		keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, k.env.Rand)
		if err != nil {
			return nil, err
		}
		return keys.AppendTo(nil), nil
	})
	if err != nil {
		return nil, err
	}
	keys, err := i2p.ParseKeyFile(raw)
	if err != nil {
		return nil, fmt.Errorf("it is no private key file: %w", err)
	}
	if k.dir.root == "" {
		k.made[name] = keys
	}
	return keys, nil
}

// take keeps a key file that was brought along.
func (k *keyFiles) take(name string, file []byte) error {
	if err := plan.CheckKey(name); err != nil {
		return err
	}
	keys, err := i2p.ParseKeyFile(file)
	if err != nil {
		return fmt.Errorf("it is no private key file: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	path := filepath.Join(keysDir, name)
	have, err := k.dir.read(path)
	if made := k.made[name]; made != nil {
		have, err = made.AppendTo(nil), nil
	}
	switch {
	case err == nil && bytes.Equal(have, file):
		return nil
	case err == nil:
		return errors.New("there is another of that name")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if k.dir.root == "" {
		k.made[name] = keys
		return nil
	}
	return k.dir.keep(path, file)
}

// keyNames are the key files of forwards that there are, in clear or sealed, as paths below the directory.
func (d dataDir) keyNames() (names []string) {
	entries, err := os.ReadDir(d.path(keysDir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), sealedSuffix)
		if plan.CheckKey(name) == nil && e.Type().IsRegular() && !slices.Contains(names, filepath.Join(keysDir, name)) {
			names = append(names, filepath.Join(keysDir, name))
		}
	}
	return names
}

// halfKeys are what half-written key files were to be called, which may be there under no other name.
func (d dataDir) halfKeys() (names []string) {
	entries, err := os.ReadDir(d.path(keysDir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), "."); ok && strings.Contains(name, ".") {
			names = append(names, name[:strings.LastIndexByte(name, '.')])
		}
	}
	return names
}

// reloadForwards has the forwards be what their file says now. What makes no sense there is told, and leaves what
// runs by its name as it is.
func (n *Node) reloadForwards() (failed map[string]string, err error) {
	if n.dir.root == "" {
		return nil, nil
	}
	file := planFile{dir: n.dir}
	var bad plan.Faults
	done, err := n.forwards.ApplyRead(func() (asked control.ApplyForwards, err error) {
		if asked.Plans, bad, _, err = file.read(); err != nil {
			return asked, control.Errorf(control.BadData, "%v", err)
		}
		asked.Keep = bad.Tables()
		return asked, nil
	})
	if err != nil && !errors.Is(err, forward.ErrStarting) {
		return nil, err
	}
	failed = maps.Clone(done.Failed)
	for _, f := range bad {
		if failed == nil {
			failed = make(map[string]string)
		}
		failed[f.Table] = fmt.Sprintf("%s: %v", file.dir.path(forwardsFile), f)
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		n.log.Error("a forward is not what its file says", "name", name, "error", failed[name])
	}
	return failed, nil
}
