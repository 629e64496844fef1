package ntcp2

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/kem"
)

var hybrids = []kem.Kind{kem.None, kem.MLKEM512, kem.MLKEM768, kem.MLKEM1024}

// newHybrid is a pair in which Bob publishes one kind, and Alice asks for another.
func newHybrid(t testing.TB, seed byte, asked, published kem.Kind) *pair {
	return newPair(t, seed, func(p *pair) { p.peer.Hybrid, p.bobConfig.Hybrid = asked, published })
}

func TestHybrid(t *testing.T) {
	for i, kind := range hybrids {
		p := newHybrid(t, byte(i), kind, kind)
		if err := p.run(50 * time.Millisecond); err != nil {
			t.Fatalf("%v: %v", kind, err)
		}
		a, b := p.alice.Result(), p.bob.Result()
		if a.Hybrid != kind || b.Hybrid != kind {
			t.Errorf("%v: alice has %v, bob %v", kind, a.Hybrid, b.Hybrid)
		}
		exchange(t, a.Sender, b.Receiver)
		exchange(t, b.Sender, a.Receiver)
	}
}

// TestHybridSizes: the messages are as long as proposal 169 has them (NTCP2, Sizes).
func TestHybridSizes(t *testing.T) {
	for kind, want := range map[kem.Kind][2]int{kem.None: {64, 64}, kem.MLKEM512: {880, 848}, kem.MLKEM768: {1264, 1168}, kem.MLKEM1024: {1648, 1648}} {
		p := newPair(t, 1, func(p *pair) {
			p.peer.Hybrid, p.bobConfig.Hybrid = kind, kind
			p.aliceCfg.Unpadded, p.bobConfig.Unpadded = true, true
		})
		m1, err := p.alice.Start(start)
		if err != nil {
			t.Fatal(err)
		}
		m2, _, err := p.bob.Handle(start, m1)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int{len(m1), len(m2)}; got != want {
			t.Errorf("%v: messages of %v bytes, want %v", kind, got, want)
		}
	}
}

// TestHybridOffered: who knows of no hybrid is served without one; who asks one that does not have
// it, or another, gets no answer.
func TestHybridOffered(t *testing.T) {
	for _, published := range hybrids {
		for _, asked := range hybrids {
			p := newHybrid(t, 9, asked, published)
			m1, _ := p.alice.Start(start)
			m2, _, err := p.bob.Handle(start, m1)
			switch {
			case asked == kem.None || asked == published:
				if err != nil {
					t.Errorf("asked for %v, published %v: %v", asked, published, err)
				}
			case err == nil && asked.PublicLen() < published.PublicLen() && len(m2) == 0 && !p.bob.Authenticated():
				// Bob waits for what will not come.
			case !errors.Is(err, ErrAuthentication) && !errors.Is(err, ErrKey):
				t.Errorf("asked for %v, published %v: %v", asked, published, err)
			}
		}
	}
}

// TestHybridChanged: whoever changes a byte on the way ends the handshake, also where the mark goes and the
// section with it; Bob has not said a word then.
func TestHybridChanged(t *testing.T) {
	section := kem.MLKEM768.PublicLen() + macLen
	for name, change := range map[string]func(m1 []byte) []byte{
		"key":     func(m1 []byte) []byte { m1[3] ^= 1; return m1 },
		"section": func(m1 []byte) []byte { m1[keyLen+100] ^= 1; return m1 },
		"options": func(m1 []byte) []byte { m1[keyLen+section+5] ^= 1; return m1 },
		"no section": func(m1 []byte) []byte {
			return append(bytes.Clone(m1[:keyLen]), m1[keyLen+section:]...)
		},
	} {
		p := newHybrid(t, 3, kem.MLKEM768, kem.MLKEM768)
		m1, _ := p.alice.Start(start)
		m2, _, err := p.bob.Handle(start, change(m1))
		if len(m2) > 0 || p.bob.Authenticated() || name != "no section" && err == nil {
			t.Errorf("%s: %d bytes of an answer, %v", name, len(m2), err)
		}
	}
	// A mark that is taken away: Bob reads message 1 of plain NTCP2, and it is none.
	p := newHybrid(t, 3, kem.MLKEM768, kem.MLKEM768)
	m1, _ := p.alice.Start(start)
	iv := p.peer.IV
	key := deobfuscate(p.peer.Hash, &iv, [32]byte(m1))
	if !marked(key) {
		t.Fatal("message 1 has no mark")
	}
	key[keyLen-1] &^= hybridMark
	iv = p.peer.IV
	plain := obfuscate(p.peer.Hash, &iv, key)
	for name, rest := range map[string][]byte{"mark": m1[keyLen:], "mark and section": m1[keyLen+section:]} {
		bob := newHybrid(t, 3, kem.MLKEM768, kem.MLKEM768).bob
		if m2, _, err := bob.Handle(start, append(plain[:], rest...)); !errors.Is(err, ErrAuthentication) || len(m2) > 0 {
			t.Errorf("without its %s: %v, and %d bytes of an answer", name, err, len(m2))
		}
	}
	// One that is put in: what it would ask for is not there.
	p = newHybrid(t, 3, kem.None, kem.MLKEM768)
	m1, _ = p.alice.Start(start)
	iv = p.peer.IV
	key = deobfuscate(p.peer.Hash, &iv, [32]byte(m1))
	key[keyLen-1] |= hybridMark
	iv = p.peer.IV
	marked := obfuscate(p.peer.Hash, &iv, key)
	if m2, _, err := p.bob.Handle(start, append(marked[:], append(m1[keyLen:], make([]byte, section)...)...)); !errors.Is(err, ErrAuthentication) || len(m2) > 0 {
		t.Errorf("with a mark: %v, and %d bytes of an answer", err, len(m2))
	}
	// In message 2: Alice ends it.
	for _, at := range []int{3, keyLen + 50, keyLen + kem.MLKEM768.CiphertextLen() + macLen + 3} {
		p := newHybrid(t, 4, kem.MLKEM768, kem.MLKEM768)
		m1, _ := p.alice.Start(start)
		m2, _, err := p.bob.Handle(start, m1)
		if err != nil {
			t.Fatal(err)
		}
		m2[at] ^= 1
		if m3, _, err := p.alice.Handle(start, m2); err == nil || len(m3) > 0 {
			t.Errorf("byte %d of message 2 changed: %d bytes of an answer, %v", at, len(m3), err)
		}
	}
}

// BenchmarkHybrid is what both sides spend on a handshake.
func BenchmarkHybrid(b *testing.B) {
	for _, kind := range hybrids {
		b.Run(kind.String(), func(b *testing.B) {
			for b.Loop() {
				if err := newHybrid(b, 1, kind, kind).run(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
