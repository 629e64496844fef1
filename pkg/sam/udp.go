package sam

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"i2ptoolkit/pkg/udploss"
)

// udpServer is where applications send datagrams to, and where they get them from.
type udpServer struct {
	server *Server
	lost   udploss.Counter

	mu   sync.Mutex // a leaf
	conn *net.UDPConn
	at   string // what the settings say of conn; empty: it is for sending alone
	over bool
}

// run keeps the socket where the settings have it, until ctx ends.
func (u *udpServer) run(ctx context.Context) {
	var reading sync.WaitGroup
	defer reading.Wait()
	defer u.shut(true)
	for {
		u.server.mu.Lock()
		want := u.server.settings.UDP
		u.server.mu.Unlock()
		var again <-chan time.Time
		if err := u.arrange(ctx, want, &reading); err != nil {
			u.server.log.Error("SAM takes no datagrams by UDP", "at", want, "error", err)
			again = time.After(udpRetry)
		}
		select {
		case <-u.server.changed:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

const udpRetry = 10 * time.Second

func (u *udpServer) shut(forGood bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = forGood
	if u.conn != nil {
		u.lost.Close(u.conn)
	}
	u.conn, u.at = nil, ""
}

func (u *udpServer) arrange(ctx context.Context, want string, reading *sync.WaitGroup) error {
	u.mu.Lock()
	same := u.conn != nil && u.at == want
	u.mu.Unlock()
	if same {
		return nil
	}
	u.shut(false)
	if want == "" {
		return nil
	}
	addr, err := net.ResolveUDPAddr("udp", want)
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return err
	}
	conn.SetReadBuffer(udpBuffer)
	u.adopt(conn, want)
	reading.Go(func() { u.read(ctx, conn) })
	return nil
}

// adopt takes a socket into use. Who had something to send while there was none has opened one for that alone.
func (u *udpServer) adopt(conn *net.UDPConn, at string) {
	u.lost.Add(conn)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		u.lost.Close(u.conn)
	}
	u.conn, u.at = conn, at
}

// udpBuffer is what of a burst the system keeps until it is read.
const udpBuffer = 1 << 20

// Reading fails where some systems tell that a datagram which was sent found nobody. After many such answers and nothing
// else it is done at leisure.
const (
	manyFailures = 100
	readPause    = 10 * time.Millisecond
)

// read sends what applications say.
func (u *udpServer) read(ctx context.Context, conn interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
}) {
	b := make([]byte, 64<<10)
	for failures := 0; ; {
		n, _, err := conn.ReadFromUDPAddrPort(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if failures++; failures > manyFailures {
				time.Sleep(readPause)
			}
			continue
		}
		failures = 0
		if err := u.take(ctx, b[:n]); err != nil {
			u.server.counts.datagramsRefused.Add(1)
			u.server.log.Debug("a datagram of an application was not sent", "error", err)
		}
	}
}

// take sends one. A session whose user is not known here has to be known by its ID.
func (u *udpServer) take(ctx context.Context, b []byte) error {
	p, err := ParsePacket(b)
	if err != nil {
		return err
	}
	u.server.mu.Lock()
	s := u.server.sessions[p.ID]
	known := s != nil && s.live
	u.server.mu.Unlock()
	if !known || s.packets == nil {
		return refuse("INVALID_ID", "there is no session %.64s with datagrams", p.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, udpPatience)
	defer cancel()
	return s.send(ctx, p.Destination, p.Args, p.Payload)
}

// udpPatience is how long a datagram may hold up others: names of this machine's address books are found at once, and
// others are not looked for.
const udpPatience = 50 * time.Millisecond

// send sends a datagram to an application.
func (u *udpServer) send(b []byte, to *net.UDPAddr) error {
	u.mu.Lock()
	if u.conn == nil && !u.over { // the settings have none
		conn, err := net.ListenUDP("udp", nil)
		if err != nil {
			u.mu.Unlock()
			return err
		}
		u.conn, u.at = conn, ""
	}
	conn := u.conn
	u.mu.Unlock()
	if conn == nil {
		return net.ErrClosed
	}
	_, err := conn.WriteToUDP(b, to)
	return err
}
