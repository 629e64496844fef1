package main

import (
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	prepare := func(dir string) error {
		if err := makeSigner(filepath.Join(dir, "keys", "me"), "me@mail.i2p", "-1h", "100h"); err != nil {
			return err
		}
		for _, name := range []string{"open.crt", "read.crt"} { // of the keys that are waited for
			if err := os.Symlink(filepath.Join("keys", "me.crt"), filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		if err := makeNetDB(filepath.Join(dir, "db"), "3"); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "content"), []byte("PK"), 0o600)
	}
	clitest.Interrupts(t, program(), prepare, []string{"completion", "keygen", "rotate"},
		"fetch -", "fetch -o out @open", "fetch @read", "fetch @server", "fetch --certs @open http://127.0.0.1:9/", "fetch --tls-roots @read http://127.0.0.1:9/",
		"fetch --tls-roots - http://127.0.0.1:9/", "ping @server", "ping --certs - http://127.0.0.1:9/", "diagnose @server", "diagnose --tls-roots @open http://127.0.0.1:9/",
		"share --socket @router -o out", "share --netdb db -o @write", "share --sign --netdb db -k @open",
		"inspect -", "inspect @open", "inspect @read", "verify -", "verify @open", "verify --certs @read content",
		"extract -", "extract -o out @open", "extract -o out --force @read", "extract --routers out -",
		"sign --keys keys -", "sign --keys keys -o out @open", "sign --keys keys @read", "sign -k @open content", "sign --keys keys -o @write content",
		"build --keys keys --router --socket @router -o out", "build -k @read --netdb db -o out",
		"serve -k @open --plain --netdb db",
	)
}
