//go:build !unix

package main

var programs = map[string]func(){"i2p-tunnel": main}
