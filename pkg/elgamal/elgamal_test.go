package elgamal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"testing"

	"i2ptoolkit/pkg/draw"
)

func seeded(n byte) io.Reader { return draw.Seeded([32]byte{n}) }

func someData(r io.Reader) (d [DataLen]byte) {
	draw.Fill(r, d[:])
	return d
}

// fullKey is one whose exponent is as long as the prime, as Java's routers draw them on some machines.
func fullKey(t testing.TB, r io.Reader) *PrivateKey {
	t.Helper()
	var b [KeyLen]byte
	draw.Fill(r, b[:])
	b[0] = b[0]&0x7f | 1
	k, err := NewPrivateKey(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestGroup checks the prime by the formula that it is defined by (RFC 3526, section 3), and that it is one.
func TestGroup(t *testing.T) {
	// 2^2048 - 2^1984 - 1 + 2^64 * { [2^1918 pi] + 124476 }: the ends are all ones, whatever pi is.
	ones := bytes.Repeat([]byte{0xff}, 8)
	if p := primeBytes(); len(p) != KeyLen || !bytes.HasPrefix(p, ones) || !bytes.HasSuffix(p, ones) {
		t.Error("the prime does not begin and end as it must")
	}
	if q := new(big.Int).Rsh(bigPrime, 1); !bigPrime.ProbablyPrime(8) || !q.ProbablyPrime(8) {
		t.Error("it is no safe prime")
	}
}

func TestRoundTrip(t *testing.T) {
	r := seeded(1)
	for _, k := range []*PrivateKey{GenerateKey(r), fullKey(t, r)} {
		again, err := NewPrivateKey(bytes.Clone(sliceOf(k.Bytes())))
		if err != nil || again.Public().Bytes() != k.Public().Bytes() {
			t.Fatalf("the key read again is another one: %v", err)
		}
		to, err := NewPublicKey(sliceOf(k.Public().Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		data := someData(r)
		block := to.Encrypt(r, &data)
		if !Plausible(&block) {
			t.Error("a block that is not plausible")
		}
		if got, err := again.Decrypt(&block); err != nil || got != data {
			t.Errorf("decrypted %x, %v; want %x", got, err, data)
		}
		if second := to.Encrypt(r, &data); second == block {
			t.Error("the same block twice")
		}
	}
}

func sliceOf(b [KeyLen]byte) []byte { return b[:] }

// TestByTheBook decrypts by the formula of the specification, and encrypts by it, with math/big.
func TestByTheBook(t *testing.T) {
	r := seeded(2)
	for _, k := range []*PrivateKey{GenerateKey(r), fullKey(t, r)} {
		data := someData(r)
		block := k.Public().Encrypt(r, &data)
		one := big.NewInt(1)
		e := new(big.Int).Sub(bigPrime, one)
		e.Sub(e, new(big.Int).SetBytes(k.x))
		m := new(big.Int).Exp(new(big.Int).SetBytes(block[:partLen]), e, bigPrime)
		m.Mul(m, new(big.Int).SetBytes(block[partLen:])).Mod(m, bigPrime)
		sum := sha256.Sum256(data[:])
		if b := m.Bytes(); len(b) != messageLen || !bytes.Equal(b[1:], append(sum[:], data[:]...)) {
			t.Errorf("by the book the message is %x", b)
		}

		var exponent [KeyLen - 1]byte
		draw.Fill(r, exponent[:])
		n := new(big.Int).SetBytes(exponent[:])
		message := append(append([]byte{0xff}, sum[:]...), data[:]...)
		b := new(big.Int).Exp(new(big.Int).SetBytes(sliceOf(k.Public().Bytes())), n, bigPrime)
		b.Mul(b, new(big.Int).SetBytes(message)).Mod(b, bigPrime)
		block = [BlockLen]byte{}
		new(big.Int).Exp(big.NewInt(2), n, bigPrime).FillBytes(block[:partLen])
		b.FillBytes(block[partLen:])
		if got, err := k.Decrypt(&block); err != nil || got != data {
			t.Errorf("what was encrypted by the book: %v", err)
		}
	}
}

func TestRefused(t *testing.T) {
	r := seeded(3)
	k, other := GenerateKey(r), GenerateKey(r)
	data := someData(r)
	good := k.Public().Encrypt(r, &data)
	less := primeBytes()
	less[KeyLen-1]--
	for what, change := range map[string]func(*[BlockLen]byte){
		"a first byte":       func(b *[BlockLen]byte) { b[0] = 1 },
		"a byte between":     func(b *[BlockLen]byte) { b[partLen] = 1 },
		"a bit of the first": func(b *[BlockLen]byte) { b[100] ^= 1 },
		"a bit of the other": func(b *[BlockLen]byte) { b[400] ^= 1 },
		"nothing at all":     func(b *[BlockLen]byte) { clear(b[:]) },
		"one":                func(b *[BlockLen]byte) { clear(b[1:partLen]); b[partLen-1] = 1 },
		"the prime":          func(b *[BlockLen]byte) { copy(b[1:], primeBytes()) },
		"the prime less one": func(b *[BlockLen]byte) { copy(b[1:], less) },
		"more than it":       func(b *[BlockLen]byte) { copy(b[partLen+1:], bytes.Repeat([]byte{0xff}, KeyLen)) },
	} {
		block := good
		change(&block)
		if got, err := k.Decrypt(&block); !errors.Is(err, ErrDecrypt) || got != [DataLen]byte{} {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := other.Decrypt(&good); !errors.Is(err, ErrDecrypt) {
		t.Errorf("another's key: %v", err)
	}
	for what, key := range map[string][]byte{
		"short": make([]byte, 32), "zero": make([]byte, KeyLen), "one": append(make([]byte, KeyLen-1), 1),
		"the prime": primeBytes(), "the prime less one": less,
	} {
		if _, err := NewPublicKey(key); !errors.Is(err, ErrKey) {
			t.Errorf("public key, %s: %v", what, err)
		}
	}
	for what, key := range map[string][]byte{"short": make([]byte, 32), "zero": make([]byte, KeyLen)} {
		if _, err := NewPrivateKey(key); !errors.Is(err, ErrKey) {
			t.Errorf("private key, %s: %v", what, err)
		}
	}
}

// FuzzDecrypt has blocks of strangers decrypted.
func FuzzDecrypt(f *testing.F) {
	k := GenerateKey(seeded(4))
	data := someData(seeded(5))
	good := k.Public().Encrypt(seeded(6), &data)
	f.Add(good[:])
	f.Add(make([]byte, BlockLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		var block [BlockLen]byte
		copy(block[:], b)
		got, err := k.Decrypt(&block)
		if err == nil && block != good {
			t.Errorf("decrypted what nobody encrypted: %x", got)
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	k := GenerateKey(seeded(7)).Public()
	data := someData(seeded(8))
	for b.Loop() {
		k.Encrypt(nil, &data)
	}
}

// BenchmarkDecrypt is with a key of ours, and with one that is as long as the prime.
func BenchmarkDecrypt(b *testing.B) {
	for name, k := range map[string]*PrivateKey{"short": GenerateKey(seeded(9)), "full": fullKey(b, seeded(9))} {
		data := someData(seeded(10))
		block := k.Public().Encrypt(nil, &data)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Decrypt(&block); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
