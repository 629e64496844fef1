package vanity

import "golang.org/x/sys/cpu"

func nativeKernels() []*Kernel {
	if !cpu.ARM64.HasSHA2 {
		return nil
	}
	return []*Kernel{{Name: "ARMv8 SHA2", place: placeABCD, run: runSHA2}}
}

func runSHA2(b *batch, nonce uint32) {
	b.prepare(nonce)
	hashSHA2(&b.first, &b.last, &b.states[0], &b.kw5, &b.kw6, nonce)
}

// placeABCD orders a midstate as SHA256H wants it: a to d, then e to h.
func placeABCD(states []uint32, i int, started, mid state) {
	copy(states[16*i:], started[:])
	copy(states[16*i+8:], mid[:])
}

//go:noescape
func hashSHA2(first, last *[batchLen]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)
