package transport

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/origin"
)

func of(format string, n ...any) origin.Networks {
	return origin.Of(netip.MustParseAddr(fmt.Sprintf(format, n...)))
}

// borrow has so many borrowers of the same networks take all that they get.
func borrow(s *Stock, n int, to func(i int) origin.Networks) (all int, loans []Loan) {
	for i := range n {
		l := s.Lend(0, to(i))
		l.Settle(1 << 40)
		all += l.bytes
		loans = append(loans, l)
	}
	return all, loans
}

// TestStock: nobody gets all of what peers have in common, as one host, side by side, or in the names of peers to
// whom there was no session: whoever comes next finds some, and all finds its way back.
func TestStock(t *testing.T) {
	const most = 32 << 20
	for name, to := range map[string]func(int) origin.Networks{
		"one host":       func(int) origin.Networks { return of("23.0.0.1") },
		"one IPv6 link":  func(i int) origin.Networks { return of("2001:db8::%x", i+1) },
		"IPv6 links":     func(i int) origin.Networks { return of("2001:db8:0:%x::1", i) },
		"side by side":   func(i int) origin.Networks { return of("23.0.0.%d", i) },
		"a wide network": func(i int) origin.Networks { return of("23.0.%d.1", i) },
		"no session yet": func(int) origin.Networks { return nowhere },
	} {
		s := NewStock(most)
		all, loans := borrow(s, 200, to)
		if all > most/2 || all < most/3 {
			t.Errorf("%s: %d bytes are lent, of %d", name, all, most)
		}
		honest := s.Lend(0, of("24.0.0.1"))
		if honest.Settle(7<<20) != 0 {
			t.Errorf("%s: another host finds %d bytes", name, honest.bytes)
		}
		if l := s.Lend(1<<20, to(0)); !l.Could(1<<20) || l.Could(2<<20) {
			t.Errorf("%s: more is lent", name)
		}
		for i := range loans {
			loans[i].Settle(0)
		}
		honest.Settle(0)
		if s.Lent() != 0 || s.by.Len() != 0 {
			t.Errorf("%s: %d bytes are lent to nobody", name, s.Lent())
		}
	}
	s := NewStock(most)
	if all, _ := borrow(s, 1, func(int) origin.Networks { return origin.Networks{} }); all != most/2 {
		t.Errorf("one that is not counted by address gets %d bytes", all)
	}
	l := s.Lend(0, nowhere)
	if missing := l.Settle(most); missing != most-l.bytes {
		t.Errorf("%d bytes are missing, %d are lent", missing, l.bytes)
	}
	to := of("23.0.0.1")
	had := l.bytes
	if l.belong(to); l.bytes != had || s.by.Held(to.Host()) != had || s.by.Held(nowhere.Host()) != 0 {
		t.Errorf("a loan of %d is %d with its new owner", had, l.bytes)
	}
}

// TestStockSettles: whatever borrowers do side by side, no more is lent than there is, and nothing in the end.
func TestStockSettles(t *testing.T) {
	s := NewStock(1 << 20)
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			loans := make([]Loan, 10)
			for i := range loans {
				loans[i] = s.Lend(random.IntN(1<<16), nowhere)
			}
			for range 3000 {
				switch l := &loans[random.IntN(len(loans))]; random.IntN(4) {
				case 0:
					l.belong(of("23.0.%d.%d", random.IntN(2), random.IntN(3)))
				case 1:
					l.Settle(0)
				default:
					holds := random.IntN(1 << 18)
					could := l.Could(holds)
					if missing := l.Settle(holds); missing < 0 || l.bytes < 0 || l.bytes+l.own+missing < holds {
						t.Errorf("seed %d: of %d bytes %d are lent (could %v), %d missing", seed, holds, l.bytes, could, missing)
					}
				}
				if n := s.Lent(); n < 0 || n > 1<<20 {
					t.Errorf("seed %d: %d bytes are lent", seed, n)
				}
			}
			for i := range loans {
				loans[i].Settle(0)
			}
		})
	}
	wg.Wait()
	if s.Lent() != 0 || s.by.Len() != 0 {
		t.Errorf("%d bytes are lent to nobody, in %d networks", s.Lent(), s.by.Len())
	}
}

// TestQueueMemory: what waits beyond the usual room counts by the memory that it takes: of small messages, and of such
// as take a large buffer each, no more waits than is lent.
func TestQueueMemory(t *testing.T) {
	for _, size := range []int{10, 4200} {
		s := NewStock(1 << 20)
		q := newTestQueue(t, Limits{})
		q.loan, q.deepUntil = s.Lend(q.limits.QueueBytes/2, nowhere), forever
		memory := 0
		for range 10000 {
			m := message(i2np.TunnelGatewayType, 1, size)
			took := m.Memory()
			if _, ok := q.put(m, q.now, &q.limits); !ok {
				m.Release()
				break
			}
			memory += took
		}
		usual := min(q.limits.QueueMessages*3/4, q.limits.QueueBytes*3/4/size)
		if most := max(q.limits.QueueBytes/2+1<<19, usual*memory/q.len()); memory > most {
			t.Errorf("%d messages of %d bytes take %d bytes, of %d", q.len(), size, memory, most)
		}
		if q.memory != memory {
			t.Errorf("%d bytes are counted, of %d", q.memory, memory)
		}
		q.drop()
		if s.Lent() != 0 || q.memory != 0 {
			t.Errorf("%d bytes are lent to nobody", s.Lent())
		}
	}
}
