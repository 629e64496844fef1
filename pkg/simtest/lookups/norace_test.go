//go:build !race

package lookups

const forgedInTest = 40
