package elgamalaes

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"i2ptoolkit/pkg/aescbc"
)

// The lengths of a tag, of a session key and of what an AES block has at least.
const (
	tagLen   = 32
	keyLen   = aescbc.KeyLen
	blockMin = 2 + 4 + sha256.Size + 1

	flagNewKey = 1
)

// tag is a session tag.
type tag [tagLen]byte

// iv is that of the block behind a tag, or of that behind an ElGamal block with a pre-IV.
func iv(pre [32]byte) [aescbc.BlockLen]byte {
	sum := sha256.Sum256(pre[:])
	return [aescbc.BlockLen]byte(sum[:])
}

// block is an AES block in the clear (AES Block).
//
//	number of tags 2 | tags | payload size 4 | SHA-256(payload) 32 | flag 1 |
//	new session key 32, where the flag is 1 | payload | padding
//
// Only the payload is authenticated: what follows from the tags of a block that somebody has tampered with is
// that they do not match.
type block struct {
	tags    []byte // one after the other
	newKey  []byte // nil: there is none
	payload []byte
}

// parseBlock parses a decrypted block, padding included. Its parts alias b.
func parseBlock(b []byte) (k block, err error) {
	if len(b) < blockMin {
		return block{}, fmt.Errorf("%w: %d bytes, expected at least %d", ErrMalformed, len(b), blockMin)
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > maxTags || len(b) < blockMin+n*tagLen {
		return block{}, fmt.Errorf("%w: %d tags in %d bytes, at most %d", ErrMalformed, n, len(b), maxTags)
	}
	b = b[2:]
	k.tags, b = b[:n*tagLen:n*tagLen], b[n*tagLen:]
	size, sum, flag := binary.BigEndian.Uint32(b), b[4:4+sha256.Size], b[4+sha256.Size]
	b = b[4+sha256.Size+1:]
	if flag == flagNewKey {
		if len(b) < keyLen {
			return block{}, fmt.Errorf("%w: new session key of %d bytes", ErrMalformed, len(b))
		}
		k.newKey, b = b[:keyLen:keyLen], b[keyLen:]
	}
	if uint64(size) > uint64(len(b)) {
		return block{}, fmt.Errorf("%w: payload of %d bytes in %d", ErrMalformed, size, len(b))
	}
	k.payload = b[:size:size]
	if got := sha256.Sum256(k.payload); subtle.ConstantTimeCompare(got[:], sum) != 1 {
		return block{}, fmt.Errorf("%w: the payload has another hash", ErrDecrypt)
	}
	return k, nil
}

// appendTo appends the block without padding.
func (k block) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(k.tags)/tagLen))
	b = append(b, k.tags...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(k.payload)))
	sum := sha256.Sum256(k.payload)
	b = append(b, sum[:]...)
	if k.newKey != nil {
		b = append(append(b, flagNewKey), k.newKey...)
	} else {
		b = append(b, 0)
	}
	return append(b, k.payload...)
}

// len is what appendTo appends.
func (k block) len() int { return blockMin + len(k.tags) + len(k.newKey) + len(k.payload) }
