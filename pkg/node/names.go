package node

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
)

// booksDir is where the address books are, in the data directory.
const booksDir = "addressbook"

// The books that are encrypted with the rest of the state: they tell what the owner knows.
var (
	privateBookFile = filepath.Join(booksDir, naming.FileName(naming.Private))
	localBookFile   = filepath.Join(booksDir, naming.FileName(naming.Local))
)

// newNames makes the address books of a data directory.
func newNames(dir dataDir, log *slog.Logger, now func() time.Time) *naming.Names {
	cfg := naming.Config{Log: log, Now: now}
	if dir.root != "" {
		cfg.Dir = dir.path(booksDir)
	}
	if dir.box != nil {
		cfg.Seal = &naming.Seal{
			Read: func(name string) ([]byte, error) { return dir.read(filepath.Join(booksDir, name)) },
			Keep: func(name string, b []byte) error { return dir.keep(filepath.Join(booksDir, name), b) },
		}
	}
	return naming.New(cfg)
}

// Resolve finds the destination that a host stands for, in any of the spellings of i2p.ParseName:
// what has no answer here is asked of the network by a local destination. Everything that is given
// an address by somebody finds its destination so.
func (n *Node) Resolve(ctx context.Context, by *destinations.Local, host string) (i2p.Destination, error) {
	name, err := i2p.ParseName(host)
	if err != nil {
		return i2p.Destination{}, err
	}
	return n.names.Resolve(ctx, by, name)
}
