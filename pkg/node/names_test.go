package node

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// TestSealedNames: books that were in clear when the state was encrypted are found as before, and
// one that its owner puts there later replaces what is sealed.
func TestSealedNames(t *testing.T) {
	d := dataDir{root: t.TempDir()}
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string) {
		if err := os.MkdirAll(d.path(booksDir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.path(localBookFile), []byte(name+"="+keys.Destination().Base64()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one.i2p", "two.i2p"} {
		put(name)
		names := newNames(unlocked(t, d), env.Env{}.Complete(), nil, func() config.Names { return config.Names{} })
		if _, err := names.Lookup(name); err != nil {
			t.Error(err)
		}
	}
	files, err := os.ReadDir(d.path(booksDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(filepath.Join(d.path(booksDir), f.Name())); err != nil || bytes.Contains(b, []byte(".i2p")) {
			t.Errorf("%s is in clear, %v", f.Name(), err)
		}
	}
}
