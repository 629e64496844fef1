package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/controltest"
	"i2ptoolkit/pkg/naming"
)

// TestConnectByName: what takes an address takes a name.
func TestConnectByName(t *testing.T) {
	dir := t.TempDir()
	ctx, c := start(t, &controltest.Node{Names: naming.New(naming.Config{Dir: dir})})
	to, err := c.Open(ctx, control.Open{Listen: []uint16{80}})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	from, err := c.Open(ctx, control.Open{})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	go to.Accept(ctx, control.Accept{Port: 80})
	if err := os.WriteFile(filepath.Join(dir, naming.FileName(naming.Local)), []byte("a.i2p="+to.Destination+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := from.Connect(ctx, control.Connect{Destination: "A.i2p", Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for name, code := range map[string]control.Code{"b.i2p": control.NotFound, "proxy.i2p": control.BadData, "a.com": control.BadData} {
		if _, err := from.Connect(ctx, control.Connect{Destination: name, Port: 80}); !errors.Is(err, &control.Error{Code: code}) {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
	}
}
