package transport

import (
	"net/netip"
	"sync"

	"i2ptoolkit/pkg/origin"
)

// Stock is memory that all peers have in common: what waits for them, or is on its way, may take it where
// the room of their own does not do.
//
// Nobody gets all of it: who has borrowed as much as is left gets no more, and so do all of one host
// together, of one network and of a wide one (dynamic thresholds: Choudhury and Hahne, 1998). One borrower gets half of it, two a
// third each; whoever comes next finds some, as long as those before him do not come from everywhere.
type Stock struct {
	most int

	mu   sync.Mutex
	lent int
	by   origin.Crowd
}

// NewStock makes a stock of so many bytes.
func NewStock(most int) *Stock { return &Stock{most: most} }

// nowhere is where peers are to whom there was no session yet. What they say of where they are is
// theirs to choose, so that they count as one host.
var nowhere = origin.Of(netip.IPv6Unspecified())

// Lend is a loan for what may hold so many bytes in any case, and belongs to a peer of these networks.
func (s *Stock) Lend(own int, to origin.Networks) Loan { return Loan{from: s, own: own, to: to} }

// Lent is how much of it is lent.
func (s *Stock) Lent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lent
}

// left is how much more may be lent to one. The caller holds mu.
func (s *Stock) left(l *Loan) int {
	has := l.bytes
	for _, n := range l.to {
		has = max(has, s.by.Held(n))
	}
	return max(s.most-s.lent-has, 0) / 2 // what is lent is left no more
}

// lend changes what one has by so much. The caller holds mu.
func (s *Stock) lend(l *Loan, n int) {
	l.bytes += n
	s.lent += n
	s.by.Add(l.to, n)
}

// Loan is what one has of a stock. One goroutine at a time uses it. The zero value lends nothing.
type Loan struct {
	from  *Stock
	own   int // bytes that it may hold beside
	to    origin.Networks
	bytes int
}

// Could reports whether a holder could have so many bytes.
func (l *Loan) Could(hold int) bool {
	more := hold - l.own - l.bytes
	if more <= 0 || l.from == nil {
		return more <= 0
	}
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	return more <= l.from.left(l)
}

// Settle has the loan be what a holder of so many bytes needs, or as much of that as there is, and tells
// how many bytes are missing.
func (l *Loan) Settle(holds int) (missing int) {
	need := max(holds-l.own, 0)
	if need == l.bytes || l.from == nil {
		return need - l.bytes
	}
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	l.from.lend(l, min(need-l.bytes, l.from.left(l)))
	return need - l.bytes
}

// belong has the loan be one to a peer of other networks.
func (l *Loan) belong(to origin.Networks) {
	if to == l.to {
		return
	}
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	has := l.bytes
	l.from.lend(l, -has)
	l.to = to
	l.from.lend(l, has)
}
