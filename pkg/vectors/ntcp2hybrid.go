package vectors

import (
	"bytes"
	"crypto"
	"crypto/mlkem"
	"fmt"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
)

// hybrids are the sizes of ML-KEM (FIPS 203), and the names of the protocol with them (proposal
// 169, Noise identifiers).
var hybrids = map[string]struct {
	public, ciphertext int
	protocol           string
	key                func(seed []byte) (crypto.Decapsulator, error)
}{
	"": {protocol: "Noise_XKaesobfse+hs2+hs3_25519_ChaChaPoly_SHA256"},
	"ML-KEM-512": {800, 768, "Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM512_ChaChaPoly_SHA256", func(seed []byte) (crypto.Decapsulator, error) {
		public, private := mlkem512.NewKeyFromSeed(seed)
		return key512{public, private}, nil
	}},
	"ML-KEM-768": {1184, 1088, "Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM768_ChaChaPoly_SHA256", func(seed []byte) (crypto.Decapsulator, error) {
		return mlkem.NewDecapsulationKey768(seed)
	}},
	"ML-KEM-1024": {1568, 1568, "Noise_XKhfsaesobfse+hs2+hs3_25519+MLKEM1024_ChaChaPoly_SHA256", func(seed []byte) (crypto.Decapsulator, error) {
		return mlkem.NewDecapsulationKey1024(seed)
	}},
}

// key512 is a key of ML-KEM-512 in the form of crypto/mlkem's.
type key512 struct {
	public  *mlkem512.PublicKey
	private *mlkem512.PrivateKey
}

func (k key512) Encapsulator() crypto.Encapsulator { return public512{k.public} }

func (k key512) Decapsulate(ciphertext []byte) ([]byte, error) {
	return mlkem512.Scheme().Decapsulate(k.private, ciphertext)
}

type public512 struct{ *mlkem512.PublicKey }

func (k public512) Bytes() []byte {
	b, _ := k.MarshalBinary() // never fails
	return b
}

func (k public512) Encapsulate() (secret, ciphertext []byte) {
	ciphertext, secret, _ = mlkem512.Scheme().Encapsulate(k.PublicKey) // fails for other schemes' keys
	return secret, ciphertext
}

func (v *NTCP2) protocolName() (string, error) {
	h, ok := hybrids[v.Hybrid]
	if !ok {
		return "", fmt.Errorf("vectors: %s: no hybrid %q", v.Name, v.Hybrid)
	}
	return h.protocol, nil
}

// marked is X as it is obfuscated: with its highest bit set where there is ML-KEM.
func (v *NTCP2) marked() []byte {
	x := bytes.Clone(v.Alice.EphemeralPublic)
	if v.Hybrid != "" {
		x[31] |= 0x80
	}
	return x
}

// offer is message 1's section of ML-KEM: Alice's encapsulation key.
func (v *NTCP2) offer(s *symmetric, wire []byte) (rest []byte, err error) {
	if v.Hybrid == "" {
		return wire, nil
	}
	h := hybrids[v.Hybrid]
	key, err := h.key(v.Alice.KEMSeed)
	if err != nil {
		return nil, fmt.Errorf("vectors: the seed of Alice's key: %w", err)
	}
	n := h.public + 16
	v.Message1.KEMPublic = key.Encapsulator().Bytes()
	v.Message1.SealedKEM, err = s.section("encapsulation key", &v.Message1.KEMPublic, wire[:n])
	return wire[n:], err
}

// encapsulated is message 2's section: a secret that Bob has made for that key, mixed in behind it.
func (v *NTCP2) encapsulated(s *symmetric, wire []byte) (rest []byte, err error) {
	if v.Hybrid == "" {
		return wire, nil
	}
	h, m := hybrids[v.Hybrid], &v.Message2
	n := h.ciphertext + 16
	if m.SealedKEM, err = s.section("ciphertext of ML-KEM", &m.Ciphertext, wire[:n]); err != nil {
		return nil, err
	}
	key, err := h.key(v.Alice.KEMSeed)
	if err != nil {
		return nil, err
	}
	if v.Secrets.KEM, err = key.Decapsulate(m.Ciphertext); err != nil {
		return nil, fmt.Errorf("vectors: ML-KEM: %w", err)
	}
	s.mixKey("MixKey(kem)", v.Secrets.KEM)
	return wire[n:], nil
}
