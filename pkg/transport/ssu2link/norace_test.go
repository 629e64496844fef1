//go:build !race

package ssu2link

const raceEnabled = false
