package transport

import "sync/atomic"

// stock is memory that all peers have in common: what waits for them, or is on its way, may take it where
// the room of their own does not do.
type stock struct {
	most int64
	lent atomic.Int64
}

// Loan is what one has of the memory that all have in common. One goroutine at a time uses it.
type Loan struct {
	from  *stock
	own   int // bytes that it may hold beside
	bytes int
}

// Lend is a loan for what may hold so many bytes in any case.
func (h *Host) Lend(own int) Loan { return Loan{from: h.t.stock, own: own} }

// More reports whether there is something to borrow.
func (l *Loan) More() bool { return l.from != nil && l.from.lent.Load() < l.from.most }

// Settle has the loan be what a holder of so many bytes needs.
func (l *Loan) Settle(holds int) {
	if l.from == nil {
		return
	}
	if need := max(holds-l.own, 0); need != l.bytes {
		l.from.lent.Add(int64(need - l.bytes))
		l.bytes = need
	}
}
