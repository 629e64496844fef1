package vanity

import "golang.org/x/sys/cpu"

func nativeKernels() []*Kernel {
	var usable []*Kernel
	if cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 && hasSHA() {
		usable = append(usable, &Kernel{Name: "SHA-NI", place: placeABEF, run: runSHANI})
	}
	if cpu.X86.HasAVX512F {
		usable = append(usable, &Kernel{Name: "AVX-512", place: sliced(16), run: runAVX512})
	}
	if cpu.X86.HasAVX2 {
		usable = append(usable, &Kernel{Name: "AVX2", place: sliced(8), run: runAVX2})
	}
	return usable
}

// hasSHA asks CPUID for the SHA extensions (leaf 7, EBX bit 29), which x/sys/cpu does not.
func hasSHA() bool {
	if highest, _ := cpuid(0, 0); highest < 7 {
		return false
	}
	_, ebx := cpuid(7, 0)
	return ebx>>29&1 == 1
}

func runSHANI(b *batch, nonce uint32) {
	b.tail[nonceWord] = nonce
	scheduleSHANI(&b.kw5, &b.tail, &roundConstants)
	hashSHANI(&b.first, &b.last, &b.states[0], &b.kw5, &b.kw6, nonce)
}

func runAVX512(b *batch, nonce uint32) {
	b.prepare(nonce)
	hashAVX512(&b.first, &b.last, &b.states[0], &b.kw5, &b.kw6, nonce)
}

func runAVX2(b *batch, nonce uint32) {
	b.prepare(nonce)
	hashAVX2(&b.first, &b.last, &b.states[0], &b.kw5, &b.kw6, nonce)
}

// placeABEF orders a midstate as SHA256RNDS2 wants it: F E B A and H G D C from the lowest
// word on.
func placeABEF(states []uint32, i int, started, mid state) {
	order := [8]int{5, 4, 1, 0, 7, 6, 3, 2}
	at := states[16*i : 16*i+16]
	for j, v := range order {
		at[j], at[8+j] = started[v], mid[v]
	}
}

//go:noescape
func scheduleSHANI(kw *[64]uint32, w *[16]uint32, k *[64]uint32)

//go:noescape
func hashSHANI(first, last *[batchLen]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)

//go:noescape
func hashAVX2(first, last *[batchLen]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)

//go:noescape
func hashAVX512(first, last *[batchLen]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)

//go:noescape
func anyMatch(list *[batchLen]uint32, mask, value uint32) bool

func cpuid(leaf, sub uint32) (eax, ebx uint32)
