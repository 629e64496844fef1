package node

import (
	"context"
	"path/filepath"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/door"
)

// newDoor makes the door of a server. It is open where its table of the settings says so, and changes with that; also is
// called where the table has settings that are not the door's.
func (n *Node) newDoor(table string, serve func(context.Context, *door.Client), settings func(config.Config) door.Settings, also ...func(to config.Config)) (*door.Door, error) {
	if n.turns == nil {
		n.turns = door.NewTurns()
	}
	d := door.New(door.Config{Name: table, Log: n.log, Now: n.cfg.Now, Serve: serve, Files: n.doorKeeper(), Turns: n.turns})
	n.doors = append(n.doors, d)
	n.doorParts = append(n.doorParts, reload.Part{Keys: table + ".*", Prepare: func(_, to config.Config) (func(), error) {
		s := settings(to)
		return func() {
			if err := d.Apply(s); err != nil {
				n.log.Error("a door is not as the settings say", "door", table, "error", err)
			}
			for _, f := range also {
				f(to)
			}
		}, s.Check()
	}})
	return d, d.Apply(settings(n.settings.Current()))
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
