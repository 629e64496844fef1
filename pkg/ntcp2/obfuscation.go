package ntcp2

import (
	"crypto/aes"
	"crypto/cipher"

	"i2ptoolkit/pkg/i2p"
)

// Ephemeral keys travel under AES-256-CBC, so that they look random: the key
// is Bob's router hash, the IV the published one for message 1 and the last
// ciphertext block of message 1 for message 2. It hides nothing from those
// who know Bob's RouterInfo.

// obfuscate encrypts an ephemeral key and moves the IV on.
func obfuscate(bob i2p.Hash, iv *[16]byte, key [32]byte) (out [32]byte) {
	cipher.NewCBCEncrypter(obfuscator(bob), iv[:]).CryptBlocks(out[:], key[:])
	copy(iv[:], out[16:])
	return out
}

// deobfuscate decrypts an ephemeral key and moves the IV on.
func deobfuscate(bob i2p.Hash, iv *[16]byte, in [32]byte) (key [32]byte) {
	cipher.NewCBCDecrypter(obfuscator(bob), iv[:]).CryptBlocks(key[:], in[:])
	copy(iv[:], in[16:])
	return key
}

func obfuscator(bob i2p.Hash) cipher.Block {
	block, err := aes.NewCipher(bob[:])
	if err != nil {
		panic("ntcp2: " + err.Error()) // a hash has 32 bytes
	}
	return block
}
