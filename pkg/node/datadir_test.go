package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// TestElGamalKeys: a router that nobody would accept does not start, and keeps its file.
func TestElGamalKeys(t *testing.T) {
	dir := t.TempDir()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, routerKeysFile)
	if err := os.WriteFile(path, keys.AppendTo(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dataDir(dir).identity(nil); !errors.Is(err, errElGamal) {
		t.Errorf("%v, expected %v", err, errElGamal)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != string(keys.AppendTo(nil)) {
		t.Errorf("the file was changed: %v", err)
	}
}
