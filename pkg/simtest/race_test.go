//go:build race

package simtest

const raceEnabled = true

// many is how many routers the large network has: the race detector makes all
// of them some ten times slower.
const many = 40
