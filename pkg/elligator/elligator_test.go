package elligator

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"filippo.io/edwards25519"

	"i2ptoolkit/pkg/noise"
)

func bytes32(t testing.TB, s string) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		t.Fatalf("bad vector %q", s)
	}
	return [32]byte(b)
}

// canonical reduces a little-endian number modulo 2^255-19. i2pd's vector for
// encoding has its top bit set, which X25519 would ignore and i2pd counts.
func canonical(k [32]byte) [32]byte {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	slices.Reverse(k[:])
	n := new(big.Int).SetBytes(k[:])
	n.Mod(n, p).FillBytes(k[:])
	slices.Reverse(k[:])
	return k
}

// Values of i2pd's tests/test-elligator.cpp.
func TestEncodeVectors(t *testing.T) {
	key := canonical(bytes32(t, "33951964003c940878063ccfd0348af42150ca16d2646f2c5856e8338377d880"))
	for _, v := range []struct {
		tweak byte
		want  string
	}{
		{0, "2820b6b241e0f68a6c4a7fee3d978228ef3ae45533cd410aa91a415331d8612d"},
		{1, "3cfb87c46c0b4575ca8175e0ed1c0ae9dae79db78df86997c4847b9f20b27718"},
		{0x80, "2820b6b241e0f68a6c4a7fee3d978228ef3ae45533cd410aa91a415331d861ad"},
		{0xc1, "3cfb87c46c0b4575ca8175e0ed1c0ae9dae79db78df86997c4847b9f20b277d8"},
	} {
		got, ok := Encode(key, v.tweak)
		if !ok || got != bytes32(t, v.want) {
			t.Errorf("tweak %#x: got %x, %v, want %s", v.tweak, got, ok, v.want)
		}
		if back := Decode(got); back != key {
			t.Errorf("tweak %#x: decodes to %x, want %x", v.tweak, back, key)
		}
	}
	unfit := bytes32(t, "e6f66fdf6e230c603c5e6e59a254ea1476a13eb9511b9549846781e12e52230a")
	if got, ok := Encode(unfit, 0); ok {
		t.Errorf("a key without representative was encoded as %x", got)
	}
}

// Values of i2pd's tests/test-elligator.cpp.
func TestDecodeVectors(t *testing.T) {
	for _, v := range []struct{ representative, key string }{
		{"e73507d38bae63992b3f57aac48c0abc14509589288457995a2b4ca3490aa207", "1e8afffed6bf53fe271ad572473262ded8faec68e5e67ef45ebb82eeba52604f"},
		{"95a16019041dbefed9832048ede11928d90365f24a38aa7aef1b97e23954101b", "794f05ba3e3a72958022468c88981e0be5782be1e1145ce2c3c6fde16ded5363"},
		{"f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff3f", "9cdb525555555555555555555555555555555555555555555555555555555555"},
	} {
		if got := Decode(bytes32(t, v.representative)); got != bytes32(t, v.key) {
			t.Errorf("%s decodes to %x, want %s", v.representative, got, v.key)
		}
	}
}

func TestGenerateKey(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{7})
	peer := noise.GenerateKey(rng)
	torsion, top := map[string]bool{}, map[byte]bool{}
	for range 64 {
		k, rep := GenerateKey(rng)
		top[rep[31]&0xc0] = true
		if got := Decode(rep); got != k.Public {
			t.Fatalf("decodes to %x, want %x", got, k.Public)
		}
		// The low-order part must not matter to either side.
		a, err := k.DH(peer.Public)
		if err != nil {
			t.Fatal(err)
		}
		b, err := peer.DH(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		clean, err := peer.DH(noise.NewKeyPair(k.Private()).Public)
		if err != nil || a != b || a != clean {
			t.Fatalf("shared secrets %x, %x, %x, error %v", a, b, clean, err)
		}
		torsion[string(lowOrderPart(t, k))] = true
	}
	if len(top) != 4 {
		t.Errorf("%d combinations of the top bits, want 4", len(top))
	}
	// The x coordinate of B·s + T and of its torsion variants: all eight
	// multiples occur, seen up to the sign.
	if len(torsion) < 5 {
		t.Errorf("%d low-order parts seen", len(torsion))
	}
}

// lowOrderPart returns the torsion multiple that was added to k's public key.
func lowOrderPart(t *testing.T, k noise.KeyPair) []byte {
	for i := range byte(8) {
		if m := montgomery(k.Private(), i); m == k.Public {
			return []byte{i}
		}
	}
	t.Fatal("the public key does not belong to the private key")
	return nil
}

func TestOrderEight(t *testing.T) {
	p, err := edwards25519.NewIdentityPoint().SetBytes(orderEight[:])
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 8; i *= 2 {
		if p.Equal(edwards25519.NewIdentityPoint()) == 1 {
			t.Fatalf("order divides %d", i)
		}
		p.Add(p, p)
	}
	if p.Equal(edwards25519.NewIdentityPoint()) != 1 {
		t.Fatal("order is not eight")
	}
}

func TestEdges(t *testing.T) {
	var zero [32]byte
	if got := Decode(zero); got != Decode([32]byte{31: 0xc0}) {
		t.Error("the top bits of a representative count")
	}
	for _, tweak := range []byte{0, 1} {
		if rep, ok := Encode(zero, tweak); ok {
			t.Errorf("zero was encoded as %x", rep)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(bytes.Repeat([]byte{0xff}, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 32 {
			return
		}
		key := Decode([32]byte(b))
		for _, tweak := range []byte{0, 1} {
			rep, ok := Encode(key, tweak)
			if ok && Decode(rep) != key {
				t.Fatalf("%x: key %x has representative %x that decodes to %x", b, key, rep, Decode(rep))
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	key := Decode([32]byte{1, 2, 3})
	for b.Loop() {
		Encode(key, 0)
	}
}

func BenchmarkDecode(b *testing.B) {
	rep := [32]byte{1, 2, 3}
	for b.Loop() {
		rep = Decode(rep)
	}
}

func BenchmarkGenerateKey(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{7})
	for b.Loop() {
		GenerateKey(rng)
	}
}
