package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/i2pcontrol"
)

// TestControlSet: what I2PControl sets holds at once or waits for the next start, and is in the file; what makes no
// sense is in neither.
func TestControlSet(t *testing.T) {
	s := settings(t.TempDir())
	file := filepath.Join(t.TempDir(), "router.toml")
	if err := os.WriteFile(file, append([]byte("# mine\n"), s.AppendTo(nil)...), 0o600); err != nil {
		t.Fatal(err)
	}
	n, _ := start(t, Config{
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
