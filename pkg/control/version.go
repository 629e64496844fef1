package control

import (
	"runtime/debug"
	"strings"
)

// MaxSocketPath is how many bytes the path of a router's socket has at most: what
// sockaddr_un holds on the strictest system, less its final zero and the ".new/s" under
// which the socket is made before it is moved to its place.
const MaxSocketPath = 104 - 1 - len(".new/s")

// release is the version that this tree leads to.
const release = "0.1.0"

// linked is the version that a packager names, who builds without version control:
//
//	go build -ldflags '-X i2ptoolkit/pkg/control.linked=0.1.0-3' ./cmd/...
var linked string

// Version is the toolkit's own version: what the build was told, the module's, or that which
// this tree leads to, with the commit where it is known.
func Version() string {
	if linked != "" {
		return linked
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	built := make(map[string]string)
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	revision := built["vcs.revision"]
	module := strings.TrimPrefix(info.Main.Version, "v")
	// Where version control has no tag, Go calls it 0.0.0 with a date and the commit.
	if module != "" && module != "(devel)" && !strings.HasPrefix(module, "0.0.0-") {
		return module
	}
	version := release + "-dev"
	if revision != "" {
		version += "+" + revision[:min(12, len(revision))]
		if built["vcs.modified"] == "true" {
			version += ".dirty"
		}
	}
	return version
}
