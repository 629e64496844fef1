package devnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/node"
	"i2ptoolkit/pkg/sign"
)

// home has the process keep all that it keeps anywhere within one directory.
func home(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"} {
		path := filepath.Join(dir, strings.ToLower(name))
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, path)
	}
	t.Chdir(dir)
	return dir
}

// converse opens a destination with keys and one without, and has them speak. It returns what of
// that a disk could tell.
func converse(t *testing.T, d *Network) map[string][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := d.nodes[1].OpenDestination(ctx, server.DestinationConfig{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	from, err := d.nodes[0].OpenDestination(ctx, server.DestinationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	l, err := to.Listen(80)
	if err == nil {
		err = to.Ready(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := from.Dial(ctx, to.Destination(), 80)
	if err == nil {
		_, err = io.WriteString(s, "words of a conversation")
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(in, make([]byte, len("words"))); err != nil {
		t.Fatal(err)
	}
	told := map[string][]byte{"what was said": []byte("words of a conversation")}
	secret := func(name string, b []byte) {
		for form, text := range forms(b) {
			told[name+" as "+form] = text
		}
	}
	for name, dest := range map[string]i2p.Destination{"one destination": to.Destination(), "the other": from.Destination()} {
		h := dest.Hash()
		secret(name+"'s hash", h[:])
		secret(name, dest.Bytes()[320:])
		told[name+"'s address"] = []byte(h.B32()[:52])
	}
	secret("a destination's key", keys.AppendTo(nil)[387:])
	for i, n := range d.nodes {
		router := fmt.Sprintf("router %d", i)
		ri, err := n.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		h, id := ri.Hash(), ri.Identity()
		secret(router+"'s hash", h[:])
		secret(router+"'s encryption key", id.CryptoKey())
		secret(router+"'s signing key", []byte(id.Bytes()[320:384]))
		for _, a := range ri.Addresses() {
			told[router+"'s address"] = []byte(a.AddrPort().Addr().String())
			for _, option := range []string{"s", "i"} {
				b, err := i2p.DecodeBase64(a.Options.Get(option))
				if err != nil {
					t.Fatal(err)
				}
				secret(router+"'s NTCP2 key "+option, b)
			}
		}
	}
	return told
}

// search lists all files: nothing of what was told may be in their bytes and names.
func search(t *testing.T, dir string, told map[string][]byte) (files []string) {
	t.Helper()
	look(t, dir, func(name string, b []byte) {
		files = append(files, name)
		for what, text := range told {
			if bytes.Contains(b, text) {
				t.Errorf("%s has %s", name, what)
			}
		}
	})
	return files
}

// found are the files that have something of what was told.
func found(t *testing.T, dir string, told map[string][]byte) (files []string) {
	t.Helper()
	look(t, dir, func(name string, b []byte) {
		for _, text := range told {
			if bytes.Contains(b, text) {
				files = append(files, name)
				return
			}
		}
	})
	return files
}

// look shows each file, its name behind its content.
func look(t *testing.T, dir string, at func(name string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		at(name, append(append(b, 0), name...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEphemeral: routers that shall leave nothing do, whatever they did: no file, no directory.
func TestEphemeral(t *testing.T) {
	dir := home(t)
	before := all(t, dir)
	d, err := newNetwork(Config{Routers: 3, Dir: filepath.Join(dir, "data"), Log: slog.New(slog.DiscardHandler)}, func(i int, c *node.Config) {
		c.Settings.Ephemeral = true
		c.Settings.Socket = filepath.Join(dir, "xdg_runtime_dir", strconv.Itoa(i), "s")
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := runThis(t, d)
	told := converse(t, d)
	if files := search(t, dir, told); len(files) != 3 { // the locks of the sockets
		t.Errorf("while they run there are %v", files)
	}
	stop()
	if after := all(t, dir); after != before {
		t.Errorf("there is\n%s\nand there was\n%s", after, before)
	}
}

// all lists what is in a directory.
func all(t *testing.T, dir string) string {
	var list []string
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

// TestSealed: of routers with a passphrase nobody learns from their directories who they are, whom
// they know or whom they spoke to, also where they once were in clear; and with it they are the
// same after a restart.
func TestSealed(t *testing.T) {
	dir := home(t)
	data := func(router int, name string) string { return filepath.Join(dir, "data", strconv.Itoa(router), name) }
	told := map[string][]byte{}
	var hash string
	for round := range 3 {
		d, err := newNetwork(Config{Routers: 3, Dir: filepath.Join(dir, "data"), Log: slog.New(slog.DiscardHandler)}, func(i int, c *node.Config) {
			if round > 0 {
				c.Passphrase = []byte("correct horse")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := runThis(t, d)
		now := d.nodes[0].Status().Router
		if hash != "" && now != hash {
			t.Errorf("the router was %s and is %s", hash, now)
		}
		hash = now
		maps.Copy(told, converse(t, d))
		if round > 0 {
			search(t, dir, told)
		}
		stop()
		if round > 0 {
			if files := search(t, dir, told); len(files) < 3*6 {
				t.Errorf("only %v are kept", files)
			}
			continue
		}
		if files := found(t, dir, told); len(files) < 3*(3+2) {
			t.Errorf("in clear only %v tell anything", files)
		}
		for i := range 3 {
			for name, from := range map[string]int{"router.keys": 391, "ntcp2.keys": 0} {
				b, err := os.ReadFile(data(i, name))
				if err != nil {
					t.Fatal(err)
				}
				for form, text := range forms(b[from : from+32]) {
					told[fmt.Sprintf("%s of router %d as %s", name, i, form)] = text
				}
			}
		}
	}
	for i := range 3 {
		if err := node.Decrypt(data(i, ""), []byte("correct horse")); err != nil {
			t.Fatal(err)
		}
	}
	if files := found(t, dir, told); len(files) < 3*(3+2) {
		t.Errorf("in clear again only %v tell anything", files)
	}
}
