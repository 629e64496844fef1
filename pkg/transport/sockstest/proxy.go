// Package sockstest is a SOCKS5 proxy that relays datagrams and nothing else (RFC 1928, UDP
// ASSOCIATE), by which tests look at what goes through one.
package sockstest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// Proxy is one on the loopback interface.
type Proxy struct {
	t        testing.TB
	user     string // and password, with a byte of their length before each; "" asks for none
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	all   []*Association
	asked int
}

// Association is what the proxy relays for one connection.
type Association struct {
	control net.Conn
	relay   *net.UDPConn // to the client
	exits   []*net.UDPConn
	client  netip.AddrPort // once it has sent something
}

// Start starts a proxy at an address of the loopback interface, which has port 0 for any; it ends
// with the test. Name and password are none if empty.
func Start(t testing.TB, at, name, password string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{t: t, listener: l}
	if name != "" {
		p.user = string(byte(len(name))) + name + string(byte(len(password))) + password
	}
	p.running.Go(p.accept)
	t.Cleanup(p.Stop)
	return p
}

// URL is where it is.
func (p *Proxy) URL() *url.URL {
	return &url.URL{Scheme: "socks5", Host: p.listener.Addr().String()}
}

// Stop ends the proxy, and all that it relays.
func (p *Proxy) Stop() {
	p.listener.Close()
	p.Cut()
	p.running.Wait()
}

// Cut ends what is relayed at the moment.
func (p *Proxy) Cut() {
	for _, a := range p.Associations() {
		a.control.Close()
	}
}

// Associations are those that stand.
func (p *Proxy) Associations() []*Association {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// Asked is how often the proxy was asked to relay.
func (p *Proxy) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Client is where the client sends from, as it has last.
func (p *Proxy) Client(a *Association) netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return a.client
}

// Say sends bytes to the client as they are.
func (p *Proxy) Say(a *Association, b []byte) { a.relay.WriteToUDPAddrPort(b, p.Client(a)) }

// Exit is from where the peers of a family see the client.
func (a *Association) Exit(v4 bool) netip.AddrPort {
	for _, e := range a.exits {
		if at := addrOf(e); at.Addr().Is4() == v4 {
			return at
		}
	}
	return netip.AddrPort{}
}

func addrOf(c *net.UDPConn) netip.AddrPort {
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			defer c.Close()
			if p.greet(c) {
				p.serve(c)
			}
		})
	}
}

func (p *Proxy) greet(c net.Conn) bool {
	var head [2]byte
	if _, err := io.ReadFull(c, head[:]); err != nil || head[0] != 5 {
		return false
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(c, methods); err != nil {
		return false
	}
	method := byte(0)
	if p.user != "" {
		method = 2
	}
	if !bytes.Contains(methods, []byte{method}) {
		c.Write([]byte{5, 0xff})
		return false
	}
	c.Write([]byte{5, method})
	if method == 2 {
		said := make([]byte, 1+len(p.user))
		if _, err := io.ReadFull(c, said); err != nil || said[0] != 1 || string(said[1:]) != p.user {
			c.Write([]byte{1, 1})
			return false
		}
		c.Write([]byte{1, 0})
	}
	var request [10]byte // from any address of IPv4
	if _, err := io.ReadFull(c, request[:]); err != nil || request[0] != 5 || request[3] != 1 {
		return false
	}
	if request[1] != 3 {
		c.Write([]byte{5, 7, 0, 1, 0, 0, 0, 0, 0, 0})
		return false
	}
	return true
}

// serve relays until the connection ends.
func (p *Proxy) serve(c net.Conn) {
	relay, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.t.Error(err)
		return
	}
	a := &Association{control: c, relay: relay}
	for _, host := range []string{"127.0.0.1", "::1"} {
		if e, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)}); err == nil {
			a.exits = append(a.exits, e)
		}
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { p.outward(a) })
	for _, e := range a.exits {
		pumps.Go(func() { p.inward(a, e) })
	}
	p.mu.Lock()
	p.asked++
	p.all = append(p.all, a)
	p.mu.Unlock()
	// As a proxy that listens on all addresses says it: where, the client knows.
	c.Write(binary.BigEndian.AppendUint16([]byte{5, 0, 0, 1, 0, 0, 0, 0}, addrOf(relay).Port()))
	io.Copy(io.Discard, c)
	p.mu.Lock()
	p.all = slices.DeleteFunc(p.all, func(other *Association) bool { return other == a })
	p.mu.Unlock()
	relay.Close()
	for _, e := range a.exits {
		e.Close()
	}
	pumps.Wait()
}

// outward sends what the client has sent.
func (p *Proxy) outward(a *Association) {
	b := make([]byte, 64<<10)
	for {
		n, from, err := a.relay.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		a.client = from
		p.mu.Unlock()
		size := map[byte]int{1: 4, 4: 16}[b[3]]
		if n < 4+size+2 || size == 0 || b[2] != 0 {
			p.t.Errorf("the client sends %x", b[:n])
			continue
		}
		host, _ := netip.AddrFromSlice(b[4 : 4+size])
		to := netip.AddrPortFrom(host, binary.BigEndian.Uint16(b[4+size:]))
		for _, e := range a.exits {
			if addrOf(e).Addr().Is4() == host.Is4() {
				e.WriteToUDPAddrPort(b[4+size+2:n], to)
			}
		}
	}
}

// inward gives the client what comes.
func (p *Proxy) inward(a *Association, e *net.UDPConn) {
	b := make([]byte, 64<<10)
	for {
		n, from, err := e.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		host := from.Addr().Unmap()
		head := []byte{0, 0, 0, map[bool]byte{true: 1, false: 4}[host.Is4()]}
		head = binary.BigEndian.AppendUint16(append(head, host.AsSlice()...), from.Port())
		p.Say(a, append(head, b[:n]...))
	}
}
