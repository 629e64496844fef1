package aescbc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"testing"
)

// kinds are the implementations this machine has, by the value of fast.
func kinds() []bool {
	if accelerated() {
		return []bool{true, false}
	}
	return []bool{false}
}

func fill(r *rand.ChaCha8, b []byte) []byte {
	_, _ = r.Read(b)
	return b
}

// oracle encrypts with the standard library.
func oracle(key *[KeyLen]byte, iv [BlockLen]byte, src []byte) []byte {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	dst := make([]byte, len(src))
	cipher.NewCBCEncrypter(b, iv[:]).CryptBlocks(dst, src)
	return dst
}

// TestVector is FIPS 197, C.3.
func TestVector(t *testing.T) {
	var key [KeyLen]byte
	var block [BlockLen]byte
	for i := range key {
		key[i] = byte(i)
	}
	for i := range block {
		block[i] = byte(i * 0x11)
	}
	plain := block
	for _, fast := range kinds() {
		newEncrypter(&key, fast).EncryptBlock(&block)
		if got := fmt.Sprintf("%x", block); got != "8ea2b7ca516745bfeafc49904b496089" {
			t.Errorf("fast %v: %s", fast, got)
		}
		newDecrypter(&key, fast).DecryptBlock(&block)
		if block != plain {
			t.Errorf("fast %v: decrypted to %x", fast, block)
		}
	}
}

// compare encrypts messages of the given numbers of blocks together and
// decrypts each, in place or apart, and compares with the standard library.
// What surrounds dst must stay.
func compare(t *testing.T, fast, inPlace bool, r *rand.ChaCha8, blocks ...int) {
	t.Helper()
	const margin = 8
	messages := make([]Message, len(blocks))
	decrypters := make([]*Decrypter, len(blocks))
	ivs := make([][BlockLen]byte, len(blocks))
	around, plain, want := make([][]byte, len(blocks)), make([][]byte, len(blocks)), make([][]byte, len(blocks))
	for i, n := range blocks {
		key := [KeyLen]byte(fill(r, make([]byte, KeyLen)))
		ivs[i] = [BlockLen]byte(fill(r, make([]byte, BlockLen)))
		plain[i] = fill(r, make([]byte, n*BlockLen))
		want[i] = oracle(&key, ivs[i], plain[i])
		around[i] = make([]byte, margin+len(plain[i])+margin)
		dst, src := around[i][margin:margin+len(plain[i])], bytes.Clone(plain[i])
		if inPlace {
			copy(dst, src)
			src = dst
		}
		messages[i] = Message{Key: newEncrypter(&key, fast), IV: ivs[i], Dst: dst, Src: src}
		decrypters[i] = newDecrypter(&key, fast)
	}
	Encrypt(messages)
	for i := range messages {
		m := &messages[i]
		if !bytes.Equal(m.Dst, want[i]) {
			t.Fatalf("fast %v, in place %v, blocks %v: message %d encrypts wrongly", fast, inPlace, blocks, i)
		}
		iv := ivs[i]
		if inPlace {
			decrypters[i].Decrypt(&iv, m.Dst, m.Dst)
		} else {
			decrypters[i].Decrypt(&iv, m.Dst, bytes.Clone(m.Dst))
		}
		if !bytes.Equal(m.Dst, plain[i]) {
			t.Fatalf("fast %v, in place %v, blocks %v: message %d decrypts wrongly", fast, inPlace, blocks, i)
		}
		zero := make([]byte, margin)
		if !bytes.Equal(around[i][:margin], zero) || !bytes.Equal(around[i][margin+len(plain[i]):], zero) {
			t.Fatalf("fast %v, in place %v, blocks %v: message %d written out of bounds", fast, inPlace, blocks, i)
		}
	}
}

func TestOracle(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	for _, fast := range kinds() {
		for _, inPlace := range []bool{true, false} {
			for n := range 70 { // every length alone
				compare(t, fast, inPlace, r, n)
			}
			for count := range 20 { // every number of messages of one length, and of mixed ones
				same, mixed := make([]int, count), make([]int, count)
				for i := range count {
					same[i], mixed[i] = 63, int(r.Uint64()%70)
				}
				compare(t, fast, inPlace, r, same...)
				compare(t, fast, inPlace, r, mixed...)
			}
		}
	}
}

// TestSharedKey: messages of one tunnel have one key.
func TestSharedKey(t *testing.T) {
	r := rand.NewChaCha8([32]byte{2})
	key := [KeyLen]byte(fill(r, make([]byte, KeyLen)))
	for _, fast := range kinds() {
		e := newEncrypter(&key, fast)
		messages := make([]Message, lanes)
		want := make([][]byte, lanes)
		for i := range messages {
			text := fill(r, make([]byte, 1008))
			messages[i] = Message{Key: e, IV: [BlockLen]byte(text[5:]), Dst: text, Src: text}
			want[i] = oracle(&key, messages[i].IV, text)
		}
		Encrypt(messages)
		for i := range messages {
			if !bytes.Equal(messages[i].Dst, want[i]) {
				t.Errorf("fast %v: message %d encrypts wrongly", fast, i)
			}
		}
	}
}

// TestMixedKinds: a portable key among the others is not taken along.
func TestMixedKinds(t *testing.T) {
	var key [KeyLen]byte
	messages := make([]Message, 3)
	for i := range messages {
		b := make([]byte, 160)
		messages[i] = Message{Key: newEncrypter(&key, accelerated() && i != 1), Dst: b, Src: b}
	}
	Encrypt(messages)
	for i := range messages {
		if !bytes.Equal(messages[i].Dst, oracle(&key, [BlockLen]byte{}, make([]byte, 160))) {
			t.Errorf("message %d encrypts wrongly", i)
		}
	}
}

func TestLengths(t *testing.T) {
	var key [KeyLen]byte
	var iv [BlockLen]byte
	b := make([]byte, 64)
	for name, f := range map[string]func(){
		"part of a block encrypted": func() { Encrypt([]Message{{Key: NewEncrypter(&key), Dst: b, Src: b[:17]}}) },
		"part of a block decrypted": func() { NewDecrypter(&key).Decrypt(&iv, b, b[:17]) },
		"no room":                   func() { NewDecrypter(&key).Decrypt(&iv, b[:16], b) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestAllocations(t *testing.T) {
	var key [KeyLen]byte
	b := make([]byte, 1008)
	for _, fast := range kinds() {
		e, d := newEncrypter(&key, fast), newDecrypter(&key, fast)
		if n := testing.AllocsPerRun(10, func() {
			var ms [2]Message
			var iv [BlockLen]byte
			e.EncryptBlock(&iv)
			d.DecryptBlock(&iv)
			ms[0] = Message{Key: e, Dst: b[:496], Src: b[:496]}
			ms[1] = Message{Key: e, Dst: b[512:], Src: b[512:]}
			Encrypt(ms[:])
			d.Decrypt(&iv, b, b)
		}); n != 0 {
			t.Errorf("fast %v: %v allocations", fast, n)
		}
	}
}

// FuzzCBC: keys, IVs, texts and lengths of anybody's choice.
func FuzzCBC(f *testing.F) {
	f.Add([]byte("key"), []byte("a text"), uint8(3), true)
	f.Add([]byte{}, make([]byte, 1008), uint8(8), false)
	f.Add(make([]byte, 40), make([]byte, 130), uint8(12), true)
	f.Fuzz(func(t *testing.T, key, text []byte, count uint8, inPlace bool) {
		var k [KeyLen]byte
		copy(k[:], key)
		for _, fast := range kinds() {
			e, d := newEncrypter(&k, fast), newDecrypter(&k, fast)
			messages := make([]Message, count%20)
			want := make([][]byte, len(messages))
			for i := range messages {
				src := bytes.Clone(text[min(i*BlockLen/2, len(text)):])
				src = src[:len(src)/BlockLen*BlockLen]
				m := Message{Key: e, Dst: src, Src: src}
				m.IV[i%BlockLen] = byte(i)
				want[i] = oracle(&k, m.IV, src)
				if !inPlace {
					m.Dst = make([]byte, len(src))
				}
				messages[i] = m
			}
			plain := bytes.Clone(text)
			Encrypt(messages)
			for i := range messages {
				if !bytes.Equal(messages[i].Dst, want[i]) {
					t.Fatalf("fast %v: message %d of %d encrypts wrongly", fast, i, len(messages))
				}
				var iv [BlockLen]byte
				iv[i%BlockLen] = byte(i)
				d.Decrypt(&iv, want[i], messages[i].Dst)
				from := min(i*BlockLen/2, len(plain))
				if !bytes.Equal(want[i], plain[from:from+len(want[i])]) {
					t.Fatalf("fast %v: message %d decrypts wrongly", fast, i)
				}
			}
		}
	})
}

func name(fast bool) string {
	if fast {
		return "asm"
	}
	return "std"
}

// BenchmarkEncrypt is of a tunnel message's 1008 bytes, per message.
func BenchmarkEncrypt(b *testing.B) {
	for _, fast := range kinds() {
		for _, n := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("%s/%d", name(fast), n), func(b *testing.B) {
				var key [KeyLen]byte
				messages := make([]Message, n)
				for i := range messages {
					text := make([]byte, 1008)
					messages[i] = Message{Key: newEncrypter(&key, fast), Dst: text, Src: text}
				}
				b.SetBytes(int64(1008 * n))
				for b.Loop() {
					Encrypt(messages)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/msg")
			})
		}
	}
}

func BenchmarkDecrypt(b *testing.B) {
	for _, fast := range kinds() {
		b.Run(name(fast), func(b *testing.B) {
			var key [KeyLen]byte
			var iv [BlockLen]byte
			d, text := newDecrypter(&key, fast), make([]byte, 1008)
			b.SetBytes(1008)
			for b.Loop() {
				d.Decrypt(&iv, text, text)
			}
		})
	}
}

func BenchmarkKey(b *testing.B) {
	for _, fast := range kinds() {
		b.Run(name(fast), func(b *testing.B) {
			var key [KeyLen]byte
			for b.Loop() {
				newDecrypter(&key, fast)
			}
		})
	}
}
