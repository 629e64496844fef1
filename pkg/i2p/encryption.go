package i2p

import "strconv"

// EncryptionType is the type of an encryption key, of identities and lease sets
// alike (common structures, key certificates).
type EncryptionType uint16

// The encryption types. The hybrids are for lease sets only.
const (
	CryptoElGamal         EncryptionType = 0
	CryptoP256            EncryptionType = 1
	CryptoP384            EncryptionType = 2
	CryptoP521            EncryptionType = 3
	CryptoX25519          EncryptionType = 4
	CryptoMLKEM512X25519  EncryptionType = 5
	CryptoMLKEM768X25519  EncryptionType = 6
	CryptoMLKEM1024X25519 EncryptionType = 7
)

// String names the type; an unknown one by its number.
func (t EncryptionType) String() string {
	switch t {
	case CryptoElGamal:
		return "ElGamal"
	case CryptoP256:
		return "P256"
	case CryptoP384:
		return "P384"
	case CryptoP521:
		return "P521"
	case CryptoX25519:
		return "X25519"
	case CryptoMLKEM512X25519:
		return "MLKEM512_X25519"
	case CryptoMLKEM768X25519:
		return "MLKEM768_X25519"
	case CryptoMLKEM1024X25519:
		return "MLKEM1024_X25519"
	}
	return strconv.Itoa(int(t))
}

// keyLens is the length of the two keys of a type (common structures, PublicKey
// and PrivateKey). Hybrid types have the X25519 one here.
func (t EncryptionType) keyLens() (public, private int, ok bool) {
	switch t {
	case CryptoElGamal:
		return 256, 256, true
	case CryptoP256:
		return 64, 32, true
	case CryptoP384:
		return 96, 48, true
	case CryptoP521:
		return 132, 66, true
	case CryptoX25519, CryptoMLKEM512X25519, CryptoMLKEM768X25519, CryptoMLKEM1024X25519:
		return 32, 32, true
	}
	return 0, 0, false
}

// KeyLen is the length of a public key of the type in identities and lease sets,
// 0 for an unknown type.
func (t EncryptionType) KeyLen() int {
	n, _, _ := t.keyLens()
	return n
}
