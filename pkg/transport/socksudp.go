package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// SOCKS is a Network whose datagrams go through a SOCKS5 proxy (RFC 1928, UDP ASSOCIATE), all of
// them: where the proxy relays nothing, nothing is sent. Nobody can send to it but by the proxy.
type SOCKS struct {
	Network
	at    *url.URL
	reach dialer
	log   *slog.Logger
}

// ThroughSOCKS has a network send and receive datagrams by the proxy at a URL: socks5://HOST:PORT, with
// a name and a password where it wants them (RFC 1929).
func ThroughSOCKS(n Network, at *url.URL, log *slog.Logger) (SOCKS, error) {
	if at.Scheme != "socks5" {
		return SOCKS{}, fmt.Errorf("transport: %q is no kind of proxy that relays datagrams", at.Scheme)
	}
	return SOCKS{n, at, &net.Dialer{KeepAliveConfig: keepAlive}, log}, nil
}

// ListenPacket makes a socket at the proxy. Of the address only the family counts: it is that of the
// peers. The proxy is asked by the first read, and again by the next where what it gave has
// ended, so that it may start later and be started anew.
func (p SOCKS) ListenPacket(_ context.Context, addr netip.AddrPort) (PacketConn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	return &relayed{SOCKS: p, local: net.UDPAddrFromAddrPort(addr), ctx: ctx, cancel: cancel}, nil
}

// relayed is a socket at the proxy. One goroutine reads; what others write while the proxy
// relays nothing fails.
type relayed struct {
	SOCKS
	local   net.Addr
	ctx     context.Context // until Close
	cancel  context.CancelFunc
	now     atomic.Pointer[association]
	failing bool // the reader's: it was said

	mu  sync.Mutex
	out []byte
}

// association is what a proxy relays for as long as its connection stands.
type association struct {
	control, relay net.Conn
	watch          sync.WaitGroup
}

// end closes both ways, and waits for who watches.
func (a *association) end() {
	a.control.Close()
	a.relay.Close()
	a.watch.Wait()
}

// appendRelayHeader begins a datagram to an address (RFC 1928, 7):
//
//	0  2 bytes        0
//	2  1 byte         fragment, 0
//	3  1 byte         1 for IPv4, 4 for IPv6
//	4  4 or 16 bytes  address
//	   2 bytes        port, big-endian
func appendRelayHeader(b []byte, to netip.AddrPort) []byte {
	return appendSOCKSAddress(append(b, 0, 0, 0), to)
}

func appendSOCKSAddress(b []byte, a netip.AddrPort) []byte {
	kind := byte(socksIPv6)
	if a.Addr().Unmap().Is4() {
		kind = socksIPv4
	}
	b = append(append(b, kind), a.Addr().Unmap().AsSlice()...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// socksAddressLen is the length of an address of a type; 0 for names.
func socksAddressLen(kind byte) int {
	switch kind {
	case socksIPv4:
		return 4
	case socksIPv6:
		return 16
	}
	return 0
}

// parseRelayed takes a datagram apart. ok is false for fragments, which nobody asked for, and for
// what comes from a name.
func parseRelayed(b []byte) (payload []byte, from netip.AddrPort, ok bool) {
	if len(b) < 4 || b[0] != 0 || b[1] != 0 || b[2] != 0 {
		return nil, from, false
	}
	n := socksAddressLen(b[3])
	if n == 0 || len(b) < 4+n+2 {
		return nil, from, false
	}
	host, _ := netip.AddrFromSlice(b[4 : 4+n])
	return b[4+n+2:], netip.AddrPortFrom(host.Unmap(), binary.BigEndian.Uint16(b[4+n:])), true
}

// ReadFromUDPAddrPort reads the next datagram that the proxy relays.
func (r *relayed) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	a := r.now.Load()
	if a == nil {
		var err error
		if a, err = r.associate(); err != nil {
			return 0, netip.AddrPort{}, r.failed(err)
		}
		r.failing = false
		if r.now.Store(a); r.ctx.Err() != nil { // Close has not seen it
			a.end()
		}
	}
	for {
		n, err := a.relay.Read(b)
		if err != nil {
			r.now.Store(nil)
			a.end()
			return 0, netip.AddrPort{}, r.failed(errors.New("it has ended what it gave"))
		}
		if payload, from, ok := parseRelayed(b[:n]); ok {
			return copy(b, payload), from, nil
		}
	}
}

// failed says once why nothing comes, and is what the reader gets.
func (r *relayed) failed(err error) error {
	if r.ctx.Err() != nil {
		return net.ErrClosed
	}
	if !r.failing {
		r.failing = true
		r.log.Warn("the proxy relays no datagrams", "error", err)
	}
	return fmt.Errorf("transport: by the proxy: %v", err) // that a socket of ours was closed is nothing for the reader
}

// WriteToUDPAddrPort has the proxy send a datagram.
func (r *relayed) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	a := r.now.Load()
	if a == nil {
		return 0, errors.New("transport: the proxy relays nothing at the moment")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = append(appendRelayHeader(r.out[:0], to), b...)
	if _, err := a.relay.Write(r.out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close ends it, and the read that waits.
func (r *relayed) Close() error {
	r.cancel()
	if a := r.now.Load(); a != nil {
		a.end()
	}
	return nil
}

func (r *relayed) LocalAddr() net.Addr { return r.local }

// ReadFrom is ReadFromUDPAddrPort.
func (r *relayed) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := r.ReadFromUDPAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

// WriteTo is WriteToUDPAddrPort.
func (r *relayed) WriteTo(b []byte, to net.Addr) (int, error) {
	return r.WriteToUDPAddrPort(b, AddrOf(to))
}

func (r *relayed) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (r *relayed) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (r *relayed) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// The words of SOCKS5 (RFC 1928, RFC 1929).
const (
	socksVersion   = 5
	socksAssociate = 3
	socksIPv4      = 1
	socksIPv6      = 4
	socksNone      = 0 // method: no name is asked for
	socksPassword  = 2
)

// patience is how long a proxy may take to say that it relays.
const patience = 10 * time.Second

// associate asks the proxy.
func (r *relayed) associate() (_ *association, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	control, err := r.reach.DialContext(ctx, "tcp", r.at.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { control.SetDeadline(time.Unix(1, 0)) })
	at, err := askToRelay(control, r.at.User)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		control.Close()
		return nil, err
	}
	if at.Addr().IsUnspecified() { // where it is reached
		at = netip.AddrPortFrom(AddrOf(control.RemoteAddr()).Addr(), at.Port())
	}
	// It takes datagrams from there alone.
	relay, err := r.reach.DialContext(ctx, "udp", at.String())
	if err != nil {
		control.Close()
		return nil, err
	}
	if u, ok := relay.(*net.UDPConn); ok {
		u.SetReadBuffer(relayBuffer)
		u.SetWriteBuffer(relayBuffer)
	}
	a := &association{control: control, relay: relay}
	a.watch.Go(func() { // what was given ends with the connection (RFC 1928, 7)
		io.Copy(io.Discard, control)
		relay.Close()
	})
	return a, nil
}

// relayBuffer is what a burst must find room in.
const relayBuffer = 4 << 20

// askToRelay has a proxy relay datagrams, and returns where it takes them.
func askToRelay(c io.ReadWriter, user *url.Userinfo) (at netip.AddrPort, err error) {
	greeting := []byte{socksVersion, 1, socksNone}
	if user != nil {
		greeting = []byte{socksVersion, 2, socksNone, socksPassword}
	}
	if _, err := c.Write(greeting); err != nil {
		return at, err
	}
	var b [4]byte
	if _, err := io.ReadFull(c, b[:2]); err != nil {
		return at, err
	}
	switch {
	case b[0] != socksVersion:
		return at, fmt.Errorf("it speaks version %d of SOCKS, or something else", b[0])
	case b[1] == socksPassword && user != nil:
		if err := identify(c, user); err != nil {
			return at, err
		}
	case b[1] != socksNone:
		return at, errors.New("it wants a name and a password that we do not have")
	}
	// From which address we shall send is nothing that we know, behind a NAT.
	request := appendSOCKSAddress([]byte{socksVersion, socksAssociate, 0}, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if _, err := c.Write(request); err != nil {
		return at, err
	}
	if _, err := io.ReadFull(c, b[:4]); err != nil {
		return at, err
	}
	if b[0] != socksVersion || b[1] != 0 {
		return at, fmt.Errorf("it refuses to relay datagrams: %s", socksReply(b[1]))
	}
	n := socksAddressLen(b[3])
	if n == 0 {
		return at, fmt.Errorf("it relays at an address of type %d", b[3])
	}
	bound := make([]byte, n+2)
	if _, err := io.ReadFull(c, bound); err != nil {
		return at, err
	}
	host, _ := netip.AddrFromSlice(bound[:n])
	return netip.AddrPortFrom(host.Unmap(), binary.BigEndian.Uint16(bound[n:])), nil
}

// identify says name and password (RFC 1929).
func identify(c io.ReadWriter, user *url.Userinfo) error {
	name := user.Username()
	password, _ := user.Password()
	if len(name) == 0 || len(name) > 255 || len(password) == 0 || len(password) > 255 {
		return errors.New("SOCKS takes names and passwords of 1 to 255 bytes")
	}
	b := append([]byte{1, byte(len(name))}, name...)
	b = append(append(b, byte(len(password))), password...)
	if _, err := c.Write(b); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return err
	}
	if answer[1] != 0 {
		return errors.New("it does not take the name and the password")
	}
	return nil
}

// socksReply names an answer (RFC 1928, 6).
func socksReply(code byte) string {
	replies := [...]string{
		1: "general failure", 2: "not allowed", 3: "network unreachable", 4: "host unreachable", 5: "connection refused",
		6: "TTL expired", 7: "it does not know how", 8: "address type not supported",
	}
	if code == 0 || int(code) >= len(replies) {
		return fmt.Sprintf("code %d", code)
	}
	return replies[code]
}
