package control

import "runtime/debug"

// MaxSocketPath is how many bytes the path of a router's socket has at most: what
// sockaddr_un holds on the strictest system, less its final zero and the ".new/s" under
// which the socket is made before it is moved to its place.
const MaxSocketPath = 104 - 1 - len(".new/s")

// Version is the toolkit's own version, as the Go linker recorded it.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
