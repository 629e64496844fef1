package su3

import (
	"bytes"
	"crypto"

	//lint:ignore SA1019 old files are signed with it; nothing is signed with it here
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1"   // of DSA
	_ "crypto/sha256" // of P-256 and RSA-2048
	_ "crypto/sha512" // of the others
	"encoding/asn1"
	"fmt"
	"math/big"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/sign"
)

// hashOf is the hash of the header and the content that a type signs; 0 for
// types that su3 files do not have.
func hashOf(t sign.Type) crypto.Hash {
	switch t {
	case sign.DSA_SHA1:
		return crypto.SHA1
	case sign.ECDSA_SHA256_P256, sign.RSA_SHA256_2048:
		return crypto.SHA256
	case sign.ECDSA_SHA384_P384, sign.RSA_SHA384_3072:
		return crypto.SHA384
	case sign.ECDSA_SHA512_P521, sign.RSA_SHA512_4096, sign.EdDSA_SHA512_Ed25519ph:
		return crypto.SHA512
	}
	return 0
}

// TypeOf is the signature type that a public key makes, if any.
func TypeOf(key crypto.PublicKey) (sign.Type, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 2048:
			return sign.RSA_SHA256_2048, nil
		case 3072:
			return sign.RSA_SHA384_3072, nil
		case 4096:
			return sign.RSA_SHA512_4096, nil
		}
		return 0, fmt.Errorf("su3: RSA key of %d bits, expected 2048, 3072 or 4096", k.N.BitLen())
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return sign.ECDSA_SHA256_P256, nil
		case elliptic.P384():
			return sign.ECDSA_SHA384_P384, nil
		case elliptic.P521():
			return sign.ECDSA_SHA512_P521, nil
		}
		return 0, fmt.Errorf("su3: ECDSA key on %s, expected P-256, P-384 or P-521", k.Params().Name)
	case ed25519.PublicKey:
		return sign.EdDSA_SHA512_Ed25519ph, nil
	case *dsa.PublicKey:
		return sign.DSA_SHA1, nil
	}
	return 0, fmt.Errorf("su3: a key of type %T makes no su3 signatures", key)
}

func verifyAny(t sign.Type, keys []crypto.PublicKey, sum, sig []byte) error {
	err := fmt.Errorf("%w: there is no key of the signer's", ErrSignature)
	for _, key := range keys {
		if err = verify(t, key, sum, sig); err == nil {
			return nil
		}
	}
	return err
}

// verify checks a signature of the sum of header and content. The signatures
// are raw ones (SU3, Signature Details): those of RSA have no DigestInfo.
func verify(t sign.Type, key crypto.PublicKey, sum, sig []byte) error {
	has, err := TypeOf(key)
	if err != nil {
		return err
	}
	if has != t {
		return fmt.Errorf("%w: it is of type %v, the signer's key of %v", ErrSignature, t, has)
	}
	good := false
	switch k := key.(type) {
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(k, 0, sum, sig) == nil
	case *ecdsa.PublicKey:
		r, s := halves(sig)
		good = ecdsa.Verify(k, sum, r, s)
	case ed25519.PublicKey:
		// Java I2P signs the hash as any other message; RFC 8032 marks the
		// pre-hashed kind. Both are accepted: neither can be made of the other.
		good = len(k) == ed25519.PublicKeySize && (ed25519.Verify(k, sum, sig) ||
			ed25519.VerifyWithOptions(k, sum, sig, &ed25519.Options{Hash: crypto.SHA512}) == nil)
	case *dsa.PublicKey:
		r, s := halves(sig)
		good = dsa.Verify(k, sum, r, s)
	}
	if !good {
		return ErrSignature
	}
	return nil
}

func halves(sig []byte) (r, s *big.Int) {
	half := len(sig) / 2
	return new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])
}

// Signer signs files in the name of ID.
type Signer struct {
	ID  string
	Key crypto.Signer // RSA, ECDSA or Ed25519
}

// Sign makes a file. Of the header, signature type and length, signer and
// content length are filled in.
func Sign(s Signer, h Header, content []byte) ([]byte, error) {
	t, err := TypeOf(s.Key.Public())
	if err != nil {
		return nil, err
	}
	h.SignatureType, h.SignatureLen, h.Signer, h.ContentLen = t, t.SignatureLen(), s.ID, int64(len(content))
	if err := h.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, MaxHeader+len(content)+h.SignatureLen)
	b = append(h.AppendTo(b), content...)
	sum := hashOf(t).New()
	sum.Write(b)
	sig, err := rawSign(s.Key, t, sum.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("su3: signing: %w", err)
	}
	return append(b, sig...), nil
}

// rawSign signs a sum as verify wants it, in the fixed length of the type.
func rawSign(key crypto.Signer, t sign.Type, sum []byte) ([]byte, error) {
	sig, err := key.Sign(draw.From(nil), sum, crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok {
		return sig, nil
	}
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("the key's signature is no ASN.1 pair: %w", err)
	}
	out := make([]byte, t.SignatureLen())
	rs.R.FillBytes(out[:len(out)/2])
	rs.S.FillBytes(out[len(out)/2:])
	return out, nil
}

// Equal reports whether two public keys are the same.
func Equal(a, b crypto.PublicKey) bool {
	if x, ok := a.(*dsa.PublicKey); ok {
		y, ok := b.(*dsa.PublicKey)
		return ok && x.Y.Cmp(y.Y) == 0 && x.P.Cmp(y.P) == 0 && x.Q.Cmp(y.Q) == 0 && x.G.Cmp(y.G) == 0
	}
	if x, ok := a.(ed25519.PublicKey); ok {
		y, ok := b.(ed25519.PublicKey)
		return ok && bytes.Equal(x, y)
	}
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}
