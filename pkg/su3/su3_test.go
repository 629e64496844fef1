package su3

import (
	"bytes"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 old files are signed with it
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"i2ptoolkit/pkg/sign"
)

// keys are one of each kind that signs.
func keys(t testing.TB) map[sign.Type]crypto.Signer {
	all := make(map[sign.Type]crypto.Signer)
	for typ, c := range map[sign.Type]elliptic.Curve{
		sign.ECDSA_SHA256_P256: elliptic.P256(), sign.ECDSA_SHA384_P384: elliptic.P384(), sign.ECDSA_SHA512_P521: elliptic.P521(),
	} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all[typ] = k
	}
	for typ, bits := range map[sign.Type]int{sign.RSA_SHA256_2048: 2048, sign.RSA_SHA384_3072: 3072} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		all[typ] = k
	}
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all[sign.EdDSA_SHA512_Ed25519ph] = k
	return all
}

func TestSignAndVerify(t *testing.T) {
	content := bytes.Repeat([]byte("news "), 20_000)
	all := keys(t)
	for typ, k := range all {
		t.Run(typ.String(), func(t *testing.T) {
			b, err := Sign(Signer{"you@mail.i2p", k}, Header{Version: "1745582702", FileType: XMLGZ, ContentType: News}, content)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if f.SignatureType != typ || f.Signer != "you@mail.i2p" || f.Version != "1745582702" || !bytes.Equal(f.Content, content) {
				t.Errorf("read back as %+v", f.Header)
			}
			if err := f.Verify(k.Public()); err != nil {
				t.Error(err)
			}
			r, err := NewReader(iotest.OneByteReader(bytes.NewReader(b)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes of content, %v", len(got), err)
			}
			if err := r.Verify(all[sign.ECDSA_SHA256_P256].Public(), k.Public()); err != nil {
				t.Errorf("as a stream: %v", err)
			}
			for name, other := range all {
				if name != typ && !errors.Is(f.Verify(other.Public()), ErrSignature) {
					t.Errorf("a key of type %v verified", name)
				}
			}
			if !errors.Is(f.Verify(), ErrSignature) {
				t.Error("verified without a key")
			}
			for at := 0; at < len(b); at += len(b)/50 + 1 { // every part counts
				bad := bytes.Clone(b)
				bad[at] ^= 1
				if f, err := Parse(bad); err == nil && f.Verify(k.Public()) == nil {
					t.Errorf("verified with byte %d changed", at)
				}
			}
		})
	}
}

// TestDSA: old files were signed with it; we only read them.
func TestDSA(t *testing.T) {
	var k dsa.PrivateKey
	if err := dsa.GenerateParameters(&k.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(&k, rand.Reader); err != nil {
		t.Fatal(err)
	}
	h := Header{SignatureType: sign.DSA_SHA1, SignatureLen: 40, Version: "0.9.9", Signer: "zzz@mail.i2p", ContentType: RouterUpdate, ContentLen: 7}
	b := append(h.AppendTo(nil), "content"...)
	sum := sha1.Sum(b)
	r, s, err := dsa.Sign(rand.Reader, &k, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, r.FillBytes(make([]byte, 20))...)
	b = append(b, s.FillBytes(make([]byte, 20))...)
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(&k.PublicKey); err != nil {
		t.Error(err)
	}
	k.Y.Add(k.Y, big.NewInt(1))
	if err := f.Verify(&k.PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
}

func sample(t testing.TB) []byte {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Sign(Signer{"you@mail.i2p", k}, Header{Version: "1", ContentType: Reseed}, []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTruncated(t *testing.T) {
	b := sample(t)
	for n := range len(b) {
		want := ErrTruncated
		if n == 0 {
			want = ErrNotSU3
		}
		if _, err := Parse(b[:n]); !errors.Is(err, want) {
			t.Errorf("Parse of %d bytes: %v", n, err)
		}
		r, err := NewReader(bytes.NewReader(b[:n]))
		if err == nil {
			err = r.Verify()
		}
		if !errors.Is(err, want) {
			t.Errorf("Reader of %d bytes: %v", n, err)
		}
	}
	if _, err := Parse(append(b, 0)); !errors.Is(err, ErrTrailing) {
		t.Errorf("a byte too many: %v", err)
	}
	r, err := NewReader(bytes.NewReader(append(b, 0)))
	if err == nil {
		err = r.Verify()
	}
	if !errors.Is(err, ErrTrailing) {
		t.Errorf("a byte too many, as a stream: %v", err)
	}
}

// TestHostileHeaders: each says what is wrong, and none costs memory.
func TestHostileHeaders(t *testing.T) {
	good := sample(t)
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		says   string
	}{
		"magic":            {func(b []byte) []byte { b[0] = 'X'; return b }, "no su3 file"},
		"format":           {func(b []byte) []byte { b[7] = 1; return b }, "format version 1"},
		"unused":           {func(b []byte) []byte { b[30] = 9; return b }, "unused byte 30 is 9"},
		"signature type":   {func(b []byte) []byte { b[9] = 11; return b }, "which no su3 file has"},
		"signature length": {func(b []byte) []byte { b[11] = 3; return b }, "expected 64"},
		"version field":    {func(b []byte) []byte { b[13] = 15; return b }, "at least 16"},
		"padding":          {func(b []byte) []byte { b[13] = 17; return slices.Insert(b, 56, 0) }, "padding only up to that"},
		"no signer":        {func(b []byte) []byte { b[15] = 0; return b }, "signer"},
		"control bytes":    {func(b []byte) []byte { b[57] = 27; return b }, "printable"},
		"no content":       {func(b []byte) []byte { b[23] = 0; return b }, "content of 0 bytes"},
		"4 GiB": {func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[16:], 4<<30)
			return b
		}, "truncated"},
		"absurd": {func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[16:], 1<<63)
			return b
		}, "content of 9223372036854775808 bytes"},
	} {
		b := c.change(bytes.Clone(good))
		_, err := Parse(b)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Parse says %v, expected %q", name, err, c.says)
		}
		r, err := NewReader(bytes.NewReader(b))
		if err == nil {
			err = r.Verify()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Reader says %v, expected %q", name, err, c.says)
		}
	}
}

func TestNames(t *testing.T) {
	for n := range 8 {
		if f, err := ParseFileType(FileType(n).String()); err != nil || f != FileType(n) {
			t.Errorf("file type %d: %v, %v", n, f, err)
		}
		if c, err := ParseContentType(ContentType(n).String()); err != nil || c != ContentType(n) {
			t.Errorf("content type %d: %v, %v", n, c, err)
		}
	}
	if _, err := ParseFileType("tar"); err == nil {
		t.Error("tar is no file type")
	}
	if _, err := ParseContentType("256"); err == nil {
		t.Error("256 is no content type")
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(sample(f))
	f.Add(Header{SignatureType: sign.RSA_SHA512_4096, SignatureLen: 512, Version: strings.Repeat("1.", 20), Signer: "a", FileType: EXE, ContentType: Plugin, ContentLen: 1 << 40}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, err := ParseHeader(b)
		if err != nil {
			return
		}
		if again := append(h.AppendTo(nil), rest...); !bytes.Equal(again, b) {
			t.Errorf("%x was read and written as %x", b, again)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(sample(f))
	_, k, _ := ed25519.GenerateKey(rand.Reader)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, streamErr := NewReader(bytes.NewReader(b))
		if streamErr == nil {
			streamErr = r.Verify(k.Public())
		}
		file, err := Parse(b)
		if err == nil {
			err = file.Verify(k.Public())
		}
		if (err == nil) != (streamErr == nil) || errors.Is(err, ErrSignature) != errors.Is(streamErr, ErrSignature) {
			t.Errorf("in memory %v, as a stream %v", err, streamErr)
		}
	})
}
