package ssu2link

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/transport"
)

// twoSockets are two sockets of the system's: one that sends, and one that receives.
func twoSockets(t *testing.T, host netip.Addr) (out *batchSender, in *batchReceiver, from, to netip.AddrPort) {
	t.Helper()
	bind := func() *net.UDPConn {
		c, err := transport.Internet{}.ListenPacket(t.Context(), netip.AddrPortFrom(host, 0))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		return c.(*net.UDPConn)
	}
	a, b := bind(), bind()
	out, has := newSender(a).(*batchSender)
	in, have := newReceiver(b).(*batchReceiver)
	if !has || !have {
		t.Skip("SKIPPED: this system has no sendmmsg and recvmmsg")
	}
	return out, in, transport.AddrOf(a.LocalAddr()), transport.AddrOf(b.LocalAddr())
}

// TestBatch: datagrams of all lengths, some of which go as one piece, arrive as they were, and from
// where they came; the ones to another place do not.
func TestBatch(t *testing.T) {
	for _, host := range []netip.Addr{loopback4, netip.IPv6Loopback()} {
		t.Run(host.String(), func(t *testing.T) {
			out, in, from, to := twoSockets(t, host)
			_, other, _, elsewhere := twoSockets(t, host)
			var b []byte
			var want, apart [][]byte
			var runs []run
			for i := range 200 {
				r := run{lo: len(b), size: 40 + i, to: to}
				sizes := []int{40 + i}
				if i%3 == 0 {
					sizes = []int{40 + i, 40 + i, 7}
				}
				for j, n := range sizes {
					d := bytes.Repeat([]byte{byte(i), byte(j)}, n)[:n]
					b = append(b, d...)
					if i%5 == 0 {
						r.to = elsewhere
						apart = append(apart, d)
					} else {
						want = append(want, d)
					}
				}
				r.hi = len(b)
				runs = append(runs, r)
			}
			for len(runs) > 0 {
				n := min(mostRuns, len(runs))
				if failed := out.send(b, runs[:n]); failed > 0 {
					t.Fatalf("%d runs failed", failed)
				}
				runs = runs[n:]
			}
			for _, c := range []struct {
				in   *batchReceiver
				want [][]byte
			}{{in, want}, {other, apart}} {
				var got [][]byte
				for len(got) < len(c.want) {
					if _, err := c.in.receive(func(d []byte, at source) {
						got = append(got, bytes.Clone(d))
						if at.from != from || at.marked {
							t.Errorf("from %v", at)
						}
					}); err != nil {
						t.Fatalf("after %d of %d: %v", len(got), len(c.want), err)
					}
				}
				for i := range got {
					if !bytes.Equal(got[i], c.want[i]) {
						t.Fatalf("datagram %d is %x, want %x", i, got[i], c.want[i])
					}
				}
			}
		})
	}
}

// TestRefusedPiece: what the system does not send as one piece goes in several, and the next piece
// is one again; a path that always refuses has others go without only for a while.
func TestRefusedPiece(t *testing.T) {
	out, in, _, to := twoSockets(t, loopback4)
	if !out.cut {
		t.Skip("SKIPPED: this system cuts no pieces")
	}
	const refused = 200 // datagrams: more than the system takes in a piece
	b := bytes.Repeat([]byte{1}, 10*refused)
	bad, good := run{0, refused, 1, to}, run{0, len(b), 1000, to}
	read := func() (reads, datagrams int) {
		for bytes := 0; bytes < len(b); reads++ {
			n, err := in.receive(func([]byte, source) { datagrams++ })
			if err != nil {
				t.Fatalf("after %d bytes: %v", bytes, err)
			}
			bytes += n
		}
		return reads, datagrams
	}
	for range mostRefused - 1 {
		if out.send(b, []run{bad}) != 0 {
			t.Fatal("not sent")
		}
	}
	if out.refused != mostRefused-1 {
		t.Fatalf("%d pieces were refused", out.refused)
	}
	for left := (mostRefused - 1) * refused; left > 0; {
		n, err := in.receive(func([]byte, source) {})
		if err != nil {
			t.Fatalf("%d are missing: %v", left, err)
		}
		left -= n
	}
	if out.send(b, []run{good}) != 0 || out.refused != 0 {
		t.Fatalf("%d were refused", out.refused)
	}
	if _, datagrams := read(); datagrams != 2 {
		t.Errorf("%d datagrams", datagrams)
	}
	for range mostRefused {
		out.send(b, []run{bad})
	}
	if out.rest != restRuns {
		t.Fatalf("%d runs go without", out.rest)
	}
	for range restRuns {
		if out.send(b, []run{good}) != 0 {
			t.Fatal("not sent")
		}
	}
	if out.rest != 0 {
		t.Errorf("%d runs more go without", out.rest)
	}
	if out.send(b, []run{good}); out.refused != 0 {
		t.Error("no piece was tried again")
	}
}

// TestNames: addresses come back from the system's form as they were.
func TestNames(t *testing.T) {
	for _, text := range []string{"127.0.0.1:1", "255.254.253.252:65535", "[::1]:17000", "[2001:db8::ff]:256", "[fe80::1%7]:9"} {
		at := netip.MustParseAddrPort(text)
		var name [unix.SizeofSockaddrInet6]byte
		putName(&name, at, at.Addr().Is4())
		if got := nameOf(&name); got != at {
			t.Errorf("%v became %v", at, got)
		}
	}
}
