//go:build race

package ssu2

// raceEnabled: simulations are one goroutine's, and ten times as slow. A few of them do.
const raceEnabled = true
