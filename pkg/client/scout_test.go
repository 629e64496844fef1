package client

import (
	"io"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// TestScouts: of two leases of a peer the one in use leads nowhere from one moment to the next. What finds the other
// is that an answer is late: neither a lookup nor a stalled stream, which come later.
func TestScouts(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		gateways := []i2p.Hash{i2p.HashOf([]byte{2}), i2p.HashOf([]byte{3})}
		two := TunnelState{Outbound: []uint32{1}}
		for i, g := range gateways {
			two.Leases = append(two.Leases, leaseset.Lease{Gateway: g, TunnelID: 1 + uint32(i), Expires: i2p.DateOf(time.Now().Add(10 * time.Minute))})
			e.change(b, g, two)
		}
		s, err := a.Dial(t.Context(), b.Destination(), 7)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		say := func() {
			t.Helper()
			s.SetDeadline(time.Now().Add(time.Minute))
			io.WriteString(s, "said")
			if _, err := io.ReadFull(s, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for range 20 {
			say()
		}
		var scouted, lookedUp time.Time
		present := func() (l leaseset.Lease) {
			a.look(func(time.Time) {
				r := a.remotes[b.own.hash]
				l, scouted, lookedUp = r.lease, r.doubt.scoutedAt, r.lookedUp
			})
			return l
		}
		before := present()
		if !scouted.IsZero() {
			t.Error("it looked for another way, though all was well")
		}
		began := lookedUp
		e.mu.Lock()
		e.lost = before.Gateway
		e.mu.Unlock()
		say()
		if now := present(); now.Gateway == before.Gateway || scouted.IsZero() || lookedUp != began {
			t.Errorf("it goes on by %v; looked for other ways at %v, and for other leases at %v", now, scouted, lookedUp)
		}
	})
}

// TestToldAgain: a peer that says its lease set again and again, as if our answers did not come, has no more sent to
// it for that than now and then one message by each path; and who is not in conversation with us has none.
func TestToldAgain(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 100)
		time.Sleep(time.Minute)
		sent := func() int { return e.sent(i2p.HashOf([]byte{2})) }
		again := func() int {
			before := sent()
			for range 1000 {
				a.look(func(now time.Time) { a.toldAgain(now, a.remotes[b.own.hash]) })
				time.Sleep(10 * time.Millisecond)
			}
			return sent() - before
		}
		if n := again(); n < 2 || n > 2*mostScouts {
			t.Errorf("%d messages in 10 s", n)
		}
		time.Sleep(conversation)
		if n := again(); n > 0 {
			t.Errorf("%d messages to who is not spoken with any more", n)
		}
	})
}

// TestScoutsOfMany: what many peers have sent in this way is bounded for all of them together.
func TestScoutsOfMany(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		echo(t, a, b, 100)
		time.Sleep(time.Minute)
		begun := time.Now()
		const span = 10 * time.Second
		for time.Since(begun) < span {
			a.look(func(now time.Time) {
				for range 50 { // as many peers
					r := a.remotes[b.own.hash]
					r.doubt = doubt{}
					a.toldAgain(now, r)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		st := a.Stats()
		if most := uint64(scoutBurst + span.Seconds()*scoutRate); st.Scouts > most+mostScouts || st.Scouts < most/2 || st.ScoutsRefused == 0 {
			t.Errorf("%d messages in %v, want %d at most, and %d refused", st.Scouts, span, most, st.ScoutsRefused)
		}
	})
}
