//go:build race

package simtest

// many is how many routers the large network has: the race detector makes all
// of them some ten times slower.
const many = 40
