package tunnel

import (
	"encoding/binary"
	"math/rand/v2"
)

// fillNonzero fills b with random bytes other than zero.
func fillNonzero(b []byte, r *rand.ChaCha8) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, nonzero(r.Uint64()))
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], nonzero(r.Uint64()))
		copy(b, last[:])
	}
}

// nonzero replaces the zero bytes of w by ones.
func nonzero(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	if (w-ones)&^w&highs == 0 {
		return w
	}
	for s := 0; s < 64; s += 8 {
		if w>>s&0xff == 0 {
			w |= 1 << s
		}
	}
	return w
}
