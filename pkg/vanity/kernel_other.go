//go:build !amd64 && !arm64

package vanity

func nativeKernels() []*Kernel { return nil }
