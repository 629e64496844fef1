package sign

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"filippo.io/edwards25519"
)

// redVectors reads the specification's vectors: one map a vector.
func redVectors(t *testing.T) []map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/red25519.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string][]byte
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "Test vector") {
			out = append(out, make(map[string][]byte))
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		b, err := hex.DecodeString(strings.TrimSpace(value))
		if err != nil {
			t.Fatal(err)
		}
		out[len(out)-1][name] = b
	}
	if len(out) != 10 {
		t.Fatalf("%d vectors, the specification has 10", len(out))
	}
	return out
}

func mustPrivate(t testing.TB, st Type, b []byte) PrivateKey {
	t.Helper()
	k, err := NewPrivateKey(st, b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRed25519Vectors(t *testing.T) {
	for i, v := range redVectors(t) {
		ed := mustPrivate(t, EdDSA_SHA512_Ed25519, v["edsk"])
		if got := ed.Public().Bytes(); !bytes.Equal(got, v["edpk"]) {
			t.Errorf("%d: edpk %x", i+1, got)
		}
		red, err := RedKeyOf(ed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(red.Bytes(), v["sk"]) || !bytes.Equal(red.Public().Bytes(), v["vk"]) {
			t.Errorf("%d: sk %x, vk %x", i+1, red.Bytes(), red.Public().Bytes())
		}
		alpha := Scalar(v["alpha"])
		blind, err := BlindPrivate(ed, alpha)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(blind.Bytes(), v["rsk"]) || !bytes.Equal(blind.Public().Bytes(), v["rvk"]) {
			t.Errorf("%d: rsk %x, rvk %x", i+1, blind.Bytes(), blind.Public().Bytes())
		}
		for _, k := range []PublicKey{ed.Public(), red.Public()} {
			b, err := BlindPublic(k, alpha)
			if err != nil || b != blind.Public() {
				t.Errorf("%d: blinded %v key %x, %v", i+1, k.Type(), b.Bytes(), err)
			}
		}
		for name, k := range map[string]PublicKey{"sig": red.Public(), "rsig": blind.Public()} {
			if !verifyPersonalised(t, k.Bytes(), v["msg"], v[name]) {
				t.Errorf("%d: %s does not verify as the specification says", i+1, name)
			}
			if k.Verify(v["msg"], v[name]) {
				t.Errorf("%d: %s verifies as the network's routers do it", i+1, name)
			}
		}
		for _, k := range []PrivateKey{red, blind} {
			sig, err := k.Sign(v["msg"])
			if err != nil || !k.Public().Verify(v["msg"], sig) {
				t.Errorf("%d: own signature: %v", i+1, err)
			}
		}
	}
}

// verifyPersonalised is VERIFY as the specification writes it, with the
// personalised HStar, which the vectors use and the network does not.
func verifyPersonalised(t *testing.T, pub, msg, sig []byte) bool {
	t.Helper()
	h := sha512.New()
	h.Write([]byte("I2P_Red25519H(x)"))
	h.Write(sig[:32])
	h.Write(pub)
	h.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(msg))))
	h.Write(msg)
	c, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	s, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	vk, err := new(edwards25519.Point).SetBytes(pub)
	if err != nil {
		return false
	}
	r := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(c.Negate(c), vk, s)
	return bytes.Equal(r.Bytes(), sig[:32])
}

func TestBlindingRefuses(t *testing.T) {
	p, err := GenerateKey(ECDSA_SHA256_P256, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := BlindPrivate(p, Scalar{1}); err == nil {
		t.Error("an ECDSA private key was blinded")
	}
	if _, err := BlindPublic(p.Public(), Scalar{1}); err == nil {
		t.Error("an ECDSA public key was blinded")
	}
	bad, _ := NewPublicKey(EdDSA_SHA512_Ed25519, append([]byte{2}, make([]byte, 31)...))
	if _, err := BlindPublic(bad, Scalar{1}); err == nil {
		t.Error("no point, but it was blinded")
	}
	if _, err := NewPrivateKey(RedDSA_SHA512_Ed25519, make([]byte, 32)); err == nil {
		t.Error("the zero scalar is accepted as a key")
	}
}

func TestScalarOf(t *testing.T) {
	// L itself is zero, L+1 is one.
	var wide [64]byte
	l, _ := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	copy(wide[:], l)
	if got := ScalarOf(wide); got != (Scalar{}) {
		t.Errorf("L reduces to %x", got)
	}
	wide[0]++
	if got := ScalarOf(wide); got != (Scalar{1}) {
		t.Errorf("L+1 reduces to %x", got)
	}
}
