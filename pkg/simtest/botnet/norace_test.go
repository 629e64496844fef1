//go:build !race

package botnet

// networks are where the fakes of the test come from: four, or anywhere.
var networks = []int{4, 0}
