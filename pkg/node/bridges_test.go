package node

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/i2pcontrol"
)

// startEdited is a node whose settings are a file, which begins with a comment.
func startEdited(t *testing.T) (n *Node, file string) {
	t.Helper()
	s := settings(t.TempDir())
	file = filepath.Join(t.TempDir(), "router.toml")
	if err := os.WriteFile(file, append([]byte("# mine\n"), s.AppendTo(nil)...), 0o600); err != nil {
		t.Fatal(err)
	}
	n, _ = start(t, Config{
		Settings: s,
		Reread: func() (config.Config, error) {
			text, err := os.ReadFile(file)
			if err != nil {
				return config.Config{}, err
			}
			return config.Parse(text)
		},
		Edit: func(set map[string]any, apply func() error) error { return config.EditFile(file, set, apply) },
	})
	return n, file
}

// TestControlSet: what I2PControl sets holds at once or waits for the next start, and is in the file; what makes no
// sense is in neither.
func TestControlSet(t *testing.T) {
	n, file := startEdited(t)
	in, share, port, bad := 77, 33, 12345, 101
	if restart, err := n.controlSet(i2pcontrol.Changes{In: &in, Share: &share}); err != nil || restart {
		t.Fatalf("%v, %v", restart, err)
	}
	if now := n.controlSettings(); now.In != in || now.Share != share {
		t.Errorf("there hold %+v", now)
	}
	if restart, err := n.controlSet(i2pcontrol.Changes{Port: &port}); err != nil || !restart {
		t.Errorf("%v, %v", restart, err)
	}
	if _, err := n.controlSet(i2pcontrol.Changes{Share: &bad}); err == nil {
		t.Error("a share of 101 percent is taken")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# mine\n", "\nin = 77\n", "\nshare = 33\n", "\nport = 12345\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestSetTogether: of what several programs set at once nothing is lost.
func TestSetTogether(t *testing.T) {
	n, _ := startEdited(t)
	for i := range 3 {
		value := 50 + i
		var all sync.WaitGroup
		for _, to := range []i2pcontrol.Changes{{In: &value}, {Out: &value}, {Share: &value}} {
			all.Go(func() {
				if _, err := n.controlSet(to); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if b := n.settings.Current().Bandwidth; b.In != value || b.Out != value || b.Share != value {
			t.Fatalf("of %d there hold %+v", value, b)
		}
	}
}
