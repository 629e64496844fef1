// Package aescbc is AES-256 in CBC mode with the processor's pipeline full.
//
// A block of AES takes some 14 times 4 cycles, of which a processor works on
// eight at once if it is given eight that do not wait for each other. In CBC,
// decrypting has such blocks within a message, encrypting only across
// messages. crypto/cipher does one block after the other both ways and
// crypto/aes does not give its key schedule away, so this package has its own
// schedule and loops, in assembly for amd64. Other processors, and amd64
// without AES or AVX, go through crypto/cipher.
package aescbc

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// BlockLen is the length of a block and of an IV.
const BlockLen = aes.BlockSize

// KeyLen is the length of a key.
const KeyLen = 32

// schedule is the expanded key: 15 round keys in the order of their use.
type schedule [15 * BlockLen]byte

// An Encrypter is a key to encrypt with. It is not safe for concurrent use.
type Encrypter struct {
	keys schedule
	slow *portable // where keys are not used
}

// NewEncrypter expands a key.
func NewEncrypter(key *[KeyLen]byte) *Encrypter { return newEncrypter(key, accelerated()) }

func newEncrypter(key *[KeyLen]byte, fast bool) *Encrypter {
	e := new(Encrypter)
	if fast {
		expand(key, &e.keys)
	} else {
		e.slow = newPortable(key, cipher.NewCBCEncrypter)
	}
	return e
}

// EncryptBlock encrypts a single block in place, without CBC.
func (e *Encrypter) EncryptBlock(b *[BlockLen]byte) {
	if e.slow != nil {
		e.slow.iv = *b
		e.slow.block.Encrypt(e.slow.iv[:], e.slow.iv[:])
		*b = e.slow.iv
		return
	}
	var zero [BlockLen]byte
	encrypt1(&e.keys, &zero, &b[0], &b[0], 1)
}

// A Message is what Encrypt encrypts with a key. Src is whole blocks; Dst is
// at least as long, and either Src's memory or apart from it.
type Message struct {
	Key      *Encrypter
	IV       [BlockLen]byte // used up
	Dst, Src []byte
}

// lanes is how many messages are encrypted together.
const lanes = 8

// lane is the assembly's view of a message.
type lane struct {
	keys     *schedule
	dst, src *byte
	iv       [BlockLen]byte
}

// Encrypt encrypts messages that are apart from each other, eight together.
// It is at its best when they have one length.
func Encrypt(messages []Message) {
	for i := range messages {
		check(messages[i].Dst, messages[i].Src)
	}
	for len(messages) > 0 {
		n := min(len(messages), lanes)
		encryptGroup(messages[:n])
		messages = messages[n:]
	}
}

// encryptGroup encrypts up to eight messages: together as far as the shortest
// goes, and what is left one by one.
func encryptGroup(ms []Message) {
	together := len(ms[0].Src)
	for i := range ms {
		together = min(together, len(ms[i].Src))
		if ms[i].Key.slow != nil {
			together = 0
		}
	}
	if together > 0 && len(ms) > 1 {
		var ls [lanes]lane
		for i := range ls {
			m := &ms[0] // idle lanes do what the first one does, in step with it
			if i < len(ms) {
				m = &ms[i]
			}
			ls[i] = lane{keys: &m.Key.keys, dst: &m.Dst[0], src: &m.Src[0], iv: m.IV}
		}
		encrypt8(&ls, together/BlockLen)
		for i := range ms {
			ms[i].IV = ls[i].iv
		}
	} else {
		together = 0
	}
	for i := range ms {
		ms[i].encrypt(together)
	}
}

// encrypt encrypts the rest of one message by itself.
func (m *Message) encrypt(at int) {
	dst, src := m.Dst[at:], m.Src[at:]
	switch {
	case len(src) == 0:
	case m.Key.slow != nil:
		m.Key.slow.crypt(&m.IV, dst, src)
	default:
		encrypt1(&m.Key.keys, &m.IV, &dst[0], &src[0], len(src)/BlockLen)
	}
}

func check(dst, src []byte) {
	if len(src)%BlockLen != 0 || len(dst) < len(src) {
		panic(fmt.Sprintf("aescbc: %d bytes into %d, whole blocks expected", len(src), len(dst)))
	}
}

// A Decrypter is a key to decrypt with. It is not safe for concurrent use.
type Decrypter struct {
	keys schedule
	slow *portable // where keys are not used
}

// NewDecrypter expands a key.
func NewDecrypter(key *[KeyLen]byte) *Decrypter { return newDecrypter(key, accelerated()) }

func newDecrypter(key *[KeyLen]byte, fast bool) *Decrypter {
	d := new(Decrypter)
	if fast {
		var forward schedule
		expand(key, &forward)
		invert(&forward, &d.keys)
	} else {
		d.slow = newPortable(key, cipher.NewCBCDecrypter)
	}
	return d
}

// DecryptBlock decrypts a single block in place, without CBC.
func (d *Decrypter) DecryptBlock(b *[BlockLen]byte) {
	if d.slow != nil {
		d.slow.iv = *b
		d.slow.block.Decrypt(d.slow.iv[:], d.slow.iv[:])
		*b = d.slow.iv
		return
	}
	var zero [BlockLen]byte
	decrypt(&d.keys, &zero, &b[0], &b[0], 1)
}

// Decrypt decrypts a message. src is whole blocks; dst is at least as long,
// and either src's memory or apart from it.
func (d *Decrypter) Decrypt(iv *[BlockLen]byte, dst, src []byte) {
	check(dst, src)
	switch {
	case len(src) == 0:
	case d.slow != nil:
		d.slow.crypt(iv, dst, src)
	default:
		decrypt(&d.keys, iv, &dst[0], &src[0], len(src)/BlockLen)
	}
}

// portable is a key of crypto/aes, in one direction.
type portable struct {
	block cipher.Block
	mode  cbcMode
	iv    [BlockLen]byte // a copy, so that the caller's stays on its stack
}

// cbcMode is what the standard library's CBC modes implement.
type cbcMode interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

func newPortable(key *[KeyLen]byte, mode func(cipher.Block, []byte) cipher.BlockMode) *portable {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic("aescbc: " + err.Error()) // 32 bytes are a key
	}
	p := &portable{block: b}
	p.mode = mode(b, p.iv[:]).(cbcMode)
	return p
}

func (p *portable) crypt(iv *[BlockLen]byte, dst, src []byte) {
	p.iv = *iv
	p.mode.SetIV(p.iv[:])
	p.mode.CryptBlocks(dst[:len(src)], src)
}
