package vanity

import (
	"crypto/sha256"
	"encoding/binary"
)

// The layout of a destination with a signing key of 32 bytes and no more than 352 bytes of
// encryption key and padding (common structures, KeysAndCert), in SHA-256's blocks:
//
//	block 4   256..319   padding; its last 8 bytes are the salt: one midstate for each
//	block 5   320..351   padding; its last 4 bytes are the nonce, word 7 of the block
//	          352..383   signing key
//	block 6   384..390   certificate, and SHA-256's own padding: always the same
const (
	destinationLen = 391
	saltAt         = 312
	nonceAt        = 348
	nonceWord      = 7
)

// batchLen is how many midstates share one message schedule: a multiple of all kernels'
// lanes, large enough that the schedule costs nothing, small enough for the L1 cache.
const batchLen = 384

// skippedRounds of block 5 are done once for all nonces. Rounds 0 to 6 do not depend on the
// nonce, and round 7 adds it to a and e: with a nonce of 0 it can be done as well, and the
// kernels add the nonce.
const skippedRounds = 8

// batch is what a kernel works on: batchLen midstates after block 4, and what the skipped
// rounds make of them.
type batch struct {
	states []uint32 // as the kernel wants them
	tail   [16]uint32
	kw5    [64]uint32
	kw6    [64]uint32
	first  [batchLen]uint32 // the hashes' first words, written by the kernel
	last   [batchLen]uint32 // their last words

	portable  *portable
	midstates [batchLen]state // after block 4
	before    state           // after block 3
	block4    [64]byte
	template  [destinationLen]byte
	salt      uint64 // that of the first midstate
}

func newBatch(template *[destinationLen]byte) *batch {
	b := &batch{states: make([]uint32, 16*batchLen), template: *template, portable: newPortable(template)}
	b.before = initial
	var kw [64]uint32
	for at := 0; at < 256; at += 64 {
		w := words(template[at:])
		schedule(&kw, &w)
		b.before = b.before.block(&kw)
	}
	copy(b.block4[:], template[256:])
	b.tail = words(template[320:])
	var end [64]byte
	copy(end[:], template[384:])
	end[destinationLen-384] = 0x80
	binary.BigEndian.PutUint64(end[56:], 8*destinationLen)
	w := words(end[:])
	schedule(&b.kw6, &w)
	return b
}

// begin makes the midstates of the salts from the given one on.
func (b *batch) begin(k *Kernel, salt uint64) {
	b.salt = salt
	var kw [64]uint32
	b.prepare(0)
	for i := range batchLen {
		binary.BigEndian.PutUint64(b.block4[saltAt-256:], salt+uint64(i))
		w := words(b.block4[:])
		schedule(&kw, &w)
		b.midstates[i] = b.before.block(&kw)
		if k.place != nil {
			k.place(b.states, i, b.midstates[i].rounds(&b.kw5, 0, skippedRounds), b.midstates[i])
		}
	}
}

// destination is the candidate at index i of the batch with a nonce.
func (b *batch) destination(i int, nonce uint32) [destinationLen]byte {
	d := b.template
	binary.BigEndian.PutUint64(d[saltAt:], b.salt+uint64(i))
	binary.BigEndian.PutUint32(d[nonceAt:], nonce)
	return d
}

// portable computes whole hashes with crypto/sha256, which continues from a midstate by
// its marshalled form.
type portable struct {
	hash   binaryHash
	middle []byte // the marshalled state: magic 4 | hash value 32 | block 64 | length 8
	tail   [destinationLen - 320]byte
	sum    [sha256.Size]byte
}

type binaryHash interface {
	Write([]byte) (int, error)
	Sum([]byte) []byte
	UnmarshalBinary([]byte) error
	MarshalBinary() ([]byte, error)
}

func newPortable(template *[destinationLen]byte) *portable {
	p := &portable{hash: sha256.New().(binaryHash)}
	p.hash.Write(template[:320])
	middle, err := p.hash.MarshalBinary()
	if err != nil {
		panic("vanity: " + err.Error()) // crypto/sha256 always marshals
	}
	p.middle = middle
	copy(p.tail[:], template[320:])
	return p
}

// of returns the hash that continues a midstate with a nonce. It is valid until the next
// call.
func (p *portable) of(mid *state, nonce uint32) []byte {
	for i, w := range mid {
		binary.BigEndian.PutUint32(p.middle[4+4*i:], w)
	}
	if err := p.hash.UnmarshalBinary(p.middle); err != nil {
		panic("vanity: " + err.Error())
	}
	binary.BigEndian.PutUint32(p.tail[nonceAt-320:], nonce)
	p.hash.Write(p.tail[:])
	return p.hash.Sum(p.sum[:0])
}
