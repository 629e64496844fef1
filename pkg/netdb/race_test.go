//go:build race

package netdb

const raceEnabled = true
