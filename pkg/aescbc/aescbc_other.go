//go:build !amd64

package aescbc

// There is no assembly, so every key is a portable one and nothing below is
// reached.
func accelerated() bool { return false }

const unreachable = "aescbc: no assembly for this processor"

func expand(*[KeyLen]byte, *schedule) { panic(unreachable) }

func invert(_, _ *schedule) { panic(unreachable) }

func encrypt1(*schedule, *[BlockLen]byte, *byte, *byte, int) { panic(unreachable) }

func encrypt8(*[lanes]lane, int) { panic(unreachable) }

func decrypt(*schedule, *[BlockLen]byte, *byte, *byte, int) { panic(unreachable) }
