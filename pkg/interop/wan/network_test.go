//go:build linux

package wan

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testNetwork makes a network with one host of each kind, 25 ms a line.
func testNetwork(t *testing.T, kinds ...NAT) *Network {
	t.Helper()
	if err := Missing(); err != nil {
		t.Skip("SKIPPED: no network namespaces: ", err)
	}
	n, err := New(Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	s := Distance(25 * time.Millisecond)
	for i, kind := range kinds {
		if kind != Open {
			if _, err := exec.LookPath("nft"); err != nil {
				t.Skip("SKIPPED: no NAT: ", err)
			}
		}
		if _, err := n.Add(i+1, kind, s, s); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// peer is a UDP socket in a host.
type peer struct {
	net.PacketConn
	t *testing.T
	n *Network
}

const port = 4000

func (n *Network) peer(t *testing.T, id int) peer {
	t.Helper()
	c, err := n.hosts[id].ListenPacket("udp", fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return peer{c, t, n}
}

func (p peer) send(to netip.AddrPort, text string) {
	p.t.Helper()
	if _, err := p.WriteTo([]byte(text), net.UDPAddrFromAddrPort(to)); err != nil {
		p.t.Fatal(err)
	}
}

// expect waits for a datagram, and returns its source.
func (p peer) expect(text string) netip.AddrPort {
	p.t.Helper()
	return p.receive(text, 20*time.Second)
}

// nothing fails if a datagram comes of what was sent by now. Whatever the network does next, none of that comes later.
func (p peer) nothing() {
	p.t.Helper()
	p.n.rest()
	p.receive("", 100*time.Millisecond)
}

// rest waits until the network carries nothing any more.
func (n *Network) rest() {
	buf := make([]byte, bufferSize)
	for moving := true; moving; {
		moving = false
		n.hub.do(func() {
			for _, d := range n.hub.devices {
				n.hub.read(d, buf) // what has been sent, and was not looked for
			}
			moving = len(n.hub.events) > 0
		})
		if moving {
			time.Sleep(time.Millisecond)
		}
	}
}

func (p peer) receive(text string, wait time.Duration) netip.AddrPort {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 2000)
	n, from, err := p.ReadFrom(b)
	if got := string(b[:n]); got != text {
		p.t.Fatalf("got %q from %v, want %q (%v)", got, from, text, err)
	}
	if from == nil {
		return netip.AddrPort{}
	}
	a := from.(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func at(address string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(address), port)
}

func TestRoundTrips(t *testing.T) {
	n := testNetwork(t, Open, Open)
	a, b := n.peer(t, 1), n.peer(t, 2)
	for _, address := range []string{"10.2.0.1", "2a0b:2:0::1"} {
		for range 5 {
			start := time.Now()
			a.send(at(address), "there")
			b.send(b.expect("there"), "back")
			a.expect("back")
			if d := time.Since(start); d < 100*time.Millisecond {
				t.Errorf("a round trip of %s over lines of 100ms", d)
			}
		}
	}
	if late := n.Late(); late.Packets < 20 {
		t.Errorf("%+v after 20 datagrams", late)
	} else {
		t.Logf("%d packets, late by %v in the mean, %v at most", late.Packets, late.Mean(), late.Max)
	}
	if up, down := n.Traffic(1); up.Packets < 10 || down.Packets < 10 {
		t.Errorf("host 1: %+v, %+v", up, down)
	}
}

// TestHostsUseCubic: what a machine of ours prefers is not what the Internet has.
func TestHostsUseCubic(t *testing.T) {
	n := testNetwork(t, Open, Open)
	l, err := n.hosts[1].Listen("tcp4", fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := n.hosts[2].DialContext(t.Context(), "tcp", at("10.1.0.1").String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for what, c := range map[string]net.Conn{"dialled": dialled, "accepted": accepted} {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		control := func(fd uintptr) {
			if got, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != "cubic" {
				t.Errorf("%s: %s, %v", what, got, err)
			}
		}
		if err := raw.Control(control); err != nil {
			t.Error(err)
		}
	}
}

// TestProgramsEndWithTheirHost: nothing is left, whatever a program does.
func TestProgramsEndWithTheirHost(t *testing.T) {
	n := testNetwork(t, Open)
	cmd := exec.CommandContext(context.Background(), "sleep", "1000")
	if err := n.hosts[1].Start(cmd); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	if err := n.hosts[1].close(); err != nil {
		t.Error(err)
	}
	delete(n.hosts, 1)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		t.Error("the program outlived its host")
	}
}

func TestRestrictedNAT(t *testing.T) {
	n := testNetwork(t, Restricted, Open, Open)
	inside, friend, stranger := n.peer(t, 1), n.peer(t, 2), n.peer(t, 3)
	friend.send(at("10.1.0.1"), "unsolicited")
	inside.nothing()
	inside.send(at("10.2.0.1"), "hello")
	outer := friend.expect("hello")
	friend.send(outer, "answer")
	inside.expect("answer")
	stranger.send(outer, "unsolicited")
	inside.nothing()
	inside.send(at("10.3.0.1"), "punch")
	if o := stranger.expect("punch"); o != outer {
		t.Errorf("mapped to %s for one, to %s for another", outer, o)
	}
	stranger.send(outer, "now")
	inside.expect("now")
	if outer.Addr() != netip.MustParseAddr("10.1.0.1") {
		t.Errorf("outer address %s", outer)
	}
}

func TestSymmetricNAT(t *testing.T) {
	n := testNetwork(t, Symmetric, Open, Open)
	inside, a, b := n.peer(t, 1), n.peer(t, 2), n.peer(t, 3)
	inside.send(at("10.2.0.1"), "a")
	inside.send(at("10.3.0.1"), "b")
	outerA, outerB := a.expect("a"), b.expect("b")
	if outerA == outerB {
		t.Errorf("the same mapping %s for two destinations", outerA)
	}
	a.send(outerB, "unsolicited")
	inside.nothing()
	a.send(outerA, "answer")
	inside.expect("answer")
}

func TestFirewall(t *testing.T) {
	n := testNetwork(t, Firewall, Open)
	inside, outside := n.peer(t, 1), n.peer(t, 2)
	for _, address := range [][2]string{{"10.1.0.1", "10.2.0.1"}, {"2a0b:1:0::1", "2a0b:2:0::1"}} {
		outside.send(at(address[0]), "unsolicited")
		inside.nothing()
		inside.send(at(address[1]), "hello")
		if from := outside.expect("hello"); from != at(address[0]) {
			t.Errorf("came from %s", from)
		}
		outside.send(at(address[0]), "answer")
		inside.expect("answer")
	}
}

func TestCutPartitionRebind(t *testing.T) {
	n := testNetwork(t, Restricted, Open, Open, Firewall)
	a, b, c, d := n.peer(t, 1), n.peer(t, 2), n.peer(t, 3), n.peer(t, 4)
	n.Cut(2)
	c.send(at("10.2.0.1"), "x")
	b.nothing()
	n.Heal(2)
	n.Partition([]int{1, 2}, []int{3})
	c.send(at("10.2.0.1"), "x")
	b.nothing()
	a.send(at("10.2.0.1"), "same side")
	b.expect("same side")
	n.Heal()
	for _, id := range []int{1, 2, 4} {
		if err := n.Rebind(id); err != nil {
			t.Fatal(err)
		}
	}
	c.send(at("10.2.0.1"), "to the old address")
	b.nothing()
	c.send(at("10.2.1.1"), "to the new address")
	b.expect("to the new address")
	a.send(at("10.3.0.1"), "hello")
	if from := c.expect("hello"); from.Addr() != netip.MustParseAddr("10.1.1.1") {
		t.Errorf("NAT sends from %s", from)
	}
	d.send(at("10.3.0.1"), "hello")
	if from := c.expect("hello"); from != at("10.4.1.1") {
		t.Errorf("the firewalled host sends from %s", from)
	}
}

func TestMTU(t *testing.T) {
	n := testNetwork(t, Open, Open)
	s := Distance(25 * time.Millisecond)
	s.MTU = 1300
	n.Set(s, s, 2)
	a, b := n.peer(t, 1), n.peer(t, 2)
	for _, address := range []string{"10.2.0.1", "2a0b:2:0::1"} {
		long := fmt.Sprintf("%1400d", 0)
		a.send(at(address), long)
		b.nothing() // Linux now knows the path's MTU, and fragments
		a.send(at(address), long)
		b.expect(long)
	}
}

// TestLose: a host without one of its families goes on with the other, whatever stands before it.
func TestLose(t *testing.T) {
	n := testNetwork(t, Open, Firewall, Open)
	a, b := n.peer(t, 1), n.peer(t, 2)
	other := n.peer(t, 3)
	for id, v4 := range map[int]bool{1: true, 2: false} {
		if err := n.Lose(id, v4); err != nil {
			t.Fatal(err)
		}
	}
	a.send(at("2a0b:3:0::1"), "over IPv6")
	if from := other.expect("over IPv6"); from != at("2a0b:1:0::1") {
		t.Errorf("came from %s", from)
	}
	b.send(at("10.3.0.1"), "over IPv4")
	if from := other.expect("over IPv4"); from != at("10.2.0.1") {
		t.Errorf("came from %s", from)
	}
	other.send(at("10.1.0.1"), "to who has no IPv4")
	a.nothing()
	if err := n.Rebind(1); err != nil {
		t.Fatal(err)
	}
	if v4, v6 := n.Addrs(1); v4.IsValid() || v6 != netip.MustParseAddr("2a0b:1:1::1") {
		t.Errorf("after a change of address: %s and %s", v4, v6)
	}
}

// TestBecome: a host comes into networks of other kinds, and is reached and seen as there.
func TestBecome(t *testing.T) {
	n := testNetwork(t, Routed, Open)
	a, other := n.peer(t, 1), n.peer(t, 2)
	other.send(at("10.1.0.1"), "unsolicited")
	a.expect("unsolicited")
	for i, c := range []struct {
		kind   NAT
		public bool
	}{{Restricted, false}, {Firewall, false}, {Routed, true}} {
		if err := n.Become(1, c.kind); err != nil {
			t.Fatal(err)
		}
		v4, v6 := n.Addrs(1)
		if want := netip.AddrFrom4([4]byte{10, 1, byte(1 + i), 1}); v4 != want || v6.IsValid() == (c.kind == Restricted) {
			t.Errorf("%s: at %s and %s, expected %s", c.kind, v4, v6, want)
		}
		other.send(netip.AddrPortFrom(v4, port), "unsolicited")
		if c.public {
			a.expect("unsolicited")
		} else {
			a.nothing()
		}
		a.send(at("10.2.0.1"), "hello")
		from := other.expect("hello")
		if from.Addr() != v4 {
			t.Errorf("%s: came from %s", c.kind, from)
		}
		other.send(from, "answer")
		a.expect("answer")
	}
}
