//go:build race

package main

// The race detector needs memory of its own.
const memoryFactor = 4
