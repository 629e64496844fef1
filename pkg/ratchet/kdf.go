package ratchet

import (
	"crypto/sha256"
	"encoding/binary"
)

// The info strings of the ratchets (ECIES, section 4).
const (
	infoReplyTags   = "SessionReplyTags"
	infoAttach      = "AttachPayloadKDF"
	infoNextKeys    = "XDHRatchetTagSet"
	infoRatchetStep = "KDFDHRatchetStep"
	infoTagsAndKeys = "TagAndKeyGenKeys"
	infoTagInit     = "STInitialization"
	infoTag         = "SessionTagKeyGen"
	infoKey         = "SymmetricRatchet"
)

// hmac32 is HMAC-SHA-256 with a key of 32 bytes. Two derivations per message
// are most of what a message costs besides its AEAD, and the general HMAC
// allocates its state for each: this one works on the stack. data has at most
// 64 bytes.
func hmac32(key *[32]byte, data []byte) [32]byte {
	var block [128]byte
	for i, k := range key {
		block[i] = k ^ 0x36
	}
	for i := len(key); i < 64; i++ {
		block[i] = 0x36
	}
	n := copy(block[64:], data)
	inner := sha256.Sum256(block[:64+n])
	for i, k := range key {
		block[i] = k ^ 0x5c
	}
	for i := len(key); i < 64; i++ {
		block[i] = 0x5c
	}
	copy(block[64:], inner[:])
	return sha256.Sum256(block[:96])
}

// derive is HKDF(salt, ikm, info, 64) as two keys. ikm has up to 64 bytes,
// info 16.
func derive(salt *[32]byte, ikm []byte, info string) (a, b [32]byte) {
	prk := hmac32(salt, ikm)
	var in [64]byte
	n := copy(in[:], info)
	in[n] = 1
	a = hmac32(&prk, in[:n+1])
	copy(in[:], a[:])
	n = 32 + copy(in[32:], info)
	in[n] = 2
	b = hmac32(&prk, in[:n+1])
	return a, b
}

// deriveOne is HKDF(salt, ikm, info, 32).
func deriveOne(salt *[32]byte, ikm []byte, info string) [32]byte {
	a, _ := derive(salt, ikm, info)
	return a
}

// maxIndex is the last message number of a tag set that we send. The
// specification allows one more, i2pd stops here.
const maxIndex = 65533

// chain makes the tags and the keys of one tag set, each in order (ECIES,
// sections 4a to 4c).
type chain struct {
	nextRoot           [32]byte
	tagKey, tagConst   [32]byte
	symmetricKey       [32]byte
	nextTagN, nextKeyN int // index of the tag and the key to be made next
}

// newChain is DH_INITIALIZE(rootKey, k).
func newChain(rootKey, k *[32]byte) chain {
	var c chain
	var ck [32]byte
	c.nextRoot, ck = derive(rootKey, k[:], infoRatchetStep)
	c.tagKey, c.symmetricKey = derive(&ck, nil, infoTagsAndKeys)
	c.tagKey, c.tagConst = derive(&c.tagKey, nil, infoTagInit)
	return c
}

// nextChain is the step after an exchange of ratchet keys with the given
// shared secret.
func (c *chain) nextChain(secret *[32]byte) chain {
	k := deriveOne(secret, nil, infoNextKeys)
	return newChain(&c.nextRoot, &k)
}

// tag makes the next session tag.
func (c *chain) tag() uint64 {
	var t [32]byte
	c.tagKey, t = derive(&c.tagKey, c.tagConst[:], infoTag)
	c.nextTagN++
	return binary.LittleEndian.Uint64(t[:])
}

// key makes the next symmetric key.
func (c *chain) key() [32]byte {
	var k [32]byte
	c.symmetricKey, k = derive(&c.symmetricKey, nil, infoKey)
	c.nextKeyN++
	return k
}
