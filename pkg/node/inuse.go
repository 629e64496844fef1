package node

import (
	"errors"
	"os"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/filelock"
)

// InUse reports whether a router has the data directory of these settings.
func InUse(s config.Config) bool {
	d := dataDirOf(s)
	if d.root == "" {
		return false
	}
	if _, err := os.Stat(d.path(lockFile)); err != nil {
		return false
	}
	l, err := filelock.Take(d.path(lockFile))
	if err == nil {
		l.Release()
	}
	return errors.Is(err, filelock.ErrHeld)
}
