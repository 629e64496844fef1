package node

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"i2ptoolkit/pkg/profile"
)

const (
	profilesFile = "peer.profiles"
	profilesMax  = 16 << 20 // more than a full table takes
)

// loadProfiles reads what the last run learnt about peers. They are a help and
// no more: what is damaged is left out with a warning, and learnt anew.
func (n *Node) loadProfiles(cfg profile.Config) *profile.Table {
	dir := n.cfg.Settings.DataDir
	if dir == "" {
		return profile.New(cfg)
	}
	path := filepath.Join(dir, profilesFile)
	b, err := readLimited(path, profilesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return profile.New(cfg)
	}
	if err != nil {
		n.log.Warn("peer profiles not read", "error", err)
		return profile.New(cfg)
	}
	t, skipped, err := profile.Parse(cfg, b, n.cfg.Now())
	if err != nil {
		n.log.Warn("peer profiles not read", "path", path, "error", err)
		return profile.New(cfg)
	}
	if skipped > 0 {
		n.log.Warn("damaged lines among the peer profiles", "path", path, "lines", skipped)
	}
	return t
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("too long")}
	}
	return b, err
}

// saveProfiles writes the profiles; do runs a function where the core's state
// may be read.
func (n *Node) saveProfiles(do func(func()) bool) {
	if n.cfg.Settings.DataDir == "" {
		return
	}
	var b []byte
	if !do(func() { b = n.profiles.AppendTo(nil, n.cfg.Now()) }) {
		return
	}
	if err := writeFile(filepath.Join(n.cfg.Settings.DataDir, profilesFile), b); err != nil {
		n.log.Error("peer profiles not written", "error", err)
	}
}
