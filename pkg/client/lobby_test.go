package client

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
)

// visit is a clove with a raw datagram that says which visitor sends it.
func visit(to i2p.Hash, n int) i2np.Clove {
	h := datagram.Header{Protocol: datagram.Raw}
	return i2np.Clove{
		Delivery: i2np.DeliveryInstructions{Kind: i2np.DeliverDestination, To: to},
		Message: i2np.Message{
			Type: i2np.DataType, ID: 2, Expiration: i2p.DateOf(time.Now().Add(time.Minute)),
			Body: i2np.AppendData(nil, h.AppendStored(nil, binary.BigEndian.AppendUint32(nil, uint32(n)))),
		},
	}
}

// tick is how often junk is posted.
const tick = time.Millisecond

// flood posts junk that may begin sessions, so many a second and by turns through so many
// tunnels.
func flood(c *Client, perSecond, tunnels int, goOn func() bool) {
	random := rand.NewChaCha8([32]byte{4})
	junk := make([]byte, 128)
	begun, sent := time.Now(), 0
	for goOn() {
		for ; sent < int(time.Since(begun).Seconds()*float64(perSecond)); sent++ {
			random.Read(junk)
			m := i2np.Message{Type: i2np.GarlicType, Expiration: i2p.DateOf(time.Now().Add(time.Minute)), Body: i2np.AppendGarlic(nil, junk)}
			c.deliver(uint32(1+sent%tunnels), m.Own())
		}
		time.Sleep(tick)
	}
}

// TestVisitorsAmongJunk: 150 visitors come one after the other while junk that may be
// anybody's first message comes in; they write again where nothing is heard. As it is
// simulated what a message costs is given: as on a machine of today, and on slower ones.
func TestVisitorsAmongJunk(t *testing.T) {
	const visitors, tunnels, every, patience, tries = 150, 3, 20 * time.Millisecond, time.Second, 3
	for _, c := range []struct {
		perSecond, through int
		cost               time.Duration
		atOnce, atLast     int // who must get in
	}{
		{400, tunnels, 65 * time.Microsecond, visitors, visitors},
		{5000, tunnels, 200 * time.Microsecond, visitors * 4 / 10, visitors * 3 / 4},
		{5000, tunnels, 400 * time.Microsecond, visitors / 8, visitors / 2},
		{5000, 1, 400 * time.Microsecond, visitors * 2 / 3, visitors * 2 / 3},
	} {
		t.Run(fmt.Sprintf("%d_through_%d_at_%v", c.perSecond, c.through, c.cost), func(t *testing.T) {
			pair(t, func(t *testing.T, _ *ether, _, b *Client) {
				var mu sync.Mutex
				in := map[int]int{} // by visitor: how often
				if _, err := b.Handle(datagram.Raw, 0, func(_ datagram.Header, framed []byte, _ i2p.Hash) {
					_, p, _ := datagram.Decode(framed, 100)
					mu.Lock()
					defer mu.Unlock()
					in[int(binary.BigEndian.Uint32(p))]++
				}, nil); err != nil {
					t.Fatal(err)
				}
				b.look(func(time.Time) { b.lobby.cost = c.cost })
				heard := func(n int) bool {
					mu.Lock()
					defer mu.Unlock()
					return in[n] > 0
				}
				var all sync.WaitGroup
				all.Go(func() {
					ends := time.Now().Add(visitors*every + tries*patience)
					flood(b, c.perSecond, c.through, func() bool { return time.Now().Before(ends) })
				})
				time.Sleep(500*time.Millisecond + tick/3) // the quiet time before it pays for no more; junk comes at whole ticks, and nobody else
				jitter, atOnce := rand.New(rand.NewPCG(1, 2)), 0
				for n := range visitors {
					stranger := newStranger(t, rand.NewChaCha8([32]byte{6, byte(n)}))
					all.Go(func() {
						for try := 0; try < tries && !heard(n); try++ {
							b.deliver(uint32(1+(n+try)%tunnels), sealTo(t, b, stranger, visit(b.own.hash, n)).Own())
							time.Sleep(patience)
							mu.Lock()
							if try == 0 && in[n] > 0 {
								atOnce++
							}
							mu.Unlock()
						}
					})
					time.Sleep(time.Duration(jitter.Int64N(2 * int64(every))))
				}
				all.Wait()
				time.Sleep(time.Second)
				st := b.Stats()
				t.Logf("%d of %d at once, %d in the end; %d not opened, %d crowded out", atOnce, visitors, len(in), st.Undecryptable, st.Crowded)
				if atOnce < c.atOnce || len(in) < c.atLast {
					t.Errorf("%d of %d got in at once, want %d; in the end %d, want %d", atOnce, visitors, c.atOnce, len(in), c.atLast)
				}
			})
		})
	}
}

// TestKnownGoFirst: what belongs to a session does not wait in the lobby, and nothing that
// others cost is charged to it: a destination that has used up its allowance serves those
// whom it knows.
func TestKnownGoFirst(t *testing.T) {
	pair(t, func(t *testing.T, _ *ether, a, b *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, in := connected(t, ctx, a, b)
		defer out.Close()
		defer in.Close()
		say := func(text string) error {
			io.WriteString(out, text)
			in.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err := io.ReadFull(in, make([]byte, len(text)))
			return err
		}
		if err := say("hello"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b.look(func(time.Time) { b.lobby.saved = -time.Hour })
		junk := i2np.Message{Type: i2np.GarlicType, Body: i2np.AppendGarlic(nil, make([]byte, 128))}
		for range 100 {
			b.deliver(1, junk.Own())
		}
		if err := say("are you there"); err != nil {
			t.Error(err)
		}
		if st := b.Stats(); st.Undecryptable != 0 || b.lobby.empty() {
			t.Errorf("%+v, and the lobby is empty: %v", st, b.lobby.empty())
		}
	})
}

// TestLobbyIsBounded: what waits is bounded in bytes, and it is the tunnel through which most
// comes that has to give way.
func TestLobbyIsBounded(t *testing.T) {
	before, l := buf.InUse(), newLobby(draw.Seeded([32]byte{1}))
	seat := func(tunnel uint32, n int) (left int) {
		for _, m := range l.add(arrival{tunnel, i2np.Message{ID: tunnel, Body: make([]byte, n)}.Own()}) {
			if m.ID != 1 {
				t.Errorf("one of tunnel %d left", m.ID)
			}
			m.Release()
			left++
		}
		return left
	}
	seat(2, 1000)
	left := 0
	for range 10_000 {
		left += seat(1, 128)
	}
	for range 100 {
		seat(1, 60_000)
		seat(3, 1000)
	}
	waiting := 0
	for _, q := range l.queues {
		waiting += len(q.waiting)
	}
	if l.bytes > lobbyBytes || buf.InUse()-before != int64(waiting) || left == 0 {
		t.Errorf("%d bytes of %d messages, %d buffers; %d left", l.bytes, waiting, buf.InUse()-before, left)
	}
	l.clear()
	if l.bytes != 0 || buf.InUse() != before {
		t.Errorf("%d bytes are left, and %d buffers", l.bytes, buf.InUse()-before)
	}
}

// TestLobbyOfLargeMessages: the only message of a tunnel may have to give way, where each of
// many tunnels brings one as large as can be.
func TestLobbyOfLargeMessages(t *testing.T) {
	before, l := buf.InUse(), newLobby(draw.Seeded([32]byte{1}))
	const tunnels = 12
	left := 0
	for tunnel := range uint32(tunnels) {
		for _, m := range l.add(arrival{tunnel, i2np.Message{Body: make([]byte, 60_000)}.Own()}) {
			m.Release()
			left++
		}
	}
	opened := 0
	for !l.empty() {
		l.next().Release()
		opened++
	}
	if left == 0 || left+opened != tunnels || l.bytes != 0 || buf.InUse() != before {
		t.Errorf("of %d messages %d left and %d were opened; %d bytes and %d buffers are kept", tunnels, left, opened, l.bytes, buf.InUse()-before)
	}
}

// TestLobbyOrder: tunnels take turns; the few that came through one are opened in order, and
// of many each has the same chance.
func TestLobbyOrder(t *testing.T) {
	l := newLobby(draw.Seeded([32]byte{1}))
	enter := func(tunnel uint32, ids ...uint32) {
		for _, id := range ids {
			l.add(arrival{tunnel, i2np.Message{ID: id}})
		}
	}
	enter(1, 11, 12, 13)
	enter(2, 21)
	enter(3, 31, 32)
	var got []uint32
	for !l.empty() {
		got = append(got, l.next().ID)
	}
	if want := []uint32{11, 21, 31, 12, 32, 13}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	const crowd, chances = 4 * calm, 2000
	firsts := [4]int{} // by the quarter of the crowd
	for range chances {
		for id := range uint32(crowd) {
			enter(1, id)
		}
		firsts[l.next().ID/(crowd/4)]++
		l.clear()
	}
	for _, n := range firsts {
		if n < chances/5 || n > chances*3/10 {
			t.Errorf("the next of a crowd, by its quarters: %v", firsts)
		}
	}
}

// TestAllowance: messages of nobody that we know take their share of the processor, whatever
// one costs.
func TestAllowance(t *testing.T) {
	for _, cost := range []time.Duration{50 * time.Microsecond, 300 * time.Microsecond, time.Millisecond} {
		a, now, spent := newAllowance(), time.Unix(1e9, 0), time.Duration(0)
		const lasts = 10 * time.Second
		for end := now.Add(lasts); now.Before(end); now = now.Add(max(a.wait(), time.Microsecond)) {
			for a.reckon(now); a.suffices(); a.reckon(now) {
				spent += a.spend(cost, 0)
				now = now.Add(cost)
			}
		}
		if want := lasts / processorShare; spent < want*9/10 || spent > want*11/10+mostSaved {
			t.Errorf("at %v each they took %v of %v", cost, spent, lasts)
		}
		if a.cost < cost*9/10 || a.cost > cost*11/10 {
			t.Errorf("%v was measured, of %v", a.cost, cost)
		}
	}
}

// BenchmarkEchoAmongJunk is what a stream carries both ways in real time, alone and while
// 5,000 messages a second are opened that nobody can have sealed to us.
func BenchmarkEchoAmongJunk(b *testing.B) {
	for _, perSecond := range []int{0, 400, 5000} {
		b.Run(fmt.Sprint(perSecond), func(b *testing.B) {
			e := &ether{clients: map[i2p.Hash]*Client{}, sets: map[i2p.Hash]leaseset.Record{}, log: map[i2p.Hash][]i2np.Message{}, tell: map[*Client]Callbacks{}, forgetful: true}
			near, far := e.newClient(b, 1, options.Default()), e.newClient(b, 2, options.Default())
			ctx, cancel := context.WithCancel(b.Context())
			var running sync.WaitGroup
			defer running.Wait()
			defer cancel()
			for _, c := range []*Client{near, far} {
				running.Go(func() { c.Run(ctx) })
				if err := c.Ready(ctx); err != nil {
					b.Fatal(err)
				}
			}
			l, err := far.Listen(8)
			if err != nil {
				b.Fatal(err)
			}
			out, err := near.Dial(ctx, far.Destination(), 8)
			if err != nil {
				b.Fatal(err)
			}
			in, err := l.AcceptStream(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if perSecond > 0 {
				running.Go(func() { flood(far, perSecond, 3, func() bool { return ctx.Err() == nil }) })
			}
			time.Sleep(500 * time.Millisecond)
			before := far.Stats()
			const size = 1 << 20
			b.SetBytes(size)
			begun, got := time.Now(), make([]byte, size)
			for b.Loop() {
				go out.Write(make([]byte, size))
				if _, err := io.ReadFull(in, got); err != nil {
					b.Fatal(err)
				}
			}
			after := far.Stats()
			b.ReportMetric(float64(after.Undecryptable-before.Undecryptable)/time.Since(begun).Seconds(), "junk/s")
			b.ReportMetric(float64(after.Crowded-before.Crowded)/time.Since(begun).Seconds(), "crowded/s")
			far.look(func(time.Time) { b.ReportMetric(float64(far.lobby.cost.Microseconds()), "us/junk") })
		})
	}
}

// TestPassedOver: a message of a session that passes over many others, each of which costs keys, waits in the lobby until
// there is something left for it, and is opened then, as is what follows it.
func TestPassedOver(t *testing.T) {
	pair(t, func(t *testing.T, _ *ether, a, b *Client) {
		echo(t, a, b, 10_000)
		var late []i2np.Message
		a.look(func(now time.Time) {
			r := a.remotes[b.own.hash]
			to := ratchet.Peer{Static: nameOf(r.key), Type: r.key.Type}
			for n := range 2000 {
				clove := visit(b.own.hash, n)
				clove.Message.Body = make([]byte, 200)
				m, err := a.sessions.Seal(now, to, ratchet.Payload{Cloves: []i2np.Clove{clove}})
				if err != nil || m.Kind != ratchet.ExistingSession {
					t.Fatalf("message %d: %v, %v", n, m.Kind, err)
				}
				if n == 50 || n == 210 || n == 670 || n >= 1998 {
					late = append(late, i2np.Message{Type: i2np.GarlicType, Body: i2np.AppendGarlic(nil, m.Body)})
				}
			}
		})
		opened := func() uint64 { return b.Stats().Received }
		before := opened()
		b.look(func(time.Time) { b.lobby.saved = -time.Second })
		for _, m := range late {
			b.deliver(1, m.Own())
		}
		synctest.Wait()
		if n := opened() - before; n != 1 {
			t.Errorf("%d are opened at once", n)
		}
		saved := func() (d time.Duration) {
			b.look(func(time.Time) { d = b.lobby.saved })
			return d
		}
		if time.Sleep(time.Minute); opened()-before != uint64(len(late)) || b.Stats().Undecryptable != 0 {
			t.Errorf("%d of %d are opened", opened()-before, len(late))
		}
		if d := saved(); d != mostSaved {
			t.Errorf("%v are left after a minute", d)
		}
		echo(t, a, b, 10_000)
	})
}
