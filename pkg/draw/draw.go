// Package draw makes what is drawn by lot out of random bytes: numbers without bias, times,
// ids that are not zero, orders.
//
// There is one policy for a source that fails, as a reader may: the draw panics. No random
// bytes means no keys, no tunnel ids and no choice of peers that an observer could not
// foretell; nothing of a router may go on like that, least of all with zeros in their place.
// crypto/rand ends the program for the same reason, and a test's reader has no cause to fail.
// So no draw returns an error, and no caller has a way to overlook one.
package draw

import (
	"bufio"
	crand "crypto/rand"
	"encoding/binary"
	"io"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"time"
)

// batch is how many of the system's random bytes are fetched at once for numbers. Bytes that
// were asked for as bytes are keys, which do not lie about in a buffer.
const batch = 256

// Source is what one owner draws from. It is an io.Reader that never fails, for what takes
// one.
type Source struct {
	bytes   io.Reader
	numbers io.Reader
	word    [8]byte // kept here, where it does not escape at every draw
}

// From returns a Source that reads r; nil is crypto/rand. A Source is returned as it is.
func From(r io.Reader) *Source {
	if s, ok := r.(*Source); ok && s != nil {
		return s
	} else if ok || r == nil || r == crand.Reader {
		return &Source{bytes: crand.Reader, numbers: bufio.NewReaderSize(crand.Reader, batch)}
	}
	return &Source{bytes: r, numbers: r}
}

// Seeded returns a Source of the ChaCha8 key stream of seed.
func Seeded(seed [32]byte) *Source { return From(rand.NewChaCha8(seed)) }

// Fill fills b with random bytes of r; nil is crypto/rand.
func Fill(r io.Reader, b []byte) {
	if r == nil {
		r = crand.Reader
	}
	if _, err := io.ReadFull(r, b); err != nil {
		panic("draw: the source of randomness failed: " + err.Error())
	}
}

// Fill fills b with random bytes.
func (s *Source) Fill(b []byte) { Fill(s.bytes, b) }

// Read fills b with random bytes, and returns its length and nil.
func (s *Source) Read(b []byte) (int, error) {
	s.Fill(b)
	return len(b), nil
}

// Byte draws a byte.
func (s *Source) Byte() byte {
	Fill(s.numbers, s.word[:1])
	return s.word[0]
}

// Uint64 draws 64 bits.
func (s *Source) Uint64() uint64 {
	Fill(s.numbers, s.word[:])
	return binary.BigEndian.Uint64(s.word[:])
}

// Nonzero32 draws any number but 0: the id of a tunnel, a message or a stream.
func (s *Source) Nonzero32() uint32 {
	for range stuck {
		Fill(s.numbers, s.word[:4])
		if n := binary.BigEndian.Uint32(s.word[:4]); n != 0 {
			return n
		}
	}
	panic("draw: the source of randomness is stuck")
}

// Below draws a number from 0 to n-1, each as likely as the others. It panics where there is
// none.
func (s *Source) Below(n int) int {
	if n <= 0 {
		panic("draw: a number below " + strconv.Itoa(n))
	}
	return int(s.below(uint64(n)))
}

// stuck is how many draws in a row are thrown away. That many mean a source that repeats
// itself: even where half of all must go, it does not happen by chance.
const stuck = 128

// below takes the upper half of the product of 64 bits and n (Lemire, "Fast Random Integer
// Generation in an Interval"). What comes out once too often is drawn again.
func (s *Source) below(n uint64) uint64 {
	excess := -n % n // 2^64 modulo n
	for range stuck {
		if hi, lo := bits.Mul64(s.Uint64(), n); lo >= excess {
			return hi
		}
	}
	panic("draw: the source of randomness is stuck")
}

// Unit draws a number from 0 up to but not 1.
func (s *Source) Unit() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// Between draws a time from least up to but not most; it is least where there is none.
func (s *Source) Between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(s.below(uint64(most-least)))
}

// Shuffle brings n things, which swap exchanges, into a random order.
func (s *Source) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.Below(i+1))
	}
}

// Perm draws an order of the numbers from 0 to n-1.
func (s *Source) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	s.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// Split returns a Source for another owner, such as a goroutine that runs beside this one. It
// is crypto/rand where s is, and else a stream of its own, seeded from s.
func (s *Source) Split() *Source {
	if s.bytes == crand.Reader {
		return From(nil)
	}
	return From(s.Stream())
}

// Stream returns a key stream seeded from the source, for those who draw with every message.
func (s *Source) Stream() *rand.ChaCha8 {
	var seed [32]byte
	s.Fill(seed[:])
	return rand.NewChaCha8(seed)
}
