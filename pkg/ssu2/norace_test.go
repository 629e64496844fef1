//go:build !race

package ssu2

const raceEnabled = false
