//go:build race

package lookups

// forgedInTest is for what the race detector makes of it: some five times slower.
const forgedInTest = 10
