package aescbc

import (
	"bytes"
	"sync"

	"golang.org/x/sys/cpu"
)

// accelerated reports whether the assembly is used: where the processor can
// run it, and it agrees with crypto/aes. The first key asks, not the start of
// the program.
var accelerated = sync.OnceValue(func() bool {
	return cpu.X86.HasAES && cpu.X86.HasAVX && agrees()
})

// agrees compares the assembly with crypto/cipher: both ways, eight messages
// together and one alone, with whole groups of blocks and single ones.
func agrees() bool {
	const blocks = 9
	var key [KeyLen]byte
	var text [blocks * BlockLen]byte
	for i := range key {
		key[i] = byte(i*7 + 1)
	}
	for i := range text {
		text[i] = byte(i * 5)
	}
	iv := [BlockLen]byte(key[1:])
	messages := make([]Message, lanes+1)
	e := newEncrypter(&key, true)
	for i := range messages {
		messages[i] = Message{Key: e, IV: iv, Dst: make([]byte, len(text)), Src: text[:]}
	}
	Encrypt(messages)
	want := make([]byte, len(text))
	Encrypt([]Message{{Key: newEncrypter(&key, false), IV: iv, Dst: want, Src: text[:]}})
	for _, m := range messages {
		if !bytes.Equal(m.Dst, want) {
			return false
		}
	}
	newDecrypter(&key, true).Decrypt(&iv, want, want)
	return bytes.Equal(want, text[:])
}

//go:noescape
func expand(key *[KeyLen]byte, keys *schedule)

// invert turns a schedule into the one for decryption.
//
//go:noescape
func invert(forward, keys *schedule)

// encrypt1 encrypts at least one block, each after the one before it, and
// leaves the last one in iv.
//
//go:noescape
func encrypt1(keys *schedule, iv *[BlockLen]byte, dst, src *byte, blocks int)

// encrypt8 does that for eight messages together.
//
//go:noescape
func encrypt8(ls *[lanes]lane, blocks int)

// decrypt decrypts at least one block, eight at a time.
//
//go:noescape
func decrypt(keys *schedule, iv *[BlockLen]byte, dst, src *byte, blocks int)
