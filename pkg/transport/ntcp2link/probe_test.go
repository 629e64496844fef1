package ntcp2link

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
)

// probe connects from addr, sends b, and reports when the connection was
// closed and how many bytes came back.
func probe(t *testing.T, net *pipes, from string, to *node, b []byte) (after time.Duration, answer int) {
	t.Helper()
	begun := time.Now()
	conn, err := host{net: net, addr: netip.MustParseAddr(from)}.DialContext(t.Context(), to.cfg.Link.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go conn.Write(b)
	n, _ := io.Copy(io.Discard, conn)
	return time.Since(begun), int(n)
}

// requestOf makes message 1 of a client with its clock ahead.
func requestOf(t *testing.T, n *node, ahead time.Duration, seed byte) []byte {
	t.Helper()
	_, static := testKeys(t, seed)
	hs := ntcp2.NewInitiator(ntcp2.Config{Static: static, NetID: 99, Info: make([]byte, 500)},
		ntcp2.Peer{Hash: n.cfg.Self, Static: n.cfg.Link.Keys.Static.Public, IV: n.cfg.Link.Keys.IV})
	m, err := hs.Start(time.Now().Add(ahead))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever the prober sends, no byte comes back, and the close comes at a
// random time of the same distribution.
func TestProbes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		b := newNode(t, pipes, 2, func(c *settings) { c.Limits.FailuresPerSource = 1000 }).start(t)
		replayed := requestOf(t, b, 0, 70)
		conn, err := host{net: pipes, addr: netip.MustParseAddr("23.5.5.5")}.DialContext(t.Context(), b.cfg.Link.Listen[0])
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(replayed)
		if n, _ := conn.Read(make([]byte, 300)); n < 64 {
			t.Fatalf("message 2 has %d bytes", n)
		}
		conn.Close()
		probes := map[string]func() []byte{
			"nothing":      func() []byte { return nil },
			"one byte":     func() []byte { return []byte{1} },
			"63 bytes":     func() []byte { return make([]byte, 63) },
			"64 bytes":     func() []byte { return []byte(strings.Repeat("x", 64)) },
			"HTTP":         func() []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\nAccept: */*\r\n\r\n") },
			"replay":       func() []byte { return replayed },
			"61 s ahead":   func() []byte { return requestOf(t, b, 62*time.Second, 71) },
			"61 s behind":  func() []byte { return requestOf(t, b, -62*time.Second, 72) },
			"replay of 64": func() []byte { return replayed[:64] },
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		times := map[string][]time.Duration{}
		i := 0
		for name, make := range probes {
			for range 8 {
				i++
				from := netip.AddrFrom4([4]byte{23, 6, 0, byte(i)}).String()
				wg.Go(func() {
					after, answer := probe(t, pipes, from, b, make())
					if answer != 0 {
						t.Errorf("%s: %d bytes came back", name, answer)
					}
					mu.Lock()
					defer mu.Unlock()
					times[name] = append(times[name], after)
				})
			}
		}
		wg.Wait()
		for name, ts := range times {
			early, late := slices.Min(ts), slices.Max(ts)
			if early < requestMin || late > requestMin+requestSpread {
				t.Errorf("%s: closed after %v to %v", name, early, late)
			}
			if late-early < requestSpread/100 { // eight draws lie so close once in 10^13 times
				t.Errorf("%s: always closed after about %v", name, early)
			}
		}
		s, c := b.Stats(), &b.driver.counts
		if c.junk.Load() == 0 || c.replays.Load() != 16 || c.skewed.Load() != 16 || s.Sessions != 0 || s.Pending != 0 {
			t.Errorf("stats %+v, %+v", s, b.driver.Counters())
		}
	})
}

// Much junk ends the connection earlier, but never at the byte that failed.
func TestJunkFlood(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		b := newNode(t, pipes, 2, nil).start(t)
		after, answer := probe(t, pipes, "23.6.0.1", b, make([]byte, 1<<20))
		if answer != 0 || after > requestMin+requestSpread {
			t.Fatalf("%d bytes came back, closed after %v", answer, after)
		}
	})
}

// An address that has sent junk often enough is not read for messages any
// more; from outside it looks the same.
func TestFailuresPerSource(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		b := newNode(t, pipes, 2, func(c *settings) { c.Limits.FailuresPerSource = 3 }).start(t)
		for range 3 {
			probe(t, pipes, "23.6.0.1", b, make([]byte, 64))
		}
		after, answer := probe(t, pipes, "23.6.0.1", b, requestOf(t, b, 0, 70))
		if answer != 0 || after < requestMin {
			t.Fatalf("%d bytes came back after %v", answer, after)
		}
		if after, answer := probe(t, pipes, "23.6.0.2", b, requestOf(t, b, 0, 70)); answer == 0 {
			t.Fatalf("another address is not answered, closed after %v", after)
		}
		time.Sleep(failureLife + time.Minute)
		if _, answer := probe(t, pipes, "23.6.0.1", b, requestOf(t, b, 0, 70)); answer == 0 {
			t.Fatal("the address is never heard again")
		}
	})
}

func TestConnectionLimits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		b := newNode(t, pipes, 2, func(c *settings) { c.Limits.Pending, c.Limits.PendingPerSource = 6, 2 }).start(t)
		open := func(from string) net.Conn {
			conn, err := host{net: pipes, addr: netip.MustParseAddr(from)}.DialContext(t.Context(), b.cfg.Link.Listen[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			synctest.Wait()
			return conn
		}
		closed := func(conn net.Conn) bool {
			conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := conn.Read(make([]byte, 1))
			return errors.Is(err, io.EOF)
		}
		var conns []net.Conn
		for i := range 3 {
			conns = append(conns, open("23.7.0.1"))
			if closed(conns[i]) != (i == 2) {
				t.Fatalf("connection %d of one source: closed %v", i, i != 2)
			}
		}
		for i := range 4 {
			conns = append(conns, open(netip.AddrFrom4([4]byte{23, 7, 1, byte(i)}).String()))
		}
		if c := open("23.7.2.1"); closed(c) || !closed(conns[0]) {
			t.Fatal("one of the silent ones, of where most come from, holds its place against a new connection")
		}
		conns[4].Write(make([]byte, 64)) // junk: now it is pushed out first
		synctest.Wait()
		if c := open("23.7.2.2"); closed(c) || !closed(conns[4]) {
			t.Fatal("junk holds its place against a new connection")
		}
		if s := b.Stats(); s.Pending != 6 || s.Refused != 1 || s.PushedOut != 2 {
			t.Fatalf("stats %+v", s)
		}
		if c := open("127.0.0.1"); !closed(c) {
			t.Fatal("a loopback address was let in")
		}
	})
}

// rawPeer is a peer with a session by hand, for sending what no transport
// would.
type rawPeer struct {
	conn net.Conn
	ntcp2.Result
}

func rawSession(t *testing.T, pipes *pipes, b *node) *rawPeer {
	t.Helper()
	r, hash := rawHandshake(t, pipes, b, 0, 0)
	if !b.Connected(hash) {
		t.Fatal("no session")
	}
	return r
}

// rawHandshake opens a connection whose Alice has a clock that runs ahead, and
// takes her time before message 3.
func rawHandshake(t *testing.T, pipes *pipes, b *node, ahead, pause time.Duration) (*rawPeer, i2p.Hash) {
	t.Helper()
	a := newNode(t, pipes, 1, nil)
	conn, err := host{net: pipes, addr: netip.MustParseAddr("23.0.0.1")}.DialContext(t.Context(), b.cfg.Link.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	hs := ntcp2.NewInitiator(ntcp2.Config{Static: a.cfg.Link.Keys.Static, NetID: 99, Info: a.info.Load().Bytes()},
		ntcp2.Peer{Hash: b.cfg.Self, Static: b.cfg.Link.Keys.Static.Public, IV: b.cfg.Link.Keys.IV})
	m, err := hs.Start(time.Now().Add(ahead))
	if err != nil {
		t.Fatal(err)
	}
	conn.Write(m)
	in := make([]byte, 2048)
	n, err := conn.Read(in)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err = hs.Handle(time.Now().Add(ahead), in[:n])
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(pause)
	conn.Write(m)
	synctest.Wait()
	return &rawPeer{conn, hs.Result()}, a.cfg.Self
}

// Message 1 can tell a wrong clock only but for the way that it took; with message
// 3 that is known, and who is more than a minute off is told so (NTCP2, Clock Skew
// Guidelines).
func TestSkewWithMessage3(t *testing.T) {
	for _, c := range []struct {
		ahead, pause time.Duration
		ok           bool
	}{
		{58 * time.Second, 2 * time.Second, true},
		{58 * time.Second, 8 * time.Second, false},
		{-59 * time.Second, 8 * time.Second, true},
	} {
		inBubble(t, func(t *testing.T) {
			pipes := &pipes{}
			b := newNode(t, pipes, 2, nil).start(t)
			r, hash := rawHandshake(t, pipes, b, c.ahead, c.pause)
			if b.Connected(hash) != c.ok {
				t.Fatalf("%v ahead, half of %v on the way: a session: %v", c.ahead, c.pause, !c.ok)
			}
			if c.ok {
				return
			}
			if end, ok := r.termination(t); !ok || end.Reason != ntcp2.ReasonClockSkew {
				t.Errorf("the reason is %v", end.Reason)
			}
			if s := b.Stats(); s.RefusedPeers != 1 {
				t.Errorf("%d peers were refused", s.RefusedPeers)
			}
		})
	}
}

// termination reads until the session ends, and returns the reason.
func (r *rawPeer) termination(t *testing.T) (ntcp2.Termination, bool) {
	t.Helper()
	in, _ := io.ReadAll(r.conn)
	for {
		payload, used, err := r.Receiver.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		if used == 0 {
			return ntcp2.Termination{}, false
		}
		in = in[used:]
		bs := ntcp2.Blocks{Payload: payload}
		for {
			b, ok, err := bs.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if b.Type == ntcp2.BlockTermination {
				end, err := ntcp2.ParseTermination(b.Data)
				return end, err == nil
			}
		}
	}
}

// How a session answers what an authenticated peer must not send.
func TestHostilePeer(t *testing.T) {
	frame := func(block func([]byte) []byte) func(*rawPeer) []byte {
		return func(r *rawPeer) []byte { return r.Sender.Seal(block(ntcp2.Begin(nil)), 0) }
	}
	for _, c := range []struct {
		name   string
		send   func(*rawPeer) []byte
		reason ntcp2.Reason
	}{
		{"tampered frame", func(r *rawPeer) []byte {
			b := r.Sender.Seal(ntcp2.AppendDateTime(ntcp2.Begin(nil), time.Now()), 0)
			b[len(b)-1] ^= 1
			return b
		}, ntcp2.ReasonAEADFailure},
		{"wrong clock", frame(func(b []byte) []byte {
			return ntcp2.AppendDateTime(b, time.Now().Add(2*time.Minute))
		}), ntcp2.ReasonClockSkew},
		{"block behind padding", frame(func(b []byte) []byte {
			return ntcp2.AppendDateTime(ntcp2.AppendPadding(b, 3), time.Now())
		}), ntcp2.ReasonPadding},
		{"cut block", frame(func(b []byte) []byte { return append(b, 3, 0xff, 0xff, 1) }), ntcp2.ReasonPayload},
		{"short options", frame(func(b []byte) []byte { return append(b, 1, 0, 1, 1) }), ntcp2.ReasonPayload},
		{"short termination", frame(func(b []byte) []byte { return append(b, 4, 0, 1, 1) }), ntcp2.ReasonPayload},
		{"half a frame", func(r *rawPeer) []byte {
			b := r.Sender.Seal(ntcp2.AppendDateTime(ntcp2.Begin(nil), time.Now()), 0)
			return b[:len(b)-1]
		}, ntcp2.ReasonReadTimeout},
		{"silence", func(*rawPeer) []byte { return nil }, ntcp2.ReasonIdleTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				pipes := &pipes{}
				b := newNode(t, pipes, 2, nil).start(t)
				r := rawSession(t, pipes, b)
				go r.conn.Write(c.send(r))
				end, ok := r.termination(t)
				if !ok || end.Reason != c.reason {
					t.Fatalf("termination %+v, %v, want %v", end, ok, c.reason)
				}
				synctest.Wait()
				if len(b.Peers()) != 0 || len(b.downs()) != 1 {
					t.Fatal("the session stays")
				}
			})
		})
	}
}

// What a session passes over: unknown blocks, short messages, a stranger's
// RouterInfo.
func TestPassedOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		b := newNode(t, pipes, 2, nil).start(t)
		r := rawSession(t, pipes, b)
		stranger := newNode(t, pipes, 3, nil)
		out := ntcp2.Begin(nil)
		out = ntcp2.Block{Type: 224, Data: []byte("x")}.AppendTo(out)
		out = ntcp2.Block{Type: ntcp2.BlockI2NP, Data: []byte("short")}.AppendTo(out)
		out = ntcp2.RouterInfo{Info: stranger.info.Load().Bytes()}.AppendTo(out)
		out = ntcp2.RouterInfo{Info: []byte("junk")}.AppendTo(out)
		m := message(i2np.DataType, 7, 100)
		at := len(out)
		out = ntcp2.EndI2NP(m.AppendShort(ntcp2.BeginI2NP(out)), at)
		m.Release()
		go io.Copy(io.Discard, r.conn)
		r.conn.Write(r.Sender.Seal(out, 0))
		time.Sleep(time.Second)
		if got := b.received(); len(got) != 1 || got[0].ID != 7 {
			t.Fatalf("%d messages", len(got))
		}
		p := b.Peers()
		if len(p) != 1 || p[0].Malformed != 1 || p[0].Ignored != 3 || b.infos.Load() != 1 {
			t.Fatalf("peers %+v, %d RouterInfos", p, b.infos.Load())
		}
	})
}
