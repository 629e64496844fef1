//go:build !race

package simtest

// many is how many routers the large network has.
const many = 100
