package simnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	ipA = netip.MustParseAddr("10.0.0.1")
	ipB = netip.MustParseAddr("10.0.0.2")
	atB = netip.AddrPortFrom(ipB, 7)
)

// simulate runs f in a bubble with a running network.
func simulate(t *testing.T, cfg Config, f func(t *testing.T, n *Net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := New(cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { n.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		f(t, n)
	})
}

func latency(d time.Duration) func(_, _ netip.Addr) Link {
	return func(_, _ netip.Addr) Link { return Link{Latency: d} }
}

// connect gives both ends of a stream from A to B.
func connect(t *testing.T, n *Net) (a, b *Conn) {
	t.Helper()
	l, err := n.Host(ipB).Listen(t.Context(), atB)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := n.Host(ipA).DialContext(t.Context(), atB)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Conn), s.(*Conn)
}

func TestStream(t *testing.T) {
	simulate(t, Config{Link: latency(50 * time.Millisecond)}, func(t *testing.T, n *Net) {
		t0 := time.Now()
		a, b := connect(t, n)
		if d := time.Since(t0); d != 100*time.Millisecond {
			t.Errorf("dialling took %v, want one round trip of 100ms", d)
		}
		if a.RemoteAddr().String() != "10.0.0.2:7" || a.LocalAddr().String() != b.RemoteAddr().String() {
			t.Errorf("addresses: %v %v, %v %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
		}
		go func() {
			io.Copy(b, b)
			b.Close()
		}()
		t0 = time.Now()
		msg := bytes.Repeat([]byte("i2p"), 100_000) // more than a window
		go func() {
			a.Write(msg)
			a.CloseWrite()
		}()
		got, err := io.ReadAll(a)
		if err != nil || !bytes.Equal(got, msg) {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		if d := time.Since(t0); d < 100*time.Millisecond || d > 400*time.Millisecond {
			t.Errorf("echo took %v", d)
		}
		if _, err := a.Write(msg); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write after CloseWrite: %v", err)
		}
		a.Close()
		if _, err := a.Read(msg); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
	})
}

func TestBandwidth(t *testing.T) {
	for name, cfg := range map[string]Config{
		"link":   {Link: func(_, _ netip.Addr) Link { return Link{Bandwidth: 1e6} }},
		"uplink": {Uplink: func(netip.Addr) int { return 1e6 }},
	} {
		simulate(t, cfg, func(t *testing.T, n *Net) {
			a, b := connect(t, n)
			t0 := time.Now()
			go func() {
				a.Write(make([]byte, 3e6))
				a.Close()
			}()
			k, err := io.Copy(io.Discard, b)
			if d := time.Since(t0); k != 3e6 || err != nil || d < 2999*time.Millisecond || d > 3001*time.Millisecond {
				t.Errorf("%s: 3 MB at 1 MB/s: %d bytes, %v, in %v", name, k, err, d)
			}
			b.Close()
		})
	}
}

func TestDeadlines(t *testing.T) {
	simulate(t, Config{Link: latency(time.Millisecond)}, func(t *testing.T, n *Net) {
		a, b := connect(t, n)
		t0 := time.Now()
		a.SetReadDeadline(t0.Add(time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(t0) != time.Second {
			t.Errorf("Read: %v after %v", err, time.Since(t0))
		}
		var ne net.Error
		if _, err := a.Read(make([]byte, 1)); !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("an expired deadline stays: %v", err)
		}
		t0 = time.Now()
		a.SetWriteDeadline(t0.Add(time.Second))
		k, err := a.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || k != 256<<10 || time.Since(t0) != time.Second {
			t.Errorf("Write without a reader: %d bytes, %v after %v", k, err, time.Since(t0))
		}
		a.SetDeadline(time.Time{})
		if _, err := io.CopyN(io.Discard, b, 256<<10); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // the credit comes back
		if k, err := a.Write(make([]byte, 1000)); k != 1000 || err != nil {
			t.Errorf("Write after the window opened: %d, %v", k, err)
		}
		go func() {
			time.Sleep(time.Second)
			b.SetReadDeadline(time.Now())
		}()
		if _, err := io.CopyN(io.Discard, b, 2000); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a deadline set meanwhile: %v", err)
		}
	})
}

func TestRefusedAndReset(t *testing.T) {
	simulate(t, Config{Link: latency(10 * time.Millisecond)}, func(t *testing.T, n *Net) {
		t0 := time.Now()
		_, err := n.Host(ipA).DialContext(t.Context(), atB)
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(t0) != 20*time.Millisecond {
			t.Errorf("nobody listens: %v after %v", err, time.Since(t0))
		}
		a, b := connect(t, n)
		b.Close()
		time.Sleep(time.Second)
		if _, err := a.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer has closed: %v", err)
		}
		a.Write([]byte("x"))
		time.Sleep(time.Second)
		if _, err := a.Write([]byte("y")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("writing to a closed stream: %v", err)
		}
		a, b = connect(t, n)
		a.Write([]byte("x"))
		time.Sleep(time.Second)
		b.Close() // with a byte unread
		time.Sleep(time.Second)
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("closed with bytes unread: %v", err)
		}
		if _, err := n.Host(ipA).DialContext(t.Context(), netip.MustParseAddrPort("[::1]:1")); err == nil {
			t.Error("dialled IPv6 from an IPv4 host")
		}
		h := n.Host(ipB)
		l, _ := h.Listen(t.Context(), atB)
		if _, err := h.Listen(t.Context(), atB); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listening twice: %v", err)
		}
		if _, err := h.Listen(t.Context(), netip.AddrPortFrom(ipA, 7)); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("listening on another host's address: %v", err)
		}
		l2, err := h.Listen(t.Context(), netip.MustParseAddrPort("0.0.0.0:0"))
		if err != nil || l2.Addr().(*net.TCPAddr).Port < firstEphemeral {
			t.Errorf("port 0: %v %v", l2.Addr(), err)
		}
		go func() {
			time.Sleep(time.Second)
			l.Close()
		}()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept on a closed listener: %v", err)
		}
	})
}

func TestPartition(t *testing.T) {
	cfg := Config{Link: latency(10 * time.Millisecond), Patience: time.Minute}
	simulate(t, cfg, func(t *testing.T, n *Net) {
		a, b := connect(t, n)
		n.Cut(ipA, ipB)
		a.Write([]byte("one"))
		time.Sleep(30 * time.Second)
		a.Write([]byte("two"))
		n.Mend(ipB, ipA)
		t0 := time.Now()
		got := make([]byte, 6)
		if _, err := io.ReadFull(b, got); err != nil || string(got) != "onetwo" || time.Since(t0) != 10*time.Millisecond {
			t.Errorf("after Mend: %q %v in %v", got, err, time.Since(t0))
		}
		n.Isolate(ipB)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Host(ipA).DialContext(ctx, atB); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dialling an isolated host: %v", err)
		}
		t0 = time.Now()
		a.Write([]byte("three"))
		if _, err := a.Read(got); !errors.Is(err, syscall.ETIMEDOUT) || time.Since(t0) < time.Minute {
			t.Errorf("Read behind a partition: %v after %v", err, time.Since(t0))
		}
		b.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := b.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the end that wrote nothing learns nothing: %v", err)
		}
		n.Rejoin(ipB)
		a, _ = connect(t, n)
		n.Crash(ipB)
		a.Write([]byte("four"))
		if _, err := a.Read(got); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the peer's crash: %v", err)
		}
		connect(t, n) // what crashed comes back
		_, b = connect(t, n)
		n.Kill(ipA)
		if _, err := b.Read(got); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the peer was killed: %v", err)
		}
		if c, err := n.Host(ipA).DialContext(t.Context(), atB); err == nil {
			t.Errorf("what was killed dials: %v", c.LocalAddr())
		}
	})
}

func TestDatagrams(t *testing.T) {
	cfg := Config{Link: func(_, _ netip.Addr) Link {
		return Link{Latency: 10 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.2}
	}}
	simulate(t, cfg, func(t *testing.T, n *Net) {
		pa, err := n.Host(ipA).ListenPacket(t.Context(), netip.AddrPortFrom(ipA, 5))
		if err != nil {
			t.Fatal(err)
		}
		pb, err := n.Host(ipB).ListenPacket(t.Context(), atB)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if _, err := pa.WriteTo([]byte{byte(i >> 8), byte(i)}, net.UDPAddrFromAddrPort(atB)); err != nil {
				t.Fatal(err)
			}
		}
		var got, disorder, last int
		pb.SetReadDeadline(time.Now().Add(time.Second))
		buf := make([]byte, 10)
		for {
			k, from, err := pb.ReadFrom(buf)
			if err != nil {
				break
			}
			if k != 2 || from.String() != "10.0.0.1:5" {
				t.Fatalf("%d bytes from %v", k, from)
			}
			i := int(buf[0])<<8 | int(buf[1])
			if i < last {
				disorder++
			}
			got, last = got+1, i
		}
		if got < 750 || got > 850 || disorder == 0 {
			t.Errorf("of 1000 datagrams %d came, %d of them out of order", got, disorder)
		}
		if s := n.Stats(); int(s.Lost) != 1000-got {
			t.Errorf("%d got, but %+v", got, s)
		}
		pb.Close()
		pa.WriteTo(buf, net.UDPAddrFromAddrPort(atB))
		pa.WriteTo(buf, net.UDPAddrFromAddrPort(atB))
		time.Sleep(time.Second)
		if s := n.Stats(); s.Unclaimed == 0 {
			t.Errorf("to a closed socket: %+v", s)
		}
	})
}

func TestRunEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { n.Run(ctx) })
		a, _ := connect(t, n)
		l, _ := n.Host(ipB).Listen(ctx, atB)
		p, _ := n.Host(ipB).ListenPacket(ctx, atB)
		var errs [3]error
		wg.Go(func() { _, errs[0] = a.Read(make([]byte, 1)) })
		wg.Go(func() { _, errs[1] = l.Accept() })
		wg.Go(func() { _, _, errs[2] = p.ReadFrom(make([]byte, 1)) })
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		for i, err := range errs {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if _, err := n.Host(ipA).DialContext(t.Context(), atB); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dialling on a stopped network: %v", err)
		}
	})
}
