package netdb

import (
	"bytes"
	"slices"

	"i2ptoolkit/pkg/i2p"
)

// Where a crowd begins.
const (
	crowdSlack = 4
	crowdBits  = 64
	noCrowd    = 257 // more bits than two hashes share
)

// table keeps entries in the order of their hashes, in one bucket for each
// first byte, and walks them by XOR distance from a key.
type table struct {
	buckets [256][]*entry
	n       int
}

func byHash(e *entry, h i2p.Hash) int { return bytes.Compare(e.sum.Hash[:], h[:]) }

func (t *table) insert(e *entry) {
	b := &t.buckets[e.sum.Hash[0]]
	i, found := slices.BinarySearchFunc(*b, e.sum.Hash, byHash)
	if found {
		(*b)[i] = e
		return
	}
	*b = slices.Insert(*b, i, e)
	t.n++
}

func (t *table) has(h i2p.Hash) bool {
	_, found := slices.BinarySearchFunc(t.buckets[h[0]], h, byHash)
	return found
}

func (t *table) remove(h i2p.Hash) {
	b := &t.buckets[h[0]]
	if i, found := slices.BinarySearchFunc(*b, h, byHash); found {
		*b = slices.Delete(*b, i, i+1)
		t.n--
	}
}

// walk calls visit for the entries in order of their distance from key,
// closest first, until it returns false.
func (t *table) walk(key i2p.Hash, visit func(*entry) bool) {
	for d := range 256 {
		if b := t.buckets[int(key[0])^d]; len(b) > 0 && !walkRange(b, key, 8, visit) {
			return
		}
	}
}

// walkRange walks sorted entries that agree in all bits before the given one:
// the half on the key's side of that bit comes first.
func walkRange(b []*entry, key i2p.Hash, bit int, visit func(*entry) bool) bool {
	for len(b) > 1 && bit < 256 {
		cut, _ := slices.BinarySearchFunc(b, 1, func(e *entry, one int) int { return bitAt(e.sum.Hash, bit) - one })
		near, far := b[:cut], b[cut:]
		if bitAt(key, bit) == 1 {
			near, far = far, near
		}
		bit++
		if !walkRange(near, key, bit, visit) {
			return false
		}
		b = far
	}
	for _, e := range b {
		if !visit(e) {
			return false
		}
	}
	return true
}

func bitAt(h i2p.Hash, bit int) int { return int(h[bit>>3]>>(7-bit&7)) & 1 }

// closer tells whether a is nearer to key than b.
func closer(key, a, b i2p.Hash) bool {
	for i := range key {
		if x, y := a[i]^key[i], b[i]^key[i]; x != y {
			return x < y
		}
	}
	return false
}

// crowdAt finds a crowd around a routing key: it returns the number of common
// bits from which on floodfills belong to it, or noCrowd where there is
// none. Honest hashes are spread evenly, so n/2^c of n are expected to share c
// bits with any key; four times that and four more hardly ever happens by chance.
func (t *table) crowdAt(routingKey i2p.Hash) int {
	var at [crowdBits + 1]int
	n := t.n
	expected := float64(n)
	inBucket := t.buckets[routingKey[0]]
	for _, e := range inBucket {
		at[min(SharedBits(e.sum.Hash, routingKey), crowdBits)]++
	}
	// Up to 7 common bits, whole buckets are counted.
	for d := 1; d < 256; d++ {
		c := SharedBits(i2p.Hash{byte(d)}, i2p.Hash{})
		at[c] += len(t.buckets[int(routingKey[0])^d])
	}
	within := n
	for c := 0; c < crowdBits; c++ {
		if float64(within) > crowdSlack+crowdSlack*expected {
			// Honest ones around it belong to no crowd: go on to where
			// it begins, as long as most lie still closer.
			for ; c < crowdBits && 4*(within-at[c]) > 3*within; c++ {
				within -= at[c]
			}
			return c
		}
		within -= at[c]
		expected /= 2
	}
	return noCrowd
}
