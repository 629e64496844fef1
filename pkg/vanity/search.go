// Package vanity searches for destinations whose base32 address begins or ends with a
// wanted text or matches an expression. Only padding varies, so that one candidate costs
// 120 rounds of SHA-256 instead of 448; assembly kernels do them for many at once.
package vanity

import (
	"context"
	"crypto/sha256"
	"fmt"

	"i2ptoolkit/pkg/i2p"
)

// noncesPerUnit is how many nonces are tried with one batch of salts.
const noncesPerUnit = 1 << 13

// UnitSize is how many candidates a unit of work has.
const UnitSize = batchLen * noncesPerUnit

// manyFilters is how many filters are scanned for one by one; more prefixes share a table.
const manyFilters = 4

// Search is the space of all destinations with the keys of one, and what is looked for in
// it. It does not change, and several workers share it.
type Search struct {
	template [destinationLen]byte
	patterns *Patterns
	kernel   *Kernel
	filters  []filter
	scanned  []filter // those that a batch is scanned for one by one
	whole    bool     // every candidate's whole address is needed
	// table stands for the other filters: a bit for each value of the first word's top 16
	// bits that passes some of them.
	table *[1 << 13]byte
}

// NewSearch checks that the destination's layout leaves the padding that a search varies: a
// signing key of 32 bytes.
func NewSearch(d i2p.Destination, p *Patterns, k *Kernel) (*Search, error) {
	if d.Len() != destinationLen || d.SigType().PublicKeyLen() != 32 {
		return nil, fmt.Errorf("vanity: a destination with an %v key has no room for a search, expected Ed25519 or RedDSA", d.SigType())
	}
	s := &Search{template: [destinationLen]byte(d.Bytes()), patterns: p, kernel: k}
	s.filters, s.whole = p.filters()
	var tabled []filter
	for _, f := range s.filters {
		if f.firstMask != 0 && len(s.filters) > manyFilters {
			tabled = append(tabled, f)
		} else {
			s.scanned = append(s.scanned, f)
		}
	}
	if len(tabled) > 0 {
		s.table = newTable(tabled)
	}
	return s, nil
}

// newTable marks the top 16 bits of all first words that pass some filter.
func newTable(filters []filter) *[1 << 13]byte {
	t := new([1 << 13]byte)
	for _, f := range filters {
		for top := range uint32(1 << 16) {
			if (top<<16^f.first)&f.firstMask>>16 == 0 {
				t[top>>3] |= 1 << (top & 7)
			}
		}
	}
	return t
}

// Found is a destination that matches.
type Found struct {
	Destination i2p.Destination
	Pattern     string // as it was given
}

// Worker tries units, one after the other; each goroutine has its own.
type Worker struct {
	search  *Search
	batch   *batch
	address [addressLen]byte
}

// NewWorker makes a worker for the search.
func (s *Search) NewWorker() *Worker {
	return &Worker{search: s, batch: newBatch(&s.template)}
}

// Unit tries the candidates of a unit until one matches, they are exhausted or ctx ends. It
// returns how many were tried, and nil where none matches.
func (w *Worker) Unit(ctx context.Context, unit uint64) (found *Found, tried uint64) {
	w.batch.begin(w.search.kernel, unit*batchLen)
	for nonce := range uint32(noncesPerUnit) {
		if nonce%64 == 0 && ctx.Err() != nil {
			return nil, tried
		}
		tried += batchLen
		if w.search.whole {
			found = w.every(nonce)
		} else if w.search.kernel.run(w.batch, nonce); w.promising() {
			found = w.confirm(nonce)
		}
		if found != nil {
			return found, tried
		}
	}
	return nil, tried
}

// promising tells whether a word of the batch may pass a filter.
func (w *Worker) promising() bool {
	b := w.batch
	if t := w.search.table; t != nil {
		for _, h := range b.first {
			if t[h>>19]>>(h>>16&7)&1 != 0 {
				return true
			}
		}
	}
	for i := range w.search.scanned {
		f := &w.search.scanned[i]
		if f.firstMask != 0 && !anyMatch(&b.first, f.firstMask, f.first) {
			continue
		}
		if f.lastMask == 0 || anyMatch(&b.last, f.lastMask, f.last) {
			return true
		}
	}
	return false
}

// confirm looks for the candidate that passes a filter, and at its whole address.
func (w *Worker) confirm(nonce uint32) *Found {
	for i := range batchLen {
		for j := range w.search.filters {
			f := &w.search.filters[j]
			if w.batch.first[i]&f.firstMask != f.first || w.batch.last[i]&f.lastMask != f.last {
				continue
			}
			d := w.batch.destination(i, nonce)
			sum := sha256.Sum256(d[:])
			if text, ok := w.match(&sum); ok {
				return w.found(i, nonce, text)
			}
			break
		}
	}
	return nil
}

// every looks at all whole addresses.
func (w *Worker) every(nonce uint32) *Found {
	for i := range batchLen {
		sum := [sha256.Size]byte(w.batch.portable.of(&w.batch.midstates[i], nonce))
		if text, ok := w.match(&sum); ok {
			return w.found(i, nonce, text)
		}
	}
	return nil
}

func (w *Worker) match(sum *[sha256.Size]byte) (string, bool) {
	encode(&w.address, sum)
	return w.search.patterns.Match(w.address[:])
}

// encode is i2p.EncodeBase32 of a hash without allocation.
func encode(address *[addressLen]byte, sum *[sha256.Size]byte) {
	var acc, n uint32
	at := 0
	for _, c := range sum {
		acc, n = acc<<8|uint32(c), n+8
		for ; n >= 5; n -= 5 {
			address[at] = alphabet[acc>>(n-5)&31]
			at++
		}
	}
	address[at] = alphabet[acc<<(5-n)&31]
}

func (w *Worker) found(i int, nonce uint32, text string) *Found {
	raw := w.batch.destination(i, nonce)
	d, rest, err := i2p.ParseDestination(raw[:])
	if err != nil || len(rest) != 0 {
		panic(fmt.Sprintf("vanity: a candidate is no destination: %v", err)) // only padding differs from one
	}
	return &Found{Destination: d, Pattern: text}
}
