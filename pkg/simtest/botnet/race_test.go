//go:build race

package botnet

// networks are where the fakes of the test come from: the race detector makes a
// scenario some ten times slower.
var networks = []int{0}
