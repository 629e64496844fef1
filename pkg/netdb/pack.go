package netdb

import "bytes"

// A RouterInfo with an X25519 and an Ed25519 key begins with the 32-byte key,
// 320 bytes of padding and the 32-byte signing key. Most padding is one pattern
// of 32 bytes ten times over (proposal 161), of which one copy is kept.
const (
	paddingAt  = 32
	paddingLen = 320
	patternLen = 32

	packedWhole   = 0
	packedPattern = 1
)

// pack makes the kept form of a RouterInfo's bytes.
func pack(raw []byte) []byte {
	if len(raw) > paddingAt+paddingLen {
		pad := raw[paddingAt : paddingAt+paddingLen]
		if bytes.Equal(pad[:paddingLen-patternLen], pad[patternLen:]) {
			out := make([]byte, 0, 1+len(raw)-paddingLen+patternLen)
			out = append(out, packedPattern)
			out = append(out, raw[:paddingAt+patternLen]...)
			return append(out, raw[paddingAt+paddingLen:]...)
		}
	}
	out := make([]byte, 0, 1+len(raw))
	return append(append(out, packedWhole), raw...)
}

// unpack gives the RouterInfo's bytes again.
func unpack(packed []byte) []byte {
	kind, b := packed[0], packed[1:]
	if kind == packedWhole {
		return bytes.Clone(b)
	}
	out := make([]byte, 0, len(b)+paddingLen-patternLen)
	out = append(out, b[:paddingAt]...)
	for range paddingLen / patternLen {
		out = append(out, b[paddingAt:paddingAt+patternLen]...)
	}
	return append(out, b[paddingAt+patternLen:]...)
}
