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

// BenchmarkHandshake is what a new session costs both sides together, New Session and its
// reply, and how long these are without what they carry: with X25519 alone, and with ML-KEM
// beside it.
func BenchmarkHandshake(b *testing.B) {
	for _, hybrid := range []i2p.EncryptionType{i2p.CryptoX25519, i2p.CryptoMLKEM512X25519, i2p.CryptoMLKEM768X25519, i2p.CryptoMLKEM1024X25519} {
		b.Run(fmt.Sprint(hybrid), func(b *testing.B) {
			cfg := Config{Limits: Limits{Replays: 1 << 30}}
			if hybrid != i2p.CryptoX25519 {
				cfg.Hybrid = hybrid
			}
			alice, bob := newEnd(b, 1, cfg), newEnd(b, 2, cfg)
			var first, reply int
			for b.Loop() {
				alice.forget(bob)
				ns := alice.sealPayload(start, bob, Payload{})
				first = len(ns.Body)
				bob.open(start, ns)
				nsr := bob.sealPayload(start, alice, Payload{})
				reply = len(nsr.Body)
				alice.open(start, nsr)
			}
			b.ReportMetric(float64(first), "B/new-session")
			b.ReportMetric(float64(reply), "B/reply")
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
