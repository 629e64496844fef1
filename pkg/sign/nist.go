package sign

import (
	"crypto"
	"i2ptoolkit/pkg/draw"
	//lint:ignore SA1019 old destinations are still signed with it
	"crypto/dsa"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
)

func curve(t Type) (elliptic.Curve, ecdh.Curve) {
	switch t {
	case ECDSA_SHA256_P256:
		return elliptic.P256(), ecdh.P256()
	case ECDSA_SHA384_P384:
		return elliptic.P384(), ecdh.P384()
	}
	return elliptic.P521(), ecdh.P521()
}

func digest(t Type, msg []byte) (crypto.Hash, []byte) {
	switch t {
	case ECDSA_SHA256_P256, RSA_SHA256_2048:
		h := sha256.Sum256(msg)
		return crypto.SHA256, h[:]
	case ECDSA_SHA384_P384, RSA_SHA384_3072:
		h := sha512.Sum384(msg)
		return crypto.SHA384, h[:]
	}
	h := sha512.Sum512(msg)
	return crypto.SHA512, h[:]
}

func generateECDSA(t Type, r io.Reader) ([]byte, error) {
	_, c := curve(t)
	b := make([]byte, t.PrivateKeyLen())
	for range 128 {
		draw.Fill(r, b)
		if t == ECDSA_SHA512_P521 {
			b[0] &= 1 // 521 bits
		}
		if _, err := c.NewPrivateKey(b); err == nil {
			return b, nil
		}
	}
	return nil, errors.New("sign: the random source yields no ECDSA key")
}

// publicECDSA derives X || Y, each of the curve's length.
func publicECDSA(t Type, private []byte) ([]byte, error) {
	_, c := curve(t)
	k, err := c.NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	return k.PublicKey().Bytes()[1:], nil // without the uncompressed point's 4
}

// signECDSA signs deterministically (RFC 6979): no random source is needed.
func signECDSA(t Type, private, msg []byte) ([]byte, error) {
	c, _ := curve(t)
	k, err := ecdsa.ParseRawPrivateKey(c, private)
	if err != nil {
		return nil, err
	}
	h, sum := digest(t, msg)
	der, err := k.Sign(nil, sum, h)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	sig := make([]byte, t.SignatureLen())
	rs.R.FillBytes(sig[:len(sig)/2])
	rs.S.FillBytes(sig[len(sig)/2:])
	return sig, nil
}

func verifyECDSA(t Type, pub, msg, sig []byte) bool {
	c, _ := curve(t)
	k, err := ecdsa.ParseUncompressedPublicKey(c, append([]byte{4}, pub...))
	if err != nil {
		return false
	}
	_, sum := digest(t, msg)
	half := len(sig) / 2
	return ecdsa.Verify(k, sum, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
}

// verifyRSA checks PKCS #1 v1.5 with the fixed exponent 65537.
func verifyRSA(t Type, pub, msg, sig []byte) bool {
	h, sum := digest(t, msg)
	k := rsa.PublicKey{N: new(big.Int).SetBytes(pub), E: 65537}
	return rsa.VerifyPKCS1v15(&k, h, sum, sig) == nil
}

// The DSA group of I2P, with which the first destinations were made
// (cryptography specification, DSA).
const (
	dsaP = "9C05B2AA960D9B97B8931963C9CC9E8C3026E9B8ED92FAD0A69CC886D5BF8015" +
		"FCADAE31A0AD18FAB3F01B00A358DE237655C4964AFAA2B337E96AD316B9FB1C" +
		"C564B5AEC5B69A9FF6C3E4548707FEF8503D91DD8602E867E6D35D2235C1869C" +
		"E2479C3B9D5401DE04E0727FB33D6511285D4CF29538D9E3B6051F5B22CC1C93"
	dsaQ = "A5DFC28FEF4CA1E286744CD8EED9D29D684046B7"
	dsaG = "0C1F4D27D40093B429E962D7223824E0BBC47E7C832A39236FC683AF84889581" +
		"075FF9082ED32353D4374D7301CDA1D23C431F4698599DDA02451824FF369752" +
		"593647CC3DDC197DE985E43D136CDCFC6BD5409CD2F450821142A5E6F8EB1C3A" +
		"B5D0484B8129FCF17BCE4F7F33321C3CB3DBB14A905E7B2B3E93BE4708CBCC82"
)

func hexInt(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("sign: bad constant")
	}
	return n
}

func verifyDSA(pub, msg, sig []byte) bool {
	sum := sha1.Sum(msg)
	k := dsa.PublicKey{
		Parameters: dsa.Parameters{P: hexInt(dsaP), Q: hexInt(dsaQ), G: hexInt(dsaG)},
		Y:          new(big.Int).SetBytes(pub),
	}
	return dsa.Verify(&k, sum[:], new(big.Int).SetBytes(sig[:20]), new(big.Int).SetBytes(sig[20:]))
}
