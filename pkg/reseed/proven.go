package reseed

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// What a file of profiles has at most.
const (
	maxProfiles     = 100_000
	maxProfilesSize = 16 << 20
)

// ProfilesBeside is where a router keeps its profiles whose netDb is in a directory.
func ProfilesBeside(netDB string) string {
	return filepath.Join(filepath.Dir(filepath.Clean(netDB)), "peer.profiles")
}

// ReadProven reads a router's profiles, to be BuildConfig.Proven.
func ReadProven(path string, now time.Time) (func(*routerinfo.RouterInfo) bool, error) {
	f, err := netdbdir.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxProfilesSize))
	if err != nil {
		return nil, err
	}
	table, _, err := profile.Parse(profile.Config{MaxPeers: maxProfiles}, b, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func(ri *routerinfo.RouterInfo) bool {
		s := profile.Summarize(ri)
		return table.Proven(&s)
	}, nil
}
