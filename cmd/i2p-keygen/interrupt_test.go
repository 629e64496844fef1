package main

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
	"i2ptoolkit/pkg/family"
)

func TestInterrupt(t *testing.T) {
	keys, err := filepath.Abs("testdata/router.keys")
	if err != nil {
		t.Fatal(err)
	}
	prepare := func(dir string) error {
		f, err := family.New("f", rand.Reader)
		if err != nil {
			return err
		}
		key, err := f.MarshalKey()
		if err != nil {
			return err
		}
		return errors.Join(os.Symlink(keys, filepath.Join(dir, "k")),
			os.WriteFile(filepath.Join(dir, "family.key"), key, 0o600),
			os.WriteFile(filepath.Join(dir, "sig"), make([]byte, 64), 0o600))
	}
	clitest.Interrupts(t, program(), prepare, []string{"completion", "family new"},
		"dest --signing-key @open -o out", "dest --signing-key @read", "dest -o @write", "dest --json --signing-key - -o out",
		"router -o @write",
		"vanity a --resume @open -o out", "vanity a --resume @read -o out", "vanity -q a -o @write",
		"info -", "info @open", "info @read", "pub -", "pub @read", "priv - -o out", "priv @open --force -o out", "priv k -o @write",
		"convert @read -o out", "convert --to hex - -o out", "convert k -o @write",
		"offline -", "offline @open -o out", "offline k -o @write", "x25519 --of -", "x25519 --of @open -o out", "x25519 -o @write",
		"b33 -", "b33 @read", "b33 --secret @open k", "b33 --secret - k",
		"sign -k k -", "sign -k k @open -o out", "sign -k @read k", "sign -k - k", "sign -k k k -o @write",
		"verify -k k -s sig -", "verify -k @open -s k k", "verify -k k -s @read k", "verify -k k -s - k",
		"host register -k @open x.i2p", "host register -k - x.i2p", "host subdomain -k k --old-key @read x.y.i2p",
		"host alias --old-key k -k - x.i2p", "host change --old-key k -k @open x.i2p", "host remove -k @read x.i2p",
		"host sign -k k -", "host sign -k k @open", "host verify -", "host verify @read",
		"family sign -k @open f k", "family sign -k - f k", "family sign -k family.key --router @read f k",
		"family verify -", "family verify @open", "family verify --cert @read k", "family verify --cert - k",
		"b64 -", "b64 - -o out", "b64 -d - -o out --force", "b64 @open", "b64 @read -o out", "b64 k -o @write",
	)
}
