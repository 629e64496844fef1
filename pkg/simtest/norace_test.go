//go:build !race

package simtest

const raceEnabled = false

// many is how many routers the large network has.
const many = 100
