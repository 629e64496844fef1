package ratchet

import (
	"fmt"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// What the messages cost next to their AEAD alone. Sealing needs two key
// derivations per message, twelve SHA-256 in all; so does opening.
func BenchmarkExistingSession(b *testing.B) {
	for _, n := range []int{100, 1800} {
		p := Payload{Cloves: []i2np.Clove{clove(string(make([]byte, n)))}}
		b.Run(fmt.Sprintf("Seal%d", n), func(b *testing.B) {
			alice, bob := connected(b, Config{})
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				cur := alice.roster.peers[bob.static.Public].current
				if cur.out.nextTagN > 4000 {
					cur.out.nextTagN = 0
				}
				if _, err := alice.Seal(start, bob.peer(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Open%d", n), func(b *testing.B) {
			var alice, bob *end
			var batch []Sealed
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if len(batch) == 0 {
					b.StopTimer()
					alice, bob = connected(b, Config{})
					for range 3000 {
						batch = append(batch, alice.sealPayload(start, bob, p))
					}
					b.StartTimer()
				}
				if _, err := bob.Open(start, batch[0].Body); err != nil {
					b.Fatal(err)
				}
				batch = batch[1:]
			}
		})
		b.Run(fmt.Sprintf("AEAD%d", n), func(b *testing.B) {
			dst, plain := make([]byte, 0, 4096), make([]byte, n)
			var key [32]byte
			var nonce [12]byte
			b.SetBytes(int64(n))
			for b.Loop() {
				aead, err := chacha20poly1305.New(key[:])
				if err != nil {
					b.Fatal(err)
				}
				aead.Seal(dst, nonce[:], plain, nil)
			}
		})
	}
}

func BenchmarkHandshake(b *testing.B) {
	for _, hybrid := range []i2p.EncryptionType{0, i2p.CryptoMLKEM768X25519, i2p.CryptoMLKEM1024X25519} {
		b.Run(fmt.Sprint(hybrid), func(b *testing.B) {
			cfg := Config{Hybrid: hybrid, Limits: Limits{Replays: 1 << 30}}
			alice, bob := newEnd(b, 1, cfg), newEnd(b, 2, cfg)
			for b.Loop() {
				alice.forget(bob)
				bob.open(start, alice.sealPayload(start, bob, Payload{}))
				alice.open(start, bob.sealPayload(start, alice, Payload{}))
			}
		})
	}
}

func BenchmarkJunk(b *testing.B) {
	bob := newEnd(b, 2, Config{})
	junk := make([]byte, 200)
	for i := range junk {
		junk[i] = byte(i * 7)
	}
	for b.Loop() {
		if _, err := bob.Open(start, junk); err == nil {
			b.Fatal("opened junk")
		}
	}
}
