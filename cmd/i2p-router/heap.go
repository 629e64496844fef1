package main

import (
	"os"
	"runtime/debug"
)

// softLimit is how much memory a router takes before it spends processor time to take less. Go's
// heap is else twice what lives in it, which an idle router with its 24 MB does not notice; one that
// is attacked in every way at once took 328 MB.
const softLimit = 192 << 20

// keepSmall sets the limit, unless the environment has one. The function it returns sets it as it was.
func keepSmall() (restore func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(softLimit)
	return func() { debug.SetMemoryLimit(before) }
}
