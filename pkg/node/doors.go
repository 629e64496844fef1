package node

import (
	"path/filepath"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/door"
)

// doorPart has a changed door be as its table of the settings says.
func (n *Node) doorPart(d *door.Door, settings func(config.Config) door.Settings) reload.Part {
	return reload.Part{Keys: d.Name() + ".*", Prepare: func(_, to config.Config) (func(), error) {
		s := settings(to)
		return func() {
			if err := d.Apply(s); err != nil {
				n.log.Error("a door is not as the settings say", "door", d.Name(), "error", err)
			}
		}, s.Check()
	}}
}

// doorFiles keep what a door makes, as keys are kept.
type doorFiles struct{ dir dataDir }

// doorKeeper is nil where nothing is written to a disk.
func (n *Node) doorKeeper() door.Files {
	if n.dir.root == "" {
		return nil
	}
	return doorFiles{n.dir}
}

func (f doorFiles) path(name string) string { return filepath.Join(keysDir, "door-"+name) }

// Read is door.Files'.
func (f doorFiles) Read(name string) ([]byte, error) { return f.dir.read(f.path(name)) }

// Keep is door.Files'.
func (f doorFiles) Keep(name string, b []byte) error { return f.dir.keep(f.path(name), b) }
