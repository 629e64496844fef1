package vanity

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Kernel is one way to compute the first and the last word of a batch's hashes.
type Kernel struct {
	Name string

	// place puts a midstate (after the skipped rounds, and as it is) where run wants it.
	place func(states []uint32, i int, started, mid state)
	// run fills first and last of the batch for one nonce.
	run func(b *batch, nonce uint32)
}

// portableKernel runs anywhere.
func portableKernel() *Kernel { return &Kernel{Name: "crypto/sha256", run: runPortable} }

func runPortable(b *batch, nonce uint32) {
	for i := range b.midstates {
		sum := b.portable.of(&b.midstates[i], nonce)
		b.first[i], b.last[i] = binary.BigEndian.Uint32(sum), binary.BigEndian.Uint32(sum[28:])
	}
}

// Kernels returns what this machine's processor can run, checked against crypto/sha256; the
// one that is likely to be the fastest first, the portable one last.
func Kernels() []*Kernel {
	var usable []*Kernel
	for _, k := range nativeKernels() {
		if k.check() {
			usable = append(usable, k)
		}
	}
	return append(usable, portableKernel())
}

// Fastest tries the kernels for some 0.1 ms each, three times, and returns the best.
func Fastest(kernels []*Kernel, now func() time.Time) *Kernel {
	if len(kernels) <= 2 { // a native one is always faster than the portable one
		return kernels[0]
	}
	const calls = 30
	var template [destinationLen]byte
	b := newBatch(&template)
	best, shortest := kernels[0], time.Duration(1<<62)
	for range 3 {
		for _, k := range kernels[:len(kernels)-1] {
			b.begin(k, 0)
			k.run(b, 0)
			start := now()
			for nonce := range uint32(calls) {
				k.run(b, nonce)
			}
			if took := now().Sub(start); took < shortest {
				best, shortest = k, took
			}
		}
	}
	return best
}

// check compares the words of two batches with crypto/sha256's.
func (k *Kernel) check() bool {
	var template [destinationLen]byte
	for i := range template {
		template[i] = byte(i*i + i>>3)
	}
	b := newBatch(&template)
	for _, nonce := range []uint32{0x01234567, 0xfedcba98} {
		b.begin(k, 1<<40-7+uint64(nonce))
		k.run(b, nonce)
		for i := range batchLen {
			d := b.destination(i, nonce)
			sum := sha256.Sum256(d[:])
			if b.first[i] != binary.BigEndian.Uint32(sum[:]) || b.last[i] != binary.BigEndian.Uint32(sum[28:]) {
				return false
			}
		}
	}
	return true
}

// prepare makes block 5's schedule for a nonce.
func (b *batch) prepare(nonce uint32) {
	b.tail[nonceWord] = nonce
	schedule(&b.kw5, &b.tail)
}

// sliced places midstates for kernels with lanes: for each group of lanes, each variable's
// words side by side, then the midstate's likewise.
func sliced(lanes int) func([]uint32, int, state, state) {
	return func(states []uint32, i int, started, mid state) {
		group := states[i/lanes*lanes*16:]
		for j := range started {
			group[j*lanes+i%lanes] = started[j]
			group[(8+j)*lanes+i%lanes] = mid[j]
		}
	}
}
