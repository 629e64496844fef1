package i2p

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"i2ptoolkit/pkg/sign"
)

// realDestinations are base64 destinations seen on the live network; they
// live outside the repository.
func realDestinations(t testing.TB) map[string]string {
	t.Helper()
	dir := "../../../shared/testdata"
	hosts, err := os.ReadFile(filepath.Join(dir, "hosts.txt"))
	if err != nil {
		t.Skip("SKIPPED: no ../shared/testdata beside the repository: real destinations are not tested")
	}
	out := make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(hosts))
	for lines.Scan() {
		if name, dest, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			dest, _, _ = strings.Cut(dest, "#!")
			out[name] = dest
		}
	}
	return out
}

// The two .b64 files are private key files as SAM passes them.
func TestRealPrivateKeys(t *testing.T) {
	for _, f := range []string{"destination.b64", "elgamal.b64"} {
		b, err := os.ReadFile(filepath.Join("../../../shared/testdata", f))
		if err != nil {
			t.Skip("SKIPPED: no ../shared/testdata beside the repository: real private key files are not tested")
		}
		raw, err := DecodeBase64(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		k, rest, err := ParsePrivateKeys(raw)
		if err != nil || len(rest) != 0 || !bytes.Equal(k.AppendTo(nil), raw) {
			t.Errorf("%s: read back with %d bytes left, %v", f, len(rest), err)
		}
	}
}

func TestRealDestinations(t *testing.T) {
	for name, s := range realDestinations(t) {
		d, err := ParseDestinationBase64(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.Base64() != s {
			t.Errorf("%s: written back as %s", name, d.Base64())
		}
		if h, err := ParseB32(d.B32()); err != nil || h != d.Hash() {
			t.Errorf("%s: %s reads as %v, %v", name, d.B32(), h, err)
		}
	}
}

func TestPrivateKeys(t *testing.T) {
	for _, st := range []sign.Type{sign.ECDSA_SHA256_P256, sign.ECDSA_SHA384_P384, sign.ECDSA_SHA512_P521,
		sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
		for _, ct := range []EncryptionType{CryptoElGamal, CryptoX25519} {
			k, err := GenerateDestination(st, ct, nil)
			if err != nil {
				t.Fatalf("%v: %v", st, err)
			}
			raw := k.AppendTo(nil)
			back, rest, err := ParsePrivateKeys(append(raw, "tail"...))
			if err != nil || string(rest) != "tail" || !bytes.Equal(back.AppendTo(nil), raw) {
				t.Fatalf("%v, %d: read back with %q left, %v", st, ct, rest, err)
			}
			sig, err := back.Sign([]byte("message"))
			if err != nil || !k.Identity.Verify([]byte("message"), sig) || k.Identity.Verify([]byte("massage"), sig) {
				t.Fatalf("%v: signature: %v", st, err)
			}
			for i := range len(raw) {
				if _, _, err := ParsePrivateKeys(raw[:i]); err == nil {
					t.Fatalf("%v: parses when cut to %d of %d bytes", st, i, len(raw))
				}
			}
		}
	}
}

// A destination of type 0 has an unused key that compresses (proposal 161), in
// the places that Java and i2pd read.
func TestUnusedEncryptionKey(t *testing.T) {
	k, err := GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := k.AppendTo(nil)
	if len(raw) != 391+256+32 || !k.Identity.JavaSends() {
		t.Fatalf("%d bytes, Java sends: %v", len(raw), k.Identity.JavaSends())
	}
	for i := 32; i < cryptoField+signingField-32; i++ {
		if raw[i] != raw[i-32] {
			t.Fatalf("byte %d differs from the one 32 before it", i)
		}
	}
	if !bytes.Equal(raw[384:391], []byte{5, 0, 4, 0, 7, 0, 0}) {
		t.Errorf("certificate %x", raw[384:391])
	}
	signing, err := sign.NewPrivateKey(sign.EdDSA_SHA512_Ed25519, raw[391+256:])
	if err != nil || signing.Public() != k.Identity.SigningKey() {
		t.Errorf("the signing key is not after 256 bytes of encryption key: %v", err)
	}
	if r, err := GenerateRouter(nil); err != nil || r.Identity.JavaSends() {
		t.Errorf("a router's identity is of type %d, %v", r.Identity.CryptoType(), err)
	}
}

func offlineKeys(t testing.TB) *PrivateKeys {
	t.Helper()
	k, err := GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoX25519, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := k.NewOfflineKeys(sign.ECDSA_SHA256_P256, 2_000_000_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOfflineKeys(t *testing.T) {
	k := offlineKeys(t)
	raw := k.AppendTo(nil)
	back, rest, err := ParsePrivateKeys(raw)
	if err != nil || len(rest) != 0 || back.Offline == nil || !bytes.Equal(back.AppendTo(nil), raw) {
		t.Fatalf("read back: %v", err)
	}
	if !back.Offline.Verify(back.Identity) || back.SigningType() != sign.ECDSA_SHA256_P256 {
		t.Fatal("the offline signature does not verify")
	}
	sig, err := back.Sign([]byte("m"))
	if err != nil || !back.Offline.Transient.Verify([]byte("m"), sig) {
		t.Fatalf("transient signature: %v", err)
	}
	for i := range len(raw) {
		if got, _, err := ParsePrivateKeys(raw[:i]); err == nil || got != nil {
			t.Fatalf("parses when cut to %d of %d bytes", i, len(raw))
		}
	}
	back.Offline.Expires++
	if _, _, err := ParsePrivateKeys(back.AppendTo(nil)); err == nil || back.Offline.Verify(back.Identity) {
		t.Fatal("a changed expiry verifies")
	}
	back.Offline.Expires--
	back.Offline.Private = offlineKeys(t).Offline.Private
	if _, _, err := ParsePrivateKeys(back.AppendTo(nil)); err == nil {
		t.Fatal("a foreign transient key is accepted")
	}
	if _, err := back.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, 1, nil); err == nil {
		t.Fatal("an offline signature without the key proper")
	}
	if s := fmt.Sprintf("%v %#v", back, k); len(s) > 250 {
		t.Fatalf("printed keys show their secrets: %s", s)
	}
}

func TestWrongPrivateKey(t *testing.T) {
	a, _ := GenerateRouter(nil)
	b, _ := GenerateRouter(nil)
	a.Signing = b.Signing
	if _, _, err := ParsePrivateKeys(a.AppendTo(nil)); err == nil {
		t.Fatal("a foreign signing key is accepted")
	}
}

func TestMapping(t *testing.T) {
	m, err := NewMapping(map[string]string{"b": "2", "a": "1", "": ""})
	if err != nil {
		t.Fatal(err)
	}
	raw := m.AppendTo(nil)
	want := "\x00\x10\x00=\x00;\x01a=\x011;\x01b=\x012;"
	if string(raw) != want {
		t.Fatalf("%q, want %q", raw, want)
	}
	back, rest, err := ParseMapping(append(raw, 9))
	if err != nil || len(rest) != 1 || back.Get("a") != "1" {
		t.Fatalf("%v, %v, %v", back, rest, err)
	}
	if _, err := NewMapping(map[string]string{strings.Repeat("x", 256): ""}); err == nil {
		t.Fatal("a key of 256 bytes is accepted")
	}
}

func TestB32(t *testing.T) {
	var h Hash
	for _, bad := range []string{"x", "x.b32.i2p", strings.Repeat("a", 51) + "b.b32.i2p", strings.Repeat("a", 56) + ".b32.i2p", ""} {
		if _, err := ParseB32(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for _, good := range []string{h.B32(), strings.ToUpper(h.B32()), h.B32()[:52]} {
		if got, err := ParseB32(good); err != nil || got != h {
			t.Errorf("%q: %v, %v", good, got, err)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	k, _ := GenerateRouter(nil)
	f.Add(k.Identity.Bytes())
	p, _ := GenerateDestination(sign.ECDSA_SHA512_P521, CryptoElGamal, nil)
	f.Add(p.Identity.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		id, rest, err := ParseIdentity(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(id.Bytes(), rest...), b) {
			t.Fatal("does not marshal back")
		}
		id.Verify(b, make([]byte, id.SigType().SignatureLen()))
		id.CryptoKey()
		id.Certificate()
	})
}

func FuzzPrivateKeys(f *testing.F) {
	k, _ := GenerateRouter(nil)
	f.Add(k.AppendTo(nil))
	f.Add(offlineKeys(f).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, rest, err := ParsePrivateKeys(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(k.AppendTo(nil), rest...), b) {
			t.Fatal("does not marshal back")
		}
	})
}

func FuzzMapping(f *testing.F) {
	f.Add([]byte("\x00\x0c\x01a=\x011;\x01b=\x012;"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, rest, err := ParseMapping(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(m.AppendTo(nil), rest...), b) {
			t.Fatal("does not marshal back")
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("abcd")
	f.Add(Hash{1}.B32())
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := DecodeBase64(s); err == nil && strings.TrimRight(EncodeBase64(b), "=") != strings.TrimRight(s, "=") {
			t.Fatalf("base64 %q is written back as %q", s, EncodeBase64(b))
		}
		if h, err := ParseB32(s); err == nil && strings.TrimSuffix(strings.ToLower(s), b32Suffix) != h.B32()[:52] {
			t.Fatalf("%q is written back as %q", s, h.B32())
		}
	})
}
