package devnet

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/foreign"
)

// TestForeign: what i2pd and Java I2P are shipped with, and a tunnel of each type that they have, run
// here. Ports are others, as these may be in use; some ask for tunnels of three hops.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	_, stop := runLogged(t, dir, 5, slog.New(slog.DiscardHandler))
	defer stop()
	router := forwardsOf(t, dir, 0)
	for file, format := range map[string]foreign.Format{
		"shipped.conf": foreign.I2PD, "types.conf": foreign.I2PD, "shipped.config": foreign.Java, "types.config": foreign.Java,
	} {
		text, err := os.ReadFile(filepath.Join("..", "forward", "foreign", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		tunnels, err := foreign.Read(format, foreign.File{Name: file, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		var asked control.ApplyForwards
		for _, tunnel := range tunnels {
			for _, p := range tunnel.Plans {
				if p.Listen != "" {
					p.Listen = "127.0.0.1:0"
				}
				p.Access.Filter = ""
				asked.Plans = append(asked.Plans, p)
			}
		}
		router.apply(asked) // those of the file before are removed
		for _, p := range asked.Plans {
			want := control.ForwardReady
			switch {
			case p.Stopped:
				want = control.ForwardStopped
			case p.DelayOpen:
				want = control.ForwardIdle
			}
			router.await(p.Name, want)
		}
	}
}
