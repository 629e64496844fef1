package sign

import (
	"bytes"
	"crypto"

	//lint:ignore SA1019 old destinations are still signed with it
	"crypto/dsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
)

func known() []Type {
	var out []Type
	for _, i := range types {
		out = append(out, i.t)
	}
	return out
}

func TestSignAndVerify(t *testing.T) {
	msg := []byte("message")
	for _, st := range known() {
		if !st.CanSign() {
			if _, err := GenerateKey(st, nil); !errors.Is(err, ErrType) {
				t.Errorf("%v: generated, %v", st, err)
			}
			continue
		}
		k, err := GenerateKey(st, mathrand.NewChaCha8([32]byte{1}))
		if err != nil {
			t.Fatalf("%v: %v", st, err)
		}
		again, err := GenerateKey(st, mathrand.NewChaCha8([32]byte{1}))
		if err != nil || !bytes.Equal(again.Bytes(), k.Bytes()) || again.Public() != k.Public() {
			t.Errorf("%v: the same seed gives another key, %v", st, err)
		}
		sig, err := k.Sign(msg)
		if err != nil || len(sig) != st.SignatureLen() {
			t.Fatalf("%v: signature of %d bytes, %v", st, len(sig), err)
		}
		if same, _ := k.Sign(msg); !bytes.Equal(same, sig) {
			t.Errorf("%v: two signatures of one message", st)
		}
		pub, err := NewPublicKey(st, k.Public().Bytes())
		if err != nil || pub != k.Public() {
			t.Errorf("%v: public key read back: %v", st, err)
		}
		if !pub.Verify(msg, sig) {
			t.Errorf("%v: signature does not verify", st)
		}
		for i := range sig {
			sig[i] ^= 1
			if pub.Verify(msg, sig) {
				t.Errorf("%v: verifies with byte %d changed", st, i)
			}
			sig[i] ^= 1
		}
		if pub.Verify(msg[1:], sig) || pub.Verify(msg, sig[1:]) || pub.Verify(msg, append(sig, 0)) || pub.Verify(msg, nil) {
			t.Errorf("%v: a wrong message or length verifies", st)
		}
		if s := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(s, hex.EncodeToString(k.Bytes()[:4])) || len(s) > 150 {
			t.Errorf("%v: a printed key shows its secret: %s", st, s)
		}
	}
}

// RFC 6979, appendix A.2.5 to A.2.7: message "sample" with each curve's hash.
func TestECDSADeterministic(t *testing.T) {
	for _, c := range []struct {
		t         Type
		x, r, s   string
		publicKey string // X
	}{
		{ECDSA_SHA256_P256,
			"C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
			"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
			"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
			"60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"},
		{ECDSA_SHA384_P384,
			"6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
			"94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
			"99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
			"EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13"},
		{ECDSA_SHA512_P521,
			"00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
			"00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
			"00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
			"01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4"},
	} {
		x, err := hex.DecodeString(c.x)
		if err != nil {
			t.Fatal(err)
		}
		k := mustPrivate(t, c.t, x)
		if got := fmt.Sprintf("%X", k.Public().Bytes()); !strings.HasPrefix(got, c.publicKey) {
			t.Errorf("%v: public key %s", c.t, got)
		}
		sig, err := k.Sign([]byte("sample"))
		if got := fmt.Sprintf("%X", sig); err != nil || got != c.r+c.s {
			t.Errorf("%v: signature %s, %v", c.t, got, err)
		}
	}
}

func TestVerifyDSA(t *testing.T) {
	params := dsa.Parameters{P: hexInt(dsaP), Q: hexInt(dsaQ), G: hexInt(dsaG)}
	if !params.P.ProbablyPrime(4) || !params.Q.ProbablyPrime(4) || new(big.Int).Exp(params.G, params.Q, params.P).Cmp(big.NewInt(1)) != 0 {
		t.Fatal("the constants are not a DSA group")
	}
	k := dsa.PrivateKey{PublicKey: dsa.PublicKey{Parameters: params}}
	if err := dsa.GenerateKey(&k, rand.Reader); err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte("message"))
	r, s, err := dsa.Sign(rand.Reader, &k, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 40)
	r.FillBytes(sig[:20])
	s.FillBytes(sig[20:])
	checkVerify(t, DSA_SHA1, k.Y.FillBytes(make([]byte, 128)), sig)
}

func TestVerifyRSA(t *testing.T) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("message"))
	sig, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	checkVerify(t, RSA_SHA256_2048, k.N.FillBytes(make([]byte, 256)), sig)
}

func TestVerifyEd25519ph(t *testing.T) {
	pub, k, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("message"))
	sig, err := k.Sign(nil, sum[:], crypto.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	checkVerify(t, EdDSA_SHA512_Ed25519ph, pub, sig)
}

func checkVerify(t *testing.T, st Type, pub, sig []byte) {
	t.Helper()
	k, err := NewPublicKey(st, pub)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Verify([]byte("message"), sig) {
		t.Errorf("%v: signature does not verify", st)
	}
	sig[len(sig)-1] ^= 1
	if k.Verify([]byte("message"), sig) || k.Verify([]byte("massage"), sig) {
		t.Errorf("%v: a wrong signature verifies", st)
	}
}

// Key files of types that cannot sign are read and written back all the same.
func TestKeysThatCannotSign(t *testing.T) {
	for _, st := range known() {
		if st.CanSign() {
			continue
		}
		b := bytes.Repeat([]byte{5}, st.PrivateKeyLen())
		k, err := NewPrivateKey(st, b)
		if err != nil || !bytes.Equal(k.Bytes(), b) {
			t.Errorf("%v: %v", st, err)
		}
		if _, err := k.Sign(nil); !errors.Is(err, ErrType) {
			t.Errorf("%v: signs, %v", st, err)
		}
	}
}

func TestZeroKeys(t *testing.T) {
	if (PublicKey{}).Verify(nil, make([]byte, 40)) {
		t.Error("the zero public key verifies")
	}
	if _, err := (PrivateKey{t: EdDSA_SHA512_Ed25519}).Sign(nil); err == nil {
		t.Error("an empty private key signs")
	}
	for _, st := range known() {
		if _, err := NewPublicKey(st, make([]byte, st.PublicKeyLen()+1)); !errors.Is(err, ErrLength) {
			t.Errorf("%v: long public key: %v", st, err)
		}
		if _, err := NewPrivateKey(st, nil); !errors.Is(err, ErrLength) {
			t.Errorf("%v: empty private key: %v", st, err)
		}
	}
	for _, st := range []Type{9, 10, 12, 21, 65535} {
		if _, err := NewPublicKey(st, nil); !errors.Is(err, ErrType) || st.Known() {
			t.Errorf("type %d: %v", st, err)
		}
		if _, err := NewPrivateKey(st, nil); !errors.Is(err, ErrType) {
			t.Errorf("type %d: %v", st, err)
		}
	}
}

func TestParseType(t *testing.T) {
	for _, st := range known() {
		for _, s := range []string{st.String(), strings.ToUpper(st.String()), fmt.Sprint(uint16(st))} {
			if got, err := ParseType(s); err != nil || got != st {
				t.Errorf("%q: %v, %v", s, got, err)
			}
		}
	}
	// The names of i2pd's keygen.
	for s, want := range map[string]Type{"DSA-SHA1": 0, "ECDSA-P256": 1, "ECDSA-P384": 2, "ECDSA-P521": 3,
		"RSA-2048-SHA256": 4, "RSA-3072-SHA384": 5, "RSA-4096-SHA512": 6, "ED25519-SHA512": 7, "RED25519-SHA512": 11} {
		if got, err := ParseType(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "9", "65536", "-1", " 7", "ed", "07"} {
		if got, err := ParseType(s); err == nil {
			t.Errorf("%q is accepted as %v", s, got)
		}
	}
	if Type(9).String() != "9" {
		t.Errorf("type 9 is %v", Type(9))
	}
}

// Nothing a stranger sends as a key or signature may panic.
func FuzzVerify(f *testing.F) {
	for _, st := range known() {
		f.Add(uint16(st), make([]byte, st.PublicKeyLen()), []byte("m"), make([]byte, st.SignatureLen()))
		f.Add(uint16(st), bytes.Repeat([]byte{255}, st.PublicKeyLen()), []byte("m"), bytes.Repeat([]byte{255}, st.SignatureLen()))
	}
	f.Fuzz(func(t *testing.T, st uint16, pub, msg, sig []byte) {
		k, err := NewPublicKey(Type(st), pub)
		if err != nil {
			return
		}
		if !bytes.Equal(k.Bytes(), pub) {
			t.Fatal("key does not marshal back")
		}
		k.Verify(msg, sig)
		_, _ = BlindPublic(k, Scalar{1})
	})
}

func FuzzPrivateKey(f *testing.F) {
	for _, st := range known() {
		f.Add(uint16(st), bytes.Repeat([]byte{1}, st.PrivateKeyLen()))
	}
	f.Fuzz(func(t *testing.T, st uint16, b []byte) {
		k, err := NewPrivateKey(Type(st), b)
		if err != nil {
			return
		}
		if !bytes.Equal(k.Bytes(), b) {
			t.Fatal("key does not marshal back")
		}
		if sig, err := k.Sign([]byte("m")); err == nil && !k.Public().Verify([]byte("m"), sig) {
			t.Fatal("own signature does not verify")
		}
	})
}
